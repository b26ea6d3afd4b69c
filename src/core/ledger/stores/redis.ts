import { randomInt } from 'node:crypto';
import type KeyvRedis from '@keyv/redis';
import { Keyv } from 'keyv';
import { LedgerUnavailable, McpOnceError, NotReplicated, ReplyLost } from '../../errors.ts';
import { assertDefaultFormat, defaultNamespace, type KeyNames, keyNamesOf } from './keyv-keys.ts';
import { BoundedKeyvRedis } from './redis-adapter.ts';
import {
  createLedgerClient,
  duplicateForLedger,
  type RedisClient,
  RedisConnection,
  type RedisTimeouts,
  wrongReply,
} from './redis-connection.ts';
import { isReply, redisFault } from './redis-faults.ts';
import { compareAndSetScript, deleteScript, putIfAbsentScript, type RedisScript, readScript } from './redis-scripts.ts';
import { RedisTime } from './redis-time.ts';
import { parseRedisUrl, redisEndpoint } from './redis-url.ts';
import { RedisWatch } from './redis-watch.ts';
import { type CompareAndSetOptions, entryValue, type Store, type StoreEntry } from './store.ts';

export interface RedisStoreOptions {
  readonly namespace?: string;
  /**
   * How long a call waits for a connection, in ms.
   * @defaultValue 5_000
   */
  readonly connectTimeoutMs?: number;
  /**
   * How long a call waits for a response, in ms.
   * @defaultValue 5_000, or more if replicas may take longer
   */
  readonly commandTimeoutMs?: number;
}

/** How many replicas have to confirm a claim, and in what time. With 0 replicas no confirmation is needed. */
interface Replication {
  readonly waitReplicas: number;
  readonly waitTimeoutMs: number;
}

const scanPageEntries = 250;

/**
 * Opens a store on Redis 7 or Valkey. It connects with the first call.
 * @param url `redis://` or `rediss://`, optionally with `?waitReplicas=1&waitTimeoutMs=1000`
 * @throws McpOnceError `configuration_invalid` for an invalid URL
 */
export function openRedisStore(url: string, options: RedisStoreOptions = {}): Store {
  const target = parseRedisUrl(url);
  const timeouts = timeoutsOf(options, target.waitTimeoutMs);
  const client = createLedgerClient(target.clientUrl, timeouts);
  const connection = new RedisConnection(client, target.endpoint, timeouts);
  const adapter = new BoundedKeyvRedis(connection);
  const keyv = new Keyv(adapter, {
    namespace: options.namespace ?? defaultNamespace,
    useKeyPrefix: false,
    throwOnErrors: true,
  });
  return new RedisStore(keyv, keyNamesOf(keyv, adapter), connection, target, timeouts);
}

/**
 * Returns a store over a Keyv instance with `@keyv/redis`. It uses the keys, server and credentials of the instance on
 * separate connections, so that the queues and time-outs of the instance do not change.
 * @throws McpOnceError `configuration_invalid` for a cluster or sentinel client
 */
export function redisStoreFromKeyv(keyv: Keyv, options: RedisStoreOptions = {}): Store {
  const adapter = keyv.store as KeyvRedis<unknown>;
  if (adapter.isCluster() || adapter.isSentinel()) {
    throw new McpOnceError(
      'configuration_invalid',
      'The Keyv instance uses a Redis cluster or sentinel client: the ledger needs the client of a single server, such as new KeyvRedis("redis://HOST:PORT").',
    );
  }
  assertDefaultFormat(keyv);
  keyv.throwOnErrors = true;
  adapter.throwOnErrors = true;
  const original = adapter.client as RedisClient;
  const timeouts = timeoutsOf(options, 0);
  const socket = original.options?.socket as { host?: string; port?: number; path?: string } | undefined;
  const name = socket?.path ?? `${socket?.host ?? 'localhost'}:${socket?.port ?? 6379}`;
  const endpoint = redisEndpoint(name, original.options?.password);
  const client = duplicateForLedger(original, timeouts);
  const connection = new RedisConnection(client, endpoint, timeouts);
  const replication = { waitReplicas: 0, waitTimeoutMs: 0 };
  return new RedisStore(keyv, keyNamesOf(keyv, adapter), connection, replication, timeouts);
}

function timeoutsOf(options: RedisStoreOptions, waitTimeoutMs: number): RedisTimeouts {
  return {
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    // WAIT blocks the connection, so a command may have to wait for an earlier WAIT and then for its own.
    commandTimeoutMs: options.commandTimeoutMs ?? Math.max(5_000, 2 * waitTimeoutMs + 3_000),
  };
}

class RedisStore implements Store {
  readonly kind = 'redis';
  readonly shared = true;
  readonly keyv: Keyv;
  readonly #names: KeyNames;
  readonly #connection: RedisConnection;
  readonly #replication: Replication;
  readonly #timeouts: RedisTimeouts;
  readonly #time = new RedisTime();
  readonly #cachedScripts = new Set<RedisScript>();
  #watch: RedisWatch | undefined;
  #confirmation: { readonly epoch: number; readonly replicas: Promise<number> } | undefined;
  /** Numbers the commands. It begins at a random number, so that no reply to another process has the same one. */
  #commandCount = randomInt(2 ** 47);
  #closed = false;

