import { describe, expect, onTestFinished, test } from 'vitest';
import { LedgerUnavailable, NotExecuted } from '../../../src/core/errors.ts';
import { upstreamKeyOf } from '../../../src/core/key/derive-key.ts';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import { entryValue, type Store } from '../../../src/core/ledger/stores/store.ts';
import { onEvent } from '../../../src/core/observe/events.ts';
import { defineClient, z } from '../../../src/index.ts';
import { refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { ManualClock, settleDown } from '../../support/manual-clock.ts';
import { createOrder, createThing, setThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

const day = 86_400_000;
const startMs = Date.UTC(2026, 0, 1);

const bodies = (upstream: Upstream) => upstream.effects.map(({ body }) => body);
const callId = (value: string) => ({ meta: { 'claudecode/toolUseId': value } });

/** A store of which some writes are held back. */
function gated(store: Store, gate: (value: string) => Promise<void> | undefined): Store {
  const through = faultyStore(
    store,
    () => 'none',
    () => false,
  );
  return {
    ...through,
    putIfAbsent: async (key, value, ttlMs) => {
      await gate(entryValue(value));
      return store.putIfAbsent(key, value, ttlMs);
    },
  };
}

describe('parallel steps of a tool', () => {
  const together = (upstream: Upstream, names: readonly string[]) =>
    createThing(upstream, 'resend', {
      run: async (_, context) => {
        const steps = names.map((name) => context.step(name, (key) => context.client.send(key, name)));
        const [first] = await Promise.all(steps);
        return { id: first?.id ?? '' };
      },
    });

  test('are waited for and kept, and nothing is sent after the run has ended', async () => {
    const upstream = new Upstream();
    upstream.next('decline', 'hang_before');
    const { call } = testEngine({ tools: [together(upstream, ['a', 'b', 'c'])] });
    const first = call('create_thing', { item: 'x' });
    await upstream.arrived(2);
    upstream.release();
    expect(refusalOf(await first)).toMatchObject({ code: 'operation_incomplete', steps: ['b'] });
    await settleDown();
    expect(upstream.requests).toHaveLength(2);
    resultOf(await call('create_thing', { item: 'x' }));
    expect(bodies(upstream)).toEqual(['b', 'a', 'c']);
  });

  test('count for the outcome when something else fails while they run', async () => {
    const upstream = new Upstream();
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' });
    let rates: Promise<unknown> = Promise.reject(refused);
    rates.catch(() => undefined);
    const run = async (
      _: unknown,
      context: { step: <T>(name: string, send: (key: string) => Promise<T>) => Promise<T> },
    ) => {
      const [a] = await Promise.all([context.step('a', (key) => upstream.send(key, 'a')), rates]);
      return { id: a.id };
    };
    const { call } = testEngine({ tools: [createThing(upstream, 'resend', { run })] });
    upstream.next('hang_before');
    const first = call('create_thing', { item: 'x' });
    await upstream.arrived(1);
    upstream.release();
    expect(refusalOf(await first)).toMatchObject({ code: 'operation_incomplete', steps: ['a'] });
    rates = Promise.resolve();
    resultOf(await call('create_thing', { item: 'x' }));
    expect(bodies(upstream)).toEqual(['a']);
  });
});

describe('a ledger that is not available for a while', () => {
  test.each(['step', 'recovery'])(
    'hides its details from the caller and reports them to the operator (%s)',
    async (when) => {
      const upstream = new Upstream();
      const clock = new ManualClock();
      let isAway = true;
      const store = faultyStore(
        openMemoryStore(),
        () => (isAway && upstream.requests.length === 1 ? 'before' : 'none'),
        () => false,
      );
      const { call, records } = testEngine({ tools: [createOrder(upstream, 'resend')], store, clock });
      const told: string[] = [];
      onTestFinished(onEvent((event) => void (event.type === 'ledger_fault' && told.push(event.message))));
      if (when === 'recovery') upstream.next('drop_answer');
      const answering = call('create_order', { item: 'x' });
      await upstream.arrived(1);
      await settleDown();
      isAway = false;
      await clock.advance(5_000);
      const answer = refusalOf(await answering);
      expect(answer.message).toContain('the ledger was not available');
      expect(JSON.stringify([answer, await records()])).not.toContain('the request was lost');
      expect(told).toContain('the request was lost');
    },
  );
});

describe('effects that the engine cannot see', () => {
  test('make a later failure unknown when a request was sent beside the steps', async () => {
    const upstream = new Upstream();
    let broken = true;
    const tool = createThing(upstream, 'resend', {
      run: async (given, context) => {
        const { id } = await context.client.send(context.upstreamKey, given);
        await context.read('totals', async () => {
          if (broken) throw new Error('time-out');
        });
        return { id };
      },
    });
    const clock = new ManualClock();
    const { call } = testEngine({ clock, tools: [tool] });
    const first = call('create_thing', { item: 'x' });
    await clock.advance(2_000);
    expect(refusalOf(await first).code).toBe('outcome_unknown');
    broken = false;
    resultOf(await call('create_thing', { item: 'x' }));
    expect(upstream.effects).toHaveLength(1);
  });

  test('stop all further sending when the outcome of a step is unknown and the tool continues', async () => {
    const upstream = new Upstream();
    const tool = createThing(upstream, 'resend', {
      run: async (_, context) => {
        await context.step('notify', (key) => context.client.send(key, 'notify')).catch(() => undefined);
        const { id } = await context.step('order', (key) => context.client.send(key, 'order'));
        return { id };
      },
    });
    const clock = new ManualClock();
    const { call } = testEngine({ clock, tools: [tool] });
    upstream.next('drop_answer', 'refuse', 'refuse');
    const first = call('create_thing', { item: 'x' });
    await clock.advance(2_000);
    expect(refusalOf(await first).code).toBe('outcome_unknown');
    resultOf(await call('create_thing', { item: 'x' }));
    expect(bodies(upstream)).toEqual(['notify', 'order']);
    expect(new Set(upstream.requests).size).toBe(2);
  });

  test('are excluded by NotExecuted from a step, with or without a client', async () => {
    const upstream = new Upstream();
    const run = async (_: unknown, context: { step: (name: string, send: () => Promise<never>) => Promise<never> }) =>
      context.step('a', () => Promise.reject(new NotExecuted('out of stock')));
    const { client: _, ...clientless } = createThing(upstream, 'refuse', { run });
    for (const tool of [clientless, createThing(upstream, 'refuse', { run })]) {
      const { call } = testEngine({ tools: [tool] });
      expect(refusalOf(await call('create_thing', { item: 'x' })).code).toBe('operation_failed');
    }
  });

  test('leave the outcome unknown when the classification throws', async () => {
    const upstream = new Upstream();
    const client = defineClient({
      name: 'careless',
      env: z.object({}),
      open: () => upstream,
      upstream: () => ({ origin: 'o', mode: 'm', account: 'a' }),
      classify: (error) => ((error as { response: { status: number } }).response.status === 402 ? 'failed' : undefined),
    });
    const { call, records } = testEngine({ tools: [createThing(upstream, 'refuse', { client })] });
    upstream.next('drop_answer');
    expect(refusalOf(await call('create_thing', { item: 'x' })).code).toBe('outcome_unknown');
    expect((await records())[0]?.status.state).toBe('unknown');
  });

  test('are named by step for a tool with match off', async () => {
    const upstream = new Upstream();
    const tool = createThing(upstream, 'refuse', {
      class: 'off',
      run: async (_, context) => {
        await context.step('a', (key) => context.client.send(key, 'a'));
        return context.step('b', (key) => context.client.send(key, 'b'));
      },
    });
    const { call } = testEngine({ tools: [tool] });
    upstream.next('none', 'decline', 'none', 'drop_answer');
    expect(refusalOf(await call('create_thing', { item: 'x' }))).toMatchObject({
      code: 'operation_incomplete',
      steps: ['a'],
    });
    expect(refusalOf(await call('create_thing', { item: 'x' }))).toMatchObject({ code: 'outcome_unknown' });
  });
});

describe('twins', () => {
  const twin = (upstream: Upstream) => createThing(upstream, 'resend', { class: 'state' });

  test('are one operation after their process has died', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const dying = testEngine({ tools: [twin(upstream)], clock: new ManualClock(startMs), store });
    upstream.next('hang_after');
    void dying.call('create_thing', { item: 'x' }, callId('A'));
    await upstream.arrived(1);
    void dying.call('create_thing', { item: 'x' }, callId('B'));
    await settleDown();
    const clock = new ManualClock(startMs + 60_000);
    const { call } = testEngine({ tools: [twin(upstream)], store, clock });
    const repeats = [
      call('create_thing', { item: 'x' }, callId('A')),
      call('create_thing', { item: 'x' }, callId('B')),
    ];
    await clock.advance(30_000);
    const [a, b] = (await Promise.all(repeats)).map(resultOf);
    expect(b?.result).toEqual(a?.result);
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('clocks', () => {
  test('never let natural recovery run over a write of a machine whose clock is behind', async () => {
    const upstream = new Upstream();
    upstream.honoursKeys = false;
    const store = openMemoryStore();
    const tools = [setThing(upstream)];
    upstream.next('hang_after');
    void testEngine({ tools, store, clock: new ManualClock(startMs) }).call('set_thing', { item: 'r', note: 'old' });
    await upstream.arrived(1);
    const other = testEngine({ tools, store, clock: new ManualClock(startMs - 5_000) });
    resultOf(await other.call('set_thing', { item: 'r', note: 'new' }, { hostKey: 'k' }));
    const clock = new ManualClock(startMs + 60_000);
    const repeat = testEngine({ tools, store, clock }).call('set_thing', { item: 'r', note: 'old' });
    await clock.advance(20_000);
    expect(refusalOf(await repeat).code).toBe('outcome_unknown');
    expect(upstream.effects.map(({ body }) => (body as { note: string }).note)).toEqual(['old', 'new']);
  });

  test('never shorten the wait of reconcile on a shared store, however far ahead one is', async () => {
    const upstream = new Upstream();
    const store = { ...gated(openMemoryStore(), () => undefined), shared: true };
    const tools = [createThing(upstream, 'reconcile')];
    upstream.next('hang_before');
    void testEngine({ tools, store, clock: new ManualClock(startMs) }).call('create_thing', { item: 'x' });
    await upstream.arrived(1);
    const clock = new ManualClock(startMs + 900_000);
    const { call } = testEngine({ tools, store, clock });
    const repeat = call('create_thing', { item: 'x' });
    await clock.advance(6_000);
    expect(refusalOf(await repeat)).toMatchObject({ code: 'outcome_unknown', retryAfterMs: 660_000 });
    upstream.release();
    await settleDown();
    expect(resultOf(await call('create_thing', { item: 'x' })).recovered).toBe('reconcile');
    expect(upstream.effects).toHaveLength(1);
  });

  test('stop an owner that slept from dispatching after its operation was taken over', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    let wake = (): void => {};
    const asleep = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let runs = 0;
    const tool = createThing(upstream, 'reconcile', {
      run: async (given, context) => {
        runs += 1;
        if (runs === 1) await asleep;
        const { id } = await context.step('thing', (key) => context.client.send(key, given, context.marker));
        return { id };
      },
    });
    const sleeping = new ManualClock(startMs);
    const first = testEngine({ tools: [tool], store, clock: sleeping }).call('create_thing', { item: 'x' });
    await settleDown();
    const clock = new ManualClock(startMs);
    const { call } = testEngine({ tools: [tool], store, clock });
    const refused = call('create_thing', { item: 'x' });
    await clock.advance(12_000);
    expect(refusalOf(await refused).code).toBe('outcome_unknown');
    await clock.advance(720_000);
    const { result } = resultOf(await call('create_thing', { item: 'x' }));
    // The wall clock is right at once; the monotonic one stood still, as CLOCK_MONOTONIC does.
    sleeping.jumpWall(780_000);
    wake();
    expect(resultOf(await first).result).toEqual(result);
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('the record of an unknown outcome', () => {
  test('names the step whose outcome is unknown, so that an operator can find its upstream key', async () => {
    const upstream = new Upstream();
    upstream.next('none', 'drop_answer');
    const { call, records } = testEngine({ tools: [createOrder(upstream, 'refuse')] });
    expect(refusalOf(await call('create_order', { item: 'x' })).code).toBe('outcome_unknown');
    const [record] = await records();
    expect(record).toMatchObject({ steps: [{ name: 'customer' }], pending: ['order'] });
    const { key = '', generation = 0, attempt = 0, createdAt = 0 } = record ?? {};
    expect(upstreamKeyOf({ key, generation, attempt, createdAt, step: 'order' })).toBe(upstream.requests[1]);
  });

  test('names the step that a process was sending when it died', async () => {
    const upstream = new Upstream();
    upstream.next('none', 'hang_after');
    const store = openMemoryStore();
    const { call, records } = testEngine({ tools: [createOrder(upstream, 'refuse')], store, clock: new ManualClock() });
    void call('create_order', { item: 'x' });
    await upstream.arrived(2);
    expect((await records())[0]).toMatchObject({ status: { state: 'in_flight' }, pending: ['order'] });
  });
});

describe('retention', () => {
  test('keeps an unresolved operation for at least its window', async () => {
    const upstream = new Upstream();
    const clock = new ManualClock(startMs);
    const { call } = testEngine({ tools: [createThing(upstream, 'refuse', { window: 60 * day })], clock });
    upstream.next('drop_answer');
    expect(refusalOf(await call('create_thing', { item: 'x' })).code).toBe('outcome_unknown');
    clock.jumpWall(31 * day);
    expect(refusalOf(await call('create_thing', { item: 'x' })).code).toBe('outcome_unknown');
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('a list of recoveries', () => {
  test('stops resending a stored 500 without an effect once nothing can arrive, then looks up and runs', async () => {
    const upstream = new Upstream();
    const clock = new ManualClock(startMs);
    const send = upstream.send.bind(upstream);
    const broken = new Set<string>();
    upstream.send = async (key, body, marker) => {
      if (broken.size === 0 || broken.has(key)) {
        broken.add(key);
        throw new Error('500, saved under this key, before any effect');
      }
      return send(key, body, marker);
    };
    const { call } = testEngine({ tools: [createThing(upstream, ['resend', 'reconcile'])], clock });
    const first = call('create_thing', { item: 'x' });
    await clock.advance(2_000);
    const { retryAfterMs = 0 } = refusalOf(await first);
    await clock.advance(retryAfterMs);
    expect(resultOf(await call('create_thing', { item: 'x' })).operation?.attempt).toBe(2);
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('callers that ask again too early', () => {
  test('do not delay the recovery without end', async () => {
    const upstream = new Upstream();
    const clock = new ManualClock(startMs);
    const send = upstream.send.bind(upstream);
    const broken = new Set<string>();
    upstream.send = async (key, body, marker) => {
      if (broken.size === 0) broken.add(key);
      if (broken.has(key)) throw new Error('500, saved under this key, before any effect');
      return send(key, body, marker);
    };
    const { call } = testEngine({ tools: [createThing(upstream, ['resend', 'reconcile'])], clock });
    const codes: string[] = [];
    for (let minute = 0; minute < 20; minute += 1) {
      const answer = call('create_thing', { item: 'x' });
      await clock.advance(60_000);
      const told = await answer;
      codes.push(told.type === 'result' ? 'succeeded' : refusalOf(told).code);
    }
    expect(codes.at(0)).toBe('outcome_unknown');
    expect(codes.at(-1)).toBe('succeeded');
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('the message to a caller', () => {
  test('does not say that nothing was executed when the ledger fails after the call sent something', async () => {
    const upstream = new Upstream();
    const store = openMemoryStore();
    const tools = [createThing(upstream, 'refuse')];
    let gone = false;
    const through = gated(store, () => {
      if (gone) throw new LedgerUnavailable('gone');
      return undefined;
    });
    const owner = testEngine({ tools, store: through, clock: new ManualClock(startMs) });
    upstream.next('hang_after');
    upstream.honoursKeys = false;
    const answer = owner.call('create_thing', { item: 'x' });
    await upstream.arrived(1);
    const [record] = await owner.records();
    const held = await owner.ledger.read(record?.key ?? '');
    if (!held) throw new Error('the record is there');
    // Taken over by somebody else, who does not end.
    expect(await testEngine({ tools, store }).ledger.takeOver(held)).toBeDefined();
    gone = true;
    const { result } = { result: upstream.effects[0]?.id };
    upstream.release();
    const told = await answer;
    // The owner's own success stays true, whoever owns the record now.
    expect(resultOf(told).result).toEqual({ id: result });
  });

  test('says that nothing was executed when a client does not open in time', async () => {
    const upstream = new Upstream();
    const client = defineClient({
      name: 'stuck',
      env: z.object({}),
      open: () => new Promise<Upstream>(() => {}),
      upstream: () => ({ origin: 'o', mode: 'm', account: 'a' }),
    });
    const clock = new ManualClock(startMs);
    const { call } = testEngine({ tools: [createThing(upstream, 'refuse', { client })], clock });
    const answer = call('create_thing', { item: 'x' });
    await clock.advance(31_000);
    expect(refusalOf(await answer)).toMatchObject({ code: 'operation_failed' });
  });
});

describe('an unguarded run that never ends', () => {
  const minute = 60_000;
  const settings = { maxRunMs: minute };

  test('tells the caller of a read that it was cut off', async () => {
    const clock = new ManualClock();
    const upstream = new Upstream();
    const run = () => new Promise<never>(() => {});
    const tools = [createThing(upstream, 'refuse', { effect: 'read', class: 'off', run })];
    const { call, engine } = testEngine({ clock, tools, settings });
    const answer = call('create_thing', { item: 'x' });
    await clock.advance(minute);
    expect(refusalOf(await answer)).toMatchObject({ code: 'operation_failed' });
    expect(engine.running.size).toBe(0);
  });

  test('has an unknown outcome when it writes, and sends nothing more', async () => {
    const clock = new ManualClock();
    const upstream = new Upstream();
    let goOn = () => {};
    const between = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const tools = [
      createThing(upstream, 'refuse', {
        class: 'off',
        run: async (_, { step, client }) => {
          await step('a', (key) => client.send(key, 'a'));
          await between;
          return { id: (await step('b', (key) => client.send(key, 'b'))).id };
        },
      }),
    ];
    const { call, engine } = testEngine({ clock, tools, settings });
    const answer = call('create_thing', { item: 'x' });
    await upstream.arrived(1);
    await clock.advance(minute);
    expect(refusalOf(await answer)).toMatchObject({ code: 'outcome_unknown', steps: ['a'] });
    expect(engine.running.size).toBe(0);
    goOn();
    await settleDown();
    expect(bodies(upstream)).toEqual(['a']);
  });
});
