import { describe, expect, test } from 'vitest';
import { ReplyLost } from '../../../src/core/errors.ts';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import type { Store } from '../../../src/core/ledger/stores/store.ts';
import { refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { faultyStore, type StoreFault } from '../../support/faulty-store.ts';
import { ManualClock, settleDown } from '../../support/manual-clock.ts';
import { createThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

const minute = 60_000;

/** Two processes on one store. The connection of the first one fails as a test says. */
function stage(recovery: 'refuse' | 'resend') {
  const clock = new ManualClock();
  const upstream = new Upstream();
  const shared = openMemoryStore({ now: () => clock.wallMs() });
  let fault: StoreFault = 'none';
  const store = faultyStore(
    shared,
    () => fault,
    () => false,
  );
  const tools = [createThing(upstream, recovery)];
  const one = testEngine({ tools, store, clock });
  const two = testEngine({ tools, store: shared, clock });
  const away = (now: StoreFault): void => {
    fault = now;
  };
  return { clock, upstream, store, shared, one, two, away };
}

describe('an outcome that cannot be written', () => {
  test('is kept for ten minutes, answers repeats meanwhile, and is written when the store is back', async () => {
    const { clock, upstream, one, two, away } = stage('refuse');
    upstream.next('hang_after');
    const first = one.call('create_thing', { item: 'a' });
    await upstream.arrived(1);
    away('before');
    upstream.release();
    await clock.advance(6_000);
    expect(resultOf(await first)).toMatchObject({ replayed: false });
    await clock.advance(10 * minute);
    expect(resultOf(await one.call('create_thing', { item: 'a' }))).toMatchObject({
      replayed: true,
      result: { id: upstream.effects[0]?.id },
    });
    // Another operation is not executed without a ledger.
    expect(refusalOf(await one.call('create_thing', { item: 'b' })).code).toBe('ledger_unavailable');
    away('none');
    await clock.advance(3_000);
    expect(resultOf(await two.call('create_thing', { item: 'a' })).replayed).toBe(true);
    expect(one.engine.unsettled.size).toBe(0);
    expect(upstream.effects).toHaveLength(1);
  });

  test('is written at once for a repeat that reaches its process when the store is back', async () => {
    const { clock, upstream, one, away } = stage('refuse');
    upstream.next('hang_after');
    const first = one.call('create_thing', { item: 'a' });
    await upstream.arrived(1);
    away('before');
    upstream.release();
    await clock.advance(5 * minute);
    await first;
    away('none');
    const repeat = one.call('create_thing', { item: 'a' });
    await settleDown(50);
    expect(resultOf(await repeat).replayed).toBe(true);
  });

  test('is named in the log when the process ends', async () => {
    const { clock, upstream, store, away } = stage('refuse');
    const warned: string[] = [];
    const { engine, call, end } = testEngine({ tools: [createThing(upstream, 'refuse')], store, clock });
    Object.assign(engine, { log: { ...engine.log, warn: (message: string) => warned.push(message) } });
    upstream.next('hang_after');
    const first = call('create_thing', { item: 'a' });
    await upstream.arrived(1);
    away('before');
    upstream.release();
    await clock.advance(6_000);
    const { operation } = resultOf(await first);
    end.abort();
    await Promise.all(engine.running);
    expect(warned).toEqual([
      expect.stringContaining(`${operation?.key} could not be written to the ledger: succeeded`),
    ]);
  });
});

describe('a claim whose reply is lost', () => {
  /** The store stores a claim and then stays away. */
  function losingClaims(store: Store, isAway: () => boolean): Store {
    return new Proxy(store, {
      get(target, name: keyof Store) {
        const member = target[name];
        if (typeof member !== 'function') return member;
        return async (...given: unknown[]) => {
          if (!isAway() || name === 'close') return Reflect.apply(member, target, given);
          if (name === 'putIfAbsent') await Reflect.apply(member, target, given);
          throw new ReplyLost('the answer was lost');
        };
      },
    });
  }

  test('is given back after ten minutes without a store, so that no operation stays unknown', async () => {
    const clock = new ManualClock();
    const upstream = new Upstream();
    const shared = openMemoryStore({ now: () => clock.wallMs() });
    let isAway = true;
    const tools = [createThing(upstream, 'refuse')];
    const one = testEngine({ tools, clock, store: losingClaims(shared, () => isAway) });
    const two = testEngine({ tools, clock, store: shared });
    expect(refusalOf(await one.call('create_thing', { item: 'a' })).code).toBe('ledger_unavailable');
    await clock.advance(10 * minute);
    isAway = false;
    await clock.advance(3_000);
    expect(resultOf(await two.call('create_thing', { item: 'a' }))).toMatchObject({ replayed: false });
    expect(upstream.effects).toHaveLength(1);
  });

  test('is given back at once for a call that reaches its process', async () => {
    const clock = new ManualClock();
    const upstream = new Upstream();
    let isAway = true;
    const store = losingClaims(openMemoryStore({ now: () => clock.wallMs() }), () => isAway);
    const { call } = testEngine({ tools: [createThing(upstream, 'refuse')], clock, store });
    await call('create_thing', { item: 'a' });
    await clock.advance(5 * minute);
    isAway = false;
    const again = call('create_thing', { item: 'a' });
    await clock.advance(100);
    expect(resultOf(await again)).toMatchObject({ replayed: false });
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('a run that was cut off', () => {
  test.each(['resend', 'refuse'] as const)('after its time limit tells when to ask again (%s)', async (recovery) => {
    const clock = new ManualClock();
    const upstream = new Upstream();
    const tools = [createThing(upstream, recovery)];
    const { call } = testEngine({ tools, clock, settings: { maxRunMs: minute } });
    upstream.next('hang_after');
    const first = call('create_thing', { item: 'a' });
    await upstream.arrived(1);
    await clock.advance(minute);
    expect(refusalOf(await first)).toMatchObject({ code: 'outcome_unknown', retryAfterMs: expect.any(Number) });
    upstream.release();
    await settleDown(20);
    const repeat = call('create_thing', { item: 'a' });
    await clock.advance(2_000);
    expect(resultOf(await repeat).result).toEqual({ id: upstream.effects[0]?.id });
  });

  test('by a shutdown tells when to ask again if the next call recovers it, and is final if none can', async () => {
    for (const recovery of ['resend', 'refuse'] as const) {
      const clock = new ManualClock();
      const upstream = new Upstream();
      const { call, end } = testEngine({ tools: [createThing(upstream, recovery)], clock });
      upstream.next('hang_after');
      const first = call('create_thing', { item: 'a' });
      await upstream.arrived(1);
      end.abort();
      await settleDown(20);
      const { retryAfterMs, message } = refusalOf(await first);
      expect(retryAfterMs === undefined).toBe(recovery === 'refuse');
      expect(message.includes('Nothing more is sent')).toBe(recovery === 'refuse');
    }
  });
});
