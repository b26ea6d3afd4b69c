import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openMemoryStore } from '../../src/core/ledger/stores/memory.ts';
import type { Store } from '../../src/core/ledger/stores/store.ts';
import type { LookupAnswer } from '../../src/core/tool/types.ts';
import { createInvoice } from '../../tools/create-invoice.ts';
import { marked } from '../../tools/parts/marker.ts';
import { refusalOf, resultOf } from '../support/engine.ts';
import { eventually } from '../support/event.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { openWorld, running, type World } from './harness.ts';

const hour = 3_600_000;
const startMs = Date.UTC(2026, 0, 1);

let world: World;
/** The sandbox's time, which moves together with the engines' time. */
let nowMs: number;

beforeEach(async () => {
  nowMs = startMs;
  world = await openWorld({ now: () => nowMs });
});

afterEach(() => world.close());

const ada = { name: 'Ada Lovelace', email: 'ada@example.com' };
const lines = [
  { description: 'One', unit_amount: 100 },
  { description: 'Two', unit_amount: 200 },
  { description: 'Three', unit_amount: 300 },
];
const invoice = { customer: ada, currency: 'usd', lines, action: 'finalize' };
const whole = { 'customer.created': 1, 'invoice.created': 1, 'invoice_item.created': 3, 'invoice.finalized': 1 };

const endpoints = [
  ['the customer', '/v1/customers', 1],
  ['the invoice', '^/v1/invoices$', 1],
  ['the second line', '/v1/invoiceitems', 2],
  ['finalizing', '^/v1/invoices/\\w+/finalize$', 1],
] as const;

describe('a lost answer', () => {
  test.each(endpoints)('to %s is recovered with the same key, and nothing is done twice', async (_, path, nth) => {
    await world.fault({ fault: 'drop_answer', match: { method: 'POST', path, nth } });
    const { call } = world.engine();
    const answer = resultOf(await call('create_invoice', invoice));
    expect(answer).toMatchObject({ recovered: 'resend', result: { status: 'open', total: 600 } });
    const { actions, requests } = await world.look();
    expect(actions).toEqual(whole);
    // One request more than there are steps: the SDK retried nothing by itself.
    expect(requests.filter(({ method }) => method === 'POST')).toHaveLength(7);
    expect(requests.filter(({ replayed }) => replayed)).toHaveLength(1);
  });

  test.each(endpoints)(
    'is handled the same way where the connection closed before %s took effect',
    async (_, path, nth) => {
      await world.fault({ fault: 'refuse', match: { method: 'POST', path, nth } });
      const { call } = world.engine();
      expect(resultOf(await call('create_invoice', invoice))).toMatchObject({ recovered: 'resend' });
      expect((await world.look()).actions).toEqual(whole);
    },
  );

  test('control: bills twice with a client that repeats under new keys', async () => {
    await world.fault({ fault: 'drop_answer', match: { method: 'POST', path: '^/v1/invoices$' } });
    const { call } = world.engine();
    await call('create_invoice', invoice, { hostKey: 'one' });
    await call('create_invoice', invoice, { hostKey: 'two' });
    expect(await world.count('invoice.created')).toBe(2);
  });
});

/** Kills a process in the middle of a request. Another gets the same call when Stripe has forgotten the keys. */
async function dieThenRepeat(path: string, nth: number, when: 'before_effect' | 'after_effect', input = invoice) {
  const store: Store = openMemoryStore({ now: () => nowMs });
  await world.fault({ fault: 'hang', when, match: { method: 'POST', path, nth } });
  const clock = new ManualClock(nowMs);
  const dead = world.engine({ store, clock: new ManualClock(nowMs, clock.boot) });
  void dead.call('create_invoice', input);
  await world.arrived(path, nth);
  if (when === 'after_effect') await eventually(async () => expect(await world.lastTookEffect()).toBe(true));
  await world.clearFaults();
  nowMs += 25 * hour;
  clock.skip(25 * hour);
  return running(clock, world.engine({ store, clock }).call('create_invoice', input));
}

describe('recovery after Stripe has forgotten the keys', () => {
  test.each(endpoints)('finds what exists by its marker and does the rest, after %s', async (_, path, nth) => {
    const answer = resultOf(await dieThenRepeat(path, nth, 'after_effect'));
    expect(answer).toMatchObject({ recovered: 'reconcile', result: { status: 'open', total: 600 } });
    expect((await world.look()).actions).toEqual(whole);
  });

  test.each(endpoints)('does what is missing, before %s', async (_, path, nth) => {
    const answer = resultOf(await dieThenRepeat(path, nth, 'before_effect'));
    expect(answer).toMatchObject({ recovered: 'reconcile', result: { status: 'open', total: 600 } });
    expect((await world.look()).actions).toEqual(whole);
  });

  test('does not send a finalized invoice again, since whether it was e-mailed is unknown', async () => {
    const path = '^/v1/invoices/\\w+/send$';
    const refused = refusalOf(await dieThenRepeat(path, 1, 'after_effect', { ...invoice, action: 'send' }));
    expect(refused.code).toBe('outcome_unknown');
    expect(refused.message).toContain('e-mailed');
    expect(await world.count('invoice.sent')).toBe(1);
  });
});

