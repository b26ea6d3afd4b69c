import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../../src/core/call/outcome.ts';
import type { QuestionChannel } from '../../../../src/core/call/types.ts';
import { NotExecuted } from '../../../../src/core/errors.ts';
import { resolveOperation } from '../../../../src/core/ledger/operator.ts';
import { openMemoryStore } from '../../../../src/core/ledger/stores/memory.ts';
import type { RunContext } from '../../../../src/core/tool/types.ts';
import { z } from '../../../../src/index.ts';
import { type CallOptions, questionOf, refusalOf, resultOf, testEngine } from '../../../support/engine.ts';
import { ManualClock, settleDown } from '../../../support/manual-clock.ts';
import { createThing, setThing } from '../../../support/tools.ts';
import { Upstream } from '../../../support/upstream.ts';

const hour = 3_600_000;
const rounds: QuestionChannel = { type: 'rounds' };
const args = { item: 'x' };
const account = z.object({ account: z.string(), limit: z.int().min(1).optional() });
const yes = z.object({});
const accept = (content: unknown = {}) => ({ action: 'accept', content });
const ann = accept({ account: 'ann' });
const bob = accept({ account: 'bob' });

type Changes = NonNullable<Parameters<typeof createThing>[2]>;
type Context = RunContext<Upstream>;

/** Asks for an account, and sends it. */
const askFirst: NonNullable<Changes['run']> = async (_given, context: Context) => {
  const reply = await context.ask('account', { message: 'Which account?', schema: account });
  if (reply.action !== 'accept') throw new NotExecuted(`the person said ${reply.action}`);
  const { id } = await context.step('thing', (key) => context.client.send(key, reply.content, context.marker));
  return { id };
};

/** Reserves, asks whether to go on, and confirms. */
const askBetween: NonNullable<Changes['run']> = async (_given, context: Context) => {
  const reserved = await context.step('reserve', (key) => context.client.send(key, 'reserve', context.marker));
  const reply = await context.ask('confirm', { message: 'Confirm?', schema: yes });
  const { id } = await context.step('end', (key) => context.client.send(key, [reply.action, reserved.id]));
  return { id };
};

function asking(run: NonNullable<Changes['run']>, more: Changes & { tool?: typeof setThing } = {}) {
  const { tool: make, ...changes } = more;
  const upstream = new Upstream();
  const clock = new ManualClock();
  const store = openMemoryStore({ now: () => clock.wallMs() });
  const tool = make ? make(upstream, { run, ...changes }) : createThing(upstream, 'resend', { run, ...changes });
  const engine = testEngine({ clock, store, tools: [tool] });
  const call = (how: CallOptions = {}, given: unknown = args) =>
    engine.call(tool.name, given, { questionChannel: rounds, ...how });
  /** Another process on the same store, which knows nothing of the first one. */
  const elsewhere = () => {
    const other = testEngine({ clock, store, tools: [tool] });
    return (how: CallOptions = {}, given: unknown = args) =>
      other.call(tool.name, given, { questionChannel: rounds, ...how });
  };
  const bodies = () => upstream.effects.map(({ body }) => body);
  return { ...engine, call, elsewhere, upstream, clock, bodies };
}

const answering = (state: string, responses: unknown): CallOptions => ({ input: { responses, state } });
const stateOf = (answer: Outcome): string => questionOf(answer).requestState;

