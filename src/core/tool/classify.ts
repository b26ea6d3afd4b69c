import { isErrnoException, NotExecuted } from '../errors.ts';
import type { Classification } from './types.ts';

/** System calls that come before the first byte of a request; see connect(2) and getaddrinfo(3). */
const beforeSending = new Set(['connect', 'getaddrinfo']);

/**
 * What can be told of an error that no client explains: `not_executed` only for what certainly
 * never left this machine, `unknown` for everything else (a reset, say: the request may have
 * arrived before it). Looks through `cause`, at most eight deep.
 */
export function classifyNodeError(error: unknown): Classification {
  let current = error;
  for (let depth = 0; depth < 8 && current !== undefined && current !== null; depth += 1) {
    if (current instanceof NotExecuted) return 'not_executed';
    if (isErrnoException(current) && beforeSending.has(current.syscall ?? '')) return 'not_executed';
    if (current instanceof AggregateError && current.errors.length > 0) {
      return current.errors.every((each) => classifyNodeError(each) === 'not_executed') ? 'not_executed' : 'unknown';
    }
    current = current instanceof Error ? current.cause : undefined;
  }
  return 'unknown';
}
