import { writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import Stripe from 'stripe';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSandbox } from '../../sandbox/start.ts';
import { effectsOf, failureOf, openStage, type Stage, sdkFor, send } from './harness.ts';

let stage: Stage;
let stripe: Stripe;

beforeEach(async () => {
  stage = await openStage();
  stripe = stage.stripe;
});

afterEach(() => stage.close());

const effects = () => effectsOf(stage.sandbox);
const post = (path: string, body: string, headers?: Record<string, string>) =>
  send(stage.sandbox, 'POST', path, body, headers);

describe('customers', () => {
  test('are created, retrieved, updated, and listed by e-mail', async () => {
    const created = await stripe.customers.create({
      name: 'Ada & Söhne = 100%',
      email: 'ada@example.com',
      address: { line1: '1 Loop Road', country: 'GB' },
      metadata: { order: '7', 'key with spaces': 'a+b' },
    });
    expect(created.id).toMatch(/^cus_[0-9A-Za-z]{24}$/);
    expect(created).toMatchObject({ object: 'customer', name: 'Ada & Söhne = 100%', livemode: false });
    expect(created.metadata).toEqual({ order: '7', 'key with spaces': 'a+b' });
    expect(await stripe.customers.retrieve(created.id)).toEqual(created);

    const updated = await stripe.customers.update(created.id, { name: '', address: { line2: 'Door 2' } });
    expect(updated).toMatchObject({ name: null, email: 'ada@example.com' });
    expect(updated.address).toMatchObject({ line1: '1 Loop Road', line2: 'Door 2', country: 'GB' });

    await stripe.customers.create({ email: 'bob@example.com' });
    const listed = await stripe.customers.list({ email: 'ada@example.com' });
    expect(listed.data.map((one) => one.id)).toEqual([created.id]);
  });

  test('merge metadata on update: set or unset the given keys, keep the others', async () => {
    const { id } = await stripe.customers.create({ metadata: { a: '1', b: '2', c: '3' } });
    const merged = await stripe.customers.update(id, { metadata: { b: '', c: 'new', d: '4' } });
    expect(merged.metadata).toEqual({ a: '1', c: 'new', d: '4' });
    expect((await stripe.customers.update(id, { metadata: '' })).metadata).toEqual({});
  });

  test('are refused with metadata out of bounds', async () => {
    const tooMany = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`key${index}`, 'x']));
    for (const metadata of [{ ['k'.repeat(41)]: 'x' }, { key: 'x'.repeat(501) }, tooMany]) {
      await expectError(stripe.customers.create({ metadata }), { statusCode: 400, rawType: 'invalid_request_error' });
    }
  });
});