  constructor(
    keyv: Keyv,
    names: KeyNames,
    connection: RedisConnection,
    replication: Replication,
    timeouts: RedisTimeouts,
  ) {
    this.keyv = keyv;
    this.#names = names;
    this.#connection = connection;
    this.#replication = replication;
    this.#timeouts = timeouts;
  }

  offsetMs(): number {
    return this.#time.offsetMs;
  }

  async putIfAbsent(key: string, value: string | (() => string), ttlMs: number): Promise<string | undefined> {
    const name = this.#names.toStore(key);
    try {
      const epoch = await this.#epochOfNextWrite();
      const present = await this.#run(putIfAbsentScript, name, [entryValue(value), ttlOf(ttlMs)], isTextOrNull);
      if (present !== null) return present;
      if (epoch !== undefined) await this.#replicated(epoch);
      return undefined;
    } catch (error) {
      if (isReply(error, 'OOM')) return this.#presentAtMaxmemory(name, error);
      throw this.#claimFault(error);
    }
  }

  async compareAndSet(
    key: string,
    expected: string,
    next: string,
    ttlMs: number,
    options: CompareAndSetOptions = {},
  ): Promise<boolean> {
    const name = this.#names.toStore(key);
    const channel = options.wake ? channelOf(name) : '';
    try {
      const epoch = options.replicate ? await this.#epochOfNextWrite() : undefined;
      const args = [expected, next, ttlOf(ttlMs), channel];
      const replaced = (await this.#run(compareAndSetScript, name, args, isBit)) === 1;
      if (replaced && epoch !== undefined) await this.#replicated(epoch);
      return replaced;
    } catch (error) {
      throw options.replicate ? this.#claimFault(error) : redisFault(error, this.#connection.endpoint);
    }
  }

  /** If the user may not read the settings, somebody else runs the server and is responsible for its data. */
  async warnings(): Promise<readonly string[]> {
    const { name } = this.#connection.endpoint;
    try {
      const client = await this.#connection.ready();
      const { save, appendonly } = await client.configGet(['save', 'appendonly']);
      if (save !== '' || appendonly !== 'no') return [];
    } catch {
      return [];
    }
    return [
      `Redis at ${name} keeps its data in memory only: after its restart every operation is forgotten, and repeats execute again. Set "appendonly yes".`,
    ];
  }

  async get(key: string): Promise<string | undefined> {
    const name = this.#names.toStore(key);
    const value = await this.#faultsMapped(() => this.#run(readScript, name, [], isTextOrNull));
    return value ?? undefined;
  }

  async delete(key: string, expected: string): Promise<boolean> {
    const name = this.#names.toStore(key);
    return this.#faultsMapped(async () => (await this.#run(deleteScript, name, [expected], isBit)) === 1);
  }

  /** Uses SCAN, which may return an entry twice while Redis resizes its table. */
  async *scan(): AsyncIterable<StoreEntry> {
    const pattern = `${this.#names.prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
    let cursor = '0';
    do {
      const at = cursor;
      const command = ['SCAN', at, 'MATCH', pattern, 'COUNT', String(scanPageEntries), 'TYPE', 'string'];
      const [next, names] = await this.#faultsMapped(() =>
        this.#connection.send(command, (reply) => scanPage(reply, this.#names.prefix)),
      );
      cursor = next;
      if (names.length === 0) continue;
      const values = await this.#faultsMapped(() =>
        this.#connection.send(['MGET', ...names], (reply) => textsOrNulls(reply, names.length)),
      );
      for (const [index, name] of names.entries()) {
        const value = values[index];
        if (value != null) yield { key: this.#names.fromStore(name), value };
      }
    } while (cursor !== '0');
  }

  /** Does nothing, since Redis removes expired entries itself. */
  async sweep(): Promise<number> {
    return 0;
  }

  async watch(key: string, listener: () => void): Promise<() => void> {
    if (this.#closed) throw new LedgerUnavailable('The ledger is closed.');
    const { client, endpoint } = this.#connection;
    this.#watch ??= new RedisWatch(
      new RedisConnection(duplicateForLedger(client, this.#timeouts), endpoint, this.#timeouts),
    );
    return this.#watch.watch(channelOf(this.#names.toStore(key)), listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#connection.close(), this.#watch?.close()]);
  }

  /** A claim whose reply is lost can be read again, but then nothing tells how many replicas have it. */
  #claimFault(error: unknown): McpOnceError {
    const fault = redisFault(error, this.#connection.endpoint);
    if (!(fault instanceof ReplyLost) || this.#replication.waitReplicas === 0) return fault;
    return new LedgerUnavailable(fault.message, { cause: fault });
  }

  /** Returns the connection of the next write; undefined if no replica has to confirm it. */
  #epochOfNextWrite(): Promise<number> | undefined {
    if (this.#replication.waitReplicas === 0) return undefined;
    return this.#connection.ready().then((client) => client.socketEpoch);
  }

  /** At maxmemory Redis stores no new entries, but existing entries can still be replayed. */
  async #presentAtMaxmemory(name: string, outOfMemory: unknown): Promise<string> {
    const present = await this.#faultsMapped(() => this.#run(readScript, name, [], isTextOrNull));
    if (present === null) throw redisFault(outOfMemory, this.#connection.endpoint);
    return present;
  }

  /** Runs a script by its hash. Sends the source if Redis does not know it (first run, restart, SCRIPT FLUSH). */
  #run<T>(script: RedisScript, name: string, args: readonly string[], isResult: IsResult<T>): Promise<T> {
    if (!this.#cachedScripts.has(script)) return this.#runSource(script, name, args, isResult);
    const result = this.#numbered(['EVALSHA', script.sha1, '1', name, ...args], isResult);
    return result.catch((error: unknown) => {
      if (!isReply(error, 'NOSCRIPT')) throw error;
      return this.#runSource(script, name, args, isResult);
    });
  }

  async #runSource<T>(script: RedisScript, name: string, args: readonly string[], isResult: IsResult<T>): Promise<T> {
    const result = await this.#numbered(['EVAL', script.source, '1', name, ...args], isResult);
    this.#cachedScripts.add(script);
    return result;
  }

  /** Sends a script's command with a number, and accepts only the reply that has this number. */
  #numbered<T>(command: string[], isResult: IsResult<T>): Promise<T> {
    this.#commandCount += 1;
    const number = String(this.#commandCount);
    command.push(number);
    const sentMs = performance.now();
    return this.#connection.send(command, (reply) => {
      if (!Array.isArray(reply) || reply.length !== 4 || reply[0] !== number) return wrongReply;
      const [, result, seconds, microseconds]: unknown[] = reply;
      if (!isResult(result)) return wrongReply;
      const timeMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
      if (timeMs > 0) this.#time.note(timeMs, sentMs);
      return result;
    });
  }

  /**
   * Asks how many replicas have a write, on the connection of the write. WAIT covers all earlier writes of its connection,
   * so the writes that finish in one turn of the event loop share one WAIT.
   */
  async #replicated(epoch: number): Promise<void> {
    const { waitReplicas } = this.#replication;
    let replicas: number;
    try {
      replicas = await this.#confirmed(epoch);
    } catch (error) {
      throw new NotReplicated(`${this.#confirmationOf('an unknown number')} The connection broke.`, { cause: error });
    }
    if (replicas < waitReplicas) throw new NotReplicated(this.#confirmationOf(String(replicas)));
  }

  #confirmed(epoch: number): Promise<number> {
    const { client } = this.#connection;
    // On another connection WAIT would count other writes, and report success.
    if (!client.isReady || client.socketEpoch !== epoch) throw new Error('connected again since the write');
    if (this.#confirmation?.epoch === epoch) return this.#confirmation.replicas;
    const { waitReplicas, waitTimeoutMs } = this.#replication;
    const command = ['WAIT', String(waitReplicas), String(waitTimeoutMs)];
    const replicas = this.#connection.send(command, (reply) => (Number.isInteger(reply) ? Number(reply) : wrongReply));
    const confirmation = { epoch, replicas };
    this.#confirmation = confirmation;
    setImmediate(() => {
      if (this.#confirmation === confirmation) this.#confirmation = undefined;
    });
    return replicas;
  }

  #confirmationOf(replicas: string): string {
    const { waitReplicas, waitTimeoutMs } = this.#replication;
    return `Redis at ${this.#connection.endpoint.name} stored the write, but ${replicas} of the ${waitReplicas} replicas asked for confirmed it within ${waitTimeoutMs} ms: check the replicas, or raise waitTimeoutMs.`;
  }

  async #faultsMapped<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw redisFault(error, this.#connection.endpoint);
    }
  }
}

