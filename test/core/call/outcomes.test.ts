import { describe, expect, test } from 'vitest';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import { defineClient, z } from '../../../src/index.ts';
import { refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { ManualClock, settleDown } from '../../support/manual-clock.ts';
import { createOrder, createThing, setThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

const hour = 3_600_000;

describe('a repeated call', () => {
  test('has one effect and the same result, marked as a replay', async () => {
    const upstream = new Upstream();
    const { call } = testEngine({ tools: [createThing(upstream, 'resend')] });
    const first = resultOf(await call('create_thing', { item: 'a' }));
    const second = resultOf(await call('create_thing', { count: 1, item: 'a', note: null }));
    expect(upstream.effects).toHaveLength(1);
    expect(JSON.stringify(second.result)).toBe(JSON.stringify(first.result));
    expect([first.replayed, second.replayed]).toEqual([false, true]);
    expect(second.repeatToken).toMatch(/^r1\./);
    expect(first.repeatToken).toBeUndefined();
  });

  test('has two effects without the ledger (control)', async () => {
    const upstream = new Upstream();
    const { call } = testEngine({ tools: [createThing(upstream, 'refuse', { class: 'off' })] });
    await call('create_thing', { item: 'a' });
    await call('create_thing', { item: 'a' });
    expect(upstream.effects).toHaveLength(2);
  });

  test('runs one of 50 concurrent duplicates and gives all of them its result', async () => {
    const upstream = new Upstream();
    upstream.next('hang_after');
    const { call } = testEngine({ tools: [createThing(upstream, 'resend')] });
    const calls = Array.from({ length: 50 }, () => call('create_thing', { item: 'a' }));
    await upstream.arrived(1);
    await settleDown();
    upstream.release();
    const answers = (await Promise.all(calls)).map(resultOf);
    expect(upstream.effects).toHaveLength(1);
    expect(new Set(answers.map(({ result }) => JSON.stringify(result))).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
  });

  test('runs again after the window, with a new upstream key', async () => {
    const upstream = new Upstream();
    const clock = new ManualClock();
    const { call } = testEngine({ clock, tools: [createThing(upstream, 'resend')] });
    await call('create_thing', { item: 'a' });
    await clock.advance(24 * hour);
    expect(resultOf(await call('create_thing', { item: 'a' })).replayed).toBe(false);
    expect(upstream.effects).toHaveLength(2);
    expect(new Set(upstream.requests).size).toBe(2);
  });

  test('is a replay after the clock was set back, and the lease does not lapse when the clock is set forward', async () => {
    const upstream = new Upstream();
    const clock = new ManualClock();
    const { call } = testEngine({ clock, tools: [createThing(upstream, 'resend')] });
    await call('create_thing', { item: 'a' });
    clock.jumpWall(-hour);
    expect(resultOf(await call('create_thing', { item: 'a' })).replayed).toBe(true);
    upstream.next('hang_after');
    const slow = call('create_thing', { item: 'b' });
    await upstream.arrived(2);
    clock.jumpWall(2 * hour);
    const repeat = call('create_thing', { item: 'b' });
    await settleDown();
    upstream.release();
    expect(resultOf(await slow).replayed).toBe(false);
    expect(resultOf(await repeat).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(2);
  });

  test('conflicts when the fingerprint differs, names the fields and encloses result and token', async () => {
    const upstream = new Upstream();
    const { call } = testEngine({ tools: [createThing(upstream, 'resend')] });
    const first = resultOf(await call('create_thing', { item: 'a', note: 'one' }));
    const conflict = refusalOf(await call('create_thing', { item: 'a', note: 'two' }));
    expect(conflict).toMatchObject({ code: 'idempotency_conflict', fields: ['note'], firstResult: first.result });
    const again = resultOf(await call('create_thing', { item: 'a', note: 'two', repeat_token: conflict.repeatToken }));
    expect(again.replayed).toBe(false);
    expect(upstream.effects).toHaveLength(2);
  });
});

describe('a repeat token', () => {
  test('executes a second operation once, replays when used twice, and a third operation needs the next token', async () => {
    const upstream = new Upstream();
    const { call } = testEngine({ tools: [createThing(upstream, 'resend')] });
    await call('create_thing', { item: 'a' });
    const { repeatToken } = resultOf(await call('create_thing', { item: 'a' }));
    const second = resultOf(await call('create_thing', { item: 'a', repeat_token: repeatToken }));
    const used = resultOf(await call('create_thing', { item: 'a', repeat_token: repeatToken }));
    expect([second.replayed, used.replayed, upstream.effects.length]).toEqual([false, true, 2]);
    expect(used.result).toEqual(second.result);
    const third = resultOf(await call('create_thing', { item: 'a', repeat_token: used.repeatToken }));
    expect([third.replayed, upstream.effects.length]).toEqual([false, 3]);
    expect(resultOf(await call('create_thing', { item: 'a' })).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(3);
  });

  test('is refused and executes nothing when it is forged, foreign or not supported by the tool', async () => {
    const upstream = new Upstream();
    const { call } = testEngine({ tools: [createThing(upstream, 'resend'), setThing(upstream)] });
    await call('create_thing', { item: 'a' });
    const { repeatToken = '' } = resultOf(await call('create_thing', { item: 'a' }));
    const forged = `${repeatToken.slice(0, -1)}${repeatToken.endsWith('A') ? 'B' : 'A'}`;
    for (const [tool, args] of [
      ['create_thing', { item: 'b', repeat_token: repeatToken }],
      ['create_thing', { item: 'a', repeat_token: forged }],
      ['create_thing', { item: 'a', repeat_token: 'r1.1.1' }],
      ['set_thing', { item: 'a', repeat_token: repeatToken }],
    ] as const) {
      expect(refusalOf(await call(tool, args)).code).toBe('invalid_repeat_token');
    }
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('a key from the host', () => {
  test('names the operation, and conflicts when the arguments differ', async () => {
    const upstream = new Upstream();
    const { call } = testEngine({ tools: [createThing(upstream, 'resend')] });
    await call('create_thing', { item: 'a' }, { hostKey: 'k1' });
    await call('create_thing', { item: 'a' }, { hostKey: 'k2' });
    const replay = resultOf(await call('create_thing', { item: 'a' }, { hostKey: 'k1' }));
    expect([replay.replayed, replay.repeatToken, upstream.effects.length]).toEqual([true, undefined, 2]);
    const conflict = refusalOf(await call('create_thing', { item: 'z' }, { hostKey: 'k1' }));
    expect(conflict).toMatchObject({ code: 'idempotency_conflict', fields: ['item'] });
    expect(conflict.repeatToken).toBeUndefined();
  });

  test('is refused and executes nothing when it is empty, too long or not a string', async () => {
    const upstream = new Upstream();
    const { call } = testEngine({ tools: [createThing(upstream, 'resend')] });
    for (const hostKey of ['', 'x'.repeat(256), 7, null, {}]) {
      expect(refusalOf(await call('create_thing', { item: 'a' }, { hostKey })).code).toBe('invalid_input');
    }
    expect(upstream.requests).toHaveLength(0);
  });

  test('guards even a tool with match off, and can be disabled', async () => {
    const upstream = new Upstream();
    const tools = [createThing(upstream, 'refuse', { class: 'off' })];
    const on = testEngine({ tools });
    await on.call('create_thing', { item: 'a' }, { hostKey: 'k' });
    await on.call('create_thing', { item: 'a' }, { hostKey: 'k' });
    expect(upstream.effects).toHaveLength(1);
    const off = testEngine({ tools, settings: { hostKeys: false } });
    await off.call('create_thing', { item: 'a' }, { hostKey: 'k' });
    await off.call('create_thing', { item: 'a' }, { hostKey: 'k' });
    expect(upstream.effects).toHaveLength(3);
  });
});

describe('a definite failure', () => {
  test('has no effect, and the next call runs again with a new upstream key', async () => {
    const upstream = new Upstream();
    upstream.next('decline');
    const { call } = testEngine({ tools: [createThing(upstream, 'resend')] });
    expect(refusalOf(await call('create_thing', { item: 'a' })).code).toBe('operation_failed');
    const second = resultOf(await call('create_thing', { item: 'a' }));
    expect([second.replayed, second.operation?.attempt, upstream.effects.length]).toEqual([false, 2, 1]);
    expect(new Set(upstream.requests).size).toBe(2);
  });

  test('reaches the waiting calls, which do not try themselves', async () => {
    const upstream = new Upstream();
    const clock = new ManualClock();
    let fail: (error: Error) => void = () => {};
    const tool = createThing(upstream, 'refuse', {
      run: (_input, context) =>
        context.step('thing', () => {
          upstream.requests.push('sent');
          return new Promise<never>((_, reject) => {
            fail = reject;
          });
        }),
    });
    const { call } = testEngine({ clock, tools: [tool] });
    const calls = [call('create_thing', { item: 'a' }), call('create_thing', { item: 'a' })];
    await settleDown();
    fail(Object.assign(new Error('refused'), { code: 'ECONNREFUSED', syscall: 'connect' }));
    const answers = (await Promise.all(calls)).map(refusalOf);
    expect(answers.map(({ code }) => code)).toEqual(['operation_failed', 'operation_failed']);
    expect(upstream.requests).toHaveLength(1);
  });
});

describe('an operation of several steps', () => {
  test('is incomplete when it fails after some steps took effect, and continues from there', async () => {
    const upstream = new Upstream();
    upstream.next('none', 'none', 'decline');
    const { call } = testEngine({ tools: [createOrder(upstream, 'resend')] });
    const first = refusalOf(await call('create_order', { item: 'a', note: 'x' }));
    expect(first).toMatchObject({ code: 'operation_incomplete', steps: ['customer', 'order'] });
    const other = refusalOf(await call('create_order', { item: 'a', note: 'y' }));
    expect(other).toMatchObject({ code: 'idempotency_conflict', steps: ['customer', 'order'] });
    const second = resultOf(await call('create_order', { item: 'a', note: 'x' }));
    expect(second.replayed).toBe(false);
    expect(upstream.effects.map(({ body }) => (body as string[])[0])).toEqual(['customer', 'order', 'confirm']);
    expect(new Set(upstream.requests).size).toBe(4);
  });

  test('is failed, not incomplete, when its first step fails', async () => {
    const upstream = new Upstream();
    upstream.next('reject');
    const { call } = testEngine({ tools: [createOrder(upstream, 'resend')] });
    expect(refusalOf(await call('create_order', { item: 'a' })).code).toBe('operation_failed');
  });

  test('recovers a lost answer in the middle with the same upstream key and sends no step twice', async () => {
    const upstream = new Upstream();
    upstream.next('none', 'drop_answer');
    const { call } = testEngine({ tools: [createOrder(upstream, 'resend')] });
    const answer = resultOf(await call('create_order', { item: 'a' }));
    expect(answer.recovered).toBe('resend');
    expect(upstream.effects).toHaveLength(3);
    expect(upstream.requests).toHaveLength(4);
    expect(upstream.requests[1]).toBe(upstream.requests[2]);
  });
});

describe('match latest', () => {
  test('executes A, B, A three times and A, A once', async () => {
    const upstream = new Upstream();
    const { call } = testEngine({ tools: [setThing(upstream)] });
    const set = async (count: number) => resultOf(await call('set_thing', { item: 'r', count })).replayed;
    expect([await set(1), await set(1), await set(2), await set(1), await set(1)]).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
    expect(upstream.effects).toHaveLength(3);
  });

  test('makes a write wait for the one in flight, and each call gets its own outcome', async () => {
    const upstream = new Upstream();
    upstream.next('hang_after');
    const { call } = testEngine({ tools: [setThing(upstream)] });
    const first = call('set_thing', { item: 'r', count: 1 });
    await upstream.arrived(1);
    const twin = call('set_thing', { item: 'r', count: 1 });
    const other = call('set_thing', { item: 'r', count: 2 });
    await settleDown();
    expect(upstream.requests).toHaveLength(1);
    upstream.release();
    const answers = (await Promise.all([first, twin, other])).map(resultOf);
    expect(upstream.effects).toHaveLength(2);
    expect(answers[0]?.result).toEqual(answers[1]?.result);
    expect(answers[2]?.result).not.toEqual(answers[0]?.result);
  });

  test('executes a write again after another tool wrote the same resource', async () => {
    const upstream = new Upstream();
    const tools = [setThing(upstream), setThing(upstream, { name: 'reset_thing' })];
    const { call } = testEngine({ tools });
    await call('set_thing', { item: 'r', count: 1 });
    await call('reset_thing', { item: 'r', count: 1 });
    expect(resultOf(await call('set_thing', { item: 'r', count: 1 })).replayed).toBe(false);
    expect(upstream.effects).toHaveLength(3);
  });
});

describe('scope and upstream', () => {
  test('separate operations by tenant, subject and account', async () => {
    const upstream = new Upstream();
    const tools = [createThing(upstream, 'resend')];
    const store = openMemoryStore();
    const here = testEngine({ tools, store });
    const there = testEngine({ tools, store, environment: { ACCOUNT: 'b' } });
    await here.call('create_thing', { item: 'a' });
    await here.call('create_thing', { item: 'a' }, { scope: { tenant: 'other', subject: 'local' } });
    await here.call('create_thing', { item: 'a' }, { scope: { tenant: 'default', subject: 'other' } });
    await there.call('create_thing', { item: 'a' });
    expect(upstream.effects).toHaveLength(4);
    await there.call('create_thing', { item: 'a' });
    expect(upstream.effects).toHaveLength(4);
  });

  test('separate operations by conversation only where that is configured', async () => {
    const upstream = new Upstream();
    const tools = [createThing(upstream, 'resend')];
    const talk = (value: string) => ({ meta: { 'openai/session': value } });
    const apart = testEngine({ tools, settings: { conversationScope: true } });
    await apart.call('create_thing', { item: 'a' }, talk('1'));
    await apart.call('create_thing', { item: 'a' }, talk('2'));
    expect(upstream.effects).toHaveLength(2);
    const together = testEngine({ tools });
    await together.call('create_thing', { item: 'a' }, talk('1'));
    await together.call('create_thing', { item: 'a' }, talk('2'));
    expect(upstream.effects).toHaveLength(3);
  });
});

describe('a result that the ledger cannot keep', () => {
  const big = { id: 'x'.repeat(2_000) };

  test('reaches the first caller when it is too large; a repeat learns that it took effect', async () => {
    const upstream = new Upstream();
    const run = async (_: unknown, context: { step: <T>(name: string, send: () => Promise<T>) => Promise<T> }) => {
      await context.step('thing', () => upstream.send('k', {}));
      return big;
    };
    const tools = [createThing(upstream, 'refuse', { run })];
    const { call } = testEngine({ tools, settings: { resultBytesMax: 1_024 } });
    expect(resultOf(await call('create_thing', { item: 'a' })).result).toEqual(big);
    const repeat = refusalOf(await call('create_thing', { item: 'a' }));
    expect(repeat).toMatchObject({ code: 'result_not_kept', stub: { reason: 'too_large' } });
    expect(upstream.effects).toHaveLength(1);
  });

  test('is reported to both callers when it does not match the output schema or is not JSON', async () => {
    for (const result of [{ other: 1 }, { id: 1n }]) {
      const upstream = new Upstream();
      const run = async () => {
        await upstream.send('k', {});
        return result as never;
      };
      const { call } = testEngine({ tools: [createThing(upstream, 'refuse', { run })] });
      for (const now of [/It was executed now/, /Nothing was executed now/]) {
        const answer = refusalOf(await call('create_thing', { item: 'a' }));
        expect(answer.code).toBe('result_not_kept');
        expect(answer.message).toMatch(now);
      }
      expect(upstream.effects).toHaveLength(1);
    }
  });
});

describe('an unguarded tool', () => {
  test('runs a read each time, stores nothing, and a failed read changes nothing', async () => {
    const upstream = new Upstream();
    upstream.next('none', 'none', 'drop_answer');
    const { call, records } = testEngine({
      tools: [createThing(upstream, 'refuse', { effect: 'read', class: 'off' })],
    });
    for (const _ of [1, 2]) expect(resultOf(await call('create_thing', { item: 'a' })).replayed).toBe(false);
    expect(upstream.requests).toHaveLength(2);
    const failed = refusalOf(await call('create_thing', { item: 'a' }));
    expect(failed).toMatchObject({ code: 'operation_failed', message: expect.stringContaining('nothing was changed') });
    expect(await records()).toEqual([]);
  });

  test('says what is known about a failure, and that calling again may do it twice', async () => {
    const upstream = new Upstream();
    upstream.next('refuse', 'drop_answer');
    const { call } = testEngine({ tools: [createThing(upstream, 'refuse', { class: 'off' })] });
    expect(refusalOf(await call('create_thing', { item: 'a' })).code).toBe('operation_failed');
    const unknown = refusalOf(await call('create_thing', { item: 'a' }));
    expect(unknown).toMatchObject({ code: 'outcome_unknown', message: expect.stringContaining('may do it twice') });
  });

  test('runs nothing while the server shuts down', async () => {
    const upstream = new Upstream();
    const { call, close } = testEngine({ tools: [createThing(upstream, 'refuse', { class: 'off' })] });
    close.abort();
    expect(refusalOf(await call('create_thing', { item: 'a' })).message).toContain('Nothing was executed');
    expect(upstream.requests).toHaveLength(0);
  });

  test('reports a result that does not match the output schema', async () => {
    const upstream = new Upstream();
    const run = async () => ({ other: 1 }) as never;
    const { call } = testEngine({ tools: [createThing(upstream, 'refuse', { class: 'off', run })] });
    expect(refusalOf(await call('create_thing', { item: 'a' })).code).toBe('result_not_kept');
  });
});

describe('a routing tool', () => {
  test('passes the call on, so that the operation is the same under either name', async () => {
    const upstream = new Upstream();
    const thing = createThing(upstream, 'refuse');
    const route = (input: unknown) => {
      const { operation, ...rest } = input as { operation?: string; arguments?: unknown };
      return operation === undefined ? undefined : { tool: operation, arguments: rest.arguments };
    };
    const caller = { ...setThing(upstream), name: 'call_operation', route };
    const { call } = testEngine({ tools: [thing, caller] });
    const asked = { operation: 'create_thing', arguments: { item: 'x' } };
    expect(resultOf(await call('call_operation', asked)).replayed).toBe(false);
    const replay = resultOf(await call('call_operation', asked));
    expect(replay.replayed).toBe(true);
    expect(resultOf(await call('create_thing', { item: 'x' })).replayed).toBe(true);
    const more = { operation: 'create_thing', arguments: { item: 'x', repeat_token: replay.repeatToken } };
    expect(resultOf(await call('call_operation', more)).replayed).toBe(false);
    expect(upstream.effects).toHaveLength(2);
    expect(refusalOf(await call('call_operation', { operation: 'create_thin', arguments: {} })).code).toBe(
      'unknown_tool',
    );
  });
});

describe('a call that cannot be prepared', () => {
  test('blames the tool when its identity or resource throws, and executes nothing', async () => {
    const upstream = new Upstream();
    const broken = () => {
      throw new Error('no such field');
    };
    const { call, records } = testEngine({
      tools: [
        createThing(upstream, 'refuse', { identity: broken }),
        setThing(upstream, { recovery: 'refuse', resource: broken }),
      ],
    });
    for (const name of ['create_thing', 'set_thing']) {
      const { code, message } = refusalOf(await call(name, { item: 'x' }));
      expect(code).toBe('operation_failed');
      expect(message).toMatch(/no such field\. Nothing was executed/);
    }
    expect(await records()).toEqual([]);
    expect(upstream.effects).toEqual([]);
  });

  test('sends and keeps the original arguments when a resource function changes its input', async () => {
    const upstream = new Upstream();
    const resource = (input: { tags?: string[] | undefined }) => (input.tags ?? []).sort();
    const { call, records } = testEngine({ tools: [setThing(upstream, { resource })] });
    resultOf(await call('set_thing', { item: 'x', tags: ['z', 'b'] }, { hostKey: 'host-key' }));
    expect(upstream.effects.map(({ body }) => body)).toMatchObject([{ tags: ['z', 'b'] }]);
    expect((await records()).find(({ kind }) => kind === 'operation')?.arguments).toMatchObject({ tags: ['z', 'b'] });
  });

  test('suggests the right name for a misspelt tool', async () => {
    const { call } = testEngine({ tools: [createThing(new Upstream(), 'refuse')] });
    const { code, message } = refusalOf(await call('create_thin', {}));
    expect(code).toBe('unknown_tool');
    expect(message).toContain('did you mean "create_thing"?');
  });

  test('names a missing variable of a client, and an unknown tool', async () => {
    const upstream = new Upstream();
    const client = defineClient({
      name: 'needy',
      env: z.object({ NEEDED: z.string() }),
      open: () => upstream,
      upstream: () => ({ origin: 'o', mode: 'm', account: 'a' }),
    });
    const { call } = testEngine({ tools: [createThing(upstream, 'refuse', { client })] });
    const missing = refusalOf(await call('create_thing', { item: 'a' }));
    expect(missing).toMatchObject({ code: 'operation_failed', message: expect.stringContaining('NEEDED') });
    const unknown = refusalOf(await call('delete_thing', {}));
    expect(unknown).toMatchObject({ code: 'unknown_tool', message: expect.stringContaining('create_thing') });
    expect(upstream.requests).toHaveLength(0);
  });

  test('settles as failed when the client does not open, and opens it again at the next call', async () => {
    const upstream = new Upstream();
    let opens = 0;
    const client = defineClient({
      name: 'slow to start',
      env: z.object({}),
      open: () => {
        opens += 1;
        if (opens === 1) throw new Error('not yet');
        return upstream;
      },
      upstream: () => ({ origin: 'o', mode: 'm', account: 'a' }),
    });
    const { call } = testEngine({ tools: [createThing(upstream, 'refuse', { client })] });
    expect(refusalOf(await call('create_thing', { item: 'a' })).code).toBe('operation_failed');
    expect(resultOf(await call('create_thing', { item: 'a' })).operation?.attempt).toBe(2);
    expect(upstream.effects).toHaveLength(1);
  });
});
