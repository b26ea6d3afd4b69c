import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import KeyvRedis, { createClient } from '@keyv/redis';
import { Keyv } from 'keyv';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { LedgerUnavailable, McpOnceError, NotReplicated } from '../../../../src/core/errors.ts';
import { encodeEnvelope } from '../../../../src/core/ledger/stores/envelope.ts';
import { storeFromKeyv } from '../../../../src/core/ledger/stores/keyv.ts';
import { openRedisStore, type RedisStoreOptions } from '../../../../src/core/ledger/stores/redis.ts';
import type { Store } from '../../../../src/core/ledger/stores/store.ts';
import { eventually } from '../../../support/event.ts';
import { hasRedisServer, type RedisOptions, startRedis, type TestRedis } from '../../../support/redis.ts';
import { startStoreProcess } from '../../../support/store-process.ts';

const minute = 60_000;
const value = (content: unknown) => encodeEnvelope(content);

function opened(url: string, options: RedisStoreOptions = {}): Store {
  const store = openRedisStore(url, options);
  onTestFinished(() => store.close());
  return store;
}

async function started(options: RedisOptions = {}): Promise<TestRedis> {
  const redis = await startRedis({ own: true, ...options });
  onTestFinished(() => redis.stop());
  return redis;
}

/** Returns the reason of a rejected promise. Fails the test if the promise resolves. */
async function faultOf(work: Promise<unknown>): Promise<LedgerUnavailable> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LedgerUnavailable);
  return error as LedgerUnavailable;
}

/** Returns the names of the commands that clients send, without those that scripts run. */
async function monitored(redis: TestRedis, work: () => Promise<unknown>): Promise<string[]> {
  const client = createClient({ url: redis.url });
  await client.connect();
  const lines: string[] = [];
  await client.monitor((line) => void lines.push(String(line)));
  await work();
  // What was sent before this mark has been seen when the mark is seen.
  await redis.command('ECHO', 'mark');
  await eventually(() => expect(lines.some((line) => line.includes('"ECHO" "mark"'))).toBe(true));
  client.destroy();
  const ofStore = lines.slice(
    0,
    lines.findIndex((line) => / "CLIENT" "SETINFO"/.test(line)),
  );
  return ofStore.filter((line) => !line.includes(' lua]')).map((line) => /\] "([^"]+)"/.exec(line)?.[1] ?? line);
}

