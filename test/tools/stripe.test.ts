import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openMemoryStore } from '../../src/core/ledger/stores/memory.ts';
import { refusalOf, resultOf } from '../support/engine.ts';
import { eventually } from '../support/event.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { openWorld, running, type World } from './harness.ts';

const minute = 60_000;
const hour = 60 * minute;

let world: World;
let clock: ManualClock;
let nowMs: number;
let store: ReturnType<typeof openMemoryStore>;

beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 1);
  world = await openWorld({ now: () => nowMs });
  store = openMemoryStore({ now: () => nowMs });
  clock = new ManualClock(nowMs);
});

afterEach(() => world.close());

/** Calls a tool through a new engine on the shared ledger. */
function call(tool: string, args: unknown) {
  return running(clock, world.engine({ store, clock }).call(tool, args));
}

/** Kills a process before or after the effect of its request, and lets Stripe forget its keys. */
async function dieIn(tool: string, args: unknown, path: string, when: 'before_effect' | 'after_effect', arrivals = 1) {
  await world.fault({ fault: 'hang', when, match: { method: 'POST', path } });
  void world.engine({ store, clock: new ManualClock(nowMs, clock.boot) }).call(tool, args);
  await world.arrived(path, arrivals);
  if (when === 'after_effect') await eventually(async () => expect(await world.lastTookEffect()).toBe(true));
  await world.clearFaults();
  pass(25 * hour);
}

function pass(ms: number): void {
  nowMs += ms;
  clock.skip(ms);
}

const idOf = (answer: { result: unknown }): string => (answer.result as { id: string }).id;

async function openInvoice(): Promise<string> {
  const { stripe } = world;
  const { id: customer } = await stripe.customers.create({ name: 'Ada', email: 'ada@example.com' });
  const { id: invoice } = await stripe.invoices.create({
    customer,
    collection_method: 'send_invoice',
    days_until_due: 30,
  });
  await stripe.invoiceItems.create({ customer, invoice, amount: 100, currency: 'usd' });
  await stripe.invoices.finalizeInvoice(invoice);
  return invoice;
}

describe('create_customer', () => {
  test('creates once for an e-mail address, and answers another name with a conflict', async () => {
    const first = resultOf(await call('create_customer', { name: 'Ada', email: 'Ada@Example.com' }));
    expect(first.result).toMatchObject({ name: 'Ada', email: 'ada@example.com', phone: null });
    expect(resultOf(await call('create_customer', { email: 'ada@example.com', name: 'Ada' })).replayed).toBe(true);
    const refused = refusalOf(await call('create_customer', { email: 'ada@example.com', name: 'Ada L.' }));
    expect(refused).toMatchObject({ code: 'idempotency_conflict', fields: ['name'], firstResult: first.result });
    expect(await world.count('customer.created')).toBe(1);
  });

  test.each(['before_effect', 'after_effect'] as const)('creates one customer when killed %s', async (when) => {
    await dieIn('create_customer', { name: 'Ada' }, '/v1/customers', when);
    expect(resultOf(await call('create_customer', { name: 'Ada' })).recovered).toBe('reconcile');
    expect(await world.count('customer.created')).toBe(1);
  });
});

