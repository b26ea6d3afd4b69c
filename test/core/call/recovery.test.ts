import { describe, expect, test } from 'vitest';
import { markerOf } from '../../../src/core/key/derive-key.ts';
import { encodeEntry, type OperationRecord, type StoredRecord } from '../../../src/core/ledger/record.ts';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import type { Store } from '../../../src/core/ledger/stores/store.ts';
import { createCatalog, ReplaceableCatalog } from '../../../src/core/tool/catalog.ts';
import type { Tool } from '../../../src/core/tool/types.ts';
import { type CallOptions, refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { ManualClock, settleDown } from '../../support/manual-clock.ts';
import { createOrder, createThing, setThing } from '../../support/tools.ts';
import { type Fault, Upstream, type UpstreamEffect, upstreamClient } from '../../support/upstream.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * A process that dies in the middle of a call: an engine whose time never passes again, so that it
 * neither renews nor settles, and whose request is stuck before or after the effect.
 */
async function dieIn(tools: Tool[], upstream: Upstream, store: Store, fault: Fault, args: unknown, how?: CallOptions) {
  const process = testEngine({ tools, store, clock: new ManualClock() });
  upstream.next(fault);
  const name = tools[0]?.name ?? '';
  const arrived = upstream.requests.length + 1;
  void process.call(name, args, how);
  await upstream.arrived(arrived);
  await settleDown();
  return process;
}

function survivor(tools: Tool[], store: Store) {
  const clock = new ManualClock();
  return { ...testEngine({ tools, store, clock }), clock };
}

describe('after the executing process died', () => {
  test('the repeat waits exactly until the lease was watched for its whole length', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [createThing(upstream, 'resend')];
    await dieIn(tools, upstream, store, 'hang_after', { item: 'a' });
    const { clock, call } = survivor(tools, store);
    const repeat = call('create_thing', { item: 'a' });
    await clock.advance(9_900);
    expect(upstream.requests).toHaveLength(1);
    await clock.advance(200);
    expect(resultOf(await repeat)).toMatchObject({ replayed: false, recovered: 'resend' });
    expect(upstream.effects).toHaveLength(1);
    expect(new Set(upstream.requests).size).toBe(1);
  });

  test('resend has one effect, whether the first one had happened or not', async () => {
    for (const fault of ['hang_after', 'lost'] as const) {
      const upstream = new Upstream();
      const store = openMemoryStore();
      const tools = [createThing(upstream, 'resend')];
      await dieIn(tools, upstream, store, fault, { item: 'a' });
      const { clock, call } = survivor(tools, store);
      const repeat = call('create_thing', { item: 'a' });
      await clock.advance(11_000);
      const answer = resultOf(await repeat);
      expect(upstream.effects).toHaveLength(1);
      expect(answer.result).toEqual({ id: upstream.effects[0]?.id });
      expect(resultOf(await call('create_thing', { item: 'a' })).replayed).toBe(true);
    }
  });

  test('a second execution has two effects without recovery rules (control)', async () => {
    const upstream = new Upstream();
    upstream.honoursKeys = false;
    const store = openMemoryStore();
    const tools = [createThing(upstream, 'resend')];
    await dieIn(tools, upstream, store, 'hang_after', { item: 'a' });
    const { clock, call } = survivor(tools, store);
    const repeat = call('create_thing', { item: 'a' });
    await clock.advance(11_000);
    await repeat;
    expect(upstream.effects).toHaveLength(2);
  });

  test('refuse executes nothing, tells every caller, and the late owner may still settle the truth', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [createThing(upstream, 'refuse')];
    const owner = new ManualClock();
    const first = testEngine({ tools, store, clock: owner });
    upstream.next('hang_after');
    const answer = first.call('create_thing', { item: 'a' });
    await upstream.arrived(1);
    const { clock, call } = survivor(tools, store);
    const repeat = call('create_thing', { item: 'a' });
    await clock.advance(11_000);
    expect(refusalOf(await repeat)).toMatchObject({ code: 'outcome_unknown' });
    expect(refusalOf(await call('create_thing', { item: 'a' }))).toMatchObject({ code: 'outcome_unknown' });
    expect(upstream.requests).toHaveLength(1);
    upstream.release();
    expect(resultOf(await answer).replayed).toBe(false);
    expect(resultOf(await call('create_thing', { item: 'a' })).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(1);
  });

  test('reconcile finds the effect by its marker', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [createThing(upstream, 'reconcile')];
    await dieIn(tools, upstream, store, 'hang_after', { item: 'a' });
    const { clock, call } = survivor(tools, store);
    const repeat = call('create_thing', { item: 'a' });
    await clock.advance(11_000);
    expect(resultOf(await repeat)).toMatchObject({ recovered: 'reconcile', result: { id: upstream.effects[0]?.id } });
    expect(upstream.requests).toHaveLength(1);
  });

  test('reconcile runs a missing effect only when nothing can arrive any more', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [createThing(upstream, 'reconcile')];
    await dieIn(tools, upstream, store, 'hang_before', { item: 'a' });
    const { clock, call } = survivor(tools, store);
    const repeat = call('create_thing', { item: 'a' });
    await clock.advance(11_000);
    const waiting = refusalOf(await repeat);
    expect(waiting.code).toBe('outcome_unknown');
    expect(waiting.retryAfterMs).toBeGreaterThan(10 * minute);
    await clock.advance(waiting.retryAfterMs ?? 0);
    expect(resultOf(await call('create_thing', { item: 'a' })).operation?.attempt).toBe(2);
    expect(upstream.effects).toHaveLength(1);
    expect(new Set(upstream.requests).size).toBe(2);
  });

  test('reconcile finds the effect of an earlier version by the marker of that version', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [createThing(upstream, 'reconcile')];
    await dieIn(tools, upstream, store, 'hang_after', { item: 'a' });
    const { clock, call, ledger, records } = survivor(tools, store);
    const [{ markedAt: _, ...stored }] = (await records()) as [OperationRecord];
    const record = { ...stored, createdAt: stored.createdAt - hour };
    const held = (await ledger.read(record.key)) as StoredRecord;
    await store.compareAndSet(record.key, held.bytes, encodeEntry(record), day);
    const [effect] = upstream.effects as [UpstreamEffect];
    upstream.effects[0] = { ...effect, marker: markerOf(record) };
    expect(markerOf(record)).not.toBe(effect.marker);
    const repeat = call('create_thing', { item: 'a' });
    await clock.advance(11_000);
    expect(resultOf(await repeat)).toMatchObject({ recovered: 'reconcile', result: { id: effect.id } });
  });

  test('a lookup without a clear answer refuses', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const lookup = async () => ({ status: 'unclear', reason: 'one like it has no marker' }) as const;
    const tools = [createThing(upstream, 'reconcile', { lookup })];
    await dieIn(tools, upstream, store, 'hang_after', { item: 'a' });
    const { clock, call } = survivor(tools, store);
    const repeat = call('create_thing', { item: 'a' });
    await clock.advance(11_000);
    expect(refusalOf(await repeat)).toMatchObject({ code: 'outcome_unknown' });
    await clock.advance(hour);
    const again = refusalOf(await call('create_thing', { item: 'a' }));
    expect(again.code).toBe('outcome_unknown');
    // However often it is asked, its reason is told once.
    expect(again.message.split('one like it has no marker')).toHaveLength(2);
    expect(upstream.requests).toHaveLength(1);
  });

  test('reconcile continues after the steps that it finds', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [
      createOrder(upstream, 'reconcile', {
        lookup: async (_input, context) => {
          const order = upstream.effects.find(({ marker }) => marker === context.marker);
          return order ? { status: 'partial', steps: { order } } : { status: 'absent' };
        },
      }),
    ];
    upstream.next('none');
    const process = testEngine({ tools, store, clock: new ManualClock() });
    upstream.next('hang_after');
    void process.call('create_order', { item: 'a' });
    await upstream.arrived(2);
    await settleDown();
    const { clock, call } = survivor(tools, store);
    const repeat = call('create_order', { item: 'a' });
    await clock.advance(11_000);
    const waiting = refusalOf(await repeat);
    await clock.advance(waiting.retryAfterMs ?? 0);
    resultOf(await call('create_order', { item: 'a' }));
    expect(upstream.effects.map(({ body }) => (body as string[])[0])).toEqual(['customer', 'order', 'confirm']);
  });

  test('natural recovery runs again', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [setThing(upstream)];
    await dieIn(tools, upstream, store, 'hang_after', { item: 'r', count: 1 });
    const { clock, call } = survivor(tools, store);
    const repeat = call('set_thing', { item: 'r', count: 1 });
    await clock.advance(11_000);
    expect(resultOf(await repeat).recovered).toBe('natural');
    expect(upstream.requests).toHaveLength(2);
  });

  test('natural recovery does not run over a later write of the resource', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [setThing(upstream)];
    await dieIn(tools, upstream, store, 'hang_after', { item: 'r', count: 1 }, { hostKey: 'k1' });
    const { clock, call } = survivor(tools, store);
    await clock.advance(1);
    await call('set_thing', { item: 'r', count: 2 }, { hostKey: 'k2' });
    const repeat = call('set_thing', { item: 'r', count: 1 }, { hostKey: 'k1' });
    await clock.advance(11_000);
    expect(refusalOf(await repeat).code).toBe('outcome_unknown');
    expect(upstream.effects.map(({ body }) => (body as { count: number }).count)).toEqual([1, 2]);
  });

  test('another write of the resource first recovers the earlier one with its own arguments', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [setThing(upstream)];
    await dieIn(tools, upstream, store, 'lost', { item: 'r', count: 1 });
    const { clock, call } = survivor(tools, store);
    const other = call('set_thing', { item: 'r', count: 2 });
    await clock.advance(11_000);
    expect(resultOf(await other).replayed).toBe(false);
    expect(upstream.effects.map(({ body }) => (body as { count: number }).count)).toEqual([1, 2]);
  });

  test('natural recovery treats "gone" as success for a delete, and only when recovering', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [setThing(upstream, { name: 'delete_thing', effect: 'delete', gone: ({ item }) => ({ id: item }) })];
    upstream.next('gone');
    const first = survivor(tools, store);
    expect(refusalOf(await first.call('delete_thing', { item: 'never' })).code).toBe('operation_failed');
    await dieIn(tools, upstream, store, 'hang_after', { item: 'r' });
    upstream.next('gone');
    upstream.honoursKeys = false;
    const { clock, call } = survivor(tools, store);
    const repeat = call('delete_thing', { item: 'r' });
    await clock.advance(11_000);
    expect(resultOf(await repeat)).toMatchObject({ result: { id: 'r' }, recovered: 'natural' });
    expect(upstream.effects).toHaveLength(1);
  });

  test('a reworded note waits until the first call was recovered with its own words, and then gets its result', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [createThing(upstream, 'resend')];
    await dieIn(tools, upstream, store, 'lost', { item: 'a', note: 'first words' });
    const { clock, call } = survivor(tools, store);
    const repeat = call('create_thing', { item: 'a', note: 'other words' });
    await clock.advance(11_000);
    const later = refusalOf(await repeat);
    expect(later).toMatchObject({ code: 'idempotency_conflict', fields: ['note'] });
    expect(later.firstResult).toEqual({ id: upstream.effects[0]?.id });
    expect(upstream.effects.map(({ body }) => (body as { note: string }).note)).toEqual(['first words']);
  });

  test.each(['resend', 'natural', 'reconcile'] as const)(
    'a tool of the same name on another upstream recovers nothing (%s)',
    async (recovery) => {
      const [upstream, other] = [new Upstream(), new Upstream()];
      const store = openMemoryStore();
      const change = { effect: 'update', resource: ({ item }: { item: string }) => ({ item }) } as const;
      const tools = [createThing(upstream, recovery, change)];
      await dieIn(tools, upstream, store, 'hang_after', { item: 'a' });
      const catalog = new ReplaceableCatalog(createCatalog(tools));
      const clock = new ManualClock();
      const { call } = testEngine({ tools, catalog, store, clock });
      const repeat = call('create_thing', { item: 'a' });
      await settleDown();
      const client = upstreamClient(other, day, 'elsewhere');
      catalog.replace(createCatalog([createThing(other, recovery, { ...change, client })]), new Set());
      await clock.advance(11_000);
      expect(refusalOf(await repeat)).toMatchObject({
        code: 'outcome_unknown',
        message: expect.stringContaining('create_thing acts on another upstream now'),
      });
      expect(other.requests).toEqual([]);
      expect(upstream.effects).toHaveLength(1);
      catalog.replace(createCatalog(tools), new Set());
      expect(resultOf(await call('create_thing', { item: 'a' })).recovered).toBe(recovery);
    },
  );

  test('a draining server sends nothing, and another one recovers the operation', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [createThing(upstream, 'resend')];
    await dieIn(tools, upstream, store, 'hang_after', { item: 'a' });
    const clock = new ManualClock();
    const through = faultyStore(
      store,
      () => 'none',
      () => false,
    );
    const compareAndSet: Store['compareAndSet'] = (...given) => {
      draining.close.abort();
      return store.compareAndSet(...given);
    };
    const draining = testEngine({ tools, store: { ...through, compareAndSet }, clock });
    const repeat = draining.call('create_thing', { item: 'a' });
    await clock.advance(11_000);
    expect(refusalOf(await repeat)).toMatchObject({ code: 'outcome_unknown', retryAfterMs: expect.any(Number) });
    expect(upstream.requests).toHaveLength(1);
    const other = survivor(tools, store);
    expect(resultOf(await other.call('create_thing', { item: 'a' })).recovered).toBe('resend');
    expect(upstream.effects).toHaveLength(1);
  });

  test('one of many concurrent recoveries runs, and no process executes twice', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [createThing(upstream, 'resend')];
    await dieIn(tools, upstream, store, 'hang_after', { item: 'a' });
    const processes = Array.from({ length: 5 }, () => survivor(tools, store));
    const repeats = processes.flatMap(({ call }) => [
      call('create_thing', { item: 'a' }),
      call('create_thing', { item: 'a' }),
    ]);
    for (let second = 0; second < 13; second += 1) {
      for (const { clock } of processes) await clock.advance(1_000);
    }
    const answers = (await Promise.all(repeats)).map(resultOf);
    expect(upstream.effects).toHaveLength(1);
    expect(upstream.requests).toHaveLength(2);
    expect(new Set(answers.map(({ result }) => JSON.stringify(result))).size).toBe(1);
  });
});

