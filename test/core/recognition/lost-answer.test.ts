import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Outcome } from '../../../src/core/call/outcome.ts';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import type { Store } from '../../../src/core/ledger/stores/store.ts';
import { SessionMemory } from '../../../src/core/recognition/session.ts';
import { defineTool } from '../../../src/core/tool/define-tool.ts';
import type { Effect, ToolClass } from '../../../src/core/tool/types.ts';
import { Deliveries } from '../../../src/server/deliveries.ts';
import { type CallOptions, refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { ManualClock, settleDown } from '../../support/manual-clock.ts';
import { Upstream, UpstreamError, upstreamClient } from '../../support/upstream.ts';

const day = 86_400_000;
const first = 'Your order has shipped and will arrive on Thursday. Thanks for shopping with us!';
const again = 'Thank you for your purchase! Your order is on its way and arrives Thursday.';
const items = [
  'Where did you park the car?',
  'The meeting is off',
  'Lunch is at noon in the garden',
  'Printer toner has run out',
  'Please water the plants upstairs',
  'Has anybody seen my umbrella?',
  'Quarterly figures look weak',
  'Kitchen sink leaks again',
  'Contract draft attached',
  'Heating inspection soon',
];
const texts = (note: string, more: object = {}) => ({ to: 'ann', note, ...more });

/** Tools, an upstream that counts effects, and sessions whose answers go through `Deliveries`, as over a transport. */
function world({ memoryMs = day, steps = 1 } = {}) {
  const upstream = new Upstream();
  const tool = (name: string, toolClass: ToolClass, effect: Effect, movesMoney = false) =>
    defineTool({
      name,
      title: name,
      description: name,
      effect,
      class: toolClass,
      movesMoney,
      input: z.strictObject({ to: z.string().max(20), amount: z.number().optional(), note: z.string().optional() }),
      output: z.object({ id: z.string() }),
      client: upstreamClient(upstream, memoryMs),
      run: async (input, { client, step, marker }) => {
        let id = '';
        for (let at = 0; at < steps; at += 1) {
          ({ id } = await step(`send ${at}`, (key) => client.send(key, { name, ...input }, marker)));
        }
        return { id };
      },
    });
  const tools = [
    tool('send_note', 'create', 'create'),
    tool('pay', 'create', 'create', true),
    tool('set_note', 'state', 'update'),
  ];
  const clock = new ManualClock();
  const store = openMemoryStore({ now: () => clock.wallMs() });
  let ids = 0;
  const open = (through: Store = store) => {
    const engine = testEngine({ tools, clock, store: through });
    const deliveries = new Deliveries(new SessionMemory(clock));
    const call = async (name: string, args: object, how: CallOptions & { lost?: boolean } = {}): Promise<Outcome> => {
      ids += 1;
      const id = ids;
      const outcome = await engine.call(name, args, { session: deliveries.session, ...how });
      deliveries.expect(id, outcome, how.meta);
      if (how.lost || how.signal?.aborted) deliveries.forget(id);
      else deliveries.written(id);
      return outcome;
    };
    /** Calls with each text, and leaves while the upstream holds the answers. */
    const lose = async (name: string, calls: readonly object[], { isReleased = true } = {}): Promise<void> => {
      const leave = new AbortController();
      const before = upstream.requests.length;
      for (const _ of calls) upstream.next('hang_after');
      const leaving = calls.map((args) => call(name, args, { signal: leave.signal }));
      await upstream.arrived(before + calls.length);
      leave.abort();
      for (const outcome of await Promise.all(leaving)) expect(refusalOf(outcome).code).toBe('cancelled');
      if (!isReleased) return;
      upstream.release();
      await settleDown();
    };
    return { call, lose };
  };
  const note = (at: number) => (upstream.effects[at]?.body as { note?: string } | undefined)?.note;
  return { upstream, clock, store, open, note };
}

describe('after a lost answer, a call in quite other words', () => {
  test.each(['send_note', 'pay'])('%s is asked about, and its token executes it once', async (name) => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose(name, [texts(first)]);
    const asked = refusalOf(await call(name, texts(again)));
    expect(asked).toMatchObject({ code: 'idempotency_conflict', firstResult: { id: upstream.effects[0]?.id } });
    expect(asked.message).toContain('the answer to an earlier call was lost');
    expect(asked.message).toContain('It said "Your order has shipped and will arrive on Thursday.');
    expect(upstream.effects).toHaveLength(1);
    const meant = texts(again, { repeat_token: asked.repeatToken });
    expect(resultOf(await call(name, meant)).replayed).toBe(false);
    expect(resultOf(await call(name, meant)).replayed).toBe(true);
    expect(resultOf(await call(name, texts(again))).replayed).toBe(true);
    expect(upstream.effects).toHaveLength(2);
  });

  test('executes twice where the answer arrived: the control', async () => {
    const { open, upstream } = world();
    const { call } = open();
    await call('send_note', texts(first));
    resultOf(await call('send_note', texts(again)));
    expect(upstream.effects).toHaveLength(2);
  });

  test('is asked about again each time without the token, also at once and after the question was lost', async () => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose('pay', [texts(first)]);
    for (const outcome of await Promise.all([1, 2, 3].map(() => call('pay', texts(again))))) refusalOf(outcome);
    refusalOf(await call('pay', texts(again), { lost: true }));
    const otherWords = 'We thank you: your order has left our house and will be with you Thursday.';
    expect(refusalOf(await call('pay', texts(otherWords))).reason).toMatchObject({ sharedBy: 'lost_answer' });
    expect(upstream.effects).toHaveLength(1);
  });

  test('of a tool whose latest write counts, executes', async () => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose('set_note', [texts(first)]);
    resultOf(await call('set_note', texts(again)));
    expect(upstream.effects).toHaveLength(2);
  });

  test('waits no longer than other calls for a first one that hangs, and is asked about then', async () => {
    const { open, upstream, clock } = world();
    const { call, lose } = open();
    await lose('send_note', [texts(first)], { isReleased: false });
    const waiting = call('send_note', texts(again));
    await clock.advance(46_000);
    const asked = refusalOf(await waiting);
    expect(asked.code).toBe('idempotency_conflict');
    resultOf(await call('send_note', texts(again, { repeat_token: asked.repeatToken })));
    expect(upstream.effects).toHaveLength(2);
    upstream.release();
  });

  test('is asked about where the first call is incomplete, with a token', async () => {
    const { open, upstream } = world({ steps: 2 });
    const { call } = open();
    const leave = new AbortController();
    upstream.next('hang_after', 'reject');
    const leaving = call('send_note', texts(first), { signal: leave.signal });
    await upstream.arrived(1);
    leave.abort();
    await leaving;
    upstream.release();
    await settleDown();
    const asked = refusalOf(await call('send_note', texts(again)));
    expect(asked.message).toContain('is incomplete');
    resultOf(await call('send_note', texts(again, { repeat_token: asked.repeatToken })));
    expect(upstream.effects).toHaveLength(3);
  });

  test('is asked about where the outcome of the first one is unknown, also for money, with a token', async () => {
    const { open, upstream } = world({ memoryMs: 0 });
    const { call } = open();
    upstream.next('drop_answer');
    expect(refusalOf(await call('pay', texts(first))).code).toBe('outcome_unknown');
    const asked = refusalOf(await call('pay', texts(again)));
    expect(asked.message).toContain('its outcome is not known');
    resultOf(await call('pay', texts(again, { repeat_token: asked.repeatToken })));
    expect(upstream.effects).toHaveLength(2);
  });
});