describe('the lookup of an invoice', () => {
  const marker = 'mcp_once_0123456789abcdef';
  const input = {
    ...invoice,
    lines: lines.map((line) => ({ ...line, quantity: 1 })),
    due_days: 30,
  };

  const lookUp = (over: object = {}, steps: Record<string, unknown> = {}): Promise<LookupAnswer> => {
    if (!createInvoice.lookup) throw new Error('it has a lookup');
    const log = { debug: () => {}, info: () => {}, warn: () => {} };
    const { signal } = new AbortController();
    const context = { client: world.stripe, marker, sinceMs: nowMs - hour, steps, signal, log };
    return createInvoice.lookup({ ...input, ...over }, context);
  };

  const draft = async (customer: string, count: number, metadata = marked(marker)) => {
    const common = { customer, metadata } as const;
    const made = await world.stripe.invoices.create({
      ...common,
      collection_method: 'send_invoice',
      days_until_due: 30,
      currency: 'usd',
    });
    for (let line = 1; line <= count; line += 1) {
      await world.stripe.invoiceItems.create({
        customer,
        invoice: made.id,
        amount: 100,
        currency: 'usd',
        metadata: marked(marker, line),
      });
    }
    return made.id;
  };

  test('answers absent where nothing exists, and where a similar invoice carries another marker or none', async () => {
    expect(await lookUp()).toEqual({ status: 'absent' });
    const { id } = await world.stripe.customers.create(ada);
    await draft(id, 3, {});
    await draft(id, 3, marked('mcp_once_another'));
    expect(await lookUp()).toEqual({ status: 'absent' });
    expect(await lookUp({ customer: { id } })).toEqual({ status: 'absent' });
  });

  test('answers partial for the customer alone, under the names of both steps', async () => {
    const { id } = await world.stripe.customers.create({ ...ada, metadata: marked(marker) });
    expect(await lookUp()).toEqual({ status: 'partial', steps: { 'find customer': { id }, customer: { id } } });
  });

  test('answers partial for a draft with some of its lines, under the names of the steps', async () => {
    const { id } = await world.stripe.customers.create(ada);
    const found = await draft(id, 2);
    const line = { id: expect.stringMatching(/^ii_/) };
    expect(await lookUp({ customer: { id } })).toEqual({
      status: 'partial',
      steps: { invoice: { id: found }, 'line 1': line, 'line 2': line },
    });
  });

  test('answers found for a whole draft where a draft was meant, and partial where more was meant', async () => {
    const { id } = await world.stripe.customers.create(ada);
    const found = await draft(id, 3);
    expect(await lookUp({ action: 'draft' })).toMatchObject({
      status: 'found',
      result: { id: found, status: 'draft' },
    });
    expect(await lookUp({ action: 'send' })).toMatchObject({ status: 'partial' });
  });

  test('answers found for a finalized invoice, and unclear if lines are missing', async () => {
    const { id } = await world.stripe.customers.create(ada);
    const found = await draft(id, 3);
    await world.stripe.invoices.finalizeInvoice(found);
    expect(await lookUp()).toMatchObject({ status: 'found', result: { id: found, status: 'open' } });
    expect(await lookUp({ lines: [...input.lines, ...input.lines] })).toMatchObject({ status: 'unclear' });
  });

  test('answers partial for a finalized invoice to be sent while its finalizing is not kept, and unclear afterwards', async () => {
    const { id } = await world.stripe.customers.create(ada);
    const found = await draft(id, 3);
    await world.stripe.invoices.finalizeInvoice(found);
    const before = await lookUp({ action: 'send' });
    expect(before).toMatchObject({ status: 'partial', steps: { finalize: { id: found, status: 'open' } } });
    expect(await lookUp({ action: 'send' }, { finalize: { id: found } })).toMatchObject({ status: 'unclear' });
  });

  test('answers unclear for a line that exists twice, since it would be billed twice', async () => {
    const { id: customer } = await world.stripe.customers.create(ada);
    const found = await draft(customer, 3);
    const second = { customer, invoice: found, amount: 200, currency: 'usd', metadata: marked(marker, 2) };
    await world.stripe.invoiceItems.create(second);
    const unclear = { status: 'unclear', reason: expect.stringContaining('line 2') };
    expect(await lookUp()).toMatchObject(unclear);
    await world.stripe.invoices.finalizeInvoice(found);
    expect(await lookUp()).toMatchObject(unclear);
  });

  test('answers unclear for two invoices with one marker', async () => {
    const { id } = await world.stripe.customers.create(ada);
    await draft(id, 3);
    await draft(id, 3);
    expect(await lookUp()).toMatchObject({ status: 'unclear', reason: expect.stringContaining('more than one') });
  });
});