describe('an invoice', () => {
  test('goes from draft to open, with its lines, totals, number and page', async () => {
    const { customer, invoice } = await draft({ description: 'March', metadata: { order: '7' } });
    expect(invoice).toMatchObject({ status: 'draft', number: null, hosted_invoice_url: null, total: 0 });
    const item = await stripe.invoiceItems.create({
      customer,
      invoice: invoice.id,
      unit_amount_decimal: Stripe.Decimal.from('1250.5'),
      quantity: 3,
      description: 'Hours',
    });
    expect(item).toMatchObject({ amount: 3752, quantity: 3, invoice: invoice.id });
    expect(item.pricing?.unit_amount_decimal?.toString()).toBe('1250.5');
    await stripe.invoiceItems.create({ customer, invoice: invoice.id, amount: -52, description: 'Discount' });
    expect((await stripe.invoiceItems.list({ invoice: invoice.id })).data).toHaveLength(2);
    const lines = await stripe.invoices.listLineItems(invoice.id);
    expect(lines.data.map((line) => [line.id.slice(0, 3), line.description, line.amount])).toEqual([
      ['il_', 'Hours', 3752],
      ['il_', 'Discount', -52],
    ]);

    const open = await stripe.invoices.finalizeInvoice(invoice.id);
    expect(open).toMatchObject({ status: 'open', total: 3700, amount_due: 3700, amount_remaining: 3700 });
    expect(open.number).toMatch(/^[0-9A-F]{8}-0001$/);
    expect(open.due_date).toBe((open.status_transitions.finalized_at ?? 0) + 30 * 86_400);
    const page = await fetch(open.hosted_invoice_url ?? '');
    expect(new URL(page.url).hostname).toBe('127.0.0.1');
    expect(await page.text()).toContain(open.number);

    const sent = await stripe.invoices.sendInvoice(invoice.id);
    expect(sent).toMatchObject({ status: 'open', number: open.number });
    expect((await effects()).counts).toMatchObject({ invoices: 1, invoice_items: 2, sent_emails: 1 });
  });

  test('is finalized when it is sent as a draft, with numbers that count up per customer', async () => {
    const { customer, invoice } = await draft();
    await addLines(invoice, 5, 7);
    const sent = await stripe.invoices.sendInvoice(invoice.id);
    expect(sent).toMatchObject({ status: 'open', total: 12 });
    const second = await draft({}, customer);
    const finalized = await stripe.invoices.finalizeInvoice(second.invoice.id);
    expect(finalized).toMatchObject({ status: 'paid', total: 0 });
    expect(finalized.number).toBe(sent.number?.replace('0001', '0002'));
  });

  test('makes the allowed moves, and refuses every other one without a change', async () => {
    type Move = (id: string) => Promise<unknown>;
    const { customer } = await draft();
    const moves: Record<string, Move> = {
      finalize: (id) => stripe.invoices.finalizeInvoice(id),
      send: (id) => stripe.invoices.sendInvoice(id),
      void: (id) => stripe.invoices.voidInvoice(id),
      add: (id) => stripe.invoiceItems.create({ customer, invoice: id, amount: 1 }),
    };
    const allowed: Record<string, readonly string[]> = {
      draft: ['finalize', 'send', 'add'],
      open: ['send', 'void'],
      paid: ['send'],
      void: [],
    };
    const way: Record<string, readonly string[]> = {
      draft: [],
      open: ['finalize'],
      paid: ['finalize'],
      void: ['finalize', 'void'],
    };
    for (const [status, steps] of Object.entries(way)) {
      for (const [name, move] of Object.entries(moves)) {
        const { invoice } = await draft({}, customer);
        // An invoice without anything due is paid when it is finalized.
        await addLines(invoice, status === 'paid' ? 0 : 10);
        for (const step of steps) await moves[step]?.(invoice.id);
        const before = await stripe.invoices.retrieve(invoice.id);
        expect(before.status).toBe(status);
        if (allowed[status]?.includes(name)) {
          await move(invoice.id);
        } else {
          await expectError(move(invoice.id), { statusCode: 400, rawType: 'invalid_request_error' });
          expect(await stripe.invoices.retrieve(invoice.id)).toEqual(before);
        }
      }
    }
  });

  test('has a page once it is finalized, and none as a draft', async () => {
    const { invoice } = await draft({ number: 'OWN-1' });
    const page = () => fetch(`${stage.sandbox.url}/_sandbox/invoices/${invoice.id}`);
    expect((await page()).status).toBe(404);
    await stripe.invoices.finalizeInvoice(invoice.id);
    expect(await (await page()).text()).toContain('Invoice OWN-1');
  });

  test('has a due date if it is sent, and none if it is charged', async () => {
    const customer = (await stripe.customers.create({})).id;
    const sent = { customer, collection_method: 'send_invoice' } as const;
    const onDate = { ...sent, due_date: 2_000_000_000 };
    const inDays = await stripe.invoices.create({ ...sent, days_until_due: 3 });
    expect(inDays.due_date).toBe(inDays.created + 3 * 86_400);
    expect((await stripe.invoices.create(onDate)).due_date).toBe(2_000_000_000);
    await expectError(stripe.invoices.create({ ...onDate, days_until_due: 3 }), { code: 'parameters_exclusive' });
    expect((await stripe.invoices.create({ customer })).due_date).toBeNull();
    await expectError(stripe.invoices.create(sent), { code: 'parameter_missing' });
  });

  test('keeps the customer details of the time when it was finalized', async () => {
    const { customer, invoice } = await draft();
    await stripe.customers.update(customer, { name: 'Ada', email: 'lovelace@example.com' });
    expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject({ customer_email: 'lovelace@example.com' });
    await stripe.invoices.finalizeInvoice(invoice.id);
    await stripe.customers.update(customer, { name: 'Grace', email: 'grace@example.com' });
    const kept = { customer, customer_name: 'Ada', customer_email: 'lovelace@example.com' };
    expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject(kept);
  });

  test('refuses wrong parameters with the words and codes of Stripe', async () => {
    const { customer, invoice } = await draft();
    const due = { collection_method: 'send_invoice' } as const;
    await expectError(post('/v1/invoices', ''), { status: 400, code: 'parameter_missing', param: 'customer' });
    await expectError(stripe.invoices.create({ customer: 'cus_none' }), {
      code: 'resource_missing',
      param: 'customer',
    });
    await expectError(stripe.invoices.create({ customer, ...due }), { param: 'days_until_due' });
    await expectError(stripe.invoices.create({ customer, days_until_due: 3 }), { param: 'days_until_due' });
    await expectError(stripe.invoices.create({ customer, currency: 'zzz' }), { param: 'currency' });
    await expectError(post('/v1/invoices', `customer=${customer}&shoe=9`), {
      code: 'parameter_unknown',
      param: 'shoe',
    });
    await expectError(post('/v1/invoiceitems', `invoice=${invoice.id}&amount=1.5`), {
      code: 'parameter_invalid_integer',
      param: 'amount',
    });
    const eur = { customer, invoice: invoice.id, amount: 1, currency: 'eur' };
    await expectError(stripe.invoiceItems.create(eur), { param: 'currency' });
    await expectError(stripe.invoiceItems.create({ ...eur, currency: 'usd', quantity: 2 }), {
      code: 'parameters_exclusive',
    });
    const twoPrices = `invoice=${invoice.id}&unit_amount_decimal=1&price_data[currency]=usd&price_data[product]=p&price_data[unit_amount]=2`;
    await expectError(post('/v1/invoiceitems', twoPrices), { code: 'parameters_exclusive' });
    expect((await effects()).counts).toMatchObject({ invoices: 1, invoice_items: 0 });
  });
});

