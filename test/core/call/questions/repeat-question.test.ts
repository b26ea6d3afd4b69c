import { describe, expect, test } from 'vitest';
import type { QuestionChannel } from '../../../../src/core/call/types.ts';
import { openMemoryStore } from '../../../../src/core/ledger/stores/memory.ts';
import { createCatalog, ReplaceableCatalog } from '../../../../src/core/tool/catalog.ts';
import { type CallOptions, questionOf, refusalOf, resultOf, testEngine } from '../../../support/engine.ts';
import { ManualClock, settleDown } from '../../../support/manual-clock.ts';
import { createThing } from '../../../support/tools.ts';
import { Upstream } from '../../../support/upstream.ts';

const hour = 3_600_000;
const day = 24 * hour;
const rounds: QuestionChannel = { type: 'rounds' };
const args = { item: 'x' };
const accept = { action: 'accept', content: {} };
const decline = { action: 'decline' };

/** The answer to a question, as a client of MCP 2026-07-28 sends it. */
const answering = (state: string, reply: unknown = accept, more: CallOptions = {}): CallOptions => ({
  questionChannel: rounds,
  input: { responses: { again: reply }, state },
  ...more,
});

function asked(more: Parameters<typeof createThing>[2] = {}) {
  const upstream = new Upstream();
  const clock = new ManualClock();
  const engine = testEngine({ clock, tools: [createThing(upstream, 'resend', { onDuplicate: 'ask', ...more })] });
  const call = (how: CallOptions = { questionChannel: rounds }, given: unknown = args) =>
    engine.call('create_thing', given, how);
  return { ...engine, upstream, clock, call };
}

