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
  readonly #seen = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the lease counts as lapsed if these bytes stay; 0 when it has. */
  leftMs(held: Held): number {
    const { record, bytes } = held;
    const nowMs = this.#clock.monotonicMs();
    const known = this.#watches.get(record.key);
    if (known?.bytes !== bytes) remember(this.#watches, watchesMax, record.key, { bytes, sinceMs: nowMs });
    const watchedMs = known?.bytes === bytes ? nowMs - known.sinceMs : 0;
    const longPast = this.#clock.wallMs() - record.renewedAt > 2 * record.leaseMs;
    const neededMs = longPast ? record.leaseMs / 2 : record.leaseMs;
    return Math.max(0, neededMs - watchedMs);
  }

  /** Milliseconds since this process first saw `mark` on a record, by its own monotonic clock. */
  seenForMs(key: string, mark: number): number {
    const name = `${key} ${mark}`;
    const nowMs = this.#clock.monotonicMs();
    const sinceMs = this.#seen.get(name) ?? nowMs;
    remember(this.#seen, watchesMax, name, sinceMs);
    return nowMs - sinceMs;
  }

  forget(key: string): void {
    this.#watches.delete(key);
  }
}

/** Sets as the newest, and drops the oldest beyond the bound. */
export function remember<T>(map: Map<string, T>, entriesMax: number, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= entriesMax) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