describe('lists', () => {
  test('are paged by the SDK, newest first, filtered by customer and status', async () => {
    const { customer } = await draft();
    const ids: string[] = [];
    for (let index = 0; index < 7; index += 1) ids.unshift((await draft({}, customer)).invoice.id);
    const other = (await draft()).invoice;
    await addLines(other, 1);
    await stripe.invoices.finalizeInvoice(other.id);

    const paged = await stripe.invoices.list({ customer, limit: 3 }).autoPagingToArray({ limit: 100 });
    expect(paged.map((one) => one.id).slice(0, 7)).toEqual(ids);
    const first = await stripe.invoices.list({ limit: 3 });
    expect(first).toMatchObject({ object: 'list', has_more: true, url: '/v1/invoices' });
    const before = await stripe.invoices.list({ limit: 3, ending_before: ids[4] ?? '' });
    expect(before.data.map((one) => one.id)).toEqual(ids.slice(1, 4));
    expect((await stripe.invoices.list({ status: 'open' })).data.map((one) => one.id)).toEqual([other.id]);
    expect((await stripe.invoices.list({ created: { lt: 1_000 } })).data).toEqual([]);
    const both = stripe.invoices.list({ starting_after: other.id, ending_before: other.id });
    await expectError(both, { statusCode: 400, code: 'parameters_exclusive' });
    const wrongCursor = stripe.invoices.list({ starting_after: 'in_none' });
    await expectError(wrongCursor, { statusCode: 400, code: 'resource_missing', param: 'starting_after' });
    await expectError(stripe.invoices.list({ limit: 101 }), { statusCode: 400, param: 'limit' });
  });

  test('page the lines of an invoice', async () => {
    const { invoice } = await draft();
    const amounts = Array.from({ length: 25 }, (_, index) => index + 1);
    await addLines(invoice, ...amounts);
    const filled = await stripe.invoices.retrieve(invoice.id);
    expect(filled.lines.data).toHaveLength(10);
    expect(filled).toMatchObject({ total: 325, lines: { has_more: true } });
    const all = await stripe.invoices.listLineItems(invoice.id, { limit: 10 }).autoPagingToArray({ limit: 100 });
    expect(all.map((line) => line.amount)).toEqual(amounts);
  });
});

