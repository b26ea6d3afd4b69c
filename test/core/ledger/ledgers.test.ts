import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Keyv } from 'keyv';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { Claim } from '../../../src/core/ledger/claim.ts';
import { type EntryCodec, plainCodec } from '../../../src/core/ledger/codec.ts';
import { type ClaimResult, Ledger } from '../../../src/core/ledger/ledger.ts';
import type { ClaimRequest } from '../../../src/core/ledger/new-record.ts';
import type { OperationRecord } from '../../../src/core/ledger/record.ts';
import { storeFromKeyv } from '../../../src/core/ledger/stores/keyv.ts';
import { openStore } from '../../../src/core/ledger/stores/open.ts';
import type { Store } from '../../../src/core/ledger/stores/store.ts';
import { rotatingCodecs } from '../../support/encryption.ts';
import { refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { makeTemporaryFolder } from '../../support/temporary.ts';
import { createOrder, createThing, setThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

let redis: TestRedis;
const folder = makeTemporaryFolder();

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.stop();
  folder.remove();
});

const stores = {
  sqlite: () => openStore(`sqlite:${join(folder.path, `${randomUUID()}.sqlite`)}`),
  redis: () => openStore(redis.url, { namespace: `test-${randomUUID()}` }),
  memory: () => openStore('memory:'),
  'any Keyv': () => storeFromKeyv(new Keyv(), { singleProcess: true }),
};

/** Each ledger of a test has its own codec, like each process. */
const ledgers: Record<string, { open: () => Promise<Store>; codec: () => EntryCodec }> = {};
for (const [name, open] of Object.entries(stores)) {
  ledgers[name] = { open, codec: () => plainCodec };
  ledgers[`${name}, sealed`] = { open, codec: rotatingCodecs() };
}

const day = 86_400_000;

function request(changes: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    key: 'k',
    tool: 't',
    scope: { tenant: 'a', subject: 'b' },
    upstream: { origin: 'o', mode: 'm', account: 'a' },
    source: 'identical',
    fingerprint: 'f',
    arguments: { text: ':base64: and "quotes" — ünïcode', nested: { list: [1, null, 0.5] } },
    occurrence: 1,
    windowMs: day,
    retentionMs: 7 * day,
    supersedes: false,
    ...changes,
  };
}

function claimOf(answer: ClaimResult): Claim {
  if (answer.type !== 'claimed') throw new Error(`expected a claim, got ${answer.type}`);
  return answer.claim;
}

