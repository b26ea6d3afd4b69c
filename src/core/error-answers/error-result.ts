import { isObject, type JsonObject } from '../json.ts';
import type { ContentResult } from '../tool/types.ts';
import { classifyErrorAnswer, type ErrorFacts } from './classify.ts';
import { echoOf, type IsEcho } from './effect-members.ts';
import { factsOfBody, type SaidNo, saidNo } from './error-body.ts';

const excerptCharsMax = 300;
/** Longer texts are not parsed as JSON. */
const jsonCharsMax = 65_536;

/** A result by which a server says that nothing took effect. */
interface RefusedResult {
  /** Its text on one line. */
  readonly excerpt: string;
  readonly facts: ErrorFacts;
}

/**
 * Returns what a result says if it is a definite refusal: one with `isError` that says why nothing took effect, or one
 * whose JSON says no (`ok: false`, for example). Returns undefined for a success, and for an error that leaves doubt.
 * @param args the arguments of the call, which an error may repeat
 */
export function refusalIn(result: ContentResult, args: unknown = undefined): RefusedResult | undefined {
  const isEcho = echoOf(args);
  const facts = result.isError === true ? factsOfErrorResult(result, isEcho) : factsOfNo(result, isEcho);
  if (facts === undefined || classifyErrorAnswer(facts).type === 'doubt') return undefined;
  return { excerpt: excerptOf(result), facts };
}

/** Joins the facts of the texts and of the structured content. Other content than text may be an effect. */
function factsOfErrorResult({ content, structuredContent }: ContentResult, isEcho: IsEcho): ErrorFacts {
  const bodies = [...textsOf(content).map((text) => jsonIn(text) ?? text), structuredContent];
  const all = bodies.flatMap((body) => {
    if (body === undefined) return [];
    return typeof body === 'string'
      ? [{ texts: [body] } as ErrorFacts]
      : [paymentRequired(body) ?? saidNo(body, isEcho)?.facts ?? factsOfBody(body, isEcho)];
  });
  const status = all.find((each) => each.status !== undefined)?.status;
  const retryAfterMs = all.find((each) => each.retryAfterMs !== undefined)?.retryAfterMs;
  return {
    texts: all.flatMap(({ texts }) => texts),
    codes: all.flatMap(({ codes = [] }) => codes),
    hasMore: all.some(({ hasMore }) => hasMore === true) || content.some(({ type }) => type !== 'text'),
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/**
 * A tool that costs something answers with what x402 calls `PaymentRequired` (specs/transports-v2/mcp.md), and the same call
 * comes again with the payment. A payment that could not be settled comes after the run.
 */
function paymentRequired({ x402Version, accepts, error }: JsonObject): ErrorFacts | undefined {
  if (typeof x402Version !== 'number' || !Array.isArray(accepts)) return undefined;
  const text = typeof error === 'string' ? error : 'Payment required';
  return /settle/i.test(text) ? undefined : { texts: [text], status: 402 };
}

/** A result without `isError` says no only by JSON that is an error and nothing else. */
function factsOfNo({ content, structuredContent }: ContentResult, isEcho: IsEcho): ErrorFacts | undefined {
  const [text, ...others] = textsOf(content);
  if (others.length > 0 || content.length > 1) return undefined;
  const said: SaidNo | undefined = saidNo(structuredContent ?? (text === undefined ? undefined : jsonIn(text)), isEcho);
  return said?.isOnlyError ? said.facts : undefined;
}

function jsonIn(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.length > jsonCharsMax || !/^\s*\{/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function textsOf(content: ContentResult['content']): readonly string[] {
  return content.flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? [text] : []));
}

/** Returns the texts of a result on one line. */
export function excerptOf({ content }: ContentResult): string {
  const line = textsOf(content)
    .join(' ')
    .slice(0, 4_096)
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim();
  return line === '' ? 'the server returned an error' : line.slice(0, excerptCharsMax);
}