describe('payments', () => {
  test('succeed with a test card, and are retrieved and listed', async () => {
    const { id: customer } = await stripe.customers.create({});
    const paid = await pay({ customer, metadata: { order: '9' } });
    expect(paid).toMatchObject({ status: 'succeeded', amount_received: 2_000, livemode: false });
    expect(paid.id).toMatch(/^pi_/);
    expect(paid.latest_charge).toMatch(/^ch_/);
    expect(await stripe.paymentIntents.retrieve(paid.id)).toEqual(paid);
    expect((await stripe.paymentIntents.list({ customer })).data).toEqual([paid]);
  });

  test('answer 402 when they are declined, and stay on record', async () => {
    const error = await failureOf(pay({ payment_method: 'pm_card_chargeDeclined' }));
    expect(error).toBeInstanceOf(Stripe.errors.StripeCardError);
    expect(error).toMatchObject({
      statusCode: 402,
      rawType: 'card_error',
      code: 'card_declined',
      decline_code: 'generic_decline',
      payment_intent: { status: 'requires_payment_method', last_payment_error: { code: 'card_declined' } },
    });
    const listed = await stripe.paymentIntents.list({});
    expect(listed.data).toMatchObject([{ status: 'requires_payment_method', amount_received: 0 }]);
  });

  test('are refused without a card, with an unknown card, or without a return_url for a redirect', async () => {
    await expectError(pay({ payment_method: undefined }), { code: 'payment_intent_unexpected_state' });
    await expectError(pay({ payment_method: 'pm_none' }), { code: 'resource_missing', param: 'payment_method' });
    const redirecting = stripe.paymentIntents.create({
      amount: 1,
      currency: 'usd',
      confirm: true,
      payment_method: 'pm_card_visa',
    });
    await expectError(redirecting, { statusCode: 400, param: 'return_url' });
    await expectError(pay({ amount: 0 }), { param: 'amount' });
    expect((await effects()).counts).toMatchObject({ payment_intents: 0, charges: 0 });
  });
});

describe('refunds', () => {
  test('may be partial until nothing is left, and never exceed the payment', async () => {
    const paid = await pay();
    const first = await stripe.refunds.create({ payment_intent: paid.id, amount: 700, reason: 'duplicate' });
    expect(first).toMatchObject({ object: 'refund', amount: 700, status: 'succeeded', charge: paid.latest_charge });
    const tooMuch = stripe.refunds.create({ payment_intent: paid.id, amount: 1_301 });
    await expectError(tooMuch, { statusCode: 400, param: 'amount' });
    const rest = await stripe.refunds.create({ charge: String(paid.latest_charge) });
    expect(rest.amount).toBe(1_300);
    await expectError(stripe.refunds.create({ payment_intent: paid.id }), { code: 'charge_already_refunded' });
    const listed = await stripe.refunds.list({ payment_intent: paid.id });
    expect(listed.data.map((one) => one.id)).toEqual([rest.id, first.id]);
    expect((await effects()).actions).toMatchObject({ 'refund.created': 2 });
  });

  test('need exactly one payment, and one that succeeded', async () => {
    await expectError(stripe.refunds.create({}), { code: 'parameter_missing' });
    const waiting = await stripe.paymentIntents.create({ amount: 5, currency: 'usd' });
    await expectError(stripe.refunds.create({ payment_intent: waiting.id }), { param: 'payment_intent' });
  });
});

