import { createClient } from '@keyv/redis';
import { Keyv } from 'keyv';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { encodeEnvelope } from '../../../../src/core/ledger/stores/envelope.ts';
import { openKeyvStore } from '../../../../src/core/ledger/stores/keyv.ts';
import { openMemoryStore } from '../../../../src/core/ledger/stores/memory.ts';
import { openRedisStore } from '../../../../src/core/ledger/stores/redis.ts';
import { refusalOf, resultOf, testEngine } from '../../../support/engine.ts';
import { eventually } from '../../../support/event.ts';
import { startRedis, type TestRedis } from '../../../support/redis.ts';
import { replacedBy, shiftedBy, startReplyProxy, swappedPairs } from '../../../support/reply-proxy.ts';
import { createThing } from '../../../support/tools.ts';
import { Upstream } from '../../../support/upstream.ts';

const minute = 60_000;
const nil = '$-1\r\n';
let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis({ own: true });
});

afterAll(() => redis.stop());

/** Starts an engine whose connection to Redis goes through a proxy, and an upstream that counts effects. */
async function staged() {
  const proxy = await startReplyProxy(redis.port);
  const upstream = new Upstream();
  // An upstream that does not know keys: every request that arrives is an effect.
  upstream.honoursKeys = false;
  const store = openRedisStore(proxy.url, { namespace: `replies-${performance.now()}` });
  const { call } = testEngine({ tools: [createThing(upstream, 'refuse')], store, leaseMs: 2_000 });
  onTestFinished(async () => {
    await store.close();
    await proxy.close();
  });
  const effectsOf = (item: string) =>
    upstream.effects.filter(({ body }) => (body as { item: string }).item === item).length;
  return { proxy, store, effectsOf, make: async (item: string) => resultOf(await call('create_thing', { item })) };
}

describe('a connection on which each command gets the reply of the one before it', () => {
  test.each([
    ['the null of a claim that won', nil],
    ['the null of a claim that won, with a number of its own', '*2\r\n$1\r\n0\r\n$-1\r\n'],
    ['the number of a write', ':1\r\n'],
    ['a list', '*0\r\n'],
  ])('executes nothing twice and answers with the own result when the surplus is %s', async (_, surplus) => {
    const { proxy, make, effectsOf } = await staged();
    const first = await make('a');
    proxy.change(shiftedBy(surplus));
    const second = await make('a');
    expect(second).toMatchObject({ replayed: true, result: first.result });
    expect(await make('b')).toMatchObject({ replayed: false });
    expect([effectsOf('a'), effectsOf('b')]).toEqual([1, 1]);
    await eventually(() => expect(proxy.connections).toBe(2));
  });

  test('executes nothing twice when the surplus is an error, which refuses one call', async () => {
    const { proxy, make, effectsOf } = await staged();
    const first = await make('a');
    proxy.change(shiftedBy('-ERR of another command\r\n'));
    await expect(make('a')).rejects.toThrow(/ledger_unavailable/);
    expect(await make('a')).toMatchObject({ replayed: true, result: first.result });
    expect(effectsOf('a')).toBe(1);
    await eventually(() => expect(proxy.connections).toBe(2));
  });

  test('gives the null of another command to a client that does not check (control)', async () => {
    const { proxy, make } = await staged();
    const client = createClient({ url: proxy.url });
    client.on('error', () => undefined);
    await client.connect();
    onTestFinished(() => client.destroy());
    await make('a');
    await client.sendCommand(['SET', 'control', 'a record', 'NX', 'GET']);
    expect(await client.sendCommand(['SET', 'control', 'second', 'NX', 'GET'])).toBe('a record');
    proxy.change(shiftedBy(nil));
    expect(await client.sendCommand(['SET', 'control', 'second', 'NX', 'GET'])).toBeNull();
  });
});

