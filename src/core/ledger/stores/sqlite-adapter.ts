import { EventEmitter } from 'node:events';
import type { KeyvStoreAdapter, StoredData } from 'keyv';
import type { GroupCommit } from './group-commit.ts';
import { namespaceSeparator } from './keyv-keys.ts';
import { expiry, type SqliteEntries } from './sqlite-entries.ts';
import type { RowTime } from './sqlite-time.ts';

/**
 * The Keyv storage adapter over a ledger file. Its writes join the group commit of the primitives, and it stores the
 * expiry in the same column.
 */
export class KeyvSqlite extends EventEmitter implements KeyvStoreAdapter {
  readonly opts: { readonly dialect: 'sqlite'; readonly url: string };
  namespace?: string | undefined;
  readonly group: GroupCommit;
  readonly entries: SqliteEntries;
  readonly time: RowTime;
  readonly sweepIntervalMs: number;

  constructor(group: GroupCommit, entries: SqliteEntries, time: RowTime, sweepIntervalMs: number) {
    super();
    this.opts = { dialect: 'sqlite', url: `sqlite:${group.path}` };
    this.group = group;
    this.entries = entries;
    this.time = time;
    this.sweepIntervalMs = sweepIntervalMs;
  }

  createKeyPrefix(key: string, namespace?: string): string {
    return namespace ? namespace + namespaceSeparator + key : key;
  }

  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    const name = this.#name(key);
    const read = () => this.entries.read(name);
    return (await this.group.run({ key: name, read, write: read })) as StoredData<Value> | undefined;
  }

  async getMany<Value>(keys: string[]): Promise<Array<StoredData<Value | undefined>>> {
    return Promise.all(keys.map((key) => this.get<Value>(key)));
  }

  async set(key: string, value: string, ttlMs?: number): Promise<boolean> {
    const name = this.#name(key);
    await this.group.run({
      key: name,
      write: () => this.entries.put(name, value, expiry(this.time.written(), ttlMs || undefined)),
    });
    return true;
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  async delete(key: string): Promise<boolean> {
    const name = this.#name(key);
    return this.group.run({ key: name, write: () => this.entries.drop(name) });
  }

  /** Removes all entries of the namespace, or all entries of an adapter without a namespace. */
  async clear(): Promise<void> {
    const prefix = this.#name('');
    await this.group.run({ key: prefix, write: () => this.entries.dropAll(prefix) });
  }

  async disconnect(): Promise<void> {
    this.group.close();
  }

  #name(key: string): string {
    return this.createKeyPrefix(key, this.namespace);
  }
}
