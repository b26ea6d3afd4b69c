import { keyTroubleOf } from '../error-answers/used-key.ts';
import { isErrnoException, NotExecuted } from '../errors.ts';
import type { Classification, Tool } from './types.ts';

/** System calls that run before the first byte of a request is sent; see connect(2) and getaddrinfo(3). */
const beforeSending = new Set(['connect', 'getaddrinfo']);

/**
 * Classifies an error that the client does not explain. `not_executed` means that the request certainly never left this
 * machine. Everything else is `unknown`: before a reset, for example, the request may have arrived. Follows `cause` up
 * to eight levels.
 */
export function classifyNodeError(error: unknown): Classification {
  let current = error;
  for (let depth = 0; depth < 8 && current !== undefined && current !== null; depth += 1) {
    if (current instanceof NotExecuted) return 'not_executed';
    if (isErrnoException(current) && beforeSending.has(current.syscall ?? '')) return 'not_executed';
    // fetch refuses some ports before it connects (Fetch Standard, "port blocking"), with an error that has no code.
    if (current instanceof Error && current.message === 'bad port') return 'not_executed';
    if (current instanceof AggregateError && current.errors.length > 0) {
      return current.errors.every((each) => classifyNodeError(each) === 'not_executed') ? 'not_executed' : 'unknown';
    }
    current = current instanceof Error ? current.cause : undefined;
  }
  return 'unknown';
}

/**
 * Classifies an error of a tool by its client's rule. An upstream that knows the key from another request may have executed
 * that request, whatever the rule says.
 */
export function classifyError({ client }: Pick<Tool, 'client'>, error: unknown): Classification {
  if (keyTroubleOf(error) !== undefined) return 'unknown';
  return client ? client.classify(error) : classifyNodeError(error);
}
