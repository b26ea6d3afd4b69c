import { isErrnoException } from '../errors.ts';
import { isObject } from '../json.ts';
import type { ErrorFacts } from './classify.ts';

/** What an error knows about the answer that it came from. Clients and SDKs name these members alike. */
interface AnsweredError {
  /** Whether the upstream answered every request of the call, with an error. */
  readonly answered?: unknown;
  /** The facts that the client has read from the answer. */
  readonly facts?: ErrorFacts | undefined;
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly code?: unknown;
  readonly headers?: unknown;
  readonly retryAfterMs?: unknown;
}

/** Returns the facts of an error that a tool threw, whatever client made it. */
export function factsOfError(error: unknown, now: () => number): ErrorFacts {
  if (!isObject(error)) return { texts: [String(error)] };
  const { statusCode, status = statusCode, code, facts } = error as AnsweredError;
  if (facts !== undefined) return facts;
  const texts = [error instanceof Error ? error.message : ''];
  const codes = typeof code === 'string' ? [code] : causeCodes(error.cause);
  const retryAfterMs = retryAfterOf(error, now);
  return {
    texts,
    codes,
    ...(isErrorStatus(status) ? { status } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/**
 * Whether the upstream answered with the error, so that a caller may end the outcome of the operation itself after it has
 * checked. Clients say so (`answered`), or their errors have the status of the response.
 */
export function isAnsweredError(error: unknown): boolean {
  if (!isObject(error)) return false;
  const { answered, status, statusCode } = error as AnsweredError;
  if (typeof answered === 'boolean') return answered;
  return isErrorStatus(statusCode) || isErrorStatus(status);
}

function isErrorStatus(value: unknown): value is number {
  return typeof value === 'number' && value >= 400 && value <= 599;
}

/** The codes of the errors behind an error of `fetch`. */
function causeCodes(cause: unknown): readonly string[] {
  return isErrnoException(cause) && cause.code !== undefined ? [cause.code] : [];
}

function retryAfterOf(error: object, now: () => number): number | undefined {
  const { retryAfterMs, headers } = error as AnsweredError;
  if (typeof retryAfterMs === 'number') return retryAfterMs;
  const header = isObject(headers) ? headers['retry-after'] : undefined;
  return typeof header === 'string' ? msOfRetryAfter(header, now()) : undefined;
}

/** Reads `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). Returns ms; undefined for another text. */
export function msOfRetryAfter(value: string, nowMs: number): number | undefined {
  if (/^\s*\d{1,9}(?:\.\d+)?\s*$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(at - nowMs, 0);
}
