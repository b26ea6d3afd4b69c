import { callIdOf, turnIdOf } from '../key/call-ids.ts';
import type { OperationRecord, Status } from '../ledger/record.ts';
import type { SessionFacts } from '../recognition/session.ts';
import { isErrorResult } from '../tool/content.ts';
import type { EngineParts, GuardedCall } from './types.ts';

/** A caller without a session: no answer counts as delivered. */
const unknownSession: SessionFacts = Object.freeze({ earlier: 'not_delivered', since: 'nothing_yet' });

/**
 * Returns the facts of the caller's session about an operation that has ended. A kept error counts as not delivered: its
 * caller does not know whether it had an effect, and only a token says that the caller has checked.
 */
export function earlierOf(
  { settings }: EngineParts,
  { memory, call }: GuardedCall,
  { key, generation, upstream, status }: Pick<OperationRecord, 'key' | 'generation' | 'upstream' | 'status'>,
): SessionFacts {
  if (memory === undefined || hasErrorResult(status)) return unknownSession;
  const [callId, turn] = [callIdOf(call.meta), turnIdOf(call.meta)];
  return memory.factsOf({ key, generation, upstream, callId, turn, twinMs: settings.twinMs });
}

/** Whether an operation ended with an error result, which is kept because it may hide an effect. */
export function hasErrorResult(status: Status): boolean {
  return status.state === 'succeeded' && isErrorResult(status.result);
}