type IsResult<T> = (value: unknown) => value is T;

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function isBit(value: unknown): value is 0 | 1 {
  return value === 0 || value === 1;
}

/** Returns the cursor and the names in a reply of SCAN. */
function scanPage(reply: unknown, prefix: string): [cursor: string, names: string[]] | typeof wrongReply {
  if (!Array.isArray(reply) || reply.length !== 2) return wrongReply;
  const [cursor, names]: unknown[] = reply;
  if (typeof cursor !== 'string' || !/^\d+$/.test(cursor) || !Array.isArray(names)) return wrongReply;
  const isName = (name: unknown): name is string => typeof name === 'string' && name.startsWith(prefix);
  return names.every(isName) ? [cursor, names] : wrongReply;
}

/** Returns the values in a reply of MGET. */
function textsOrNulls(reply: unknown, count: number): (string | null)[] | typeof wrongReply {
  return Array.isArray(reply) && reply.length === count && reply.every(isTextOrNull) ? reply : wrongReply;
}

/** Returns a time to live for a script: an integer of at least 1 ms, or 0 for no expiry. */
function ttlOf(ttlMs: number): string {
  return Number.isFinite(ttlMs) ? String(Math.max(1, Math.ceil(ttlMs))) : '0';
}

function channelOf(name: string): string {
  return `${name}:wake`;
}
