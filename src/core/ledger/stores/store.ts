import type { Keyv } from 'keyv';

/**
 * The store of records: a Keyv store, plus the atomic primitives that Keyv lacks.
 *
 * A store knows nothing about states. Values are opaque strings in Keyv's serialised envelope (`{"value":...}` without
 * `expires`), so `keyv.get(key)` reads what a primitive wrote. Every method rejects with `LedgerUnavailable` if the store
 * fails. It never takes longer than the command time-out of the store, and never reports success for a write that was
 * not done.
 */
export interface Store {
  readonly kind: 'memory' | 'sqlite' | 'redis' | 'keyv';
  /** True if processes of other machines or people may use the same store. */
  readonly shared: boolean;
  /** The Keyv instance over the same data (same namespace, key prefix and serializer). */
  readonly keyv: Keyv;

  /**
   * Returns how far the clock of the store is ahead of this process's wall clock, in ms. Absent in a store whose processes
   * share the clock of one machine.
   */
  offsetMs?(): number;

  /**
   * Stores `value` atomically if the key is absent or expired. A store that reads first calls a function only if it has to
   * write, so a replay encodes nothing.
   * @param ttlMs how long the entry lives, in ms; `Infinity` for no expiry (also below)
   * @returns undefined if this call stored the value, otherwise the present value
   * @throws NotReplicated if the value is stored, but on fewer replicas than configured
   */
  putIfAbsent(key: string, value: string | (() => string), ttlMs: number): Promise<string | undefined>;

  /**
   * Replaces the value atomically by `next` if it is exactly `expected`. An absent or expired key never matches.
   * @returns whether the value was replaced
   * @throws NotReplicated with `replicate`, if the value is stored, but on fewer replicas than configured
   */
  compareAndSet(
    key: string,
    expected: string,
    next: string,
    ttlMs: number,
    options?: CompareAndSetOptions,
  ): Promise<boolean>;

  get(key: string): Promise<string | undefined>;

  /** Returns warnings for the operator about settings that may lose entries. Never rejects. */
  warnings?(): Promise<readonly string[]>;

  /** Deletes the key if its value is exactly `expected`. @returns whether it was deleted */
  delete(key: string, expected: string): Promise<boolean>;

  /** Reads all live entries of the store's namespace in pages, in any order. */
  scan(): AsyncIterable<StoreEntry>;

  /** Removes some expired entries in a bounded time. The store also does this by itself. @returns how many it removed */
  sweep(): Promise<number>;

  /**
   * Calls `listener` after a `compareAndSet` with `wake` on this key, in any process. It may also call it without a change,
   * so a listener reads again. Resolves when the watch is active.
   * @returns a function that ends the watch
   */
  watch(key: string, listener: () => void): Promise<() => void>;

  close(): Promise<void>;
}

export function entryValue(value: string | (() => string)): string {
  return typeof value === 'string' ? value : value();
}

export interface CompareAndSetOptions {
  /** Wakes the watchers of the key. */
  readonly wake?: boolean;
  /** The write is a claim, which needs the configured number of replicas. */
  readonly replicate?: boolean;
}

export interface StoreEntry {
  readonly key: string;
  readonly value: string;
}