async function callsOf(redis: TestRedis, command: string): Promise<number> {
  const stats = String(await redis.command('INFO', 'commandstats'));
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

/** Waits until writes reach the replica. The primary sends none before the first acknowledgement, after a second. */
async function replicaInSync(redis: TestRedis, replica: TestRedis): Promise<void> {
  await redis.command('SET', 'mark', 'arrived');
  await eventually(async () => expect(await replica.command('GET', 'mark')).toBe('arrived'));
}

describe('a running Redis', () => {
  let redis: TestRedis;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(() => redis.stop());

  test('needs two commands for a claim and its outcome, and one for a replay', async () => {
    const store = opened(redis.url, { namespace: 'commands' });
    await redis.command('DEL', 'commands::first', 'commands::second');
    await store.get('connected');
    const commands = await monitored(redis, async () => {
      await store.putIfAbsent('first', value(1), minute);
      await store.compareAndSet('first', value(1), value(2), minute, { wake: true });
      await store.putIfAbsent('second', value(1), minute);
      await store.compareAndSet('second', value(1), value(2), minute, { wake: true });
      await store.putIfAbsent('second', value(3), minute);
    });
    expect(commands).toEqual(['EVAL', 'EVAL', 'EVALSHA', 'EVALSHA', 'EVALSHA']);
  });

  test('gets a script again that it has forgotten', async () => {
    const store = opened(redis.url, { namespace: 'forgotten' });
    await redis.command('DEL', 'forgotten::key');
    await store.putIfAbsent('key', value(1), minute);
    expect(await store.compareAndSet('key', value(1), value(2), minute)).toBe(true);
    await redis.command('SCRIPT', 'FLUSH');
    expect(await store.compareAndSet('key', value(2), value(3), minute)).toBe(true);
    await redis.command('SCRIPT', 'FLUSH');
    expect(await store.compareAndSet('key', value(2), value(4), minute)).toBe(false);
    expect(await store.get('key')).toBe(value(3));
  });

  test('expires the entry itself, without an expiry in the envelope', async () => {
    const store = opened(redis.url, { namespace: 'expiry' });
    await redis.command('DEL', 'expiry::key');
    await store.putIfAbsent('key', value('claim'), minute);
    expect(await redis.command('GET', 'expiry::key')).toBe('{"value":"claim"}');
    expect(Number(await redis.command('PTTL', 'expiry::key'))).toBeGreaterThan(minute / 2);
    await store.compareAndSet('key', value('claim'), value('settled'), 10 * minute);
    expect(Number(await redis.command('PTTL', 'expiry::key'))).toBeGreaterThan(9 * minute);
    await store.compareAndSet('key', value('settled'), value('kept'), Number.POSITIVE_INFINITY);
    expect(await redis.command('PTTL', 'expiry::key')).toBe(-1);
  });

  test('wakes another process with the write', async () => {
    const namespace = 'mcp-once';
    const store = opened(redis.url, { namespace });
    const key = `wake-${process.pid}`;
    await redis.command('DEL', `${namespace}::${key}`);
    await store.putIfAbsent(key, value(1), minute);
    const other = await startStoreProcess(redis.url);
    const { heard } = await other.watch(key);
    await store.compareAndSet(key, value(1), value(2), minute, { wake: true });
    await heard;
  });

  test('has one subscription for many watches of one key, until the last one ends', async () => {
    const store = opened(redis.url, { namespace: 'subscriptions' });
    const subscribers = async () =>
      ((await redis.command('PUBSUB', 'NUMSUB', 'subscriptions::key:wake')) as unknown[])[1];
    const ends = await Promise.all(Array.from({ length: 20 }, () => store.watch('key', () => undefined)));
    expect(await subscribers()).toBe(1);
    for (const end of ends.slice(1)) end();
    await nextTurn();
    expect(await subscribers()).toBe(1);
    ends[0]?.();
    await eventually(async () => expect(await subscribers()).toBe(0));
  });

  test('grants each of 200 keys to exactly one of three processes', async () => {
    const processes = await Promise.all(Array.from({ length: 3 }, () => startStoreProcess(redis.url)));
    const keys = Array.from({ length: 200 }, (_, n) => `won-${process.pid}-${n}`);
    const claims = await Promise.all(processes.map((other) => other.claim(keys, 16)));
    const won = claims.flatMap((claim) => claim.won);
    expect(won).toHaveLength(keys.length);
    expect(new Set(won)).toEqual(new Set(keys));
  });

  test('refuses a claim that needs a replica without replicas, although the bytes are stored', async () => {
    const store = opened(`${redis.url}?waitReplicas=1&waitTimeoutMs=50`, { namespace: 'unreplicated' });
    await redis.command('DEL', 'unreplicated::key');
    const fault = await faultOf(store.putIfAbsent('key', value(1), minute));
    expect(fault).toBeInstanceOf(NotReplicated);
    expect(fault.message).toContain('0 of the 1 replicas asked for confirmed it within 50 ms');
    expect(await store.get('key')).toBe(value(1));
    expect(await store.compareAndSet('key', value(1), value(2), minute)).toBe(true);
    expect(await faultOf(store.compareAndSet('key', value(2), value(3), minute, { replicate: true }))).toBeInstanceOf(
      NotReplicated,
    );
    expect(await store.get('key')).toBe(value(3));
    // A replay asks no replica.
    const commands = await monitored(redis, () => store.putIfAbsent('key', value(4), minute));
    expect(commands).toEqual(['EVALSHA']);
  });

  test('has a checked URL that messages never contain', async () => {
    const problems = {
      'redis://user:hunter2@localhost?waitReplica=1': 'unknown parameter "waitReplica"',
      'redis://user:hunter2@localhost?waitReplicas=-1': 'waitReplicas to be a whole number from 0 to 100',
      'redis://user:hunter2@localhost:99999': 'does not have the form',
      'redis://user:hunter2@localhost/first': 'database that is not a number',
      'redis://user:hunter2%@localhost': 'not percent-encoded',
      'http://user:hunter2@localhost': 'does not have the form',
    };
    for (const [url, problem] of Object.entries(problems)) {
      expect.soft(() => openRedisStore(url)).toThrow(McpOnceError);
      expect.soft(() => openRedisStore(url)).toThrow(problem);
      expect.soft(() => openRedisStore(url)).not.toThrow(/hunter2/);
    }
  });

  test('makes Keyv report a fault instead of hiding it', async () => {
    const keyv = new Keyv(new KeyvRedis(redis.url), { namespace: 'faults' });
    onTestFinished(() => keyv.disconnect());
    const store = await storeFromKeyv(keyv);
    onTestFinished(() => store.close());
    await redis.command('DEL', 'faults::faults:list');
    await redis.command('LPUSH', 'faults::faults:list', '1');
    expect((await faultOf(store.get('list'))).message).toContain('holds something else under a key of the ledger');
    await expect(keyv.get('list')).rejects.toThrow('WRONGTYPE');
  });

  test('is reported as not speaking TLS', async () => {
    const url = new URL(redis.url);
    const store = opened(`rediss://127.0.0.1:${url.port || 6379}`, { connectTimeoutMs: 300 });
    const fault = await faultOf(store.get('key'));
    expect(fault.message).toContain(`Redis at rediss://127.0.0.1:${url.port || 6379}`);
    expect(fault.message).toContain('TLS');
  });
});

describe.skipIf(!hasRedisServer)('a Redis in trouble', () => {
  test('refuses calls while it is killed, and works again after a restart', async () => {
    const redis = await started({ appendonly: true });
    const store = opened(redis.url);
    await store.putIfAbsent('key', value(1), minute);
    await redis.kill();
    const fault = await faultOf(store.compareAndSet('key', value(1), value(2), minute));
    expect(fault.message).toMatch(/refuses connections|lost the connection/);
    expect((await faultOf(store.putIfAbsent('other', value(1), minute))).message).toContain('refuses connections');
    await expect(store.keyv.get('key')).rejects.toThrow();
    await redis.restart();
    expect(await eventually(() => store.putIfAbsent('key', value(9), minute))).toBe(value(1));
    expect(await store.compareAndSet('key', value(1), value(2), minute)).toBe(true);
    expect(await store.keyv.get('key')).toBe(2);
  });

  test('refuses calls in bounded time while it is down at the start, and is used once it runs', async () => {
    const redis = await started();
    await redis.kill();
    const store = opened(redis.url);
    const fault = await faultOf(store.putIfAbsent('key', value(1), minute));
    expect(fault.message).toBe(
      `Redis at ${redis.url} refuses connections: start it, or correct the address in the store's URL.`,
    );
    await faultOf(store.watch('key', () => undefined));
    await redis.restart();
    expect(await eventually(() => store.putIfAbsent('key', value(1), minute))).toBeUndefined();
  });

  test('reports a fault when the connection breaks after a command, and does not send it again', async () => {
    const redis = await started({ appendonly: true });
    const store = opened(redis.url);
    await store.get('connected');
    await redis.suspend();
    // The kernel takes the bytes, the suspended server does not.
    const faults = Promise.all([
      faultOf(store.putIfAbsent('key', value(1), minute)),
      faultOf(store.compareAndSet('key', value(1), value(2), minute)),
    ]);
    await nextTurn();
    await redis.kill();
    for (const fault of await faults) expect(fault.message).toContain('lost the connection');
    await redis.restart();
    expect(await eventually(() => store.get('key'))).toBeUndefined();
    expect(await callsOf(redis, 'set')).toBe(0);
    // The reads after the restart.
    expect(await callsOf(redis, 'eval')).toBe(1);
  });

  test('reports a missing response in bounded time, after the command ran at most once', async () => {
    const redis = await started();
    const store = opened(redis.url, { commandTimeoutMs: 300, connectTimeoutMs: 300 });
    await eventually(() => store.get('connected'));
    await redis.suspend();
    const startedAt = performance.now();
    const fault = await faultOf(store.putIfAbsent('key', value(1), minute));
    expect(fault.message).toContain('did not respond within 300 ms');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(299);
    await faultOf(store.get('key'));
    redis.resume();
    await eventually(() => store.get('key'));
    expect(await callsOf(redis, 'set')).toBeLessThanOrEqual(1);
  });

  test('keeps a watch across a restart, and wakes it because it may have missed a wake', async () => {
    const redis = await started({ appendonly: true });
    const store = opened(redis.url);
    await store.putIfAbsent('key', value(1), minute);
    let wakes = 0;
    await store.watch('key', () => {
      wakes += 1;
    });
    await redis.kill();
    await redis.restart();
    await eventually(() => expect(wakes).toBe(1));
    await eventually(() => store.compareAndSet('key', value(1), value(2), minute, { wake: true }));
    await eventually(() => expect(wakes).toBe(2));
  });

  test('reports a wrong or missing password without showing it', async () => {
    const redis = await started({ requirepass: 'correct horse' });
    const wrong = await faultOf(opened(`redis://:battery-staple@127.0.0.1:${redis.port}`).get('key'));
    expect(wrong.message).toBe(
      `Redis at redis://127.0.0.1:${redis.port} refuses the user or the password: correct them in the store's URL.`,
    );
    expect(JSON.stringify(wrong, Object.getOwnPropertyNames(wrong))).not.toContain('battery-staple');
    const none = await faultOf(opened(`redis://127.0.0.1:${redis.port}`).get('key'));
    expect(none.message).toContain('asks for a password');
    expect(await opened(redis.url).putIfAbsent('key', value(1), minute)).toBeUndefined();
  });

  test('reports a user without write permission and an unknown host', async () => {
    const redis = await started();
    await redis.command('ACL', 'SETUSER', 'reader', 'on', '>reading', '~*', '&*', '+@read', '+@connection');
    const fault = await faultOf(
      opened(`redis://reader:reading@127.0.0.1:${redis.port}`).putIfAbsent('key', '1', minute),
    );
    expect(fault.message).toContain('does not allow this user what a ledger needs');
    const nowhere = await faultOf(opened('redis://no-such-host.invalid').get('key'));
    expect(nowhere.message).toMatch(/has an unknown host name|cannot be looked up now/);
  });

  test('reports a disk that it cannot save to', async () => {
    const redis = await started({ config: { save: '3600 1', dbfilename: 'a-folder' } });
    const store = opened(redis.url);
    await store.putIfAbsent('key', value(1), minute);
    mkdirSync(join(String(((await redis.command('CONFIG', 'GET', 'dir')) as string[])[1]), 'a-folder'));
    await redis.command('BGSAVE').catch(() => undefined);
    const fault = await eventually(() => faultOf(store.putIfAbsent(randomUUID(), value(1), minute)));
    expect(fault.message).toContain('refuses writes because it cannot save to its disk');
    expect(await store.get('key')).toBe(value(1));
  });

  test('reports that it is a read-only replica', async () => {
    const redis = await started();
    const replica = await started({ replicaof: redis });
    await replicaInSync(redis, replica);
    const store = opened(replica.url);
    expect((await faultOf(store.putIfAbsent('key', value(1), minute))).message).toContain('is a read-only replica');
    expect((await faultOf(store.compareAndSet('key', value(1), value(2), minute))).message).toContain(
      'is a read-only replica',
    );
  });

  test('replays, renews and settles existing operations without free memory, and claims no new ones', async () => {
    const redis = await started({ maxmemory: 3_000_000 });
    const store = opened(redis.url);
    await store.putIfAbsent('settled', value('result'), minute);
    await store.putIfAbsent('running', value('claim'), minute);
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    const fault = await faultOf(store.putIfAbsent('new', value(1), minute));
    expect(fault.message).toContain('is out of memory: raise maxmemory');
    expect(await store.putIfAbsent('settled', value('other'), minute)).toBe(value('result'));
    expect(await store.compareAndSet('running', value('claim'), value('renewed'), minute)).toBe(true);
    const large = value('x'.repeat(100_000));
    expect(await store.compareAndSet('running', value('renewed'), large, minute, { wake: true })).toBe(true);
    expect(await store.get('new')).toBeUndefined();
    expect(await store.delete('settled', value('result'))).toBe(true);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await store.putIfAbsent('new', value(1), minute)).toBeUndefined();
  });

  test('accepts a claim that a replica confirms, and refuses one while the replica is stopped', async () => {
    const redis = await started();
    const replica = await started({ replicaof: redis });
    await replicaInSync(redis, replica);
    const store = opened(`${redis.url}?waitReplicas=1&waitTimeoutMs=500`);
    const keys = Array.from({ length: 50 }, (_, n) => `key-${n}`);
    const claims = await Promise.all(keys.map((key) => store.putIfAbsent(key, value(1), minute)));
    expect(claims).toEqual(keys.map(() => undefined));
    for (const key of keys) expect(await replica.command('GET', `mcp-once::${key}`)).toBe(value(1));
    expect(await store.compareAndSet('key-0', value(1), value(2), minute, { replicate: true })).toBe(true);
    expect(await replica.command('GET', 'mcp-once::key-0')).toBe(value(2));
    await replica.suspend();
    const faults = await Promise.all(keys.map((key) => faultOf(store.putIfAbsent(`${key}-late`, value(1), minute))));
    for (const fault of faults) expect(fault).toBeInstanceOf(NotReplicated);
    // Settling asks no replica.
    expect(await store.compareAndSet('key-1', value(1), value(2), minute)).toBe(true);
  });

  test('reports a claim as not replicated if the primary fails before the replica confirms', async () => {
    const redis = await started();
    const replica = await started({ replicaof: redis });
    await replicaInSync(redis, replica);
    const store = opened(`${redis.url}?waitReplicas=1&waitTimeoutMs=20000`);
    await store.get('connected');
    await replica.suspend();
    const claim = faultOf(store.putIfAbsent('key', value(1), minute));
    await eventually(async () => expect(String(await redis.command('CLIENT', 'LIST'))).toMatch(/cmd=wait/));
    await redis.kill();
    const fault = await claim;
    expect(fault).toBeInstanceOf(NotReplicated);
    expect(fault.message).toContain('an unknown number of the 1 replicas');
  });

  test('reports that it is a replica without its primary', async () => {
    const redis = await started();
    const replica = await started({ replicaof: redis, config: { 'replica-serve-stale-data': 'no' } });
    await replicaInSync(redis, replica);
    const store = opened(replica.url);
    await redis.kill();
    await eventually(async () => {
      expect((await faultOf(store.get('key'))).message).toContain('is a replica that has lost its primary');
    });
  });

  test('reports a cluster that is down', async () => {
    const redis = await started({ config: { 'cluster-enabled': 'yes' } });
    const fault = await faultOf(opened(redis.url).putIfAbsent('key', value(1), minute));
    expect(fault.message).toContain('belongs to a cluster that is down');
  });

  test('serves every operation as a single node that is a whole cluster', async () => {
    const redis = await started({ config: { 'cluster-enabled': 'yes' } });
    await redis.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    const store = opened(redis.url);
    expect(await eventually(() => store.putIfAbsent('key', value(1), minute))).toBeUndefined();
    expect(await store.compareAndSet('key', value(1), value(2), minute, { wake: true })).toBe(true);
    expect(await store.delete('key', value(2))).toBe(true);
  });

  test('reports that it is still loading', async () => {
    const config = { 'key-load-delay': '20000', 'loading-process-events-interval-bytes': '1024' };
    const redis = await started({ config });
    const filler = opened(redis.url);
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => filler.putIfAbsent(`key-${n}`, value('x'.repeat(2_000)), minute)),
    );
    await redis.command('SAVE');
    await filler.close();
    const restarting = redis.restart();
    const store = opened(redis.url);
    await eventually(async () =>
      expect((await faultOf(store.get('key-1'))).message).toContain('is still loading its data'),
    );
    await restarting;
    expect(await eventually(() => store.get('key-1'))).toBe(value('x'.repeat(2_000)));
  });

  test('lets a store close at once while it is down', async () => {
    const redis = await started();
    const store = openRedisStore(redis.url);
    await store.get('key');
    await redis.kill();
    await faultOf(store.get('key'));
    await store.close();
    expect((await faultOf(store.get('key'))).message).toContain('closed');
  });
});