describe('create_payment', () => {
  const payment = { amount: 1_250, currency: 'usd', payment_method: 'pm_card_visa' };

  test('charges once and replays a repeat', async () => {
    const first = resultOf(await call('create_payment', payment));
    expect(first.result).toMatchObject({ status: 'succeeded', amount: 1_250, charge: expect.stringMatching(/^ch_/) });
    expect(resultOf(await call('create_payment', payment)).replayed).toBe(true);
    expect(await world.count('charge.succeeded')).toBe(1);
  });

  test('allows the same call under a new key after a decline, and another card', async () => {
    const { id: customer } = await world.stripe.customers.create({ name: 'Ada' });
    const declined = { ...payment, customer, payment_method: 'pm_card_chargeDeclined' };
    const refused = refusalOf(await call('create_payment', declined));
    expect(refused).toMatchObject({ code: 'operation_failed', message: expect.stringContaining('declined') });
    expect(refusalOf(await call('create_payment', declined)).operation?.attempt).toBe(2);
    expect(await world.count('charge.failed')).toBe(2);
    expect(resultOf(await call('create_payment', { ...payment, customer })).result).toMatchObject({
      status: 'succeeded',
    });
    const again = refusalOf(await call('create_payment', { ...payment, customer, payment_method: 'pm_card_amex' }));
    expect(again).toMatchObject({ code: 'idempotency_conflict', fields: ['payment_method'] });
    expect(await world.count('charge.succeeded')).toBe(1);
  });

  test('recovers the lost answer of a decline with the same key, and charges nothing', async () => {
    await world.fault({ fault: 'drop_answer', match: { method: 'POST', path: '/v1/payment_intents' } });
    const refused = refusalOf(await call('create_payment', { ...payment, payment_method: 'pm_card_chargeDeclined' }));
    expect(refused.code).toBe('operation_failed');
    expect((await world.look()).actions).toEqual({ 'payment_intent.created': 1, 'charge.failed': 1 });
  });

  test('finds the charge by its marker after a saved 500, and does not charge again', async () => {
    await world.fault({ fault: 'error_after_effect', match: { method: 'POST', path: '/v1/payment_intents' } });
    expect(resultOf(await call('create_payment', payment))).toMatchObject({
      recovered: 'reconcile',
      result: { status: 'succeeded' },
    });
    expect(await world.count('charge.succeeded')).toBe(1);
  });

  test.each(['before_effect', 'after_effect'] as const)('charges once when killed %s', async (when) => {
    await dieIn('create_payment', payment, '/v1/payment_intents', when);
    expect(resultOf(await call('create_payment', payment)).recovered).toBe('reconcile');
    expect(await world.count('charge.succeeded')).toBe(1);
  });

  test('does not take a declined payment with its marker for a charge', async () => {
    const declined = { ...payment, payment_method: 'pm_card_chargeDeclined' };
    await dieIn('create_payment', declined, '/v1/payment_intents', 'after_effect');
    expect(refusalOf(await call('create_payment', declined)).code).toBe('operation_failed');
    expect(await world.count('charge.succeeded')).toBe(0);
  });
});

describe('refund_payment', () => {
  const paid = async () =>
    idOf(resultOf(await call('create_payment', { amount: 1_000, currency: 'usd', payment_method: 'pm_card_visa' })));

  test('refunds a part once, another part separately, and never more than is left', async () => {
    const payment = await paid();
    expect(resultOf(await call('refund_payment', { payment, amount: 300 })).result).toMatchObject({
      amount: 300,
      payment,
    });
    expect(resultOf(await call('refund_payment', { payment, amount: 300 })).replayed).toBe(true);
    const over = refusalOf(await call('refund_payment', { payment, amount: 800 }));
    expect(over).toMatchObject({ code: 'operation_failed', message: expect.stringContaining('had no effect') });
    expect(resultOf(await call('refund_payment', { payment })).result).toMatchObject({ amount: 700 });
    expect(await world.count('refund.created')).toBe(2);
  });

  test('refunds a charge, and answers another reason for the same refund with a conflict', async () => {
    const intent = await world.stripe.paymentIntents.retrieve(await paid());
    const refund = { payment: String(intent.latest_charge), amount: 100 };
    resultOf(await call('refund_payment', refund));
    const refused = refusalOf(await call('refund_payment', { ...refund, reason: 'duplicate' }));
    expect(refused).toMatchObject({ code: 'idempotency_conflict', fields: ['reason'] });
    expect(await world.count('refund.created')).toBe(1);
  });

  test('refuses another id and names the valid forms', async () => {
    const refused = refusalOf(await call('refund_payment', { payment: 'in_1' }));
    expect(refused).toMatchObject({ code: 'invalid_input', message: expect.stringContaining('pi_... or ch_...') });
  });

  test.each(['before_effect', 'after_effect'] as const)('refunds once when killed %s', async (when) => {
    const refund = { payment: await paid(), amount: 300 };
    // A similar refund without the marker must not be found.
    await world.stripe.refunds.create({ payment_intent: refund.payment, amount: 300 });
    await dieIn('refund_payment', refund, '/v1/refunds', when, 2);
    expect(resultOf(await call('refund_payment', refund)).recovered).toBe('reconcile');
    expect(await world.count('refund.created')).toBe(2);
  });
});

