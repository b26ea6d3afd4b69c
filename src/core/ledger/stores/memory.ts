import { EventEmitter } from 'node:events';
import { Keyv, type KeyvStoreAdapter, type StoredData } from 'keyv';
import { LedgerUnavailable } from '../../errors.ts';
import { defaultNamespace, type KeyNames, keyNames, namespaceSeparator } from './keyv-keys.ts';
import { type CompareAndSetOptions, entryValue, type Store, type StoreEntry } from './store.ts';
import { Watchers } from './watchers.ts';

export interface MemoryStoreOptions {
  /**
   * Returns the wall-clock time, in ms since the epoch.
   * @defaultValue Date.now
   */
  readonly now?: () => number;
  readonly namespace?: string;
}

/** The most expired entries that one sweep removes. */
const sweepEntriesMax = 10_000;

interface MemoryEntry {
  readonly value: string;
  /** In ms since the epoch; Infinity for never. */
  readonly expiresAt: number;
}

/** Opens a store for tests and trials. It serves one process and ends with it. */
export function openMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options.now ?? Date.now, options.namespace ?? defaultNamespace);
}

class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly shared = false;
  readonly keyv: Keyv;
  readonly #entries = new Map<string, MemoryEntry>();
  readonly #watchers = new Watchers();
  readonly #now: () => number;
  readonly #names: KeyNames;
  #closed = false;

  constructor(now: () => number, namespace: string) {
    this.#now = now;
    this.#names = keyNames(namespace + namespaceSeparator);
    this.keyv = new Keyv(new MemoryAdapter(this.#entries, now, this.#names.toStore), {
      namespace,
      useKeyPrefix: false,
      throwOnErrors: true,
    });
  }

  async putIfAbsent(key: string, value: string | (() => string), ttlMs: number): Promise<string | undefined> {
    const present = this.#live(key);
    if (present !== undefined) return present;
    this.#set(key, entryValue(value), ttlMs);
    return undefined;
  }

  async compareAndSet(
    key: string,
    expected: string,
    next: string,
    ttlMs: number,
    options: CompareAndSetOptions = {},
  ): Promise<boolean> {
    if (this.#live(key) !== expected) return false;
    this.#set(key, next, ttlMs);
    if (options.wake) this.#watchers.wake(key);
    return true;
  }

  async get(key: string): Promise<string | undefined> {
    return this.#live(key);
  }

  async delete(key: string, expected: string): Promise<boolean> {
    return this.#live(key) === expected && this.#entries.delete(this.#names.toStore(key));
  }

  async *scan(): AsyncIterable<StoreEntry> {
    this.#assertOpen();
    for (const stored of [...this.#entries.keys()]) {
      const key = this.#names.fromStore(stored);
      const value = this.#live(key);
      if (value !== undefined) yield { key, value };
    }
  }

  async sweep(): Promise<number> {
    this.#assertOpen();
    let removed = 0;
    for (const [key, entry] of this.#entries) {
      if (removed === sweepEntriesMax) break;
      if (entry.expiresAt <= this.#now() && this.#entries.delete(key)) removed += 1;
    }
    return removed;
  }

  async watch(key: string, listener: () => void): Promise<() => void> {
    this.#assertOpen();
    return this.#watchers.add(key, listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#entries.clear();
    this.#watchers.clear();
  }

  #live(key: string): string | undefined {
    this.#assertOpen();
    const entry = this.#entries.get(this.#names.toStore(key));
    return entry && entry.expiresAt > this.#now() ? entry.value : undefined;
  }

  #set(key: string, value: string, ttlMs: number): void {
    this.#entries.set(this.#names.toStore(key), { value, expiresAt: this.#now() + ttlMs });
  }

  #assertOpen(): void {
    if (this.#closed) throw new LedgerUnavailable('The ledger in memory is closed.');
  }
}

/** The Keyv adapter over the same Map. */
class MemoryAdapter extends EventEmitter implements KeyvStoreAdapter {
  readonly opts = { dialect: 'memory', url: 'memory:' };
  namespace?: string | undefined;
  readonly #entries: Map<string, MemoryEntry>;
  readonly #now: () => number;
  readonly #toStore: (key: string) => string;

  constructor(entries: Map<string, MemoryEntry>, now: () => number, toStore: (key: string) => string) {
    super();
    this.#entries = entries;
    this.#now = now;
    this.#toStore = toStore;
  }

  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    const entry = this.#entries.get(this.#toStore(key));
    return entry && entry.expiresAt > this.#now() ? (entry.value as StoredData<Value>) : undefined;
  }

  async set(key: string, value: string, ttlMs?: number): Promise<boolean> {
    this.#entries.set(this.#toStore(key), { value, expiresAt: ttlMs ? this.#now() + ttlMs : Infinity });
    return true;
  }

  async delete(key: string): Promise<boolean> {
    return this.#entries.delete(this.#toStore(key));
  }

  async clear(): Promise<void> {
    this.#entries.clear();
  }
}
