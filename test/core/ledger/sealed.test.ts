import { createSecretKey, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { codecFor, type EntryCodec } from '../../../src/core/ledger/codec.ts';
import {
  forgetOperation,
  ledgerStats,
  listOperations,
  resolveOperation,
  showOperation,
} from '../../../src/core/ledger/operator.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../src/core/ledger/stores/envelope.ts';
import { openStore } from '../../../src/core/ledger/stores/open.ts';
import type { Store } from '../../../src/core/ledger/stores/store.ts';
import { codecWith } from '../../support/encryption.ts';
import { refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { createOrder, createThing, setThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.stop();
});

/** The stores, each with a function that reads everything in it. */
const places = {
  async sqlite() {
    const path = temporaryFolder();
    const store = await openStore(`sqlite:${join(path, 'ledger.sqlite')}`);
    // The file, and what is in its log.
    const all = async () =>
      readdirSync(path)
        .map((name) => readFileSync(join(path, name), 'latin1'))
        .join();
    return { store, all };
  },
  async redis() {
    const namespace = `test-${randomUUID()}`;
    const store = await openStore(redis.url, { namespace });
    const all = async () => {
      const keys = (await redis.command('KEYS', `${namespace}*`)) as string[];
      const values = await Promise.all(keys.map((key) => redis.command('GET', key)));
      return [...keys, ...values].join();
    };
    return { store, all };
  },
};

async function memoryStore(): Promise<Store> {
  const store = await openStore('memory:');
  onTestFinished(() => store.close());
  return store;
}

async function entriesOf(store: Store) {
  const found = [];
  for await (const entry of store.scan()) found.push(entry);
  return found;
}

async function onlyEntry(store: Store) {
  const [entry, ...others] = await entriesOf(store);
  if (!entry || others.length > 0) throw new Error('there is not one entry');
  return entry;
}

/** A process with its own tool, over a shared upstream and store. */
function processWith(upstream: Upstream, store: Store, codec: EntryCodec) {
  return testEngine({ tools: [createThing(upstream, 'resend'), setThing(upstream)], store, codec });
}

describe.each(Object.entries(places))('a reader of the files or memory of %s', (_, open) => {
  const scope = { tenant: 'a-tenant', subject: 'somebody' };
  const told = { item: 'the-item-of-this-call', tags: ['a-private-tag'] };

  /** A success, steps of an operation that ended in the middle, one in flight, a failure. @returns what to look for. */
  const play = async (codec: EntryCodec) => {
    const { store, all } = await open();
    onTestFinished(() => store.close());
    const upstream = new Upstream();
    const tools = [createThing(upstream, 'resend'), createOrder(upstream, 'resend')];
    const { call, engine } = testEngine({ tools, store, codec });
    const { result } = resultOf(await call('create_thing', told, { scope }));
    upstream.next('none', 'reject');
    expect(refusalOf(await call('create_order', { item: 'an-order' })).code).toBe('operation_incomplete');
    upstream.next('hang_after');
    const hanging = call('create_thing', { item: 'one-in-flight' });
    await upstream.arrived(4);
    const during = await all();
    upstream.release();
    resultOf(await hanging);
    await Promise.all(engine.running);
    const after = await all();
    const steps = upstream.effects.filter(({ body }) => Array.isArray(body)).map(({ id }) => id);
    const secrets = [(result as { id: string }).id, ...steps, told.item, ...told.tags, 'an-order', 'one-in-flight'];
    return { read: during + after, secrets: [...secrets, 'create_thing', scope.tenant, scope.subject] };
  };

  test('finds no arguments, results, steps, tools or subjects in sealed records', async () => {
    const { read, secrets } = await play(codecWith('k'));
    expect(secrets.filter((each) => read.includes(each))).toEqual([]);
    expect(read).toContain('"keyId":"k"');
  });

  test('finds all of them in records that are not sealed (control)', async () => {
    const { read, secrets } = await play(codecWith());
    expect(secrets.filter((each) => !read.includes(each))).toEqual([]);
  });
});

describe('an altered record', () => {
  test('cannot be decrypted after any flipped bit, refuses the call and stays unchanged', async () => {
    const upstream = new Upstream();
    const store = await memoryStore();
    const codec = codecWith('k');
    const { call } = processWith(upstream, store, codec);
    resultOf(await call('create_thing', { item: 'a' }));
    const { key, value } = await onlyEntry(store);
    const box = Buffer.from(boxOf(value), 'base64');
    const spoilt = (bytes: Buffer): string => value.replace(boxOf(value), bytes.toString('base64'));
    for (let at = 0; at < box.length; at += 1) {
      const bytes = Buffer.from(box);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      expect(() => codec.decode(key, spoilt(bytes)), `byte ${at}`).toThrow(
        unreadable(/cannot be decrypted with the key "k"/),
      );
    }
    for (const length of [0, 1, 27, 28, box.length - 1]) {
      expect(() => codec.decode(key, spoilt(box.subarray(0, length)))).toThrow(unreadable(/cannot be decrypted/));
    }

    const flipped = Buffer.from(box);
    flipped[40] = (flipped[40] ?? 0) ^ 1;
    await store.compareAndSet(key, value, spoilt(flipped), 60_000);
    const refused = refusalOf(await call('create_thing', { item: 'a' }));
    expect(refused.code).toBe('record_unreadable');
    expect(refused.message).toMatch(/cannot be decrypted with the key "k".*Nothing was executed/);
    expect(upstream.effects).toHaveLength(1);
    expect(await store.get(key)).toBe(spoilt(flipped));
    // Mended, it is what it was.
    await store.compareAndSet(key, spoilt(flipped), value, 60_000);
    expect(resultOf(await call('create_thing', { item: 'a' })).replayed).toBe(true);
  });

  test('cannot be decrypted under the key of another operation, so two swapped records are two refusals', async () => {
    const upstream = new Upstream();
    const store = await memoryStore();
    const { call } = processWith(upstream, store, codecWith('k'));
    resultOf(await call('create_thing', { item: 'a' }));
    resultOf(await call('create_thing', { item: 'b' }));
    const [one, other] = await entriesOf(store);
    if (!one || !other) throw new Error('there are two entries');
    await store.compareAndSet(one.key, one.value, other.value, 60_000);
    await store.compareAndSet(other.key, other.value, one.value, 60_000);
    for (const item of ['a', 'b']) {
      expect(refusalOf(await call('create_thing', { item })).code).toBe('record_unreadable');
    }
    expect(upstream.effects).toHaveLength(2);
  });

  test('cannot be decrypted with a key that has another id, even if the key is the same', () => {
    const secret = createSecretKey(randomBytes(32));
    const codec = codecFor([
      { id: 'k', secret },
      { id: 'l', secret },
    ]);
    const bytes = codec.encode('a', { v: 1, kind: 'alias', key: 'a', of: 'b' });
    expect(() => codec.decode('a', bytes.replace('"keyId":"k"', '"keyId":"l"'))).toThrow(
      unreadable(/cannot be decrypted/),
    );
  });

  test.each([
    ['{"value":{"v":1,"kind":"sealed","keyId":"k"}}', /this version cannot read the encryption format/],
    ['{"value":{"v":2,"kind":"sealed","keyId":"k","box":""}}', /this version cannot read the encryption format/],
    ['{"value":{"v":2,"kind":"operation"}}', /format 2/],
    ['{"value":{"v":1,"kind":"operation"}}', /does not parse/],
    ['junk', /not valid JSON/],
  ])('is unreadable as %s', (bytes, why) => {
    expect(() => codecWith('k').decode('a', bytes)).toThrow(unreadable(why));
  });

  test('is stored as Keyv stores it, when it is not altered', () => {
    const bytes = codecWith('k').encode('a', { v: 1, kind: 'alias', key: 'a', of: 'b' });
    expect(encodeEnvelope(decodeEnvelope(bytes))).toBe(bytes);
  });

  test('has other bytes for every write, when it is not altered', () => {
    const codec = codecWith('k');
    const written = Array.from({ length: 100 }, () => codec.encode('a', { v: 1, kind: 'alias', key: 'a', of: 'b' }));
    expect(new Set(written.map((each) => boxOf(each).slice(0, 16))).size).toBe(100);
  });
});

describe('the replacement of a key', () => {
  test('reads records of both keys and seals with the first, and names the old key after its removal', async () => {
    const upstream = new Upstream();
    const store = await memoryStore();
    const before = processWith(upstream, store, codecWith('old'));
    const both = processWith(upstream, store, codecWith('new', 'old'));
    const after = processWith(upstream, store, codecWith('new'));
    const first = resultOf(await before.call('create_thing', { item: 'a' }));
    expect(keyIdOf((await onlyEntry(store)).value)).toBe('old');
    const replayed = resultOf(await both.call('create_thing', { item: 'a' }));
    expect([replayed.replayed, replayed.result]).toEqual([true, first.result]);
    const refused = refusalOf(await after.call('create_thing', { item: 'a' }));
    expect(refused.code).toBe('record_unreadable');
    expect(refused.message).toContain('encrypted with the key "old", which is not in MCP_ONCE_ENCRYPTION_KEYS');
    expect(upstream.effects).toHaveLength(1);

    // A record that is written again is sealed with the key of whoever writes it.
    await before.call('set_thing', { item: 'r', count: 1 });
    await both.call('set_thing', { item: 'r', count: 2 });
    const known = resultOf(await after.call('set_thing', { item: 'r', count: 2 }));
    expect(known.replayed).toBe(true);
    expect(upstream.effects).toHaveLength(3);
    // The one that does not know the new key yet is no danger either.
    expect(refusalOf(await before.call('set_thing', { item: 'r', count: 3 })).code).toBe('record_unreadable');
    expect(upstream.effects).toHaveLength(3);
  });

  test('opens no record with another key under the same id', async () => {
    const sealed = codecWith('k').encode('a', { v: 1, kind: 'alias', key: 'a', of: 'b' });
    const other = codecWith('x').encode('a', { v: 1, kind: 'alias', key: 'a', of: 'b' });
    const renamed = other.replace('"keyId":"x"', '"keyId":"k"');
    expect(codecWith('k').decode('a', sealed)).toMatchObject({ of: 'b' });
    expect(() => codecWith('k').decode('a', renamed)).toThrow(unreadable(/or this id now names another key/));
  });
});

describe('encryption', () => {
  test('reads earlier plain records after it is switched on, and seals them with the next write', async () => {
    const upstream = new Upstream();
    const store = await memoryStore();
    const plain = processWith(upstream, store, codecWith());
    const sealed = processWith(upstream, store, codecWith('k'));
    const first = resultOf(await plain.call('set_thing', { item: 'r', count: 1 }));
    const replayed = resultOf(await sealed.call('set_thing', { item: 'r', count: 1 }));
    expect([replayed.replayed, replayed.result]).toEqual([true, first.result]);
    expect((await onlyEntry(store)).value).toContain('"arguments"');
    resultOf(await sealed.call('set_thing', { item: 'r', count: 2 }));
    expect(keyIdOf((await onlyEntry(store)).value)).toBe('k');
    expect(upstream.effects).toHaveLength(2);
  });

  test('refuses calls with sealed records after it is switched off, and names the variable', async () => {
    const upstream = new Upstream();
    const store = await memoryStore();
    resultOf(await processWith(upstream, store, codecWith('k')).call('create_thing', { item: 'a' }));
    const { value } = await onlyEntry(store);
    const plain = processWith(upstream, store, codecWith());
    const refused = refusalOf(await plain.call('create_thing', { item: 'a' }));
    expect(refused.code).toBe('record_unreadable');
    expect(refused.message).toMatch(/is encrypted, and MCP_ONCE_ENCRYPTION_KEYS is not set.*Nothing was executed/);
    expect(upstream.effects).toHaveLength(1);
    expect((await onlyEntry(store)).value).toBe(value);
  });
});

describe('an operator', () => {
  const setUp = async () => {
    const upstream = new Upstream();
    const store = await memoryStore();
    const { ledger, clock, call } = testEngine({
      tools: [createThing(upstream, 'refuse')],
      store,
      codec: codecWith('k'),
    });
    upstream.next('drop_answer');
    expect(refusalOf(await call('create_thing', { item: 'a' })).code).toBe('outcome_unknown');
    const operator = { ledger, clock, randomId: randomUUID, unresolvedRetentionMs: 60_000 };
    return { upstream, store, call, operator, key: (await onlyEntry(store)).key };
  };

  test('lists, shows, counts and resolves with the key, and writes sealed records', async () => {
    const { upstream, store, call, operator, key } = await setUp();
    const { ledger } = operator;
    expect(await listOperations(ledger, { limit: 10 })).toMatchObject([{ type: 'operation', record: { key } }]);
    expect(await ledgerStats(ledger)).toMatchObject({ operations: 1, unreadable: 0, byState: { unknown: 1 } });
    expect((await showOperation(ledger, key)).record.arguments).toMatchObject({ item: 'a' });
    await resolveOperation(operator, key, { state: 'succeeded', result: { id: 'found' } });
    expect(keyIdOf((await onlyEntry(store)).value)).toBe('k');
    expect(resultOf(await call('create_thing', { item: 'a' }))).toMatchObject({
      replayed: true,
      result: { id: 'found' },
    });
    await forgetOperation(operator, key);
    expect(keyIdOf((await onlyEntry(store)).value)).toBe('k');
    expect(resultOf(await call('create_thing', { item: 'a' })).replayed).toBe(false);
    expect(upstream.effects).toHaveLength(2);
  });

  test('learns without the key which variable is missing, and changes nothing', async () => {
    const { store, operator, key } = await setUp();
    const { value } = await onlyEntry(store);
    const without = testEngine({ tools: [], store }).ledger;
    const message = 'the stored record is encrypted, and MCP_ONCE_ENCRYPTION_KEYS is not set';
    expect(await listOperations(without, { limit: 10 })).toEqual([{ type: 'unreadable', key, message }]);
    expect(await ledgerStats(without)).toMatchObject({ operations: 0, unreadable: 1 });
    const blind = { ...operator, ledger: without };
    await expect(showOperation(without, key)).rejects.toThrow(unreadable(/MCP_ONCE_ENCRYPTION_KEYS/));
    await expect(resolveOperation(blind, key, { state: 'failed' })).rejects.toThrow(unreadable(/not set/));
    await expect(forgetOperation(blind, key)).rejects.toThrow(unreadable(/not set/));
    expect((await onlyEntry(store)).value).toBe(value);
  });
});

function unreadable(why: RegExp) {
  return expect.objectContaining({ code: 'record_unreadable', message: expect.stringMatching(why) });
}

function sealedIn(bytes: string): { keyId: string; box: string } {
  return JSON.parse(bytes).value;
}

function boxOf(bytes: string): string {
  return sealedIn(bytes).box;
}

function keyIdOf(bytes: string): string {
  return sealedIn(bytes).keyId;
}
