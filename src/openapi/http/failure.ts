import { McpOnceError } from '../../core/errors.ts';
import type { Classification } from '../../core/tool/types.ts';
import { isRecord } from './encode.ts';
import type { ApiFailureDetails, HttpResponse } from './types.ts';

/**
 * One request (all its sends together) that did not succeed. The message says what happened, the API's own words on
 * one line of at most 300 characters; no secret. What is known about the effect is in its details: the engine's
 * sentence, which goes on from the message, tells it.
 */
export class ApiFailure extends Error {
  readonly details: ApiFailureDetails;

  constructor(message: string, details: ApiFailureDetails) {
    super(message);
    this.name = 'ApiFailure';
    this.details = details;
  }
}

/** What was refused before anything was sent: arguments, credentials, what the configuration does not allow. */
const beforeSending: ReadonlySet<string> = new Set(['invalid_input', 'upstream_unavailable', 'tool_invalid']);

/** What an error of a request says about its effect; undefined for an error that is not one of a request. */
export function classifyApiError(error: unknown): Classification | undefined {
  if (error instanceof ApiFailure) return error.details.classification;
  return error instanceof McpOnceError && beforeSending.has(error.code) ? 'not_executed' : undefined;
}

const excerptCharsMax = 300;

/**
 * The API's own words about an error, on one line: the message of the usual JSON shapes (RFC 9457, Stripe, Google,
 * JSON:API, OAuth), else the text without markup. Empty where there are none.
 */
export function excerptOf(answer: Pick<HttpResponse, 'headers' | 'body'>, conceal: (text: string) => string): string {
  const text = answer.body.subarray(0, 65_536).toString('utf8');
  let words: string | undefined;
  try {
    const value: unknown = JSON.parse(text);
    words = wordsOf(value, 0) ?? (isEmpty(value) ? '' : undefined);
  } catch {
    words = undefined;
  }
  const isBinary = /^(?:image|audio|video)\/|octet-stream/.test(answer.headers['content-type'] ?? '');
  // Markup is looked for in the beginning only: its pattern is slow on text that is made for it.
  const plain = words ?? (isBinary ? '' : text.slice(0, 4_096).replace(/<(script|style)[\s\S]*?<\/\1>|<[^>]*>/gi, ' '));
  // Concealed before it is cut: half a secret is one too.
  const line = conceal(plain)
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim();
  return line.length <= excerptCharsMax
    ? line
    : `${line.slice(0, excerptCharsMax - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** `{}` and the like say nothing. */
function isEmpty(value: unknown): boolean {
  return value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
}

const keys = ['message', 'error_description', 'detail', 'title', 'description', 'error', 'errors', 'reason', 'code'];

function wordsOf(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (depth > 4) return undefined;
  if (Array.isArray(value)) {
    const all = value.slice(0, 5).flatMap((item) => wordsOf(item, depth + 1) ?? []);
    return all.length === 0 ? undefined : all.join('; ');
  }
  if (!isRecord(value)) return undefined;
  const found = keys.flatMap((key) => (Object.hasOwn(value, key) ? (wordsOf(value[key], depth + 1) ?? []) : []));
  return found.length === 0 ? undefined : [...new Set(found.slice(0, 2))].join('; ');
}