describe('onDuplicate "ask" with a client that is asked by rounds', () => {
  test('runs the first call, asks about its repeat, and stores and executes nothing by asking', async () => {
    const { call, upstream, records } = asked();
    expect(resultOf(await call()).replayed).toBe(false);
    const before = await records();
    const question = questionOf(await call());
    expect(question).toMatchObject({ tool: 'create_thing', about: 'again', operation: { generation: 1, attempt: 1 } });
    expect(question.requests).toEqual({
      again: {
        message: expect.stringMatching(/2026-01-01T00:00:00.000Z, with {"item":"x","count":1}\./),
        schema: { type: 'object', properties: {} },
      },
    });
    expect(await records()).toEqual(before);
    expect(upstream.effects).toHaveLength(1);
  });

  test('replays without asking when the client cannot be asked or the tool has no policy (control)', async () => {
    const { call } = asked();
    resultOf(await call());
    expect(resultOf(await call({})).replayed).toBe(true);
    const plain = asked({ onDuplicate: 'replay' });
    resultOf(await plain.call());
    expect(resultOf(await plain.call()).replayed).toBe(true);
  });

  test('executes one more operation for any number of acceptances, and returns the first result when declined or cancelled', async () => {
    const { call, upstream } = asked();
    const first = resultOf(await call());
    const { requestState } = questionOf(await call());
    for (const reply of [decline, { action: 'cancel' }]) {
      const answer = resultOf(await call(answering(requestState, reply)));
      // A way to do it all the same is not handed out to whoever was told no.
      expect(answer).toMatchObject({ replayed: true, result: first.result, declined: true });
      expect(answer.repeatToken).toBeUndefined();
    }
    expect(upstream.effects).toHaveLength(1);
    const both = await Promise.all([call(answering(requestState)), call(answering(requestState))]);
    expect(both.map((answer) => resultOf(answer).replayed).sort()).toEqual([false, true]);
    expect(new Set(both.map((answer) => JSON.stringify(resultOf(answer).result))).size).toBe(1);
    expect(resultOf(await call(answering(requestState))).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(2);
  });

  test('asks about the last operation, so that each acceptance executes one more', async () => {
    const { call, upstream } = asked();
    resultOf(await call());
    for (let count = 2; count <= 4; count += 1) {
      const { requestState, requests } = questionOf(await call());
      expect(requests.again?.message).toContain(
        count === 2 ? 'executed at' : `executed ${count - 1} times, the last at`,
      );
      expect(resultOf(await call(answering(requestState))).replayed).toBe(false);
      expect(upstream.effects).toHaveLength(count);
    }
    expect(new Set(upstream.effects.map(({ key }) => key)).size).toBe(4);
  });

  test('treats an acceptance as the operation that the repeat token names', async () => {
    const { call, upstream } = asked();
    resultOf(await call());
    const { repeatToken } = resultOf(await call({}));
    const { requestState } = questionOf(await call());
    const accepted = resultOf(await call(answering(requestState)));
    const repeated = resultOf(await call({}, { ...args, repeat_token: repeatToken }));
    expect(repeated).toMatchObject({ replayed: true, operation: { key: accepted.operation?.key } });
    expect(upstream.effects).toHaveLength(2);
  });

  test('waits for a repeat in flight, whether it is the first call or an accepted one', async () => {
    const { call, upstream } = asked();
    upstream.next('hang_after');
    const first = call();
    await upstream.arrived(1);
    const twin = call();
    await settleDown();
    upstream.release();
    expect([resultOf(await first).replayed, resultOf(await twin).replayed]).toEqual([false, true]);
    const { requestState } = questionOf(await call());
    upstream.next('hang_after');
    const second = call(answering(requestState));
    await upstream.arrived(2);
    const other = call();
    await settleDown();
    upstream.release();
    expect(resultOf(await other).result).toEqual(resultOf(await second).result);
    expect(upstream.effects).toHaveLength(2);
  });

  test('recovers an accepted repeat with an unknown outcome, and asks again after one that failed', async () => {
    const { call, upstream, clock } = asked();
    resultOf(await call());
    const { requestState } = questionOf(await call());
    upstream.next('reject');
    expect(refusalOf(await call(answering(requestState))).code).toBe('operation_failed');
    expect(questionOf(await call()).operation.key).toBe((await questionOf(await call())).operation.key);
    upstream.next('drop_answer', 'unauthorized', 'unauthorized');
    const unknown = call(answering(questionOf(await call()).requestState));
    await clock.advance(2_000);
    expect(refusalOf(await unknown).code).toBe('outcome_unknown');
    expect(resultOf(await call()).recovered).toBe('resend');
    expect(upstream.effects).toHaveLength(2);
  });

  test('refuses an acceptance that comes with a host key', async () => {
    const { call, upstream } = asked();
    resultOf(await call());
    const { requestState } = questionOf(await call());
    for (const hostKey of ['one', 'two']) {
      const refused = refusalOf(await call(answering(requestState, accept, { hostKey })));
      expect(refused.code).toBe('invalid_request_state');
    }
    expect(upstream.effects).toHaveLength(1);
    expect(resultOf(await call(answering(requestState))).replayed).toBe(false);
    expect(upstream.effects).toHaveLength(2);
  });

  test('asks nobody when the call has a host key or a repeat token', async () => {
    const { call, upstream } = asked();
    const keyed = { questionChannel: rounds, hostKey: 'k1' };
    resultOf(await call(keyed));
    expect(resultOf(await call(keyed)).replayed).toBe(true);
    resultOf(await call());
    const { repeatToken } = resultOf(await call({}));
    const token = { ...args, repeat_token: repeatToken };
    expect(resultOf(await call({ questionChannel: rounds }, token)).replayed).toBe(false);
    expect(resultOf(await call({ questionChannel: rounds }, token)).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(3);
  });
});

describe('a requestState that does not belong to the call', () => {
  test('is refused and executes nothing when it is forged, altered or from another call', async () => {
    const store = openMemoryStore({ now: () => Date.UTC(2026, 0, 1) });
    const upstream = new Upstream();
    const clock = new ManualClock();
    const tools = ['create_thing', 'create_other'].map((name) =>
      createThing(upstream, 'resend', { name, onDuplicate: 'ask' }),
    );
    const { call } = testEngine({ clock, store, tools });
    const mallory = { tenant: 'default', subject: 'mallory' };
    const ask = async (tool: string, given: unknown, how: CallOptions = {}) => {
      resultOf(await call(tool, given, how));
      return questionOf(await call(tool, given, { questionChannel: rounds, ...how })).requestState;
    };
    const mine = await ask('create_thing', args);
    const foreign = [
      await ask('create_thing', args, { scope: mallory }),
      await ask('create_thing', { item: 'y' }),
      await ask('create_other', args),
      // The same business key in other words.
      await ask('create_thing', { item: 'z', note: 'a' }),
    ];
    const [last = ''] = mine.slice(-1);
    const forged = [
      mine.replace(/.$/, last === 'A' ? 'B' : 'A'),
      mine.replace('.1.1.1.', '.2.1.1.'),
      mine.replace('again', 'input'),
      mine.replace(/\.(\d{13})\./, (_, at) => `.${Number(at) + day}.`),
      `${mine}x`,
      'x'.repeat(5_000),
      '',
      7,
      null,
    ];
    const before = upstream.requests.length;
    for (const state of [...foreign, ...forged]) {
      const answer = await call('create_thing', args, answering(state as string));
      expect([state, refusalOf(answer).code]).toEqual([state, 'invalid_request_state']);
    }
    expect(refusalOf(await call('create_thing', args, answering(mine, accept, { scope: mallory }))).code).toBe(
      'invalid_request_state',
    );
    expect(refusalOf(await call('create_thing', { item: 'x', note: 'b' }, answering(mine))).code).toBe(
      'invalid_request_state',
    );
    expect(upstream.requests).toHaveLength(before);
    // Control: the one that is of this call does execute.
    expect(resultOf(await call('create_thing', args, answering(mine))).replayed).toBe(false);
  });

  test('is asked again after it expired, so that an acceptance does not count again after its window', async () => {
    const { call, upstream, clock } = asked({ window: hour / 2 });
    resultOf(await call());
    const { requestState } = questionOf(await call());
    resultOf(await call(answering(requestState)));
    expect(resultOf(await call(answering(requestState))).replayed).toBe(true);
    await clock.advance(hour / 2);
    // The windows of both are over: this is a new operation, and not one more yes to the old question.
    const later = resultOf(await call(answering(requestState)));
    expect(later).toMatchObject({ replayed: false, operation: { generation: 2 } });
    expect(questionOf(await call(answering(requestState))).operation.key).toBe(later.operation?.key);
    expect(upstream.effects).toHaveLength(3);
  });

  test('executes one operation per acceptance even when the clock of the first machine is behind', async () => {
    const minute = 60_000;
    const upstream = new Upstream();
    const store = openMemoryStore({ now: Date.now });
    const tools = [createThing(upstream, 'resend', { onDuplicate: 'ask', window: minute })];
    const [right, behind] = [new ManualClock(), new ManualClock(Date.UTC(2026, 0, 1) - 10_000)];
    const [one, other] = [testEngine({ clock: right, store, tools }), testEngine({ clock: behind, store, tools })];
    resultOf(await one.call('create_thing', args, { questionChannel: rounds }));
    const yes = answering(questionOf(await one.call('create_thing', args, { questionChannel: rounds })).requestState);
    expect(resultOf(await other.call('create_thing', args, yes)).replayed).toBe(false);
    for (const { call } of [one, other]) expect(resultOf(await call('create_thing', args, yes)).replayed).toBe(true);
    for (let passedMs = 5_000; passedMs < minute; passedMs += 5_000) {
      await Promise.all([right.advance(5_000), behind.advance(5_000)]);
      await one.call('create_thing', args, yes);
      expect(upstream.effects).toHaveLength(2);
    }
  });

  const others = ['off', 'state'] as const;
  test.each(others)('executes nothing when the tool is "%s" by the time of the reply', async (toolClass) => {
    const upstream = new Upstream();
    const guarded = createCatalog([createThing(upstream, 'resend', { onDuplicate: 'ask' })]);
    const other = createCatalog([createThing(upstream, 'resend', { class: toolClass })]);
    const catalog = new ReplaceableCatalog(guarded);
    const { call } = testEngine({ tools: [], catalog });
    resultOf(await call('create_thing', args));
    const { requestState } = questionOf(await call('create_thing', args, { questionChannel: rounds }));
    catalog.replace(other, new Set());
    for (const reply of [decline, accept]) {
      const answer = refusalOf(await call('create_thing', args, answering(requestState, reply)));
      expect(answer).toMatchObject({ code: 'invalid_request_state', fault: 'input' });
    }
    catalog.replace(guarded, new Set());
    const ask = async () => {
      catalog.replace(other, new Set());
      return decline;
    };
    const direct = await call('create_thing', args, { questionChannel: { type: 'direct', ask } });
    expect(refusalOf(direct).code).toBe('invalid_request_state');
    expect(upstream.effects).toHaveLength(1);
    // The control: a call of the unguarded tool that answers nothing is executed.
    resultOf(await call('create_thing', args));
    expect(upstream.effects).toHaveLength(toolClass === 'off' ? 2 : 1);
  });

  test('executes nothing when declined after the window of the first operation', async () => {
    const { call, upstream, clock, ledger, records } = asked({ window: hour });
    const first = resultOf(await call());
    await clock.advance(hour - 1_000);
    const { requestState } = questionOf(await call());
    for (const waitMs of [2_000, 2 * hour]) {
      await clock.advance(waitMs);
      expect(resultOf(await call(answering(requestState, decline)))).toMatchObject({ result: first.result });
    }
    const [held] = await records();
    const { bytes = '' } = (await ledger.read(held?.key ?? '')) ?? {};
    await ledger.store.delete(held?.key ?? '', bytes);
    expect(refusalOf(await call(answering(requestState, decline))).code).toBe('cancelled');
    expect(upstream.effects).toHaveLength(1);
    // Control: the call that nobody was asked about runs.
    expect(resultOf(await call()).replayed).toBe(false);
  });

  test('asks again for missing responses and refuses invalid ones', async () => {
    const { call, upstream } = asked();
    resultOf(await call());
    const { requestState } = questionOf(await call());
    for (const responses of [undefined, null, {}, { other: accept }, 'accept', []]) {
      questionOf(await call({ questionChannel: rounds, input: { responses, state: requestState } }));
    }
    for (const reply of [null, true, 'accept', {}, { action: 'yes' }, { action: 'accept', content: 7 }]) {
      expect(refusalOf(await call(answering(requestState, reply))).code).toBe('invalid_input');
    }
    // Responses to nothing say nothing.
    questionOf(await call({ questionChannel: rounds, input: { responses: { again: accept }, state: undefined } }));
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('onDuplicate "ask" with a client that is asked during the call', () => {
  const replying = (...replies: (unknown | (() => Promise<unknown>))[]) => {
    const questions: string[] = [];
    const ask = async ({ message }: { message: string }, _signal: AbortSignal): Promise<unknown> => {
      questions.push(message);
      const reply = replies.length > 1 ? replies.shift() : replies[0];
      return typeof reply === 'function' ? reply() : reply;
    };
    return { questions, how: { questionChannel: { type: 'direct', ask } } satisfies CallOptions };
  };

  test('executes when accepted, and replays when declined or when the question fails, times out or gets an invalid reply', async () => {
    const { call, upstream, clock } = asked();
    const first = resultOf(await call());
    const fails = () => Promise.reject(new Error('no such method'));
    for (const reply of [decline, { action: 'cancel' }, fails]) {
      const { how, questions } = replying(reply);
      expect(resultOf(await call(how))).toMatchObject({ replayed: true, result: first.result });
      expect(questions).toHaveLength(1);
    }
    expect(refusalOf(await call(replying({ action: 'perhaps' }).how)).code).toBe('invalid_input');
    const never = call(replying(() => new Promise(() => {})).how);
    await clock.advance(hour);
    expect(resultOf(await never).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(1);
    expect(resultOf(await call(replying(accept).how)).replayed).toBe(false);
    expect(upstream.effects).toHaveLength(2);
  });

  test('executes one operation when two calls get the same question and both accept', async () => {
    const { call, upstream } = asked();
    resultOf(await call());
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { how, questions } = replying(() => gate.then(() => accept));
    const both = [call(how), call(how)];
    await settleDown();
    expect(questions).toHaveLength(2);
    release();
    const answers = await Promise.all(both);
    expect(answers.map((answer) => resultOf(answer).replayed).sort()).toEqual([false, true]);
    expect(upstream.effects).toHaveLength(2);
  });

  test('executes nothing when the caller leaves during the question, whatever the reply is', async () => {
    const { call, upstream } = asked();
    resultOf(await call());
    const leaving = new AbortController();
    let reply: (value: unknown) => void = () => {};
    const { how } = replying(() => new Promise((resolve) => (reply = resolve)));
    const gone = call({ ...how, signal: leaving.signal });
    await settleDown();
    leaving.abort();
    expect(refusalOf(await gone).code).toBe('cancelled');
    reply(accept);
    await settleDown();
    expect(upstream.effects).toHaveLength(1);
  });
});
