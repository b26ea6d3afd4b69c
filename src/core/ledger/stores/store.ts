import type { Keyv } from 'keyv';

/**
 * Where records are kept: a Keyv store, and beside it the atomic primitives that Keyv lacks.
 *
 * A store knows nothing of states. Values are opaque strings: Keyv's serialised envelope
 * (`{"value":...}` without `expires`), so that whatever a primitive wrote, `keyv.get(key)` reads.
 * Every method rejects with `LedgerUnavailable` when the store cannot do what was asked; it never
 * hangs longer than the store's own command time-out and never answers "yes" without having done it.
 */
export interface Store {
  readonly kind: 'memory' | 'sqlite' | 'redis' | 'keyv';
  /** True when processes of other machines or people may use the same store. */
  readonly shared: boolean;
  /** The Keyv instance over the same data (same namespace, key prefix and serializer). */
  readonly keyv: Keyv;

  /**
   * Stores `value` if the key is absent (or expired), in one atomic step. A function is asked for it where
   * it is needed, so that a replay from a store that reads first encodes nothing.
   * @param ttlMs how long the entry lives, in milliseconds; `Infinity` for ever (here and below).
   * @returns undefined when this call stored it, else the value that is there.
   * @throws NotReplicated when stored, but not on as many replicas as configured.
   */
  putIfAbsent(key: string, value: string | (() => string), ttlMs: number): Promise<string | undefined>;

  /**
   * Replaces exactly the bytes `expected` by `next`, in one atomic step, and says whether it did.
   * An absent or expired key never matches.
   * @throws NotReplicated with `replicate`, when stored, but not on as many replicas as configured.
   */
  compareAndSet(
    key: string,
    expected: string,
    next: string,
    ttlMs: number,
    options?: CompareAndSetOptions,
  ): Promise<boolean>;

  get(key: string): Promise<string | undefined>;

  /** Deletes the key if it still holds exactly the bytes `expected`. */
  delete(key: string, expected: string): Promise<boolean>;

  /** Every live entry of this store's namespace, in pages, in no particular order. */
  scan(): AsyncIterable<StoreEntry>;

  /** Removes some expired entries, bounded in time; the store also does this by itself. */
  sweep(): Promise<number>;

  /**
   * Calls `listener` after a `compareAndSet` with `wake` on this key, in whatever process. May
   * also call it for nothing; a listener reads again. Resolves when the watch is in force.
   * @returns a function that ends the watch.
   */
  watch(key: string, listener: () => void): Promise<() => void>;

  close(): Promise<void>;
}

export function entryValue(value: string | (() => string)): string {
  return typeof value === 'string' ? value : value();
}

export interface CompareAndSetOptions {
  /** Tell those who watch the key. */
  readonly wake?: boolean;
  /** The write is a claim: it counts only when as many replicas as configured have it. */
  readonly replicate?: boolean;
}

export interface StoreEntry {
  readonly key: string;
  readonly value: string;
}
