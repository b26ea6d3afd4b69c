import type { Claim } from '../ledger/claim.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { StoredRecord } from '../ledger/record.ts';

/**
 * Identical arguments under different call ids mean one operation while one of them is in flight:
 * one host dispatches twins. Whoever takes the latch of the arguments executes; the other becomes
 * an alias, and whoever repeats *its* call id is sent to the same operation.
 *
 * @returns the key of the operation to follow; undefined when this claim is the one to execute.
 */
export async function followTwin(ledger: Ledger, claim: Claim, latchKey: string): Promise<string | undefined> {
  const twin = await ledger.takeLatch(latchKey, claim, (holder) => endedBefore(holder, claim));
  if (!twin) return undefined;
  await ledger.makeAlias(claim, twin.record.key);
  return twin.record.key;
}

/** A holder that ended only after this call was claimed was in flight with it: they are twins. */
function endedBefore({ record: { status } }: StoredRecord, claim: Claim): boolean {
  // One that waits for input keeps the latch, also when nobody answers: what is unresolved never loses it.
  if (status.state === 'in_flight' || status.state === 'unknown' || status.state === 'waiting') return false;
  return status.settledAt <= claim.record.startedAt;
}

/**
 * A call whose process died before it could take the latch, or make itself an alias, has sent nothing:
 * an unresolved operation never loses its latch. Its repeat follows whoever has it.
 *
 * @returns false when the operation may have been executed, and has to be recovered.
 */
export async function becomesAlias(ledger: Ledger, held: StoredRecord): Promise<boolean> {
  const { latchKey, key } = held.record;
  const latch = latchKey === undefined ? undefined : await ledger.readLatch(latchKey);
  if (latch === undefined || latch.holder === key) return false;
  const claim = await ledger.takeOver(held);
  return claim === undefined || (await ledger.makeAlias(claim, latch.holder));
}
