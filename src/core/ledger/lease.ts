import { BoundedMap } from '../bounded-map.ts';
import type { Clock } from '../clock.ts';
import { describeError } from '../errors.ts';
import { emit } from '../observe/events.ts';
import type { Claim } from './claim.ts';
import type { OperationRecord, StoredRecord } from './record.ts';
import type { RecordTime } from './record-time.ts';

/**
 * Renews a claim's lease at each third of it, while something runs. A failed renewal is tried again at the next third.
 * Until one succeeds, the claim is not fresh and nothing is dispatched.
 */
export class LeaseKeeper {
  readonly #clock: Clock;
  readonly #claim: Claim;
  #cancel: () => void = () => {};
  #stopped = false;

  constructor(clock: Clock, claim: Claim) {
    this.#clock = clock;
    this.#claim = claim;
    this.#schedule();
  }

  stop(): void {
    this.#cancel();
    this.#cancel = () => {};
    this.#stopped = true;
  }

  #schedule(): void {
    if (this.#stopped || this.#claim.lost) return;
    this.#cancel = this.#clock.after(this.#claim.record.leaseMs / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    try {
      await this.#claim.renew();
    } catch (error) {
      emit({ type: 'ledger_fault', operation: this.#claim.record.key, message: describeError(error) });
    }
    this.#schedule();
  }
}

/** How many records are watched at once. The oldest watch is dropped beyond it. */
const watchesMax = 10_000;

interface Watch {
  readonly bytes: string;
  readonly sinceMs: number;
}

/**
 * Decides whether a lease has lapsed without trusting that the clocks of machines agree. A lease lapses when this
 * process has watched its record stay unrenewed for one full lease, on its own monotonic clock. When the lease
 * certainly ended over one lease ago (`RecordTime`), half a lease of watching is enough. A watch outlives the call that
 * began it.
 */
export class LeaseWatch {
  readonly #clock: Clock;
  readonly #time: RecordTime;
  readonly #watches = new BoundedMap<string, Watch>(watchesMax);
  readonly #seen = new BoundedMap<string, number>(watchesMax);

  constructor(clock: Clock, time: RecordTime) {
    this.#clock = clock;
    this.#time = time;
  }

  /** Returns the ms until the lease counts as lapsed if these bytes stay in the store; 0 when it has lapsed. */
  leftMs({ record, bytes }: StoredRecord): number {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#watches.get(record.key);
    if (known?.bytes !== bytes) this.#watches.set(record.key, { bytes, sinceMs: nowMs });
    const watchedMs = known?.bytes === bytes ? nowMs - known.sinceMs : 0;
    const longPast = this.#time.renewedForMs(record) > 2 * record.leaseMs;
    const neededMs = longPast ? record.leaseMs / 2 : record.leaseMs;
    return Math.max(0, neededMs - watchedMs);
  }

  /** Returns the ms since this process first saw the present `ranAt` of a record, by its monotonic clock. */
  seenForMs({ key, ranAt, attempt, generation }: OperationRecord): number {
    const name = `${key} ${generation} ${attempt} ${ranAt}`;
    const nowMs = this.#clock.monotonicMs();
    const sinceMs = this.#seen.get(name) ?? nowMs;
    this.#seen.set(name, sinceMs);
    return nowMs - sinceMs;
  }

  forget(key: string): void {
    this.#watches.delete(key);
  }
}