test('a recovery that loses the ledger keeps the steps that it found, so that none takes effect again', async () => {
  const upstream = new Upstream();
  const clock = new ManualClock();
  let isDown = false;
  const store = faultyStore(
    openMemoryStore({ now: () => clock.wallMs() }),
    () => (isDown ? 'before' : 'none'),
    () => false,
  );
  const { call } = testEngine({ tools: [createOrder(upstream, 'resend')], store, clock });
  // The first resend learns of the customer and the order, and loses the answer to the third step.
  upstream.next('drop_answer', 'none', 'none', 'drop_answer');
  const first = call('create_order', { item: 'a' });
  await upstream.arrived(4);
  await settleDown();
  isDown = true;
  await clock.advance(1_000);
  isDown = false;
  await clock.advance(10_000);
  expect(refusalOf(await first).code).toBe('outcome_unknown');
  upstream.next('none', 'unauthorized');
  await call('create_order', { item: 'a' });
  const last = call('create_order', { item: 'a' });
  await clock.advance(10_000);
  expect(resultOf(await last).result).toEqual({ id: upstream.effects[1]?.id });
  expect(upstream.effects.map(({ body }) => (body as string[])[0])).toEqual(['customer', 'order', 'confirm']);
});

describe('joined outcomes', () => {
  test('stay unknown after a definite refusal that follows a lost answer, and nothing new is sent', async () => {
    for (const fault of ['refuse', 'unauthorized'] as const) {
      const upstream = new Upstream();
      upstream.next('drop_answer', fault, fault);
      const clock = new ManualClock();
      const { call } = testEngine({ clock, tools: [createThing(upstream, 'resend')] });
      const first = call('create_thing', { item: 'a' });
      await clock.advance(2_000);
      expect(refusalOf(await first).code).toBe('outcome_unknown');
      expect(new Set(upstream.requests).size).toBe(1);
      expect(resultOf(await call('create_thing', { item: 'a' })).recovered).toBe('resend');
      expect(upstream.effects).toHaveLength(1);
      expect(new Set(upstream.requests).size).toBe(1);
    }
  });

  test("settle by the upstream's own final answer for the key", async () => {
    const upstream = new Upstream();
    upstream.next('lost');
    const store = openMemoryStore();
    const tools = [createThing(upstream, 'resend')];
    const dead = testEngine({ tools, store, clock: new ManualClock() });
    void dead.call('create_thing', { item: 'a' });
    await upstream.arrived(1);
    upstream.next('decline');
    const { clock, call } = survivor(tools, store);
    const repeat = call('create_thing', { item: 'a' });
    await clock.advance(11_000);
    expect(refusalOf(await repeat).code).toBe('operation_failed');
  });

  test('move to the next recovery of the list after a stored 500', async () => {
    const upstream = new Upstream();
    upstream.next('error_after');
    const clock = new ManualClock();
    const { call } = testEngine({ clock, tools: [createThing(upstream, ['resend', 'reconcile'])] });
    const answer = call('create_thing', { item: 'a' });
    await clock.advance(2_000);
    expect(resultOf(await answer)).toMatchObject({ recovered: 'reconcile', result: { id: upstream.effects[0]?.id } });
    expect(upstream.effects).toHaveLength(1);
  });

  test("stop resending when the provider's memory has run out", async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [createThing(upstream, ['resend', 'refuse'])];
    await dieIn(tools, upstream, store, 'hang_after', { item: 'a' });
    const { clock, call } = survivor(tools, store);
    await clock.advance(23 * hour);
    const repeat = call('create_thing', { item: 'a' });
    await clock.advance(11_000);
    expect(refusalOf(await repeat).code).toBe('outcome_unknown');
    expect(upstream.requests).toHaveLength(1);
  });
});

