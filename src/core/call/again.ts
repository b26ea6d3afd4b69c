import type { Ledger } from '../ledger/ledger.ts';
import type { OperationRecord, StoredRecord } from '../ledger/record.ts';
import { windowOver } from '../ledger/state-table.ts';
import { answerOfEnded, refusal } from './answers.ts';
import type { Engine, GuardedCall, Outcome } from './types.ts';

/** How many identical operations are looked through for the last one. */
const occurrencesMax = 1_000;

/** What is to be done about a call whose twin has succeeded, where the person is asked. */
export type RepeatDecision =
  /** Whether another one like this is meant. */
  | { readonly type: 'ask'; readonly last: OperationRecord }
  /** One that was said yes to has no outcome yet: it is what the call means, and nobody is asked. */
  | { readonly type: 'in_flight' | 'recover' | 'waiting'; readonly held: StoredRecord };

/**
 * Finds the last of the identical operations that took effect within the window: the question is about that
 * one, so that each yes is one operation more, and the same question answered twice is one.
 */
export async function lastOfIts(
  engine: Engine,
  ledger: Ledger,
  guarded: GuardedCall,
  first: StoredRecord,
): Promise<RepeatDecision> {
  let last = first.record;
  for (let count = 1; count < occurrencesMax; count += 1) {
    const held = await ledger.read(guarded.keyAfter(last));
    // In other words it is not what this call would wait for.
    if (held === undefined || held.record.fingerprint !== first.record.fingerprint) break;
    const { status, windowMs } = held.record;
    if (status.state === 'unknown') return { type: 'recover', held };
    if (status.state === 'in_flight') return { type: ledger.leases.leftMs(held) === 0 ? 'recover' : 'in_flight', held };
    if (status.state === 'waiting' && engine.clock.wallMs() < status.expiresAt) return { type: 'waiting', held };
    if (status.state !== 'succeeded' || windowOver(status.settledAt, windowMs, engine.clock.wallMs())) break;
    last = held.record;
  }
  return { type: 'ask', last };
}

/** Whoever said no gets the first result. The ledger is only read: not even a window that is over executes now. */
export async function answerOfDeclined(engine: Engine, ledger: Ledger, guarded: GuardedCall): Promise<Outcome> {
  const { request, tool } = guarded;
  const { record } = (await ledger.read(request.key)) ?? {};
  if (record?.status.state === 'succeeded' && record.fingerprint === request.fingerprint) {
    return answerOfEnded(engine, guarded, record, record.status, { replayed: true, declined: true });
  }
  return refusal(
    'cancelled',
    `${tool.name}: it was asked whether to execute it again, and the answer was no. Nothing was executed.`,
  );
}
