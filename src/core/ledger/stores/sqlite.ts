import { Keyv } from 'keyv';
import { type MachineTime, systemClock } from '../../clock.ts';
import { LedgerUnavailable, McpOnceError } from '../../errors.ts';
import { defined } from '../../json.ts';
import { type CommitStep, GroupCommit, mustWrite } from './group-commit.ts';
import { assertDefaultFormat, defaultNamespace, type KeyNames, keyNamesOf } from './keyv-keys.ts';
import { KeyvSqlite } from './sqlite-adapter.ts';
import type { SqliteConnection, SqliteDriver } from './sqlite-driver.ts';
import { expiry, type SqliteEntries, sqliteEntries } from './sqlite-entries.ts';
import { sqliteFault } from './sqlite-faults.ts';
import { openSqliteFile } from './sqlite-file.ts';
import { SqliteSweep } from './sqlite-sweep.ts';
import { machineTime, ownTime, type RowTime, readSometimes } from './sqlite-time.ts';
import { SqliteWake } from './sqlite-wake.ts';
import { type CompareAndSetOptions, entryValue, type Store, type StoreEntry } from './store.ts';

export interface SqliteOptions {
  readonly path: string;
  /**
   * Creates the file's folder if it is missing. Otherwise a missing folder is an error.
   * @defaultValue false
   */
  readonly createFolder?: boolean;
  /**
   * Returns the wall-clock time, in ms since the epoch. Without `machine`, it alone decides when entries expire.
   * @defaultValue Date.now
   */
  readonly now?: () => number;
  /**
   * Returns the time of the machine, by which entries expire.
   * @defaultValue that of the system, unless `now` is given
   */
  readonly machine?: () => MachineTime;
  /**
   * How long a step waits for the locks of other processes, in ms.
   * @defaultValue 5_000
   */
  readonly lockTimeoutMs?: number;
  /**
   * The interval between sweeps of expired rows, in ms.
   * @defaultValue 30_000
   */
  readonly sweepIntervalMs?: number;
  /** See `SqliteConnectionOptions`. */
  readonly driver?: SqliteDriver;
}

export interface SqliteStoreOptions extends SqliteOptions {
  readonly namespace?: string;
}

const pageEntries = 100;
/** How often a row may expire between an insert that finds it and the read that follows. */
const vanishedMax = 10;

/** Opens a store on a SQLite file. @throws LedgerUnavailable whose message states the problem with the file */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const adapter = await openSqliteAdapter(options);
  const keyv = new Keyv(adapter, { namespace: options.namespace ?? defaultNamespace, useKeyPrefix: false });
  return storeOver(keyv, true);
}

/** Opens the Keyv storage adapter over a SQLite file, for a Keyv instance that the caller creates. */
export async function openSqliteAdapter(options: SqliteOptions): Promise<KeyvSqlite> {
  const lockTimeoutMs = options.lockTimeoutMs ?? 5_000;
  const { path, createFolder = false, driver } = options;
  const timeOf = (database: SqliteConnection) => rowTimeOf(database, options);
  const file = await openSqliteFile({ path, createFolder, lockTimeoutMs, timeOf, ...defined({ driver }) });
  const group = new GroupCommit(file, lockTimeoutMs);
  const { time } = file;
  return new KeyvSqlite(group, sqliteEntries(file.database, time.now), time, options.sweepIntervalMs ?? 30_000);
}

function rowTimeOf(database: SqliteConnection, { now, machine }: SqliteOptions): RowTime {
  if (machine) return machineTime(database, now ?? Date.now, machine);
  if (now || !systemClock.machine) return ownTime(now ?? Date.now);
  return machineTime(database, Date.now, readSometimes(systemClock.machine, systemClock.monotonicMs));
}

/**
 * Returns a store over a Keyv instance with the adapter of `openSqliteAdapter`. Closing the store leaves the instance
 * open, since the caller owns it.
 * @throws McpOnceError `configuration_invalid` for any other adapter
 */
export function sqliteStoreFromKeyv(keyv: Keyv): Store {
  return storeOver(keyv, false);
}

