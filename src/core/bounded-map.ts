/**
 * A map that holds at most `entriesMax` entries. A new entry evicts the one that was set the longest time ago.
 *
 * @example
 * const recent = new BoundedMap<string, Answer>(1_000);
 */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #entriesMax: number;
  /** Stands before the oldest entry. A new iterator would pass the places of all entries that were deleted lately. */
  #oldest: Iterator<Key> | undefined;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  /** Adds or replaces an entry, which is the newest from now on. */
  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#entriesMax) this.#evictOldest();
    this.#entries.set(key, value);
  }

  /** An iterator follows the changes of its map, and every key that it has passed is deleted. So the next one is the oldest. */
  #evictOldest(): void {
    this.#oldest ??= this.#entries.keys();
    const { value, done } = this.#oldest.next();
    if (done) this.#oldest = undefined;
    else this.#entries.delete(value);
  }

  delete(key: Key): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** From the oldest to the newest. */
  [Symbol.iterator](): IterableIterator<[Key, Value]> {
    return this.#entries.entries();
  }
}