describe('after another item was asked about, a call in quite other words', () => {
  const other = 'Where did you park the car?';

  test.each(['send_note', 'pay'])('%s is asked about too, one after the other', async (name) => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose(name, [texts(first)]);
    const asked = refusalOf(await call(name, texts(other)));
    refusalOf(await call(name, texts(again)));
    resultOf(await call(name, texts(other, { repeat_token: asked.repeatToken })));
    const meant = refusalOf(await call(name, texts(again)));
    expect(upstream.effects).toHaveLength(2);
    resultOf(await call(name, texts(again, { repeat_token: meant.repeatToken })));
    expect(upstream.effects).toHaveLength(3);
  });

  test('is asked about again with a token of an earlier question', async () => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose('send_note', [texts(first)]);
    const one = refusalOf(await call('send_note', texts(other)));
    await lose('send_note', [texts('Has anybody seen my umbrella?', { repeat_token: one.repeatToken })]);
    const stale = texts(items[3] ?? '', { repeat_token: one.repeatToken });
    for (let tries = 0; tries < 3; tries += 1) refusalOf(await call('send_note', stale));
    expect(upstream.effects).toHaveLength(2);
  });

  test('is asked about too, both at once', async () => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose('send_note', [texts(first)]);
    for (const outcome of await Promise.all([other, again].map((text) => call('send_note', texts(text))))) {
      refusalOf(outcome);
    }
    expect(upstream.effects).toHaveLength(1);
  });

  test('executes once the first call was repeated and its answer arrived', async () => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose('send_note', [texts(first)]);
    refusalOf(await call('send_note', texts(other)));
    expect(resultOf(await call('send_note', texts(first))).replayed).toBe(true);
    resultOf(await call('send_note', texts(again)));
    expect(upstream.effects).toHaveLength(2);
  });
});

