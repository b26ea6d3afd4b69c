import type { Claim } from '../ledger/claim.ts';
import type { Ledger } from '../ledger/ledger.ts';

/**
 * Identical arguments under different call ids mean one operation while one of them is in flight:
 * one host dispatches twins. Whoever takes the latch of the arguments executes; the other becomes
 * an alias, and whoever repeats *its* call id is sent to the same operation.
 *
 * @returns the key of the operation to follow; undefined when this claim is the one to execute.
 */
export async function followTwin(ledger: Ledger, claim: Claim, latchKey: string): Promise<string | undefined> {
  const twin = await ledger.takeLatch(latchKey, claim, (holder) => {
    const { state } = holder.record.status;
    return state !== 'in_flight' && state !== 'unknown';
  });
  if (!twin) return undefined;
  await ledger.makeAlias(claim, twin.record.key);
  return twin.record.key;
}
