import type { Claim } from '../ledger/claim.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { StoredRecord } from '../ledger/record.ts';

/**
 * Some hosts dispatch one call twice, with different call ids. Identical arguments therefore mean one operation while it
 * is in flight. The call that takes the latch of the arguments executes. The other becomes an alias, so that a repeat of
 * its call id leads to the same operation.
 *
 * @returns the key of the operation to follow; undefined when this claim is the one to execute
 */
export async function followTwin(ledger: Ledger, claim: Claim, latchKey: string): Promise<string | undefined> {
  const twin = await ledger.takeLatch(latchKey, claim, (holder) => endedBefore(holder, claim));
  if (!twin) return undefined;
  await ledger.makeAlias(claim, twin.record.key);
  return twin.record.key;
}

/** Whether the holder ended before this call was claimed. A holder that ended later was in flight with it: a twin. */
function endedBefore({ record: { status } }: StoredRecord, claim: Claim): boolean {
  // An unresolved operation never loses its latch, also when it waits for input that never comes.
  if (status.state === 'in_flight' || status.state === 'unknown' || status.state === 'waiting') return false;
  return status.settledAt <= claim.record.startedAt;
}

/**
 * Makes an alias of a call whose process died before it took the latch. It has sent nothing, because an unresolved
 * operation never loses its latch. Its repeat follows the operation that holds the latch.
 *
 * @returns false when the operation may have been executed and has to be recovered
 */
export async function becomesAlias(ledger: Ledger, held: StoredRecord): Promise<boolean> {
  const { latchKey, key } = held.record;
  const latch = latchKey === undefined ? undefined : await ledger.readLatch(latchKey);
  if (latch === undefined || latch.holder === key) return false;
  const claim = await ledger.takeOver(held);
  return claim === undefined || (await ledger.makeAlias(claim, latch.holder));
}