describe('after lost answers, other items', () => {
  test('are asked about once for one lost answer, one after the other', async () => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose('send_note', [texts(first)]);
    const outcomes: Outcome[] = [];
    for (const item of items) outcomes.push(await call('send_note', texts(item)));
    expect(outcomes.filter(({ type }) => type === 'refusal')).toHaveLength(1);
    expect(upstream.effects).toHaveLength(items.length);
  });

  test('are asked about once for one lost answer, all at once', async () => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose('send_note', [texts(first)]);
    const outcomes = await Promise.all(items.map((item) => call('send_note', texts(item))));
    const asked = outcomes.flatMap((outcome, at) =>
      outcome.type === 'refusal' ? [texts(items[at] ?? '', { repeat_token: outcome.repeatToken })] : [],
    );
    expect(asked).toHaveLength(1);
    for (const args of asked) resultOf(await call('send_note', args));
    expect(upstream.effects).toHaveLength(items.length + 1);
  });

  test('of the same form with another name execute at once', async () => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose('send_note', [texts('Hi, the delivery for Anna arrives tomorrow.')]);
    resultOf(await call('send_note', texts('Hi, the delivery for Bilal arrives tomorrow.')));
    expect(upstream.effects).toHaveLength(2);
  });

  test('of another session that were refused once and then delivered count as delivered', async () => {
    const { open, upstream } = world();
    const { call } = open();
    for (const item of items.slice(0, 5)) {
      upstream.next('refuse');
      refusalOf(await call('send_note', texts(item)));
      resultOf(await call('send_note', texts(item)));
    }
    const other = open();
    for (const item of items.slice(5)) resultOf(await other.call('send_note', texts(item)));
    expect(upstream.effects).toHaveLength(items.length);
  });
});

describe('of several lost answers', () => {
  const projector = 'The projector in the big meeting room flickers';

  test('the one with the most similar text is enclosed', async () => {
    const { open, upstream, note } = world();
    const { call, lose } = open();
    await lose('send_note', [texts(projector), texts(first), texts('Nadia will be on leave from January')]);
    const asked = refusalOf(await call('send_note', texts(again)));
    const at = upstream.effects.findIndex(({ id }) => id === (asked.firstResult as { id: string }).id);
    expect(note(at)).toBe(first);
  });

  test('one question names them, so that another item takes one more call', async () => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose(
      'send_note',
      items.slice(0, 6).map((item) => texts(item)),
    );
    for (const item of items.slice(6)) {
      const outcome = await call('send_note', texts(item));
      if (outcome.type === 'result') continue;
      resultOf(await call('send_note', texts(item, { repeat_token: refusalOf(outcome).repeatToken })));
    }
    expect(upstream.effects).toHaveLength(items.length);
  });

  test('those that one question named are asked about for other calls', async () => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose('send_note', [texts(projector), texts(first)]);
    const asked = refusalOf(await call('send_note', texts(items[0] ?? '')));
    expect(asked.message).toContain(`Answers to calls with these texts were lost too: "`);
    resultOf(await call('send_note', texts(items[0] ?? '', { repeat_token: asked.repeatToken })));
    refusalOf(await call('send_note', texts(again)));
    expect(upstream.effects).toHaveLength(3);
  });

  test('a token means none of those that its question named', async () => {
    const { open, upstream } = world();
    const { call, lose } = open();
    await lose('send_note', [texts(first), texts(projector)]);
    const rewritten = 'The parcel left our depot and is due in two days, pick it up in the meeting room';
    const one = refusalOf(await call('send_note', texts(rewritten)));
    for (const named of [first.slice(0, 40), projector.slice(0, 40)]) expect(one.message).toContain(named);
    resultOf(await call('send_note', texts(rewritten, { repeat_token: one.repeatToken })));
    expect(upstream.effects).toHaveLength(3);
  });

  test('those with an unknown outcome do not hide the one that repeats', async () => {
    const { open, upstream } = world({ memoryMs: 0 });
    const { call, lose } = open();
    const doubtful = [
      'The purchase order is on the table since Thursday',
      'We thank the way you order arrivals',
      'Her purchase arrives on its own way',
      'Your gift order arrives Thursday',
    ];
    const send = upstream.send.bind(upstream);
    upstream.send = async (key, body, marker) => {
      const effect = await send(key, body, marker);
      if (doubtful.includes((body as { note: string }).note)) throw new UpstreamError('socket hang up', 'unknown');
      return effect;
    };
    await lose(
      'send_note',
      [first, ...doubtful].map((each) => texts(each)),
    );
    for (let tries = 0; tries < 6; tries += 1) refusalOf(await call('send_note', texts(again)));
    expect(upstream.effects).toHaveLength(5);
  });
});

describe('after a crash', () => {
  /** A process that dies while the upstream holds the answer: its store hangs from then on. */
  async function crashed() {
    const made = world();
    let isDead = false;
    const dying = new Proxy(made.store, {
      get: (store, name: keyof Store) => {
        const member = store[name];
        if (typeof member !== 'function') return member;
        const bound = member.bind(store) as (...given: unknown[]) => unknown;
        return (...given: unknown[]) => (isDead ? new Promise(() => undefined) : bound(...given));
      },
    });
    made.upstream.next('hang_after');
    void made.open(dying).call('send_note', texts(first));
    await made.upstream.arrived(1);
    isDead = true;
    return made;
  }

  test.each([0, 1_000, 60_000, 600_000])('another text in a new session %d ms later is asked about', async (ms) => {
    const { open, clock, upstream } = await crashed();
    await clock.advance(ms);
    const { call } = open();
    let outcome: Outcome | undefined;
    void call('send_note', texts(again)).then((each) => {
      outcome = each;
    });
    for (let second = 0; second < 60 && outcome === undefined; second += 1) await clock.advance(1_000);
    expect(outcome && refusalOf(outcome).code).toBe('idempotency_conflict');
    expect(upstream.effects).toHaveLength(1);
  });
});
