import type { Ledger } from '../ledger/ledger.ts';
import type { StoredRecord } from '../ledger/record.ts';

/**
 * Makes an alias of a call that an earlier version recognised by its call id, and whose process died before it took the
 * latch of its arguments. It has sent nothing, because an unresolved operation never loses its latch. Its repeat follows the
 * operation that holds the latch.
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
