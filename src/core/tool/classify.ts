import { keyTroubleOf } from '../error-answers/used-key.ts';
import { isErrnoException, NotExecuted } from '../errors.ts';
import type { Classification, Tool } from './types.ts';

/** System calls that run before the first byte of a request is sent; see connect(2) and getaddrinfo(3). */
const beforeSending = new Set(['connect', 'getaddrinfo']);

/** Why a request had no effect: its tool says so, or it was never sent. */
type WhyNot = 'said' | 'unsent';

/**
 * Classifies an error that the client does not explain. `not_executed` means that the request certainly never left this
 * machine. Everything else is `unknown`: before a reset, for example, the request may have arrived.
 */
export function classifyNodeError(error: unknown): Classification {
  return whyNot(error) === undefined ? 'unknown' : 'not_executed';
}

/** Follows `cause` up to eight levels. */
function whyNot(error: unknown): WhyNot | undefined {
  let current = error;
  for (let depth = 0; depth < 8 && current !== undefined && current !== null; depth += 1) {
    if (current instanceof NotExecuted) return 'said';
    if (isErrnoException(current) && beforeSending.has(current.syscall ?? '')) return 'unsent';
    // fetch refuses some ports before it connects (Fetch Standard, "port blocking"), with an error that has no code.
    if (current instanceof Error && current.message === 'bad port') return 'unsent';
    if (current instanceof AggregateError && current.errors.length > 0) {
      return current.errors.every((each) => whyNot(each) !== undefined) ? 'unsent' : undefined;
    }
    current = current instanceof Error ? current.cause : undefined;
  }
  return undefined;
}

/**
 * Classifies an error of a tool by its client's rule. An upstream that knows the key from another request may have executed
 * that request, whatever the rule says. A request that was never sent proves nothing about others of the same step.
 * @param hasSent whether the step, or the run beside its steps, has sent a request
 */
export function classifyError({ client }: Pick<Tool, 'client'>, error: unknown, hasSent: boolean): Classification {
  if (keyTroubleOf(error) !== undefined) return 'unknown';
  const classification = client ? client.classify(error) : classifyNodeError(error);
  return classification === 'not_executed' && hasSent && whyNot(error) === 'unsent' ? 'unknown' : classification;
}