describe('a connection that swaps the replies of two commands', () => {
  test('executes a new operation once and replays the other one, each with its own result', async () => {
    const { proxy, make, effectsOf } = await staged();
    const first = await make('a');
    proxy.change(swappedPairs());
    const [repeat, fresh] = await Promise.all([make('a'), make('b')]);
    expect(repeat).toMatchObject({ replayed: true, result: first.result });
    expect(fresh.replayed).toBe(false);
    expect(fresh.result).not.toEqual(first.result);
    expect([effectsOf('a'), effectsOf('b')]).toEqual([1, 1]);
    await eventually(() => expect(proxy.connections).toBe(2));
  });

  test('gives two callers the results of each other without the check (control)', async () => {
    const { proxy } = await staged();
    const client = createClient({ url: proxy.url });
    client.on('error', () => undefined);
    await client.connect();
    onTestFinished(() => client.destroy());
    await client.sendCommand(['MSET', 'of-a', 'a', 'of-b', 'b']);
    proxy.change(swappedPairs());
    const replies = await Promise.all(['of-a', 'of-b'].map((key) => client.sendCommand(['GET', key])));
    expect(replies).toEqual(['b', 'a']);
  });
});

describe('a reply of an impossible type', () => {
  const value = (content: unknown) => encodeEnvelope(content);
  const replies = {
    'a number': ':7\r\n',
    'a text': '$3\r\nabc\r\n',
    'an empty list': '*0\r\n',
    'a list of three': '*3\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n',
    'a list of lists': '*2\r\n*0\r\n*0\r\n',
    'no reply of Redis at all': 'HTTP/1.1 200 OK\r\n\r\n',
  };
  const works = {
    putIfAbsent: (store) => store.putIfAbsent('key', value(1), minute),
    compareAndSet: (store) => store.compareAndSet('key', value(1), value(2), minute),
    get: (store) => store.get('key'),
    delete: (store) => store.delete('key', value(1)),
    scan: async (store) => {
      for await (const _ of store.scan());
    },
  } satisfies Record<string, (store: ReturnType<typeof openRedisStore>) => Promise<unknown>>;

  for (const [operation, work] of Object.entries(works)) {
    test.each(Object.entries(replies))(
      `fails ${operation} and replaces the connection when it is %s`,
      async (_, reply) => {
        const { proxy, store } = await staged();
        await store.get('connected');
        proxy.change(replacedBy(reply));
        await expect(work(store)).rejects.toMatchObject({ code: 'ledger_unavailable' });
        await eventually(async () => expect(await store.get('connected')).toBeUndefined());
        expect(proxy.connections).toBe(2);
      },
    );
  }

  test('replaces the connection after a reply that nothing has asked for', async () => {
    const { proxy, store } = await staged();
    await store.get('connected');
    proxy.change((reply) => [reply, Buffer.from(nil)]);
    // Its own reply counts as lost if the surplus arrives together with it.
    await store.get('connected').catch(() => undefined);
    await eventually(() => expect(proxy.connections).toBe(2));
    expect(await store.putIfAbsent('key', value(1), minute)).toBeUndefined();
    expect(await store.get('key')).toBe(value(1));
  });
});

describe('a record of another key', () => {
  test('is refused with nothing executed, when a store without connections returns it', async () => {
    const entries = new Map<string, unknown>();
    let swapped: string | undefined;
    const keyv = new Keyv({
      store: {
        get: (key: string) => entries.get(swapped ?? key),
        set: (key: string, entry: unknown) => void entries.set(key, entry),
        delete: (key: string) => entries.delete(key),
        clear: () => entries.clear(),
      },
    });
    const upstream = new Upstream();
    const store = openKeyvStore(keyv, { singleProcess: true });
    const { call } = testEngine({ tools: [createThing(upstream, 'refuse')], store });
    const first = resultOf(await call('create_thing', { item: 'a' }));
    [swapped] = entries.keys();
    expect(refusalOf(await call('create_thing', { item: 'b' })).code).toBe('record_unreadable');
    expect(upstream.effects).toHaveLength(1);
    swapped = undefined;
    expect(resultOf(await call('create_thing', { item: 'b' })).result).not.toEqual(first.result);
  });

  test('is refused when somebody has copied it in the store', async () => {
    const store = openMemoryStore();
    const upstream = new Upstream();
    const { call, records } = testEngine({ tools: [createThing(upstream, 'refuse')], store });
    await call('create_thing', { item: 'a' });
    await call('create_thing', { item: 'b' });
    const [a, b] = (await records()).map(({ key }) => key) as [string, string];
    const [ofA, ofB] = [await store.get(a), await store.get(b)] as [string, string];
    await store.compareAndSet(b, ofB, ofA, minute);
    const refusal = refusalOf(await call('create_thing', { item: 'b' }));
    expect(refusal.code).toBe('record_unreadable');
    expect(refusal.ledgerDetail).toMatch(/belongs to another key/);
    expect(upstream.effects).toHaveLength(2);
  });
});
