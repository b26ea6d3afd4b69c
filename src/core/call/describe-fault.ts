import { describeError, LedgerUnavailable } from '../errors.ts';
import { emit } from '../observe/events.ts';

/**
 * What the record of an operation says of an error: whoever calls is told it, perhaps on another machine. Where the
 * ledger is, and what is wrong with it, is for the operator.
 */
export function describeFault(error: unknown, operation: string): string {
  if (!(error instanceof LedgerUnavailable)) return describeError(error);
  emit({ type: 'ledger_fault', operation, message: describeError(error) });
  return 'the ledger was not available';
}
