import type { Keyv } from 'keyv';
import { describeError, LedgerUnavailable, McpOnceError } from '../../errors.ts';
import { defined } from '../../json.ts';
import { sentence } from '../../suggest.ts';
import { decodeEnvelope, encodeEnvelope } from './envelope.ts';
import { type CompareAndSetOptions, entryValue, type Store, type StoreEntry } from './store.ts';
import { Watchers } from './watchers.ts';

export interface KeyvStoreOptions {
  /**
   * Declares that no other process uses the same Keyv store. Keyv has no atomic operation, so two processes could both
   * win a claim, and the effect would happen twice.
   * @defaultValue false
   */
  readonly singleProcess?: boolean;
  /**
   * How long one operation may take, in ms.
   * @defaultValue 5_000
   */
  readonly commandTimeoutMs?: number;
}

/**
 * Returns a store over any Keyv instance. `@keyv/redis` and the SQLite adapter of mcp-once get the atomic primitives of
 * their databases. Every other adapter serves one process.
 * @throws McpOnceError `configuration_invalid` if the adapter cannot be used safely
 */
export async function storeFromKeyv(keyv: Keyv, options: KeyvStoreOptions = {}): Promise<Store> {
  const adapter = keyv.store;
  if (typeof adapter?.getClient === 'function' && typeof adapter.createKeyPrefix === 'function') {
    const { redisStoreFromKeyv } = await import('./redis.ts');
    const { commandTimeoutMs } = options;
    return redisStoreFromKeyv(keyv, defined({ commandTimeoutMs }));
  }
  if (adapter?.opts?.dialect === 'sqlite' && typeof adapter.createKeyPrefix === 'function') {
    const { sqliteStoreFromKeyv } = await import('./sqlite.ts');
    return sqliteStoreFromKeyv(keyv);
  }
  return openKeyvStore(keyv, options);
}

/** Returns a store with a mutex for each key of a Keyv instance. It is atomic within this process only. */
export function openKeyvStore(keyv: Keyv, options: KeyvStoreOptions = {}): Store {
  if (options.singleProcess !== true) {
    throw new McpOnceError(
      'configuration_invalid',
      'This Keyv adapter has no atomic operation, so two processes that share it would both execute the same operation. ' +
        'Use a sqlite: or redis:// store, or pass { singleProcess: true } if only one process ever uses it.',
    );
  }
  return new KeyvStore(keyv, options.commandTimeoutMs ?? 5_000);
}

/** The mutexes of all stores over one adapter. With separate mutexes two stores could both win a claim. */
const tailsByAdapter = new WeakMap<object, Map<string, Promise<unknown>>>();

function tailsOf(adapter: object): Map<string, Promise<unknown>> {
  const tails = tailsByAdapter.get(adapter) ?? new Map<string, Promise<unknown>>();
  tailsByAdapter.set(adapter, tails);
  return tails;
}

class KeyvStore implements Store {
  readonly kind = 'keyv';
  readonly shared = false;
  readonly keyv: Keyv;
  readonly #commandTimeoutMs: number;
  readonly #tails: Map<string, Promise<unknown>>;
  readonly #watchers = new Watchers();
  #closed = false;

  constructor(keyv: Keyv, commandTimeoutMs: number) {
    this.keyv = keyv;
    this.#tails = tailsOf(keyv.store ?? keyv);
    this.#commandTimeoutMs = commandTimeoutMs;
    keyv.throwOnErrors = true;
    // Adapters that hide their own faults have the same option.
    if (keyv.store && 'throwOnErrors' in keyv.store) keyv.store.throwOnErrors = true;
  }

  putIfAbsent(key: string, value: string | (() => string), ttlMs: number): Promise<string | undefined> {
    return this.#exclusively(key, async () => {
      const present = await this.#read(key);
      if (present === undefined) await this.#write(key, entryValue(value), ttlMs);
      return present;
    });
  }

  compareAndSet(
    key: string,
    expected: string,
    next: string,
    ttlMs: number,
    options: CompareAndSetOptions = {},
  ): Promise<boolean> {
    return this.#exclusively(key, async () => {
      if ((await this.#read(key)) !== expected) return false;
      await this.#write(key, next, ttlMs);
      if (options.wake) this.#watchers.wake(key);
      return true;
    });
  }

  get(key: string): Promise<string | undefined> {
    return this.#exclusively(key, () => this.#read(key));
  }

  delete(key: string, expected: string): Promise<boolean> {
    return this.#exclusively(key, async () => (await this.#read(key)) === expected && (await this.keyv.delete(key)));
  }

  async *scan(): AsyncIterable<StoreEntry> {
    this.#assertOpen();
    if (!this.keyv.iterator) throw new LedgerUnavailable('This Keyv adapter cannot list its entries.');
    try {
      for await (const [key, value] of this.keyv.iterator(this.keyv.namespace)) {
        if (value !== undefined) yield { key, value: encodeEnvelope(value) };
      }
    } catch (error) {
      throw fault(error);
    }
  }

  /** Keyv removes expired entries on reading. The adapter may remove others. */
  async sweep(): Promise<number> {
    this.#assertOpen();
    return 0;
  }

  async watch(key: string, listener: () => void): Promise<() => void> {
    this.#assertOpen();
    return this.#watchers.add(key, listener);
  }

  /** Leaves the Keyv instance open, since the caller owns it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watchers.clear();
  }

  async #read(key: string): Promise<string | undefined> {
    const value: unknown = await this.keyv.get(key);
    // Encodes the value again in the same way, so that comparing bytes compares values.
    return value === undefined ? undefined : encodeEnvelope(value);
  }

  async #write(key: string, value: string, ttlMs: number): Promise<void> {
    // For Keyv 0 means "never", and undefined means the default of the instance.
    const stored = await this.keyv.set(key, decodeEnvelope(value), Number.isFinite(ttlMs) ? Math.ceil(ttlMs) : 0);
    if (!stored) throw new Error('Keyv did not store the value');
  }

  /**
   * Runs the operations on a key one after the other. The caller waits for a bounded time, but the key stays locked until
   * the adapter has responded. A late write must not run during another operation.
   */
  async #exclusively<T>(key: string, step: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    const turn = (this.#tails.get(key) ?? Promise.resolve()).then(step);
    const tail = turn.catch(() => undefined);
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    try {
      return await this.#bounded(turn);
    } catch (error) {
      throw fault(error);
    }
  }

  #bounded<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new LedgerUnavailable(`The Keyv store did not respond within ${this.#commandTimeoutMs} ms.`)),
        this.#commandTimeoutMs,
      );
      work.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  #assertOpen(): void {
    if (this.#closed) throw new LedgerUnavailable('The ledger is closed.');
  }
}

function fault(error: unknown): McpOnceError {
  if (error instanceof McpOnceError) return error;
  return new LedgerUnavailable(sentence(`The Keyv store failed: ${describeError(error)}`), { cause: error });
}
