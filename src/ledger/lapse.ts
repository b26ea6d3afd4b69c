import type { Clock } from '../clock.ts';
import type { Held } from './record.ts';

/** How many records may be watched at once; the oldest watch is dropped beyond it. */
const watchesMax = 10_000;

interface Watch {
  readonly bytes: string;
  readonly sinceMs: number;
}

/**
 * Tells when a lease has lapsed without trusting that clocks agree: when its record has stayed
 * unrenewed for a full lease while we watched it on our own monotonic clock. Where the wall clock
 * says that the lease is long past (over two leases), one and a half renewal intervals of watching
 * are enough, never none. A watch outlives the call that began it.
 */
export class LapseWatch {
  readonly #clock: Clock;
  readonly #watches = new Map<string, Watch>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the lease counts as lapsed if these bytes stay; 0 when it has. */
  leftMs(held: Held): number {
    const { record, bytes } = held;
    const nowMs = this.#clock.monotonicMs();
    const known = this.#watches.get(record.key);
    if (known?.bytes !== bytes) this.#begin(record.key, { bytes, sinceMs: nowMs });
    const watchedMs = known?.bytes === bytes ? nowMs - known.sinceMs : 0;
    const longPast = this.#clock.wallMs() - record.renewedAt > 2 * record.leaseMs;
    const neededMs = longPast ? record.leaseMs / 2 : record.leaseMs;
    return Math.max(0, neededMs - watchedMs);
  }

  forget(key: string): void {
    this.#watches.delete(key);
  }

  #begin(key: string, watch: Watch): void {
    this.#watches.delete(key);
    this.#watches.set(key, watch);
    if (this.#watches.size <= watchesMax) return;
    const oldest = this.#watches.keys().next();
    if (!oldest.done) this.#watches.delete(oldest.value);
  }
}
