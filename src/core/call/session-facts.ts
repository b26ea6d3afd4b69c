import { callIdOf, turnIdOf } from '../key/call-ids.ts';
import type { OperationRecord } from '../ledger/record.ts';
import type { SessionFacts } from '../recognition/session.ts';
import type { EngineParts, GuardedCall } from './types.ts';

/** A caller without a session: no answer counts as delivered. */
const unknownSession: SessionFacts = Object.freeze({ earlier: 'not_delivered', since: 'nothing_yet' });

/** Returns the facts of the caller's session about an operation that has ended. */
export function earlierOf(
  { settings }: EngineParts,
  { memory, call }: GuardedCall,
  { key, generation, upstream }: Pick<OperationRecord, 'key' | 'generation' | 'upstream'>,
): SessionFacts {
  if (memory === undefined) return unknownSession;
  const [callId, turn] = [callIdOf(call.meta), turnIdOf(call.meta)];
  return memory.factsOf({ key, generation, upstream, callId, turn, twinMs: settings.twinMs });
}
