import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Outcome } from '../../../src/core/call/outcome.ts';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import { SessionMemory } from '../../../src/core/recognition/session.ts';
import { defineTool } from '../../../src/core/tool/define-tool.ts';
import type { Effect, Tool, ToolClass } from '../../../src/core/tool/types.ts';
import { type CallOptions, refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { ManualClock, settleDown } from '../../support/manual-clock.ts';
import { Upstream, upstreamClient } from '../../support/upstream.ts';

const day = 86_400_000;

/** A tool with a skeleton (`to`, `amount`) and free text (`note`). */
function tool(upstream: Upstream, name: string, toolClass: ToolClass, effect: Effect, movesMoney = false): Tool {
  return defineTool({
    name,
    title: name,
    description: name,
    effect,
    class: toolClass,
    movesMoney,
    input: z.strictObject({ to: z.string().max(20), amount: z.number().optional(), note: z.string().optional() }),
    output: z.object({ id: z.string() }),
    client: upstreamClient(upstream, day),
    run: async (input, { client, step, marker }) => {
      const { id } = await step('send', (key) => client.send(key, { name, ...input }, marker));
      return { id };
    },
  });
}

/** One session that receives each answer unless a call says otherwise. */
function session(clock = new ManualClock()) {
  const upstream = new Upstream();
  const tools = [
    tool(upstream, 'send_note', 'create', 'create'),
    tool(upstream, 'pay', 'create', 'create', true),
    tool(upstream, 'set_note', 'state', 'update'),
    tool(upstream, 'remove_note', 'state', 'delete'),
    tool(upstream, 'append_note', 'repeatable', 'update'),
  ];
  const store = openMemoryStore({ now: () => clock.wallMs() });
  const { call: callEngine } = testEngine({ tools, clock, store });
  const memory = new SessionMemory(clock);
  const call = async (name: string, args: object, how: CallOptions & { lost?: boolean } = {}): Promise<Outcome> => {
    const outcome = await callEngine(name, args, { session: memory, ...how });
    const isShown = outcome.type === 'result' || (outcome.type === 'refusal' && outcome.firstResult !== undefined);
    const conversation = memory.of(undefined);
    if (!how.lost && isShown && outcome.operation) conversation.noteDelivered(outcome.operation);
    return outcome;
  };
  const texts = () => upstream.effects.map(({ body }) => (body as { note?: string }).note);
  // Its clock stands still, as that of a process that has died.
  const other = testEngine({ tools, clock: new ManualClock(), store }).call;
  return { upstream, clock, call, callEngine, texts, other };
}

const words = 'Thank you for the great dinner on Saturday';
const reworded = 'Thanks for that great dinner on Saturday!';

describe('a reworded create', () => {
  test('gets a conflict with the first result, and its token executes it once', async () => {
    const { call, upstream } = session();
    const first = resultOf(await call('send_note', { to: 'ann', note: words }));
    const asked = refusalOf(await call('send_note', { to: 'ann', note: reworded }));
    expect(asked).toMatchObject({ code: 'idempotency_conflict', firstResult: first.result, fields: ['note'] });
    expect(asked.message).toContain('says the same in other words');
    expect(upstream.effects).toHaveLength(1);
    const meant = { to: 'ann', note: reworded, repeat_token: asked.repeatToken };
    expect(resultOf(await call('send_note', meant)).replayed).toBe(false);
    expect(resultOf(await call('send_note', meant)).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(2);
  });

  test('replays its own operation once a token has executed it', async () => {
    const { call, upstream } = session();
    await call('send_note', { to: 'ann', note: words });
    const asked = refusalOf(await call('send_note', { to: 'ann', note: reworded }));
    const second = resultOf(await call('send_note', { to: 'ann', note: reworded, repeat_token: asked.repeatToken }));
    const repeat = resultOf(await call('send_note', { to: 'ann', note: reworded }));
    expect(repeat).toMatchObject({ replayed: true, result: second.result });
    expect(resultOf(await call('send_note', { to: 'ann', note: words })).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(2);
  });

  test('replays its own operation after the family has forgotten it', async () => {
    const { call, upstream, clock } = session();
    await call('send_note', { to: 'ann', note: words });
    const asked = refusalOf(await call('send_note', { to: 'ann', note: reworded }));
    const second = resultOf(await call('send_note', { to: 'ann', note: reworded, repeat_token: asked.repeatToken }));
    await clock.advance(60 * 60_000);
    const repeat = resultOf(await call('send_note', { to: 'ann', note: reworded }));
    expect(repeat).toMatchObject({ replayed: true, result: second.result });
    expect(upstream.effects).toHaveLength(2);
  });

  test('takes the token of a replay of the first wording, once', async () => {
    const { call, upstream } = session();
    await call('send_note', { to: 'ann', note: words });
    const { repeatToken } = resultOf(await call('send_note', { to: 'ann', note: words }));
    resultOf(await call('send_note', { to: 'ann', note: reworded, repeat_token: repeatToken }));
    expect(upstream.effects).toHaveLength(2);
    const other = refusalOf(await call('send_note', { to: 'ann', note: 'See you', repeat_token: repeatToken }));
    expect(other.code).toBe('idempotency_conflict');
    expect(upstream.effects).toHaveLength(2);
  });

  test('waits for the first call in flight, and then gets its result', async () => {
    const { call, upstream } = session();
    upstream.next('hang_after');
    const first = call('send_note', { to: 'ann', note: words });
    await upstream.arrived(1);
    const second = call('send_note', { to: 'ann', note: reworded });
    await settleDown();
    upstream.release();
    const { result } = resultOf(await first);
    expect(refusalOf(await second)).toMatchObject({ code: 'idempotency_conflict', firstResult: result });
    expect(upstream.effects).toHaveLength(1);
  });

  test('never runs while the outcome of the first call is unknown, since its process died', async () => {
    const { other, call, upstream, clock } = session();
    upstream.next('hang_after');
    void other('send_note', { to: 'ann', note: words });
    await upstream.arrived(1);
    const waiting = call('send_note', { to: 'ann', note: reworded });
    await clock.advance(20_000);
    expect(refusalOf(await waiting).code).toBe('outcome_unknown');
    expect(upstream.effects).toHaveLength(1);
    upstream.release();
  });

  test('executes when the first call failed without an effect', async () => {
    const { call, upstream } = session();
    upstream.next('refuse');
    refusalOf(await call('send_note', { to: 'ann', note: words }));
    resultOf(await call('send_note', { to: 'ann', note: reworded }));
    expect(upstream.effects).toHaveLength(1);
  });

  test('executes 15 minutes later', async () => {
    const { call, upstream, clock } = session();
    await call('send_note', { to: 'ann', note: words });
    await clock.advance(14 * 60_000);
    refusalOf(await call('send_note', { to: 'ann', note: reworded }));
    await clock.advance(60_000);
    resultOf(await call('send_note', { to: 'ann', note: reworded }));
    expect(upstream.effects).toHaveLength(2);
  });

  test('executes exactly one of 20 wordings at once', async () => {
    const { call, upstream } = session();
    const wordings = Array.from({ length: 20 }, (_, index) => `${words}${'!'.repeat(index)}`);
    const answers = await Promise.all(wordings.map((note) => call('send_note', { to: 'ann', note })));
    expect(upstream.effects).toHaveLength(1);
    const conflicts = answers.filter(({ type }) => type === 'refusal').map(refusalOf);
    for (const { firstResult } of conflicts) expect(firstResult).toEqual({ id: upstream.effects[0]?.id });
  });

  test('is another operation for another recipient, amount, tenant or content', async () => {
    const { call, upstream } = session();
    await call('send_note', { to: 'ann', amount: 1, note: words });
    const others = [
      { to: 'bob', amount: 1, note: reworded },
      { to: 'ann', amount: 2, note: reworded },
      { to: 'ann', amount: 1, note: 'Thanks for that great dinner on Sunday!' },
      { to: 'ann', amount: 1, note: 'Where did you park the car?' },
    ];
    for (const each of others) expect(resultOf(await call('send_note', each)).replayed).toBe(false);
    const elsewhere = { scope: { tenant: 'x', subject: 'y' } };
    resultOf(await call('send_note', { to: 'ann', amount: 1, note: reworded }, elsewhere));
    expect(upstream.effects).toHaveLength(6);
  });
});

describe('a tool of the class state', () => {
  test('executes each of A, B, A, and replays a repeat of the last one', async () => {
    const { call, texts } = session();
    for (const note of ['A', 'B', 'A']) {
      expect(resultOf(await call('set_note', { to: 'x', note })).replayed).toBe(false);
    }
    expect(resultOf(await call('set_note', { to: 'x', note: 'A' })).replayed).toBe(true);
    expect(texts()).toEqual(['A', 'B', 'A']);
  });

  test('executes the same call again once its answer is older than the twin time', async () => {
    const { call, upstream, clock } = session();
    await call('set_note', { to: 'x' });
    await clock.advance(9_000);
    expect(resultOf(await call('set_note', { to: 'x' })).replayed).toBe(true);
    await clock.advance(2_000);
    expect(resultOf(await call('set_note', { to: 'x' })).replayed).toBe(false);
    expect(upstream.effects).toHaveLength(2);
  });

  test('replays while the answer has not reached the caller, however late', async () => {
    const { call, upstream, clock } = session();
    await call('set_note', { to: 'x', note: 'A' }, { lost: true });
    await call('set_note', { to: 'x', note: 'B' });
    await clock.advance(60_000);
    expect(resultOf(await call('set_note', { to: 'x', note: 'A' })).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(2);
  });

  test('replays for a caller without a session, whose token executes the next generation once', async () => {
    const { callEngine, upstream, clock } = session();
    await callEngine('set_note', { to: 'x' });
    await clock.advance(60_000);
    const { repeatToken, operation } = resultOf(await callEngine('set_note', { to: 'x' }));
    const again = { to: 'x', repeat_token: repeatToken };
    const second = resultOf(await callEngine('set_note', again));
    expect([second.replayed, second.operation?.key, second.operation?.generation]).toEqual([false, operation?.key, 2]);
    const third = resultOf(await callEngine('set_note', again));
    expect(third.replayed).toBe(true);
    expect(upstream.effects).toHaveLength(2);
    resultOf(await callEngine('set_note', { to: 'x', repeat_token: third.repeatToken }));
    expect(upstream.effects).toHaveLength(3);
  });

  test('gives two deletes one answer, and deletes again after another write', async () => {
    const { call, upstream, clock } = session();
    await call('remove_note', { to: 'x' });
    await clock.advance(60_000);
    expect(resultOf(await call('remove_note', { to: 'x' })).replayed).toBe(true);
    await call('send_note', { to: 'x' });
    expect(resultOf(await call('remove_note', { to: 'x' })).replayed).toBe(false);
    expect(upstream.effects).toHaveLength(3);
  });

  test('executes one of two equal calls at once that repeat a delivered one', async () => {
    const { call, upstream, clock } = session();
    await call('set_note', { to: 'x' });
    await clock.advance(60_000);
    const both = await Promise.all([call('set_note', { to: 'x' }), call('set_note', { to: 'x' })]);
    expect(both.map((each) => resultOf(each).replayed).sort()).toEqual([false, true]);
    expect(upstream.effects).toHaveLength(2);
  });
});

describe('a tool of the class create', () => {
  test('replays through other writes, and executes again after a delete', async () => {
    const { call, upstream, clock } = session();
    await call('send_note', { to: 'x' });
    await call('set_note', { to: 'x' });
    await clock.advance(60_000);
    expect(resultOf(await call('send_note', { to: 'x' })).replayed).toBe(true);
    await call('remove_note', { to: 'x' });
    expect(resultOf(await call('send_note', { to: 'x' })).replayed).toBe(false);
    expect(resultOf(await call('send_note', { to: 'x' })).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(4);
  });

  test('replays twins that the host sends one after the other', async () => {
    const { call, upstream } = session();
    const id = (value: string) => ({ meta: { 'claudecode/toolUseId': value } });
    resultOf(await call('pay', { to: 'x', amount: 5 }, id('1')));
    expect(resultOf(await call('pay', { to: 'x', amount: 5 }, id('2'))).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('a delete that was refused', () => {
  test('does not count as a delete, so that a create stays a repeat', async () => {
    const clock = new ManualClock();
    const upstream = new Upstream();
    const refused: Tool = {
      ...tool(upstream, 'remove_note', 'state', 'delete'),
      results: 'content',
      acceptsOutput: () => true,
      run: async () => ({ content: [{ type: 'text', text: 'not found' }], isError: true }),
    };
    const { call } = testEngine({ tools: [tool(upstream, 'send_note', 'create', 'create'), refused], clock });
    const memory = new SessionMemory(clock);
    const { operation } = resultOf(await call('send_note', { to: 'x' }, { session: memory }));
    if (operation) memory.of(undefined).noteDelivered(operation);
    await call('remove_note', { to: 'y' }, { session: memory });
    expect(resultOf(await call('send_note', { to: 'x' }, { session: memory })).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('a used repeat token', () => {
  test.each(['pay', 'send_note', 'append_note'])('of %s replays, whatever was executed since', async (name) => {
    const { call, upstream, clock } = session();
    const args = { to: 'x', amount: 5 };
    await call(name, args);
    const { repeatToken } = resultOf(await call(name, args));
    resultOf(await call(name, { ...args, repeat_token: repeatToken }));
    await call('remove_note', { to: 'y' });
    await clock.advance(60_000);
    expect(resultOf(await call(name, { ...args, repeat_token: repeatToken })).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(3);
  });
});

describe('a call that waited for its twin', () => {
  test('is known by its call id, so that a host may send it again', async () => {
    const { call, upstream, clock } = session();
    const id = (value: string) => ({ meta: { 'claudecode/toolUseId': value } });
    upstream.next('hang_after');
    const twins = [call('append_note', { to: 'x' }, id('1')), call('append_note', { to: 'x' }, id('2'))];
    await upstream.arrived(1);
    await settleDown();
    upstream.release();
    await Promise.all(twins);
    await clock.advance(60_000);
    for (const each of ['1', '2']) {
      expect(resultOf(await call('append_note', { to: 'x' }, id(each))).replayed).toBe(true);
    }
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('a repeatable tool', () => {
  test('executes each numbered occurrence once', async () => {
    const { call, upstream } = session();
    for (const occurrence of [1, 2, 3, '3', 2]) await call('append_note', { to: 'x', note: 'tick', occurrence });
    expect(upstream.effects).toHaveLength(3);
    for (const occurrence of [0, 1.5, 'two', 10_001]) {
      const refused = refusalOf(await call('append_note', { to: 'x', occurrence }));
      expect(refused).toMatchObject({ code: 'invalid_input', message: expect.stringContaining('/occurrence') });
    }
    expect(upstream.effects).toHaveLength(3);
  });

  test('executes a reworded call after the answer, and asks before it', async () => {
    const lost = session();
    await lost.call('append_note', { to: 'x', note: words }, { lost: true });
    refusalOf(await lost.call('append_note', { to: 'x', note: reworded }, { lost: true }));
    expect(lost.upstream.effects).toHaveLength(1);
    const { call, upstream } = session();
    await call('append_note', { to: 'x', note: words });
    resultOf(await call('append_note', { to: 'x', note: reworded }));
    expect(upstream.effects).toHaveLength(2);
  });

  test('has no occurrence where money moves', async () => {
    const upstream = new Upstream();
    const { call } = testEngine({ tools: [tool(upstream, 'tip', 'repeatable', 'create', true)] });
    expect(refusalOf(await call('tip', { to: 'x', occurrence: 2 })).code).toBe('invalid_input');
  });
});

describe('an unknown outcome', () => {
  test('is ended by its caller with a token, once', async () => {
    const { call, upstream } = session();
    upstream.next('drop_answer');
    const unknown = refusalOf(await call('set_note', { to: 'x' }));
    expect(unknown).toMatchObject({ code: 'outcome_unknown', repeatToken: expect.stringMatching(/^u1\./) });
    expect(refusalOf(await call('set_note', { to: 'x' })).code).toBe('outcome_unknown');
    const again = { to: 'x', repeat_token: unknown.repeatToken };
    expect(resultOf(await call('set_note', again)).replayed).toBe(false);
    expect(resultOf(await call('set_note', again)).replayed).toBe(true);
    expect(resultOf(await call('set_note', { to: 'x' })).replayed).toBe(true);
    expect(upstream.requests).toHaveLength(2);
  });

  test('of a tool that moves money is for an operator', async () => {
    const { call, upstream } = session();
    upstream.next('drop_answer');
    const unknown = refusalOf(await call('pay', { to: 'x', amount: 1 }));
    expect(unknown.repeatToken).toBeUndefined();
    expect(unknown.message).toContain('an operator ends it with');
    expect(upstream.requests).toHaveLength(1);
  });

  test('holds back a reworded call as well', async () => {
    const { call, upstream } = session();
    upstream.next('drop_answer');
    refusalOf(await call('send_note', { to: 'x', note: words }));
    const held = refusalOf(await call('send_note', { to: 'x', note: reworded }));
    expect(held).toMatchObject({ code: 'outcome_unknown', fields: ['note'] });
    expect(held.message).toMatch(/an earlier call .*\(note\).*This call was not sent/);
    expect(upstream.requests).toHaveLength(1);
  });
});

describe('an error that is kept because it may hide an effect', () => {
  /** A tool whose upstream takes the effect and answers with an error. */
  function failing(name: string, toolClass: ToolClass, effect: Effect) {
    const clock = new ManualClock();
    const upstream = new Upstream();
    const answers: Partial<Tool> = {
      results: 'content',
      acceptsOutput: () => true,
      run: async (input, context) => {
        await upstream.send(context.upstreamKey, input);
        return { content: [{ type: 'text', text: 'Request timed out' }], isError: true };
      },
    };
    const tools = [
      { ...tool(upstream, name, toolClass, effect), ...answers },
      tool(upstream, 'remove_note', 'state', 'delete'),
    ];
    const { call: callEngine } = testEngine({ tools, clock });
    const memory = new SessionMemory(clock);
    const call = async (called: string, args: object): Promise<Outcome> => {
      const outcome = await callEngine(called, args, { session: memory });
      if (outcome.operation) memory.of(undefined).noteDelivered(outcome.operation);
      return outcome;
    };
    const effects = () => upstream.effects.filter(({ body }) => (body as { name?: string }).name === undefined).length;
    return { clock, call, effects };
  }

  test.each([
    ['create', 'create'],
    ['state', 'update'],
    ['repeatable', 'update'],
  ] as const)(
    'is replayed for the class %s, whatever the session did since, until a token comes',
    async (kind, effect) => {
      const { clock, call, effects } = failing('write_note', kind, effect);
      const args = { to: 'ann', note: words };
      const first = resultOf(await call('write_note', args));
      await clock.advance(60_000);
      expect(resultOf(await call('write_note', args)).replayed).toBe(true);
      await call('remove_note', { to: 'bob' });
      expect(resultOf(await call('write_note', args)).replayed).toBe(true);
      expect(effects()).toBe(1);
      expect(resultOf(await call('write_note', { ...args, repeat_token: first.repeatToken })).replayed).toBe(false);
      expect(effects()).toBe(2);
    },
  );

  test('is asked about when a repeatable call says the same in other words', async () => {
    const { call, effects } = failing('append_row', 'repeatable', 'update');
    await call('append_row', { to: 'ann', note: words });
    expect(refusalOf(await call('append_row', { to: 'ann', note: reworded })).code).toBe('idempotency_conflict');
    expect(effects()).toBe(1);
  });
});

describe('several equal calls that are meant, each started without a token', () => {
  const args = { to: 'ada', note: words };
  const tokenIn = (outcome: Outcome): string => {
    const token = outcome.type === 'input_required' ? undefined : outcome.repeatToken;
    if (token === undefined) throw new Error('the answer has no token');
    return token;
  };

  test('each take effect with one more call', async () => {
    const { call, upstream } = session();
    await call('send_note', args);
    for (let meant = 2; meant <= 5; meant += 1) {
      const replay = await call('send_note', args);
      expect(replay).toMatchObject({ replayed: true });
      expect(await call('send_note', { ...args, repeat_token: tokenIn(replay) })).toMatchObject({ replayed: false });
      expect(upstream.effects).toHaveLength(meant);
    }
  });

  test('a token leads to the operation whose answer was lost, not to one more', async () => {
    const { call, upstream } = session();
    await call('send_note', args);
    const first = tokenIn(await call('send_note', args));
    await call('send_note', { ...args, repeat_token: first }, { lost: true });
    const again = tokenIn(await call('send_note', args));
    expect(await call('send_note', { ...args, repeat_token: again })).toMatchObject({ replayed: true });
    expect(upstream.effects).toHaveLength(2);
  });

  test('another session gets the token of the first one', async () => {
    const { call, other, upstream } = session();
    await call('send_note', args);
    const first = tokenIn(await call('send_note', args));
    await call('send_note', { ...args, repeat_token: first });
    expect(tokenIn(await other('send_note', args))).toBe(first);
    expect(upstream.effects).toHaveLength(2);
  });
});