describe('update_customer', () => {
  test('executes A, B, A three times and A, A once, and empties cleared fields', async () => {
    const { id: customer } = await world.stripe.customers.create({ name: 'Ada', phone: '+44 1' });
    for (const name of ['A', 'B', 'A']) resultOf(await call('update_customer', { customer, name }));
    expect(await world.count('customer.updated')).toBe(3);
    expect(resultOf(await call('update_customer', { customer, name: 'A' })).replayed).toBe(true);
    expect(await world.count('customer.updated')).toBe(3);
    const { result } = resultOf(await call('update_customer', { customer, clear: ['phone'], email: 'a@example.com' }));
    expect(result).toMatchObject({ id: customer, name: 'A', phone: null, email: 'a@example.com' });
  });

  test('sets the fields again when Stripe has forgotten the key of a killed run', async () => {
    const { id: customer } = await world.stripe.customers.create({ name: 'Ada' });
    await dieIn('update_customer', { customer, name: 'A' }, `/v1/customers/${customer}`, 'after_effect');
    expect(resultOf(await call('update_customer', { customer, name: 'A' })).recovered).toBe('natural');
    expect((await world.stripe.customers.retrieve(customer)) as object).toMatchObject({ name: 'A' });
  });

  test('fails definitely for a customer who does not exist', async () => {
    const refused = refusalOf(await call('update_customer', { customer: 'cus_missing', name: 'A' }));
    expect(refused).toMatchObject({ code: 'operation_failed', message: expect.stringContaining('No such customer') });
  });
});

describe('void_invoice', () => {
  test('voids once and replays a repeat for a day, after which Stripe refuses it', async () => {
    const invoice = await openInvoice();
    expect(resultOf(await call('void_invoice', { invoice })).result).toMatchObject({ id: invoice, status: 'void' });
    pass(23 * hour);
    expect(resultOf(await call('void_invoice', { invoice })).replayed).toBe(true);
    pass(2 * hour);
    expect(refusalOf(await call('void_invoice', { invoice })).code).toBe('operation_failed');
    expect(await world.count('invoice.voided')).toBe(1);
  });

  test('recovers a lost answer with the same key', async () => {
    const invoice = await openInvoice();
    await world.fault({ fault: 'drop_answer', match: { method: 'POST', path: '^/v1/invoices/\\w+/void$' } });
    expect(resultOf(await call('void_invoice', { invoice })).recovered).toBe('resend');
    expect(await world.count('invoice.voided')).toBe(1);
  });

  test.each(['before_effect', 'after_effect'] as const)('voids once when killed %s', async (when) => {
    const invoice = await openInvoice();
    await dieIn('void_invoice', { invoice }, `/v1/invoices/${invoice}/void`, when);
    expect(resultOf(await call('void_invoice', { invoice }))).toMatchObject({
      recovered: 'reconcile',
      result: { status: 'void' },
    });
    expect(await world.count('invoice.voided')).toBe(1);
  });
});

describe('the read tools', () => {
  test('return the lines of an invoice, and page invoices and customers', async () => {
    const invoices = [await openInvoice(), await openInvoice(), await openInvoice()];
    const got = resultOf(await call('get_invoice', { invoice: invoices[0] })).result;
    expect(got).toMatchObject({
      status: 'open',
      lines: [{ amount: 100, quantity: 1 }],
      has_more_lines: false,
      memo: null,
    });
    const first = resultOf(await call('list_invoices', { limit: 2, status: 'open' })).result as Page;
    expect(first.invoices.map(({ id }) => id)).toEqual([invoices[2], invoices[1]]);
    const second = resultOf(await call('list_invoices', { limit: 2, status: 'open', after: first.next }))
      .result as Page;
    expect(second).toMatchObject({ invoices: [{ id: invoices[0] }], next: null });
    const found = resultOf(await call('list_customers', { email: 'ada@example.com' })).result;
    expect((found as { customers: unknown[] }).customers).toHaveLength(3);
  });

  test('say that an object does not exist and that they only read', async () => {
    const refused = refusalOf(await call('get_invoice', { invoice: 'in_missing' }));
    expect(refused.message).toMatch(/No such invoice.*only reads/);
  });
});

interface Page {
  readonly invoices: readonly { id: string }[];
  readonly next: string | null;
}
