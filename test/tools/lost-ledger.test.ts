import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore } from '../../src/core/ledger/stores/open.ts';
import { defineTool, z } from '../../src/index.ts';
import { stripe } from '../../tools/clients/stripe.ts';
import { refusalOf, resultOf, testEngine } from '../support/engine.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { openWorld, running, type World } from './harness.ts';

const hour = 3_600_000;
/** A Monday, four days after the week of the keys began. */
const startMs = Date.UTC(2026, 0, 5);

let world: World;
/** The sandbox's time, which moves together with the engines' time. */
let nowMs: number;

beforeEach(async () => {
  nowMs = startMs;
  world = await openWorld({ now: () => nowMs });
});

afterEach(() => world.close());

const invoice = {
  customer: { name: 'Ada Lovelace', email: 'ada@example.com' },
  currency: 'usd',
  lines: [
    { description: 'One', unit_amount: 100 },
    { description: 'Two', unit_amount: 200 },
  ],
  action: 'finalize',
};
const whole = { 'customer.created': 1, 'invoice.created': 1, 'invoice_item.created': 2, 'invoice.finalized': 1 };

describe('a ledger whose file was deleted', () => {
  test.each([0, 1, 23])('gives the same call the first result %s h later', async (hours) => {
    const file = join(temporaryFolder(), 'ledger.sqlite');
    const calling = async () => {
      const store = await openStore(`sqlite:${file}`);
      const clock = new ManualClock(nowMs);
      const answer = await running(clock, world.engine({ store, clock }).call('create_invoice', invoice));
      await store.close();
      return resultOf(answer).result;
    };
    const first = await calling();
    await Promise.all(['', '-wal', '-shm'].map((end) => rm(`${file}${end}`, { force: true })));
    nowMs += hours * hour;
    expect(await calling()).toEqual(first);
    expect((await world.look()).actions).toEqual(whole);
  });

  test('finds the first effect by its marker, when all answers to the second call are lost', async () => {
    const customer = { name: 'Ada', email: 'ada@example.com' };
    const earlier = new ManualClock(nowMs - hour);
    const created = world.engine({ clock: earlier }).call('create_customer', customer);
    const first = resultOf(await running(earlier, created)).result;
    await world.fault({ fault: 'refuse', match: { method: 'POST', path: '/v1/customers', count: 4 } });
    const clock = new ManualClock(nowMs);
    const { call } = world.engine({ clock });
    expect(resultOf(await running(clock, call('create_customer', customer))).result).toEqual(first);
    expect(await world.count('customer.created')).toBe(1);
  });

  test('does not take the call after the window for a repeat', async () => {
    const customer = { name: 'Ada', email: 'ada@example.com' };
    const clock = new ManualClock(nowMs);
    const { call } = world.engine({ clock });
    const first = resultOf(await running(clock, call('create_customer', customer))).result;
    nowMs += 25 * hour;
    await clock.advance(25 * hour);
    const second = resultOf(await running(clock, call('create_customer', customer)));
    expect(second).toMatchObject({ replayed: false, operation: { generation: 2 } });
    expect(second.result).not.toEqual(first);
    expect(await world.count('customer.created')).toBe(2);
  });
});

/** Creates a customer with another body on each call, as an earlier version of a tool does. */
const lookups: string[] = [];
let bodies = 0;
const createOther = defineTool({
  name: 'create_other',
  title: 'Create other',
  description: 'Creates a customer.',
  effect: 'create',
  client: stripe,
  input: z.strictObject({ name: z.string() }),
  output: z.object({ id: z.string() }),
  recovery: ['resend', 'reconcile'],
  lookup: async (_, { marker }) => {
    lookups.push(marker);
    return { status: 'absent' };
  },
  run: async ({ name }, { client, upstreamKey }) => {
    bodies += 1;
    const body = { name, metadata: { body: String(bodies) } };
    const { id } = await client.customers.create(body, { idempotencyKey: upstreamKey });
    return { id };
  },
});

test('is not executed again where the key came with another body, although the lookup finds nothing', async () => {
  const environment = { STRIPE_SECRET_KEY: 'sk_test_sandbox', STRIPE_API_BASE: world.sandbox.url };
  const engine = (clock: ManualClock) => testEngine({ tools: [createOther], environment, clock });
  const clock = new ManualClock(nowMs);
  resultOf(await running(clock, engine(clock).call('create_other', { name: 'Ada' })));
  const later = new ManualClock(nowMs);
  const { call } = engine(later);
  lookups.length = 0;
  for (const waitMs of [0, 700_000, 26 * hour]) {
    await later.advance(waitMs);
    const refused = refusalOf(await running(later, call('create_other', { name: 'Ada' })));
    expect(refused.code).toBe('outcome_unknown');
    if (waitMs === 0) expect(refused.message).toContain('its key came with another request before');
  }
  expect(lookups.length).toBeGreaterThan(0);
  expect(await world.count('customer.created')).toBe(1);
});