describe.each(Object.entries(ledgers))('a ledger on %s', (_, { open, codec }) => {
  let store: Store;

  beforeEach(async () => {
    store = await open();
  });

  afterEach(() => store.close());

  const ledger = (leaseMs = 10_000) =>
    new Ledger({
      store,
      codec: codec(),
      clock: systemClock,
      randomId: randomUUID,
      settings: { leaseMs, unresolvedRetentionMs: 30 * day },
    });

  test('grants exactly one of 50 concurrent claims', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => ledger().claim(request())));
    expect(answers.filter(({ type }) => type === 'claimed')).toHaveLength(1);
    expect(answers.filter(({ type }) => type === 'in_flight')).toHaveLength(49);
  });

  test('replays a settled result unchanged, and reports a conflict for another fingerprint', async () => {
    const claim = claimOf(await ledger().claim(request()));
    const result = { id: ':1', list: [{ b: 1, a: [] }], text: '☃' };
    expect(await claim.settle({ state: 'succeeded', settledAt: Date.now(), result }, [], false)).toBe(true);
    const replay = await ledger().claim(request());
    if (replay.type !== 'replay') throw new Error(replay.type);
    expect(replay.held.record.status).toMatchObject({ state: 'succeeded', result });
    expect(replay.held.record.arguments).toEqual(request().arguments);
    expect((await ledger().claim(request({ fingerprint: 'g' }))).type).toBe('conflict');
    expect(claimOf(await ledger().claim(request({ fingerprint: 'g', supersedes: true }))).record.generation).toBe(2);
  });

  test('grants exactly one of 20 claims after a failure, and one of 20 take-overs', async () => {
    const first = claimOf(await ledger().claim(request()));
    await first.settle({ state: 'failed', settledAt: Date.now(), message: 'm', dispatched: true }, [], false);
    const again = await Promise.all(Array.from({ length: 20 }, () => ledger().claim(request())));
    const [winner, ...others] = again.filter(({ type }) => type === 'claimed');
    expect(others).toHaveLength(0);
    const claim = claimOf(winner as ClaimResult);
    expect(claim.record.attempt).toBe(2);
    const held = await ledger().read('k');
    if (!held) throw new Error('the record is there');
    const takers = await Promise.all(Array.from({ length: 20 }, () => ledger().takeOver(held)));
    expect(takers.filter((taker) => taker !== undefined)).toHaveLength(1);
    expect(await claim.renew()).toBe(false);
    expect(await claim.settle({ state: 'succeeded', settledAt: 1, result: 'late' }, [], false)).toBe(false);
    expect(claim.lost).toBe(true);
  });

  test('accepts the true outcome from the owner after the operation was marked as unknown', async () => {
    const claim = claimOf(await ledger().claim(request()));
    const held = await ledger().read('k');
    if (!held) throw new Error('the record is there');
    expect(await ledger().markUnknown(held, 'm')).toBe(true);
    expect((await ledger().claim(request())).type).toBe('recover');
    expect(await claim.settle({ state: 'succeeded', settledAt: Date.now(), result: 1 }, [], false)).toBe(true);
    expect((await ledger().claim(request())).type).toBe('replay');
  });

  test('gives a latch to exactly one of 20 operations', async () => {
    const claims = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => claimOf(await ledger().claim(request({ key: `k${index}` })))),
    );
    const holders = await Promise.all(claims.map((claim) => ledger().takeLatch('latch', claim, () => false)));
    expect(holders.filter((holder) => holder === undefined)).toHaveLength(1);
    expect(new Set(holders.flatMap((holder) => holder?.record.key ?? [])).size).toBe(1);
  });

  test('leads from an alias to its operation', async () => {
    const claim = claimOf(await ledger().claim(request()));
    expect(await ledger().makeAlias(claim, 'other')).toBe(true);
    expect(await ledger().claim(request())).toEqual({ type: 'alias', of: 'other' });
  });

  test('refuses a call whose record is junk, executes nothing and keeps the record', async () => {
    const upstream = new Upstream();
    const { call, engine } = testEngine({ tools: [createThing(upstream, 'resend')], store, codec: codec() });
    resultOf(await call('create_thing', { item: 'a' }));
    const [entry] = await entries(store);
    if (!entry) throw new Error('the record is there');
    for (const junk of ['{"value":{"v":1,"kind":"operation"}}', '{"value":{"v":99}}', '{"value":7}']) {
      await store.compareAndSet(entry.key, (await store.get(entry.key)) ?? '', junk, day);
      expect(refusalOf(await call('create_thing', { item: 'a' })).code).toBe('record_unreadable');
      expect(await store.get(entry.key)).toBe(junk);
    }
    expect(upstream.effects).toHaveLength(1);
    await Promise.all(engine.running);
  });

  test('decodes a replayed record once and freezes it, and decodes a new version again', async () => {
    const one = ledger();
    const claim = claimOf(await one.claim(request()));
    const steps = [{ name: 'a', attempt: 1, effect: true, result: { id: 'x' } }];
    await claim.settle({ state: 'succeeded', settledAt: Date.now(), result: { list: [1] } }, steps, false);
    const first = (await one.read('k')) ?? expect.unreachable();
    expect(first.record.status).toMatchObject({ state: 'succeeded', result: { list: [1] } });
    expect((await one.read('k'))?.record).toBe(first.record);
    const { result } = first.record.status as { result: { list: number[] } };
    expect(() => result.list.push(2)).toThrow(TypeError);

    const { record, bytes } = first;
    const other = { ...record, status: { ...record.status, result: { list: [3] } } } as OperationRecord;
    expect(await store.compareAndSet('k', bytes, one.codec.encode('k', other), day)).toBe(true);
    expect((await one.read('k'))?.record.status).toMatchObject({ result: { list: [3] } });
  });

  test('keeps the results of steps until the operation has a result', async () => {
    const one = ledger();
    const steps = [{ name: 'a', attempt: 1, effect: true, result: { id: 'x' } }];
    const claim = claimOf(await one.claim(request()));
    await claim.keep(steps, false);
    expect((await one.read('k'))?.record.steps).toEqual(steps);
    await claim.settle({ state: 'succeeded', settledAt: Date.now(), result: 1 }, steps, false);
    expect((await one.read('k'))?.record.steps).toEqual([{ name: 'a', attempt: 1, effect: true }]);

    const other = claimOf(await one.claim(request({ key: 'l' })));
    const stub = { reason: 'too_large', message: 'it is large' } as const;
    await other.settle({ state: 'succeeded', settledAt: Date.now(), result: null, stub }, steps, false);
    expect((await one.read('l'))?.record.steps).toEqual(steps);
  });

  test('runs whole calls: 30 at once in three engines, steps, a lost response, writes A, B, A', async () => {
    const upstream = new Upstream();
    const tools = [createOrder(upstream, 'resend'), setThing(upstream)];
    const engines = Array.from({ length: 3 }, () => testEngine({ tools, store, codec: codec() }));
    upstream.next('none', 'drop_answer');
    const calls = engines.flatMap(({ call }) => Array.from({ length: 10 }, () => call('create_order', { item: 'a' })));
    const answers = (await Promise.all(calls)).map(resultOf);
    expect(new Set(answers.map(({ result }) => JSON.stringify(result))).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(upstream.effects).toHaveLength(3);
    for (const count of [1, 2, 1]) await engines[count]?.call('set_thing', { item: 'r', count });
    expect(upstream.effects).toHaveLength(6);
    await Promise.all(engines.flatMap(({ engine }) => [...engine.running]));
  });

  test('lets another process take over a lapsed lease, in real time', async () => {
    const upstream = new Upstream();
    const tools = [createThing(upstream, 'resend')];
    const record = { ...request(), tool: 'create_thing' };
    claimOf(await ledger(300).claim(record));
    const { engine } = testEngine({ tools, store, codec: codec(), leaseMs: 300 });
    const answer = await ledger(300).claim(record);
    expect(answer.type).toBe('in_flight');
    const watching = await engine.ledger();
    const held = await watching.read('k');
    if (!held) throw new Error('the record is there');
    // A first watch needs the whole lease, or half of it when the wall clock says that the lease ended long ago.
    expect([150, 300]).toContain(watching.leases.leftMs(held));
    await expect.poll(() => watching.leases.leftMs(held)).toBe(0);
    expect((await watching.claim(record)).type).toBe('recover');
    expect(await watching.takeOver(held)).toBeDefined();
  });
});

test('two stores over one Keyv instance grant exactly one of 50 concurrent claims', async () => {
  const keyv = new Keyv();
  const both = [await storeFromKeyv(keyv, { singleProcess: true }), await storeFromKeyv(keyv, { singleProcess: true })];
  const claims = Array.from({ length: 50 }, (_, index) => {
    const settings = { leaseMs: 10_000, unresolvedRetentionMs: 30 * day };
    const store = both[index % 2] as Store;
    return new Ledger({ store, clock: systemClock, randomId: randomUUID, settings }).claim(request());
  });
  expect((await Promise.all(claims)).filter(({ type }) => type === 'claimed')).toHaveLength(1);
});

async function entries(store: Store) {
  const found = [];
  for await (const entry of store.scan()) found.push(entry);
  return found;
}
