import { BoundedMap } from '../bounded-map.ts';
import { type Clock, pause } from '../clock.ts';
import type { OperationRecord } from '../ledger/record.ts';

/** How many outcomes are kept while the ledger is not available. */
const unsettledMax = 10_000;
/** How long a call waits for the outcome of its own process to be settled, in ms. */
const settledMs = 5_000;

/** An outcome, with a result that is too large for the ledger. */
interface KnownOutcome {
  readonly record: OperationRecord;
  readonly unkept?: unknown;
}

interface Kept {
  readonly outcome: KnownOutcome;
  readonly settled: Promise<void>;
  /** Tries again without waiting for the back-off. */
  retry(): void;
}

/** The outcomes that this process knows and has not been able to write yet. It keeps them until it ends. */
export class Unsettled {
  readonly #clock: Clock;
  readonly #kept = new BoundedMap<string, Kept>(unsettledMax);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(key: string): KnownOutcome | undefined {
    return this.#kept.get(key)?.outcome;
  }

  /**
   * Keeps an outcome until `settle` has written it.
   * @param settle tries to write it. Returns false if another try is needed. Never rejects.
   * @param ending aborts when nothing more is tried
   * @returns false if the outcome was not written: `ending` aborted, or too many outcomes followed
   */
  async keep(outcome: KnownOutcome, settle: () => Promise<boolean>, ending: AbortSignal): Promise<boolean> {
    const { key } = outcome.record;
    let retry = new AbortController();
    let finish = (): void => {};
    const settled = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const kept: Kept = { outcome, settled, retry: () => retry.abort() };
    this.#kept.set(key, kept);
    try {
      for (let delayMs = 50; !ending.aborted && this.#kept.get(key) === kept; delayMs = Math.min(delayMs * 2, 2_000)) {
        await pause(this.#clock, delayMs, AbortSignal.any([ending, retry.signal]));
        retry = new AbortController();
        if (await settle()) return true;
      }
      return false;
    } finally {
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
      finish();
    }
  }

  /** Settles the outcome of a record if it is kept here. @returns whether it is settled now */
  async settleNow(key: string, token: string): Promise<boolean> {
    const kept = this.#kept.get(key);
    if (kept?.outcome.record.token !== token) return false;
    kept.retry();
    const bound = new AbortController();
    await Promise.race([kept.settled, pause(this.#clock, settledMs, bound.signal)]);
    bound.abort();
    return this.#kept.get(key) !== kept;
  }
}