describe('a run that takes too long', () => {
  test('is cut off as unknown, dispatches nothing more, and its late outcome still counts', async () => {
    const upstream = new Upstream();
    upstream.next('hang_after');
    const clock = new ManualClock();
    const { call } = testEngine({ clock, tools: [createThing(upstream, 'refuse')], settings: { maxRunMs: minute } });
    const first = call('create_thing', { item: 'a' });
    await upstream.arrived(1);
    await clock.advance(minute);
    expect(refusalOf(await first).code).toBe('outcome_unknown');
    upstream.release();
    await settleDown();
    expect(resultOf(await call('create_thing', { item: 'a' })).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(1);
  });

  test('does not send its next step after the cut-off', async () => {
    const upstream = new Upstream();
    upstream.next('hang_after');
    const clock = new ManualClock();
    const { call } = testEngine({ clock, tools: [createOrder(upstream, 'refuse')], settings: { maxRunMs: minute } });
    const first = call('create_order', { item: 'a' });
    await upstream.arrived(1);
    await clock.advance(minute);
    expect(refusalOf(await first).code).toBe('outcome_unknown');
    upstream.release();
    await settleDown();
    expect(upstream.requests).toHaveLength(1);
  });
});

describe('fencing', () => {
  test('stops an owner that wakes after a take-over from dispatching another step', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [createOrder(upstream, 'resend')];
    upstream.next('hang_after');
    const owner = testEngine({ tools, store, clock: new ManualClock() });
    const first = owner.call('create_order', { item: 'a' });
    await upstream.arrived(1);
    const { clock, call } = survivor(tools, store);
    const repeat = call('create_order', { item: 'a' });
    await clock.advance(11_000);
    const recovered = resultOf(await repeat);
    const sent = upstream.requests.length;
    upstream.release();
    expect(resultOf(await first).result).toEqual(recovered.result);
    expect(upstream.requests).toHaveLength(sent);
    expect(upstream.effects).toHaveLength(3);
  });

  test('protects a slow operation from a take-over by renewals', async () => {
    const upstream = new Upstream();
    upstream.next('hang_after');
    const store = openMemoryStore();
    const clock = new ManualClock();
    const tools = [createThing(upstream, 'resend')];
    const first = testEngine({ tools, store, clock }).call('create_thing', { item: 'a' });
    const second = testEngine({ tools, store, clock }).call('create_thing', { item: 'a' });
    await clock.advance(40_000);
    expect(upstream.requests).toHaveLength(1);
    upstream.release();
    expect([resultOf(await first).replayed, resultOf(await second).replayed]).toEqual([false, true]);
  });
});

