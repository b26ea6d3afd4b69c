/** The listeners of each key in this process. They run in a separate microtask, never inside of a write. */
export class Watchers {
  readonly #listeners = new Map<string, Set<() => void>>();

  get size(): number {
    return this.#listeners.size;
  }

  has(key: string): boolean {
    return this.#listeners.has(key);
  }

  /** Adds a listener. @returns a function that ends the watch; a second call does nothing */
  add(key: string, listener: () => void): () => void {
    let ended = false;
    // A new function, so that one listener may watch a key twice, and a pending wake skips an ended watch.
    const call = () => {
      if (!ended) listener();
    };
    const listeners = this.#listeners.get(key) ?? new Set();
    listeners.add(call);
    this.#listeners.set(key, listeners);
    return () => {
      ended = true;
      listeners.delete(call);
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key);
    };
  }

  wake(key: string): void {
    for (const listener of this.#listeners.get(key) ?? []) queueMicrotask(listener);
  }

  wakeAll(): void {
    for (const key of this.#listeners.keys()) this.wake(key);
  }

  clear(): void {
    this.#listeners.clear();
  }
}