describe('a tool that asks before it sends anything', () => {
  test('ends with the question and executes after the reply', async () => {
    const { call, bodies, records } = asking(askFirst);
    const question = questionOf(await call());
    expect(question).toMatchObject({ tool: 'create_thing', about: 'input', operation: { generation: 1, attempt: 1 } });
    expect(question.requests).toEqual({
      account: {
        message: 'Which account?',
        schema: {
          type: 'object',
          properties: { account: { type: 'string' }, limit: expect.objectContaining({ type: 'integer', minimum: 1 }) },
          required: ['account'],
        },
      },
    });
    expect((await records())[0]?.status).toMatchObject({ state: 'waiting', round: 1 });
    const first = resultOf(await call(answering(question.requestState, { account: ann })));
    expect(first).toMatchObject({ replayed: false, operation: { generation: 1, attempt: 1 } });
    expect(bodies()).toEqual([{ account: 'ann' }]);
    // An input_required result is never the stored one.
    expect(resultOf(await call())).toMatchObject({ replayed: true, result: first.result });
    expect(bodies()).toHaveLength(1);
  });

  test('puts the same question to every caller, holds no lease, and expires only by its own time', async () => {
    const { call, elsewhere, clock, ledger, records } = asking(askFirst);
    const question = questionOf(await call());
    const [record] = await records();
    const before = await ledger.read(record?.key ?? '');
    await clock.advance(hour - 1_000);
    expect(await call()).toEqual(question);
    expect(await elsewhere()()).toEqual(question);
    expect(await ledger.read(record?.key ?? '')).toEqual(before);
  });

  test('continues in another process between two rounds', async () => {
    const { call, elsewhere, bodies } = asking(askBetween);
    const state = stateOf(await call());
    const answer = resultOf(await elsewhere()(answering(state, { confirm: accept() })));
    expect(answer.replayed).toBe(false);
    expect(bodies()).toEqual(['reserve', ['accept', expect.any(String)]]);
  });

  test('passes declined and cancelled to the tool as replies, and asks again at the next call', async () => {
    const { call, bodies } = asking(askFirst);
    for (const action of ['decline', 'cancel']) {
      const state = stateOf(await call());
      const refused = refusalOf(await call(answering(state, { account: { action, content: null } })));
      expect(refused).toMatchObject({ code: 'operation_failed', message: expect.stringContaining(`said ${action}`) });
    }
    const state = stateOf(await call());
    resultOf(await call(answering(state, { account: ann })));
    expect(bodies()).toHaveLength(1);
  });

  test('asks again for missing or unsuitable replies, refuses invalid ones and ignores others', async () => {
    const { call, bodies } = asking(askFirst);
    const question = questionOf(await call());
    const state = question.requestState;
    for (const responses of [undefined, {}, { other: ann }]) {
      expect(await call(answering(state, responses))).toEqual(question);
    }
    const long = accept({ account: 'a'.repeat(70_000) });
    for (const account of [null, 'ann', { action: 'yes' }, long, accept({ account: '\ud800' })]) {
      expect(refusalOf(await call(answering(state, { account }))).code).toBe('invalid_input');
    }
    const second = questionOf(await call(answering(state, { account: accept({ account: 7 }) })));
    // Whoever answers again learns what was not right.
    const message = expect.stringMatching(/^Which account\? \(.*account must/);
    expect(second.requests).toEqual({ account: { ...question.requests.account, message } });
    expect(second.requestState).not.toBe(state);
    resultOf(await call(answering(second.requestState, { account: ann, other: bob, more: 1 })));
    expect(bodies()).toEqual([{ account: 'ann' }]);
  });

  test('asks for several inputs at once or one after another', async () => {
    const both: NonNullable<Changes['run']> = async (_given, context: Context) => {
      const [a, b] = await Promise.all([
        context.ask('a', { message: 'A?', schema: yes }),
        context.ask('b', { message: 'B?', schema: yes }),
      ]);
      const c = await context.ask('c', { message: 'C?', schema: yes });
      const said = [a.action, b.action, c.action];
      return { id: (await context.step('thing', (key) => context.client.send(key, said))).id };
    };
    const { call, bodies } = asking(both);
    const first = questionOf(await call());
    expect(Object.keys(first.requests)).toEqual(['a', 'b']);
    const decline = { action: 'decline' };
    const second = questionOf(await call(answering(first.requestState, { a: accept(), b: decline })));
    expect(Object.keys(second.requests)).toEqual(['c']);
    resultOf(await call(answering(second.requestState, { c: accept() })));
    expect(bodies()).toEqual([['accept', 'decline', 'accept']]);
  });
});

describe('a reply that is sent twice', () => {
  test('replays or waits, and conflicts with a different reply, before and after the operation settles', async () => {
    const { call, elsewhere, upstream, bodies } = asking(askFirst);
    const state = stateOf(await call());
    upstream.next('hang_after');
    const first = call(answering(state, { account: ann }));
    await upstream.arrived(1);
    const again = elsewhere()(answering(state, { account: ann }));
    const other = refusalOf(await call(answering(state, { account: bob })));
    expect(other).toMatchObject({
      code: 'idempotency_conflict',
      message: expect.stringContaining('already has a different reply'),
    });
    await settleDown();
    upstream.release();
    const { result } = resultOf(await first);
    expect(resultOf(await again)).toMatchObject({ replayed: true, result });
    expect(resultOf(await call(answering(state, { account: ann })))).toMatchObject({ replayed: true, result });
    for (const responses of [{ account: bob }, {}, undefined]) {
      expect(refusalOf(await call(answering(state, responses))).code).toBe('idempotency_conflict');
    }
    expect(bodies()).toEqual([{ account: 'ann' }]);
  });

  test('counts one of two different replies at once, and the operation is sent once', async () => {
    const { call, elsewhere, bodies } = asking(askFirst);
    const state = stateOf(await call());
    const there = elsewhere();
    const answers = await Promise.all(
      [0, 1, 2, 3].flatMap(() => [call(answering(state, { account: ann })), there(answering(state, { account: bob }))]),
    );
    const codes = answers.map((answer) => (answer.type === 'result' ? 'result' : refusalOf(answer).code));
    expect(codes.filter((code) => code === 'result')).toHaveLength(4);
    expect(codes.filter((code) => code === 'idempotency_conflict')).toHaveLength(4);
    expect(bodies()).toHaveLength(1);
  });

  test('never counts for a later question, and gets that question', async () => {
    const twice: NonNullable<Changes['run']> = async (_given, context: Context) => {
      await context.ask('first', { message: 'First?', schema: yes });
      await context.ask('second', { message: 'Second?', schema: yes });
      return { id: (await context.step('thing', (key) => context.client.send(key, 'sent'))).id };
    };
    const { call, bodies } = asking(twice);
    const first = stateOf(await call());
    const second = questionOf(await call(answering(first, { first: accept() })));
    expect(await call(answering(first, { first: accept() }))).toEqual(second);
    expect(await call(answering(first, { first: accept(), second: accept() }))).toEqual(second);
    expect(refusalOf(await call(answering(first, { first: { action: 'decline' } }))).code).toBe('idempotency_conflict');
    expect(bodies()).toEqual([]);
    resultOf(await call(answering(second.requestState, { second: accept() })));
    expect(resultOf(await call(answering(first, { first: accept() }))).replayed).toBe(true);
    expect(bodies()).toEqual(['sent']);
  });

  test('fails again after a definite failure, and is sent if it was never sent', async () => {
    const { call, upstream, bodies } = asking(askFirst);
    const state = stateOf(await call());
    upstream.next('decline');
    for (let count = 0; count < 2; count += 1) {
      expect(refusalOf(await call(answering(state, { account: ann }))).code).toBe('operation_failed');
    }
    expect(upstream.requests).toHaveLength(1);
    const next = stateOf(await call());
    const left = new AbortController();
    left.abort();
    expect(refusalOf(await call({ ...answering(next, { account: ann }), signal: left.signal })).code).toBe('cancelled');
    await settleDown();
    expect(bodies()).toEqual([]);
    resultOf(await call(answering(next, { account: ann })));
    expect(bodies()).toEqual([{ account: 'ann' }]);
  });

  test('stays in the record after a crash, and the effect happens once', async () => {
    const { call, clock, engine, store, upstream, bodies } = asking(askFirst);
    const state = stateOf(await call());
    upstream.next('hang_after');
    // Its clock stands still from here on: it renews nothing, and never settles.
    void call(answering(state, { account: ann }));
    await upstream.arrived(1);
    const later = new ManualClock(clock.wallMs());
    const there = testEngine({ clock: later, store, tools: engine.catalog.tools });
    const respond = (account: unknown) =>
      there.call('create_thing', args, { questionChannel: rounds, ...answering(state, { account }) });
    const waiting = respond(ann);
    await later.advance(20_000);
    expect(resultOf(await waiting)).toMatchObject({ recovered: 'resend' });
    expect(refusalOf(await respond(bob)).code).toBe('idempotency_conflict');
    expect(upstream.requests).toHaveLength(2);
    expect(bodies()).toEqual([{ account: 'ann' }]);
  });

  test('is used again to recover an unknown outcome', async () => {
    const { call, upstream, clock, bodies } = asking(askFirst);
    const state = stateOf(await call());
    upstream.next('drop_answer', 'unauthorized', 'unauthorized');
    const first = call(answering(state, { account: ann }));
    await clock.advance(2_000);
    expect(refusalOf(await first).code).toBe('outcome_unknown');
    expect(refusalOf(await call(answering(state, { account: bob }))).code).toBe('idempotency_conflict');
    expect(resultOf(await call(answering(state, { account: ann }))).recovered).toBe('resend');
    expect(bodies()).toEqual([{ account: 'ann' }]);
  });
});

describe('a requestState that does not belong to the call', () => {
  test('executes nothing when it is forged, or from another caller, operation or question', async () => {
    const { call, upstream } = asking(askFirst);
    const mallory = { scope: { tenant: 'default', subject: 'mallory' } };
    const mine = stateOf(await call());
    const theirs = stateOf(await call(mallory));
    const other = stateOf(await call({}, { item: 'y' }));
    const respond = { account: ann };
    const states = [theirs, other, mine.replace('.1.1.1.', '.1.1.2.'), mine.replace('input', 'again'), 'q1', 7];
    for (const state of states) {
      const answer = await call(answering(state as string, respond));
      expect([state, refusalOf(answer).code]).toEqual([state, 'invalid_request_state']);
    }
    expect(refusalOf(await call({ ...mallory, ...answering(mine, respond) })).code).toBe('invalid_request_state');
    expect(refusalOf(await call({ ...answering(mine, respond), hostKey: 'k' })).code).toBe('invalid_request_state');
    expect(upstream.requests).toEqual([]);
    // Control: each is good for its own.
    resultOf(await call(answering(mine, respond)));
    resultOf(await call({ ...mallory, ...answering(theirs, respond) }));
    expect(upstream.effects).toHaveLength(2);
  });

  test('executes nothing when its question is no longer open', async () => {
    const { call, upstream, ledger, clock, records } = asking(askFirst);
    const resolved = stateOf(await call());
    const [record] = await records();
    const key = record?.key ?? '';
    const operator = { ledger, clock, randomId: () => 'operator', unresolvedRetentionMs: hour };
    await resolveOperation(operator, key, { state: 'failed' });
    const stale = await call(answering(resolved, { account: ann }));
    expect(refusalOf(stale)).toMatchObject({
      code: 'invalid_request_state',
      message: expect.stringContaining('no longer open'),
    });
    const open = stateOf(await call());
    await ledger.store.delete(key, (await ledger.read(key))?.bytes ?? '');
    expect(refusalOf(await call(answering(open, { account: ann }))).code).toBe('invalid_request_state');
    expect(upstream.requests).toEqual([]);
    expect(await records()).toEqual([]);
  });

  test('executes nothing after a newer write replaced its operation', async () => {
    const { call, upstream } = asking(askFirst, { tool: setThing });
    const older = stateOf(await call({}, { item: 'x', count: 1 }));
    const newer = stateOf(await call({}, { item: 'x', count: 2 }));
    expect(refusalOf(await call(answering(older, { account: ann }), { item: 'x', count: 1 })).code).toBe(
      'invalid_request_state',
    );
    resultOf(await call(answering(newer, { account: bob }), { item: 'x', count: 2 }));
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('a question without a reply', () => {
  test('fails an operation that sent nothing, so that the next call is a new attempt with a new question', async () => {
    const { call, clock, upstream, bodies } = asking(askFirst);
    const state = stateOf(await call());
    await clock.advance(hour);
    const next = questionOf(await call(answering(state, { account: ann })));
    expect(next.operation.attempt).toBe(2);
    expect(next.requestState).not.toBe(state);
    expect(upstream.requests).toEqual([]);
    resultOf(await call(answering(next.requestState, { account: bob })));
    expect(bodies()).toEqual([{ account: 'bob' }]);
  });

  test('keeps the steps that were done, and does not send them again', async () => {
    const { call, clock, bodies, upstream } = asking(askBetween);
    const question = questionOf(await call());
    await clock.advance(hour);
    const next = questionOf(await call());
    expect(next.operation).toMatchObject({ key: question.operation.key, attempt: 2 });
    expect(bodies()).toEqual(['reserve']);
    const other = refusalOf(await call({}, { ...args, note: 'n' }));
    expect(other.code).toBe('idempotency_conflict');
    resultOf(await call(answering(next.requestState, { confirm: accept() })));
    expect(bodies()).toEqual(['reserve', ['accept', upstream.effects[0]?.id]]);
  });

  test('keeps the replies that the done steps were made from', async () => {
    const steps: NonNullable<Changes['run']> = async (_given, context: Context) => {
      const reply = await context.ask('account', { message: 'Which?', schema: account });
      const { content } = reply as { content: { account: string } };
      await context.step('open', (key) => context.client.send(key, ['open', content.account]));
      const { id } = await context.step('fill', (key) => context.client.send(key, ['fill', content.account]));
      return { id };
    };
    const { call, upstream, bodies } = asking(steps);
    const state = stateOf(await call());
    upstream.next('none', 'reject');
    expect(refusalOf(await call(answering(state, { account: ann }))).code).toBe('operation_incomplete');
    // Nobody is asked again: "bob" would be filled in what was opened for "ann".
    resultOf(await call());
    expect(bodies()).toEqual([
      ['open', 'ann'],
      ['fill', 'ann'],
    ]);
    expect(resultOf(await call(answering(state, { account: ann }))).replayed).toBe(true);
  });
});

describe('a client that cannot be asked', () => {
  test('gets a refusal without an effect, also while another client is being asked', async () => {
    const { call, upstream, engine } = asking(askFirst);
    const mute = () => testCall(engine, {});
    const failed = refusalOf(await mute());
    expect(failed).toMatchObject({
      code: 'input_required',
      fault: 'asking',
      message: expect.stringMatching(/it asks for input \(account\).*had no effect.*from a client that can/),
    });
    const state = stateOf(await call());
    expect(refusalOf(await mute())).toMatchObject({
      code: 'input_required',
      fault: 'asking',
      operation: { attempt: 2 },
    });
    resultOf(await call(answering(state, { account: ann })));
    expect(resultOf(await mute()).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(1);
  });

  test('gets the names of the steps that took effect', async () => {
    const { engine, call } = asking(askBetween);
    const incomplete = { code: 'input_required', fault: 'asking', steps: ['reserve'] };
    expect(refusalOf(await testCall(engine, {}))).toMatchObject(incomplete);
    questionOf(await call());
    expect(refusalOf(await testCall(engine, {}))).toMatchObject({ code: 'input_required', steps: ['reserve'] });
  });

  test('is at fault even when it waited for another call; a client that can be asked is asked next', async () => {
    const { call, engine, upstream, clock } = asking(askBetween);
    upstream.next('hang_before');
    const mute = testCall(engine, {});
    await upstream.arrived(1);
    const waiting = [testCall(engine, {}), call()];
    await settleDown();
    upstream.release();
    await clock.advance(2_000);
    const answers = [await mute, ...(await Promise.all(waiting))].map(refusalOf);
    const codes = answers.map(({ code }) => code);
    expect(codes).toEqual(['input_required', 'input_required', 'operation_incomplete']);
    expect(answers.map(({ fault }) => fault)).toEqual(['asking', 'asking', undefined]);
    questionOf(await call());
  });
});

const testCall = async (engine: ReturnType<typeof testEngine>['engine'], how: CallOptions) => {
  const { handleCall } = await import('../../../../src/core/call/handle-call.ts');
  const scope = { tenant: 'default', subject: 'local' };
  const signal = new AbortController().signal;
  return handleCall(engine, { tool: 'create_thing', arguments: args, scope, meta: {}, signal, ...how });
};

describe('a request that no client can put to a person', () => {
  test.each([
    ['a name that is an object', { message: 'Which?', schema: account }, undefined, /the name must be/],
    ['no request', 'account', undefined, /"account" has no message/],
    ['a text for a request', 'account', 'Which account?', /"account" has no message/],
    ['no schema', 'account', { message: 'Which?' }, /must be a z\.object/],
    ['a schema that is none of an object', 'account', { message: 'Which?', schema: z.string() }, /must be a z\.object/],
    ['a form within a form', 'account', { message: 'Which?', schema: z.object({ a: account }) }, /"a" of "account"/],
    ['a list of texts', 'account', { message: 'Which?', schema: z.object({ a: z.array(z.string()) }) }, /"a" of/],
  ])('fails without an effect and says what is wrong: %s', async (_, name, request, why) => {
    const run: NonNullable<Changes['run']> = async (_given, context) => {
      await context.ask(name as never, request as never);
      return { id: '' };
    };
    const { call, records } = asking(run);
    const refused = refusalOf(await call());
    expect(refused).toMatchObject({ code: 'operation_failed', message: expect.stringMatching(why) });
    expect((await records())[0]?.status).toMatchObject({ state: 'failed' });
  });

  test('control: accepts single and multiple choices', async () => {
    const choice = z.enum(['a', 'b']);
    const run: NonNullable<Changes['run']> = async (_given, context) => {
      await context.ask('account', { message: 'Which?', schema: z.object({ one: choice, more: z.array(choice) }) });
      return { id: '' };
    };
    questionOf(await asking(run).call());
  });
});

describe('a run that asks', () => {
  const outcomes = async (run: NonNullable<Changes['run']>, more: Changes = {}) => {
    const made = asking(run, more);
    const first = made.call();
    await made.clock.advance(2_000);
    return { ...made, first: await first };
  };
  const confirm = { message: 'Confirm?', schema: yes };

  test('sends nothing after its question, whatever it does with the error', async () => {
    const { first, upstream, call } = await outcomes(async (_given, context: Context) => {
      const reply = await context.ask('confirm', confirm).catch(() => ({ action: 'swallowed' }));
      expect(context.maySend()).toBe(reply.action === 'accept');
      const sent = await context.step('thing', (key) => context.client.send(key, reply.action)).catch(() => undefined);
      if (!sent) await context.client.send(context.upstreamKey, 'direct').catch(() => undefined);
      return { id: sent?.id ?? 'made up' };
    });
    expect(questionOf(first).requests).toHaveProperty('confirm');
    expect(upstream.requests).toEqual([]);
    resultOf(await call(answering(stateOf(first), { confirm: accept() })));
    expect(upstream.effects).toHaveLength(1);
  });

  test('waits for a step that runs beside the question, and does not send it again', async () => {
    const { first, call, bodies } = await outcomes(async (_given, context: Context) => {
      const [{ id }] = await Promise.all([
        context.step('a', (key) => context.client.send(key, 'a')),
        context.ask('confirm', confirm),
      ]);
      return { id };
    });
    resultOf(await call(answering(stateOf(first), { confirm: accept() })));
    expect(bodies()).toEqual(['a']);
  });

  test('ends as unknown when an earlier request may have taken effect', async () => {
    const direct = await outcomes(async (_given, context: Context) => {
      await context.client.send(context.upstreamKey, 'direct');
      await context.ask('confirm', confirm);
      return { id: 'x' };
    });
    expect(refusalOf(direct.first).code).toBe('outcome_unknown');
    const lost = await outcomes(
      async (_given, context: Context) => {
        await context.step('a', (key) => context.client.send(key, 'a')).catch(() => undefined);
        await context.ask('confirm', confirm);
        return { id: 'x' };
      },
      { recovery: 'refuse' },
    );
    lost.upstream.next('drop_answer');
    expect(refusalOf(await lost.call({}, { item: 'y' })).code).toBe('outcome_unknown');
  });

  test.each<[string, NonNullable<Changes['run']>, RegExp]>([
    [
      'a question within a step',
      (_given, { step, ask }: Context) => step('a', () => ask('confirm', confirm)) as never,
      /asked within a step/,
    ],
    [
      'a name that is used twice',
      async (_given, { read, ask }: Context) => {
        await read('confirm', async () => 1);
        return (await ask('confirm', confirm)) as never;
      },
      /used twice/,
    ],
    ['an invalid name', (_given, { ask }: Context) => ask('a b', confirm) as never, /must be 1 to 64/],
  ])('refuses %s', async (_name, run, message) => {
    const { first } = await outcomes(run, { recovery: 'refuse' });
    expect(refusalOf(first).message).toMatch(message);
  });

  test('asks for the first twenty of many inputs and then for the rest', async () => {
    const names = Array.from({ length: 21 }, (_, index) => `a${index}`);
    const { first, call } = await outcomes(async (_given, context: Context) => {
      const replies = await Promise.all(names.map((name) => context.ask(name, confirm)));
      return { id: String(replies.length) };
    });
    expect(Object.keys(questionOf(first).requests)).toEqual(names.slice(0, 20));
    const replies = Object.fromEntries(names.map((name) => [name, accept()]));
    const second = questionOf(await call(answering(stateOf(first), replies)));
    expect(Object.keys(second.requests)).toEqual(['a20']);
    expect(resultOf(await call(answering(second.requestState, replies))).result).toEqual({ id: '21' });
  });

  test('fails when it asks without end', async () => {
    const { call } = asking(async (_given, context: Context) => {
      await context.ask('account', { message: 'Which?', schema: account });
      return { id: 'x' };
    });
    let answer = await call();
    let count = 0;
    for (; answer.type === 'input_required'; count += 1) {
      answer = await call(answering(answer.requestState, { account: accept({ account: count }) }));
    }
    expect(count).toBe(32);
    expect(refusalOf(answer)).toMatchObject({ code: 'operation_failed', message: expect.stringContaining('32 times') });
  });

  test('fails in a tool that is not guarded, because no record would keep the reply', async () => {
    const { first, upstream } = await outcomes(askFirst, { class: 'off' });
    expect(refusalOf(first)).toMatchObject({ code: 'operation_failed', message: expect.stringContaining('guarded') });
    expect(upstream.requests).toEqual([]);
  });
});

describe('calls that each have a key of their own', () => {
  test('find their operation by the reply; a twin gets the same question and is the same operation', async () => {
    const { call, bodies } = asking(askFirst, { class: 'state' });
    const id = (value: string): CallOptions => ({ meta: { 'claudecode/toolUseId': value } });
    const question = questionOf(await call(id('a')));
    expect(await call(id('b'))).toEqual(question);
    const respond = answering(question.requestState, { account: ann });
    const first = resultOf(await call({ ...id('c'), ...respond }));
    expect(resultOf(await call(id('b')))).toMatchObject({ replayed: true, result: first.result });
    expect(bodies()).toHaveLength(1);
    // A host without call ids.
    const anonymous = asking(askFirst, { class: 'state' });
    const state = stateOf(await anonymous.call());
    resultOf(await anonymous.call(answering(state, { account: ann })));
    expect(anonymous.bodies()).toHaveLength(1);
  });

  test('ask separately for the second of two intended operations', async () => {
    const { call, bodies, records } = asking(askFirst, { onDuplicate: 'ask' });
    resultOf(await call(answering(stateOf(await call()), { account: ann })));
    const again = questionOf(await call());
    expect(again.about).toBe('again');
    const input = questionOf(await call(answering(again.requestState, { again: accept() })));
    expect(input.about).toBe('input');
    // It was said yes to: nobody is asked about it again, only for what it lacks.
    expect(await call()).toEqual(input);
    const left = new AbortController();
    left.abort();
    await call({ ...answering(input.requestState, { account: bob }), signal: left.signal });
    await settleDown();
    // It was given up before it was sent, and stays the second.
    resultOf(await call(answering(input.requestState, { account: bob })));
    expect((await records()).map(({ occurrence }) => occurrence).sort()).toEqual([1, 2]);
    const third = questionOf(await call());
    expect([third.about, third.operation.key]).toEqual(['again', input.operation.key]);
    expect(bodies()).toEqual([{ account: 'ann' }, { account: 'bob' }]);
  });

  test('answer a question of a call with a repeat token', async () => {
    const { call, engine, bodies } = asking(askFirst);
    resultOf(await call(answering(stateOf(await call()), { account: ann })));
    const { repeatToken } = resultOf(await testCall(engine, {}));
    const token = { ...args, repeat_token: repeatToken };
    const state = stateOf(await call({}, token));
    resultOf(await call(answering(state, { account: bob }), token));
    expect(bodies()).toEqual([{ account: 'ann' }, { account: 'bob' }]);
  });
});

describe('a client that is asked during the call', () => {
  const direct = (...replies: unknown[]): CallOptions => ({
    questionChannel: {
      type: 'direct',
      ask: async () => {
        const reply = replies.shift();
        if (reply === undefined) throw new Error('no such method');
        return reply;
      },
    },
  });

  test('gets questions while the call waits, as many as the tool puts', async () => {
    const { call, bodies } = asking(askFirst);
    expect(resultOf(await call(direct(accept({ account: 7 }), ann))).replayed).toBe(false);
    expect(bodies()).toEqual([{ account: 'ann' }]);
  });

  test('leaves the operation waiting when it does not reply, and gets the question again', async () => {
    const { call, bodies, records } = asking(askFirst);
    const refused = refusalOf(await call(direct()));
    expect(refused).toMatchObject({ code: 'input_required', message: expect.stringContaining('nobody answered') });
    expect((await records())[0]?.status.state).toBe('waiting');
    resultOf(await call(direct(ann)));
    expect(bodies()).toHaveLength(1);
  });
});

test('the ledger keeps replies only as long as it needs them', async () => {
  const { call, records } = asking(askBetween);
  const state = stateOf(await call());
  await call(answering(state, { confirm: accept({ secret: 'hush' }) }));
  const [record] = await records();
  expect(record?.status.state).toBe('succeeded');
  expect(record?.inputs).toEqual([{ attempt: 1, round: 1, names: ['confirm'], digest: expect.any(String) }]);
  expect(JSON.stringify(record)).not.toContain('hush');
});