function storeOver(keyv: Keyv, owned: boolean): Store {
  const adapter: unknown = keyv.store;
  if (!(adapter instanceof KeyvSqlite)) {
    throw new McpOnceError(
      'configuration_invalid',
      'This SQLite adapter for Keyv has no atomic operation: use the store sqlite:PATH, or the adapter of mcp-once.',
    );
  }
  assertDefaultFormat(keyv);
  keyv.throwOnErrors = true;
  return new SqliteStore(keyv, adapter, owned);
}

class SqliteStore implements Store {
  readonly kind = 'sqlite';
  readonly shared = false;
  readonly keyv: Keyv;
  readonly #names: KeyNames;
  readonly #group: GroupCommit;
  readonly #entries: SqliteEntries;
  readonly #time: RowTime;
  readonly #wake: SqliteWake;
  readonly #sweep: SqliteSweep;
  readonly #owned: boolean;
  #closed = false;

  constructor(keyv: Keyv, adapter: KeyvSqlite, owned: boolean) {
    this.keyv = keyv;
    this.#owned = owned;
    this.#names = keyNamesOf(keyv, adapter);
    this.#group = adapter.group;
    this.#entries = adapter.entries;
    this.#time = adapter.time;
    this.#wake = new SqliteWake(adapter.group.database, adapter.group.path);
    this.#sweep = new SqliteSweep(adapter.group, adapter.time.now, adapter.sweepIntervalMs);
  }

  putIfAbsent(key: string, value: string | (() => string), ttlMs: number): Promise<string | undefined> {
    const name = this.#names.toStore(key);
    return this.#run<string | undefined>({
      key: name,
      read: () => this.#entries.read(name) ?? mustWrite,
      write: () => {
        for (let vanished = 0; vanished < vanishedMax; vanished += 1) {
          if (this.#entries.insert(name, entryValue(value), expiry(this.#time.written(), ttlMs))) return undefined;
          const present = this.#entries.read(name);
          if (present !== undefined) return present;
        }
        throw new LedgerUnavailable(
          `The ledger file ${this.#group.path} is not stable: an entry appeared and expired ${vanishedMax} times.`,
        );
      },
    });
  }

  async compareAndSet(
    key: string,
    expected: string,
    next: string,
    ttlMs: number,
    options: CompareAndSetOptions = {},
  ): Promise<boolean> {
    const name = this.#names.toStore(key);
    const replaced = await this.#run({
      key: name,
      write: () => this.#entries.replace(name, expected, next, expiry(this.#time.written(), ttlMs)),
    });
    if (replaced && options.wake) this.#wake.announce(key);
    return replaced;
  }

  get(key: string): Promise<string | undefined> {
    const name = this.#names.toStore(key);
    const read = () => this.#entries.read(name);
    return this.#run({ key: name, read, write: read });
  }

  delete(key: string, expected: string): Promise<boolean> {
    const name = this.#names.toStore(key);
    return this.#run({ key: name, write: () => this.#entries.remove(name, expected) });
  }

  async *scan(): AsyncIterable<StoreEntry> {
    const { prefix } = this.#names;
    let after = prefix;
    for (;;) {
      const last = after;
      const read = () => this.#entries.page(prefix, last, pageEntries);
      const page = await this.#run({ key: prefix, read, write: read });
      for (const { key, value } of page) yield { key: this.#names.fromStore(key), value };
      const end = page.at(-1);
      if (end === undefined || page.length < pageEntries) return;
      after = end.key;
    }
  }

  async sweep(): Promise<number> {
    this.#assertOpen();
    return this.#sweep.run();
  }

  async watch(key: string, listener: () => void): Promise<() => void> {
    this.#assertOpen();
    try {
      return this.#wake.watch(key, listener);
    } catch (error) {
      throw sqliteFault(error, this.#group.path);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#sweep.stop();
    if (this.#owned) this.#group.close();
    this.#wake.close();
  }

  #run<T>(step: CommitStep<T>): Promise<T> {
    return this.#closed ? Promise.reject(this.#isClosed()) : this.#group.run(step);
  }

  #assertOpen(): void {
    if (this.#closed) throw this.#isClosed();
  }

  #isClosed(): LedgerUnavailable {
    return new LedgerUnavailable(`The ledger file ${this.#group.path} is closed.`);
  }
}
