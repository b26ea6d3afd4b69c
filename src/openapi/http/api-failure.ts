import type { ErrorFacts } from '../../core/error-answers/classify.ts';
import { factsOfBody } from '../../core/error-answers/error-body.ts';
import { msOfRetryAfter } from '../../core/error-answers/error-facts.ts';
import { McpOnceError } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { Classification } from '../../core/tool/types.ts';
import type { ApiFailureDetails, HttpResponse } from './types.ts';

/**
 * The failure of one request after all its sends. The message says what happened and quotes the API in one line of at
 * most 300 characters, without secrets. `details` says what is known about the effect, and the engine reports it.
 */
export class ApiFailure extends Error {
  readonly details: ApiFailureDetails;

  constructor(message: string, details: ApiFailureDetails) {
    super(message);
    this.name = 'ApiFailure';
    this.details = details;
  }

  /** What the API said, for the sentence that tells whether the same call can help. */
  get facts(): ErrorFacts | undefined {
    return this.details.facts;
  }

  get answered(): boolean {
    return this.details.answered === true;
  }
}

/** The codes of errors before anything was sent: invalid arguments, missing credentials, invalid configuration. */
const codesBeforeSending: ReadonlySet<string> = new Set(['invalid_input', 'upstream_unavailable', 'tool_invalid']);

/** Returns what an error says about the request's effect. Returns undefined for errors from other places. */
export function classifyApiError(error: unknown): Classification | undefined {
  if (error instanceof ApiFailure) return error.details.classification;
  return error instanceof McpOnceError && codesBeforeSending.has(error.code) ? 'not_executed' : undefined;
}

const excerptCharsMax = 300;
const bodyBytesMax = 65_536;

/** Returns the JSON body of a response; undefined if the body is not JSON, or cut. */
export function jsonBody({ body, truncated }: Pick<HttpResponse, 'body' | 'truncated'>): unknown {
  if (truncated || body.length > bodyBytesMax) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Reads what an error response says. @param excerpt the message of its body, without secrets */
export function factsOfResponse(response: HttpResponse, excerpt: string, nowMs: number): ErrorFacts {
  const { status, headers } = response;
  const { codes = [], retryAfterMs: told } = factsOfBody(jsonBody(response));
  const header = headers['retry-after'];
  const retryAfterMs = (header === undefined ? undefined : msOfRetryAfter(header, nowMs)) ?? told;
  return {
    texts: [excerpt],
    codes,
    ...(status >= 400 ? { status } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/**
 * Extracts the API's error message as one line. Reads the usual JSON shapes (RFC 9457, Stripe, Google, JSON:API, OAuth),
 * or else the text without markup. Returns an empty string without a message.
 */
export function errorExcerpt(
  response: Pick<HttpResponse, 'headers' | 'body'>,
  redact: (text: string) => string,
): string {
  const text = response.body.subarray(0, bodyBytesMax).toString('utf8');
  let message: string | undefined;
  try {
    const value: unknown = JSON.parse(text);
    message = messageIn(value, 0) ?? (hasNoContent(value) ? '' : undefined);
  } catch {
    message = undefined;
  }
  const isBinary = /^(?:image|audio|video)\/|octet-stream/.test(response.headers['content-type'] ?? '');
  // The markup pattern is slow on hostile text, so it only sees the beginning.
  const plain =
    message ?? (isBinary ? '' : text.slice(0, 4_096).replace(/<(script|style)[\s\S]*?<\/\1>|<[^>]*>/gi, ' '));
  // Redact before cutting: a part of a secret must not remain.
  const line = redact(plain)
    .replace(/[\s\p{C}]+/gu, ' ')
    .replace(/[\s.]+$/, '')
    .trim();
  return line.length <= excerptCharsMax
    ? line
    : `${line.slice(0, excerptCharsMax - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

function hasNoContent(value: unknown): boolean {
  return value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
}

const messageKeys = [
  'message',
  'error_description',
  'detail',
  'title',
  'description',
  'error',
  'errors',
  'reason',
  'code',
];

function messageIn(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (depth > 4) return undefined;
  if (Array.isArray(value)) {
    const all = value.slice(0, 5).flatMap((item) => messageIn(item, depth + 1) ?? []);
    return all.length === 0 ? undefined : all.join('; ');
  }
  if (!isObject(value)) return undefined;
  const found = messageKeys.flatMap((key) =>
    Object.hasOwn(value, key) ? (messageIn(value[key], depth + 1) ?? []) : [],
  );
  return found.length === 0 ? undefined : [...new Set(found.slice(0, 2))].join('; ');
}