describe('the sandbox', () => {
  test('answers 401 without a key, takes Bearer and Basic, and gives each key its own account', async () => {
    const list = (authorization?: string) =>
      fetch(`${stage.sandbox.url}/v1/customers`, authorization === undefined ? {} : { headers: { authorization } });
    await expectError(list(), { status: 401 });
    await expectError(list('Bearer x'), { status: 401 });
    const mine = await stripe.customers.create({});
    const basic = `Basic ${Buffer.from('sk_test_sandbox:').toString('base64')}`;
    const byBasic = await list(basic);
    expect(byBasic.headers.get('request-id')).toMatch(/^req_/);
    expect(await byBasic.json()).toMatchObject({ object: 'list', data: [{ id: mine.id }] });

    const other = sdkFor(stage.sandbox, 'sk_live_other');
    const theirs = await other.customers.create({});
    expect(theirs.livemode).toBe(true);
    await expectError(stripe.customers.retrieve(theirs.id), { statusCode: 404 });
    const acting = stripe.customers.create({}, { stripeAccount: 'acct_other' });
    await expectError(acting, { statusCode: 403, code: 'account_invalid' });
  });

  test('refuses unknown paths, foreign hosts and origins, JSON and large bodies', async () => {
    await expectError(stripe.products.list(), { statusCode: 404 });
    expect(await statusWithHeaders({ host: 'evil.example' })).toBe(403);
    expect(await statusWithHeaders({ origin: 'http://evil.example' })).toBe(403);
    expect(await statusWithHeaders({ host: `localhost:${stage.sandbox.port}` })).toBe(200);
    await expectError(post('/v1/customers', '{}', { 'content-type': 'application/json' }), { status: 400 });
    const large = await post('/v1/customers', `name=${'x'.repeat(1024 * 1024)}`).then(
      (response) => response.status,
      // Closed while still sending: also a refusal.
      () => 413,
    );
    expect(large).toBe(413);
    await expectError(post('/v1/customers', 'a[b][c][d][e][f][g]=1'), { status: 400 });
    await expectError(post('/v1/customers', 'metadata[__proto__]=1'), { status: 400 });
    await expectError(post('/v1/customers', 'email=a%00b@example.com'), { status: 400 });
    await expectError(post('/v1/invoices', 'customer=cus_%00'), { status: 400 });
    await expectError(post('/v1/customers', 'name=a&name=b'), { status: 400 });
    expect((await effects()).counts).toMatchObject({ customers: 0 });
  });

  test('does not start with an unusable data file, a taken port or wrong options', async () => {
    const missing = startSandbox({ dataFile: join(stage.folder, 'none', 'data.sqlite') });
    await expect(missing).rejects.toMatchObject({ code: 'upstream_unavailable' });
    const text = join(stage.folder, 'text');
    await writeFile(text, 'this is no database, but long enough to be looked at as one '.repeat(20));
    await expect(startSandbox({ dataFile: text })).rejects.toMatchObject({ code: 'upstream_unavailable' });
    const taken = startSandbox({ dataFile: ':memory:', port: stage.sandbox.port });
    await expect(taken).rejects.toMatchObject({ code: 'upstream_unavailable' });
    const wrong = startSandbox({ dataFile: '', port: 70_000 });
    await expect(wrong).rejects.toMatchObject({ code: 'configuration_invalid' });
  });

  test('keeps its data and saved answers after a restart', async () => {
    const created = await stripe.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' });
    await stage.sandbox.close();
    const again = sdkFor(await stage.open());
    expect(await again.customers.retrieve(created.id)).toEqual(created);
    expect((await again.customers.create({ name: 'Ada' }, { idempotencyKey: 'k' })).id).toBe(created.id);
  });
});

async function draft(params: Partial<Stripe.InvoiceCreateParams> = {}, customer?: string) {
  const owner = customer ?? (await stripe.customers.create({ email: 'ada@example.com' })).id;
  const invoice = await stripe.invoices.create({
    customer: owner,
    collection_method: 'send_invoice',
    days_until_due: 30,
    ...params,
  });
  return { customer: owner, invoice };
}

/** Adds one line per amount. */
async function addLines(invoice: Stripe.Invoice, ...amounts: number[]): Promise<void> {
  for (const amount of amounts)
    await stripe.invoiceItems.create({ customer: String(invoice.customer), invoice: invoice.id, amount });
}

function pay(
  params: { [K in keyof Stripe.PaymentIntentCreateParams]?: Stripe.PaymentIntentCreateParams[K] | undefined } = {},
) {
  const merged = {
    amount: 2_000,
    currency: 'usd',
    confirm: true,
    payment_method: 'pm_card_visa',
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
    ...params,
  };
  return stripe.paymentIntents.create(JSON.parse(JSON.stringify(merged)));
}

/** `fetch` does not let a test set Host and Origin. */
function statusWithHeaders(headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: stage.sandbox.port, path: '/_sandbox/health', headers, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    request.on('error', reject);
    request.end();
  });
}

/** Expects an SDK call to fail, or a raw response to carry an error envelope. */
async function expectError(work: Promise<unknown>, expected: Record<string, unknown>): Promise<void> {
  const result = await work.catch((error: unknown) => error);
  if (result instanceof Response) {
    const envelope = (await result.json()) as { error: object };
    expect({ ...envelope.error, status: result.status }).toMatchObject(expected);
    return;
  }
  expect(result).toBeInstanceOf(Stripe.errors.StripeError);
  expect(result).toMatchObject(expected);
}
