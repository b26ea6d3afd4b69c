import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Outcome } from '../../../src/core/call/outcome.ts';
import { plainCodec } from '../../../src/core/ledger/codec.ts';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import type { Recovery } from '../../../src/index.ts';
import { rotatingCodecs } from '../../support/encryption.ts';
import { testEngine } from '../../support/engine.ts';
import { faultyStore, type StoreFault } from '../../support/faulty-store.ts';
import { ManualClock, settleDown } from '../../support/manual-clock.ts';
import { isSoak } from '../../support/soak.ts';
import { createOrder, createThing } from '../../support/tools.ts';
import { type Fault, Upstream } from '../../support/upstream.ts';

/**
 * Three processes over one store whose connections lose requests and answers, an upstream that
 * refuses, hangs and loses answers, processes that die: whatever the order, an operation takes
 * effect at most once, and whoever is told of a result is told of the one that happened.
 */
type Event =
  | { readonly do: 'call'; readonly process: number }
  | { readonly do: 'kill'; readonly process: number }
  | { readonly do: 'leave'; readonly process: number }
  | { readonly do: 'release' }
  | { readonly do: 'pass'; readonly ms: number };

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('call' as const), process: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), process: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), process: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(100, 4_000, 11_000, 46_000, 800_000),
    }),
  },
);

const storeFaults = fc.array(
  fc.oneof({ weight: 6, arbitrary: fc.constant<StoreFault>('none') }, fc.constantFrom<StoreFault>('before', 'after')),
  { maxLength: 60, size: 'max' },
);
const upstreamFaults = fc.array(
  fc.constantFrom<Fault>(
    'none',
    'drop_answer',
    'refuse',
    'unauthorized',
    'decline',
    'reject',
    'lost',
    'hang_before',
    'hang_after',
  ),
  { maxLength: 12, size: 'max' },
);

/** The longest time that passes at once. Requests under way are released after two such times, in ms. */
const partMs = 280_000;

interface Plan {
  readonly events: readonly Event[];
  readonly storeFaults: readonly StoreFault[];
  readonly upstreamFaults: readonly Fault[];
  readonly steps: boolean;
}

async function play(plan: Plan, recovery: Recovery | Recovery[], codec = () => plainCodec) {
  const upstream = new Upstream();
  upstream.honoursKeys = [recovery].flat().includes('resend');
  upstream.next(...plan.upstreamFaults);
  const clock = new ManualClock();
  const shared = openMemoryStore({ now: () => clock.wallMs() });
  const faults = [...plan.storeFaults];
  const tools = [plan.steps ? createOrder(upstream, recovery) : createThing(upstream, recovery)];
  const name = tools[0]?.name ?? '';
  const start = () => {
    const process = { dead: false, leaving: new AbortController() };
    const store = faultyStore(
      shared,
      () => faults.shift() ?? 'none',
      () => process.dead,
    );
    return Object.assign(process, testEngine({ tools, store, clock, codec: codec() }));
  };
  // No request stays under way for longer than a run may take (600 s), wherever it begins: `reconcile` counts on that.
  let heldMs = 0;
  const release = () => {
    upstream.release();
    heldMs = 0;
  };
  const pass = async (ms: number) => {
    const nextMs = Math.min(ms, partMs);
    if (heldMs + nextMs > 2 * partMs) release();
    heldMs += nextMs;
    await clock.advance(nextMs);
    if (ms > nextMs) await pass(ms - nextMs);
  };
  const processes = [start(), start(), start()];
  const answers: Promise<Outcome>[] = [];
  for (const each of plan.events) {
    const index = 'process' in each ? each.process : 0;
    const process = processes[index];
    if (!process) continue;
    if (each.do === 'call') answers.push(process.call(name, { item: 'a' }, { signal: process.leaving.signal }));
    if (each.do === 'leave') {
      process.leaving.abort();
      process.leaving = new AbortController();
    }
    if (each.do === 'kill') {
      process.dead = true;
      processes[index] = start();
    }
    if (each.do === 'release') release();
    if (each.do === 'pass') await pass(each.ms);
    await settleDown();
  }
  return { upstream, clock, answers, survivor: start(), name, faults };
}

/** Lets everything come to an end that still can, and asks once more as a new process. */
async function comeToRest({ upstream, clock, answers, survivor, name, faults }: Awaited<ReturnType<typeof play>>) {
  faults.length = 0;
  upstream.calm();
  for (let round = 0; round < 4; round += 1) {
    upstream.release();
    await clock.advance(15_000);
  }
  const last = survivor.call(name, { item: 'a' });
  for (let round = 0; round < 4; round += 1) {
    await clock.advance(15_000);
    upstream.release();
  }
  const told: Outcome[] = [];
  for (const answer of answers) void answer.then((each) => told.push(each));
  await settleDown();
  return { last: await last, told };
}

const plan = (steps: boolean): fc.Arbitrary<Plan> =>
  fc.record({
    events: fc.array(event, { minLength: 1, maxLength: 25, size: 'max' }),
    storeFaults,
    upstreamFaults,
    steps: fc.constant(steps),
  });

function resultsIn(answers: readonly Outcome[]): Set<string> {
  return new Set(answers.flatMap((answer) => (answer.type === 'result' ? [JSON.stringify(answer.result)] : [])));
}

for (const recovery of ['resend', 'reconcile', 'refuse'] as const) {
  test(`an operation takes effect at most once through faults and deaths: ${recovery}`, async () => {
    await fc.assert(
      fc.asyncProperty(plan(false), async (given) => {
        const played = await play(given, recovery);
        const { last, told } = await comeToRest(played);
        const { effects } = played.upstream;
        expect(effects.length).toBeLessThanOrEqual(1);
        for (const result of resultsIn([last, ...told])) expect(result).toBe(JSON.stringify({ id: effects[0]?.id }));
      }),
      { numRuns: isSoak ? 100 : 30 },
    );
  });
}

test.each([
  ['stored as they are', () => plainCodec],
  ['sealed with two keys in turn', rotatingCodecs()],
])(
  'each step of an operation takes effect at most once through faults and deaths: resend, records %s',
  async (_, codec) => {
    await fc.assert(
      fc.asyncProperty(plan(true), async (given) => {
        const played = await play(given, 'resend', codec);
        const { last, told } = await comeToRest(played);
        const { effects } = played.upstream;
        const names = effects.map(({ body }) => (body as string[])[0]);
        expect(new Set(names).size).toBe(names.length);
        const order = effects.find(({ body }) => (body as string[])[0] === 'order');
        for (const result of resultsIn([last, ...told])) expect(result).toBe(JSON.stringify({ id: order?.id }));
      }),
      { numRuns: isSoak ? 100 : 30 },
    );
  },
);