describe('waiting and leaving', () => {
  test('a waiter gives up after waitMs with a hint, and gets progress', async () => {
    const upstream = new Upstream();
    upstream.next('hang_after');
    const clock = new ManualClock();
    const { call } = testEngine({ clock, tools: [createThing(upstream, 'resend')] });
    const first = call('create_thing', { item: 'a' });
    await upstream.arrived(1);
    const waits: number[] = [];
    const second = call('create_thing', { item: 'a' }, { onWait: (ms) => waits.push(ms) });
    await clock.advance(46_000);
    expect(refusalOf(await second)).toMatchObject({ code: 'idempotency_in_flight', retryAfterMs: 5_000 });
    expect(waits.length).toBeGreaterThan(40);
    upstream.release();
    resultOf(await first);
  });

  test('a dispatched operation continues without its caller, and the repeat gets its outcome', async () => {
    const upstream = new Upstream();
    upstream.next('hang_before');
    const { call } = testEngine({ tools: [createThing(upstream, 'refuse')] });
    const leaving = new AbortController();
    const first = call('create_thing', { item: 'a' }, { signal: leaving.signal });
    await upstream.arrived(1);
    leaving.abort();
    expect(refusalOf(await first).code).toBe('cancelled');
    const second = call('create_thing', { item: 'a' });
    await settleDown();
    upstream.release();
    expect(resultOf(await second).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(1);
  });

  test('a caller that cancelled before dispatch executes nothing, and a waiter takes over', async () => {
    const upstream = new Upstream();
    const { call, records } = testEngine({ tools: [createThing(upstream, 'refuse')] });
    const leaving = new AbortController();
    leaving.abort();
    const first = call('create_thing', { item: 'a' }, { signal: leaving.signal });
    const second = call('create_thing', { item: 'a' });
    expect(refusalOf(await first).code).toBe('cancelled');
    expect(resultOf(await second).operation?.attempt).toBe(2);
    expect(upstream.requests).toHaveLength(1);
    expect((await records()).map(({ status }) => status.state)).toEqual(['succeeded']);
  });

  test('a server that shuts down executes nothing new and settles the claim as failed', async () => {
    const upstream = new Upstream();
    const { call, close } = testEngine({ tools: [createThing(upstream, 'refuse')] });
    close.abort();
    expect(refusalOf(await call('create_thing', { item: 'a' })).code).toBe('operation_failed');
    expect(upstream.requests).toHaveLength(0);
  });
});

describe('a waiter that reads the record late', () => {
  /** A process whose wake-ups are lost: it reads again only when its own clock says so. */
  function deaf(tools: Tool[], store: Store) {
    const clock = new ManualClock();
    const through = faultyStore(
      store,
      () => 'none',
      () => false,
    );
    const unwoken: Store = { ...through, watch: async () => () => {} };
    return { ...testEngine({ tools, store: unwoken, clock }), clock };
  }

  async function waitingFor(next: readonly number[]) {
    const upstream = new Upstream();
    upstream.next('hang_after');
    const store = openMemoryStore();
    const tools = [setThing(upstream)];
    const owner = testEngine({ tools, store });
    const first = owner.call('set_thing', { item: 'r', count: 1 });
    await upstream.arrived(1);
    const late = deaf(tools, store);
    const waiting = late.call('set_thing', { item: 'r', count: 1 });
    await settleDown();
    upstream.release();
    const { result } = resultOf(await first);
    for (const count of next) resultOf(await owner.call('set_thing', { item: 'r', count }));
    await late.clock.advance(1_000);
    return { answer: await waiting, result, upstream };
  }

  test('gets the outcome that it waited for when the next write has begun or ended', async () => {
    const { answer, result, upstream } = await waitingFor([2]);
    expect(resultOf(answer)).toMatchObject({ replayed: true, result });
    expect(upstream.effects).toHaveLength(2);
  });

  test('gets an unknown outcome when later writes have replaced it', async () => {
    const { answer, upstream } = await waitingFor([2, 3]);
    expect(refusalOf(answer)).toMatchObject({ code: 'outcome_unknown', message: expect.stringContaining('it ended') });
    expect(upstream.effects).toHaveLength(3);
  });

  test('gets a failure although the next attempt has begun, and does not try itself', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    let fail: () => void = () => {};
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', syscall: 'connect' });
    const runs: string[] = [];
    const tools = [
      createThing(upstream, 'refuse', {
        run: (_input, context) =>
          context.step('thing', (key) => {
            runs.push(key);
            return new Promise<never>((_, reject) => {
              fail = () => reject(refused);
            });
          }),
      }),
    ];
    const owner = testEngine({ tools, store });
    const first = owner.call('create_thing', { item: 'a' });
    await settleDown();
    const late = deaf(tools, store);
    const waiting = late.call('create_thing', { item: 'a' });
    await settleDown();
    fail();
    expect(refusalOf(await first).code).toBe('operation_failed');
    const second = owner.call('create_thing', { item: 'a' });
    await settleDown();
    await late.clock.advance(1_000);
    expect(refusalOf(await waiting)).toMatchObject({ code: 'operation_failed' });
    expect(runs).toHaveLength(2);
    fail();
    await second;
  });
});
