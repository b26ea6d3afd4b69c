import { classifyErrorAnswer, type ErrorFacts } from '../../core/error-answers/classify.ts';
import { echoOf, type IsEcho } from '../../core/error-answers/effect-members.ts';
import { factsOfBody, factsOfDetails, type SaidNo, saidNo } from '../../core/error-answers/error-body.ts';
import { NotExecuted } from '../../core/errors.ts';
import { isObject, objectOf } from '../../core/json.ts';
import type { McpResult } from './types.ts';

const excerptCharsMax = 300;
/** Longer texts are not parsed as JSON. */
const jsonCharsMax = 65_536;

/** Whether a value is a tool result of MCP: an object with a list of content. */
export function isMcpResult(value: unknown): value is McpResult {
  return typeof value === 'object' && value !== null && Array.isArray((value as { content?: unknown }).content);
}

/**
 * Returns a server's result with all its fields. A result may omit `content` (MCP 2025-11-25: empty by default), and a
 * call whose result is not an object may have taken effect as well.
 */
export function toMcpResult(value: unknown): McpResult {
  if (isMcpResult(value)) return value;
  return { ...objectOf(value), content: [] };
}

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
export function refusalIn(result: McpResult, args: unknown = undefined): RefusedResult | undefined {
  const isEcho = echoOf(args);
  const facts = result.isError === true ? factsOfErrorResult(result, isEcho) : factsOfNo(result, isEcho);
  if (facts === undefined || classifyErrorAnswer(facts).type === 'doubt') return undefined;
  return { excerpt: excerptOf(result), facts };
}

/** Reads the facts of a JSON-RPC error. Its `data` may say more than its message. */
export function factsOfRpcError(
  { code, message, data }: { code?: unknown; message?: unknown; data?: unknown },
  args: unknown = undefined,
): ErrorFacts {
  const { texts, codes, status, retryAfterMs, hasMore = false } = factsOfDetails(data, echoOf(args));
  return {
    texts: [String(message ?? ''), ...texts],
    codes: codes ?? [],
    hasMore,
    ...(typeof code === 'number' ? { rpcCode: code } : {}),
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** Joins the facts of the texts and of the structured content. Other content than text may be an effect. */
function factsOfErrorResult({ content, structuredContent }: McpResult, isEcho: IsEcho): ErrorFacts {
  const bodies = [...textsOf(content).map((text) => jsonIn(text) ?? text), structuredContent];
  const all = bodies.flatMap((body) => {
    if (body === undefined) return [];
    return typeof body === 'string'
      ? [{ texts: [body] } as ErrorFacts]
      : [saidNo(body, isEcho)?.facts ?? factsOfBody(body, isEcho)];
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

/** A result without `isError` says no only by JSON that is an error and nothing else. */
function factsOfNo({ content, structuredContent }: McpResult, isEcho: IsEcho): ErrorFacts | undefined {
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

function textsOf(content: McpResult['content']): readonly string[] {
  return content.flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? [text] : []));
}

/** Makes the failure of a result with `isError`, where the configuration says that it had no effect. */
export function failureOfResult(result: McpResult): NotExecuted {
  return new NotExecuted(excerptOf(result));
}

function excerptOf({ content }: McpResult): string {
  const line = textsOf(content)
    .join(' ')
    .slice(0, 4_096)
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim();
  return line === '' ? 'the server returned an error' : line.slice(0, excerptCharsMax);
}
