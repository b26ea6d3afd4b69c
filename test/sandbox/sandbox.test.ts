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

  test('merge metadata on update: given keys are set or unset, others stay', async () => {
    const { id } = await stripe.customers.create({ metadata: { a: '1', b: '2', c: '3' } });
    const merged = await stripe.customers.update(id, { metadata: { b: '', c: 'new', d: '4' } });
    expect(merged.metadata).toEqual({ a: '1', c: 'new', d: '4' });
    expect((await stripe.customers.update(id, { metadata: '' })).metadata).toEqual({});
  });

  test('metadata out of bounds is refused', async () => {
    const tooMany = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`key${index}`, 'x']));
    for (const metadata of [{ ['k'.repeat(41)]: 'x' }, { key: 'x'.repeat(501) }, tooMany]) {
      await expectError(stripe.customers.create({ metadata }), { statusCode: 400, rawType: 'invalid_request_error' });
    }
  });

  test('are searched by metadata and fields, without regard to case, page by page', async () => {
    for (let index = 0; index < 5; index += 1) {
      await stripe.customers.create({
        name: `Number ${index}`,
        email: `n${index}@example.com`,
        metadata: { "it's.a key": index < 3 ? 'Yes "so"' : 'no' },
      });
    }
    const query = `metadata['it\\'s.a key']:"yes \\"so\\""`;
    const found = await stripe.customers.search({ query, limit: 2 }).autoPagingToArray({ limit: 100 });
    expect(found.map((one) => one.name)).toEqual(['Number 2', 'Number 1', 'Number 0']);
    const names = async (q: string) => (await stripe.customers.search({ query: q })).data.map((one) => one.name);
    expect(await names(`name~"umber" AND -metadata["it's.a key"]:"no" AND email:"N1@example.com"`)).toEqual([
      'Number 1',
    ]);
    expect(await names("email:'n0@example.com' OR email:'n4@example.com'")).toEqual(['Number 4', 'Number 0']);
    expect(await names("phone:null metadata['absent']:null created>0 email:'n3@example.com'")).toEqual(['Number 3']);
    for (const wrong of ['shoe:"9"', "email:'a' AND", 'email:"a" OR email:"b" AND email:"c"', "name~'ab'", 'x']) {
      await expectError(stripe.customers.search({ query: wrong }), { statusCode: 400, param: 'query' });
    }
  });
});

describe('an invoice', () => {
  test('goes from draft to open to paid, with its lines, totals, number and page', async () => {
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
    const paid = await stripe.invoices.pay(invoice.id, { paid_out_of_band: true });
    expect(paid).toMatchObject({ status: 'paid', amount_remaining: 0, amount_paid_off_stripe: 3700 });
    expect((await effects()).counts).toMatchObject({ invoices: 1, invoice_items: 2, sent_emails: 1 });
  });

  test('sent as a draft is finalized; numbers count up per customer', async () => {
    const { customer, invoice } = await draft();
    await stripe.invoices.addLines(invoice.id, { lines: [{ amount: 5, description: 'A' }, { amount: 7 }] });
    const sent = await stripe.invoices.sendInvoice(invoice.id);
    expect(sent).toMatchObject({ status: 'open', total: 12 });
    const second = await draft({}, customer);
    const finalized = await stripe.invoices.finalizeInvoice(second.invoice.id);
    expect(finalized).toMatchObject({ status: 'paid', total: 0 });
    expect(finalized.number).toBe(sent.number?.replace('0001', '0002'));
  });

  test('is paid by card; a declined card leaves it open', async () => {
    const { invoice } = await draft();
    await stripe.invoices.addLines(invoice.id, { lines: [{ amount: 900 }] });
    await stripe.invoices.finalizeInvoice(invoice.id);
    const declined = stripe.invoices.pay(invoice.id, { payment_method: 'pm_card_chargeDeclinedInsufficientFunds' });
    await expectError(declined, { statusCode: 402, code: 'card_declined', decline_code: 'insufficient_funds' });
    expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject({ status: 'open', attempt_count: 1 });
    const paid = await stripe.invoices.pay(invoice.id, { payment_method: 'pm_card_visa' });
    expect(paid).toMatchObject({ status: 'paid', amount_paid: 900, attempt_count: 2 });
  });

  test('moves only as it may: every other move is refused and changes nothing', async () => {
    type Move = (id: string) => Promise<unknown>;
    const moves: Record<string, Move> = {
      finalize: (id) => stripe.invoices.finalizeInvoice(id),
      send: (id) => stripe.invoices.sendInvoice(id),
      pay: (id) => stripe.invoices.pay(id, { paid_out_of_band: true }),
      void: (id) => stripe.invoices.voidInvoice(id),
      write_off: (id) => stripe.invoices.markUncollectible(id),
      delete: (id) => stripe.invoices.del(id),
      describe: (id) => stripe.invoices.update(id, { description: 'new' }),
      add: (id) => stripe.invoices.addLines(id, { lines: [{ amount: 1 }] }),
    };
    const allowed: Record<string, readonly string[]> = {
      draft: ['finalize', 'send', 'delete', 'describe', 'add'],
      open: ['send', 'pay', 'void', 'write_off'],
      paid: ['send'],
      void: [],
      uncollectible: ['pay', 'void'],
    };
    const way: Record<string, readonly string[]> = {
      draft: [],
      open: ['finalize'],
      paid: ['finalize', 'pay'],
      void: ['finalize', 'void'],
      uncollectible: ['finalize', 'write_off'],
    };
    const { customer } = await draft();
    for (const [status, steps] of Object.entries(way)) {
      for (const [name, move] of Object.entries(moves)) {
        const { invoice } = await draft({}, customer);
        await stripe.invoices.addLines(invoice.id, { lines: [{ amount: 10 }] });
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

  test('has a page once it is finalized, not as a draft', async () => {
    const { invoice } = await draft({ number: 'OWN-1' });
    const page = () => fetch(`${stage.sandbox.url}/_sandbox/invoices/${invoice.id}`);
    expect((await page()).status).toBe(404);
    await stripe.invoices.finalizeInvoice(invoice.id);
    expect(await (await page()).text()).toContain('Invoice OWN-1');
  });

  test('is due as long as it is sent: one that is charged is not, and one that is sent needs a date', async () => {
    const { invoice } = await draft();
    const update = (params: Stripe.InvoiceUpdateParams) => stripe.invoices.update(invoice.id, params);
    expect((await update({ description: 'kept' })).due_date).toBe(invoice.due_date);
    expect((await update({ due_date: 2_000_000_000 })).due_date).toBe(2_000_000_000);
    await expectError(update({ due_date: 2_000_000_000, days_until_due: 3 }), { code: 'parameters_exclusive' });
    expect((await update({ collection_method: 'charge_automatically' })).due_date).toBeNull();
    await expectError(update({ days_until_due: 3 }), { param: 'days_until_due' });
    await expectError(update({ collection_method: 'send_invoice' }), { code: 'parameter_missing' });
    const sent = await update({ collection_method: 'send_invoice', days_until_due: 3 });
    expect(sent.due_date).toBe(invoice.created + 3 * 86_400);
  });

  test('keeps the customer of the time when it was finalized', async () => {
    const { customer, invoice } = await draft();
    await stripe.customers.update(customer, { name: 'Ada', email: 'lovelace@example.com' });
    expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject({ customer_email: 'lovelace@example.com' });
    await stripe.invoices.finalizeInvoice(invoice.id);
    await stripe.customers.update(customer, { name: 'Grace', email: 'grace@example.com' });
    const kept = { customer, customer_name: 'Ada', customer_email: 'lovelace@example.com' };
    expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject(kept);
  });

  test('deleted as a draft is gone; metadata of an open one can still change', async () => {
    const { invoice } = await draft();
    expect(await stripe.invoices.del(invoice.id)).toMatchObject({ id: invoice.id, deleted: true });
    await expectError(stripe.invoices.retrieve(invoice.id), { statusCode: 404, code: 'resource_missing' });
    const other = await draft();
    await stripe.invoices.finalizeInvoice(other.invoice.id);
    const updated = await stripe.invoices.update(other.invoice.id, { metadata: { seen: 'yes' } });
    expect(updated.metadata).toEqual({ seen: 'yes' });
  });

  test('takes pending items when asked to', async () => {
    const { id: customer } = await stripe.customers.create({});
    await stripe.invoiceItems.create({ customer, amount: 40, currency: 'usd' });
    expect((await draft({}, customer)).invoice.total).toBe(0);
    expect((await draft({ pending_invoice_items_behavior: 'include' }, customer)).invoice.total).toBe(40);
    expect((await stripe.invoiceItems.list({ customer, pending: true })).data).toEqual([]);
  });

  test('is found by the marker in its metadata', async () => {
    const { invoice, customer } = await draft({ metadata: { 'mcp-once': 'marker-1' } });
    await draft({ metadata: { 'mcp-once': 'marker-2' } }, customer);
    const found = await stripe.invoices.search({ query: "metadata['mcp-once']:'marker-1'" });
    expect(found.data.map((one) => one.id)).toEqual([invoice.id]);
    expect(found).toMatchObject({ object: 'search_result', has_more: false, next_page: null });
  });

  test('wrong parameters are refused in the words and codes of Stripe', async () => {
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
    await expectError(post(`/v1/invoices/${invoice.id}/add_lines`, 'lines[0][amount]=1.5'), {
      code: 'parameter_invalid_integer',
      param: 'lines[0][amount]',
    });
    const eur = { customer, invoice: invoice.id, amount: 1, currency: 'eur' };
    await expectError(stripe.invoiceItems.create(eur), { param: 'currency' });
    await expectError(stripe.invoiceItems.create({ customer, amount: 1, quantity: 2 }), {
      code: 'parameters_exclusive',
    });
    const twoPrices = `customer=${customer}&unit_amount_decimal=1&price_data[currency]=usd&price_data[product]=p&price_data[unit_amount]=2`;
    await expectError(post('/v1/invoiceitems', twoPrices), { code: 'parameters_exclusive' });
    expect((await effects()).counts).toMatchObject({ invoices: 1, invoice_items: 0 });
  });
});

describe('lists', () => {
  test('are paged by the SDK, newest first, filtered by customer and status', async () => {
    const { customer } = await draft();
    const ids: string[] = [];
    for (let index = 0; index < 7; index += 1) ids.unshift((await draft({}, customer)).invoice.id);
    const other = (await draft()).invoice.id;
    await stripe.invoices.addLines(other, { lines: [{ amount: 1 }] });
    await stripe.invoices.finalizeInvoice(other);

    const paged = await stripe.invoices.list({ customer, limit: 3 }).autoPagingToArray({ limit: 100 });
    expect(paged.map((one) => one.id).slice(0, 7)).toEqual(ids);
    const first = await stripe.invoices.list({ limit: 3 });
    expect(first).toMatchObject({ object: 'list', has_more: true, url: '/v1/invoices' });
    const before = await stripe.invoices.list({ limit: 3, ending_before: ids[4] ?? '' });
    expect(before.data.map((one) => one.id)).toEqual(ids.slice(1, 4));
    expect((await stripe.invoices.list({ status: 'open' })).data.map((one) => one.id)).toEqual([other]);
    expect((await stripe.invoices.list({ created: { lt: 1_000 } })).data).toEqual([]);
    const both = stripe.invoices.list({ starting_after: other, ending_before: other });
    await expectError(both, { statusCode: 400, code: 'parameters_exclusive' });
    const wrongCursor = stripe.invoices.list({ starting_after: 'in_none' });
    await expectError(wrongCursor, { statusCode: 400, code: 'resource_missing', param: 'starting_after' });
    await expectError(stripe.invoices.list({ limit: 101 }), { statusCode: 400, param: 'limit' });
  });

  test('of lines are paged too', async () => {
    const { invoice } = await draft();
    const lines = Array.from({ length: 25 }, (_, index) => ({ amount: index + 1 }));
    const filled = await stripe.invoices.addLines(invoice.id, { lines });
    expect(filled.lines.data).toHaveLength(10);
    expect(filled).toMatchObject({ total: 325, lines: { has_more: true } });
    const all = await stripe.invoices.listLineItems(invoice.id, { limit: 10 }).autoPagingToArray({ limit: 100 });
    expect(all.map((line) => line.amount)).toEqual(lines.map((line) => line.amount));
  });
});

describe('payments', () => {
  test('succeed with a test card, are retrieved, listed, searched and expanded', async () => {
    const { id: customer } = await stripe.customers.create({});
    const paid = await pay({ customer, metadata: { order: '9' } });
    expect(paid).toMatchObject({ status: 'succeeded', amount_received: 2_000, livemode: false });
    expect(paid.id).toMatch(/^pi_/);
    expect(paid.latest_charge).toMatch(/^ch_/);
    expect(await stripe.paymentIntents.retrieve(paid.id)).toEqual(paid);
    expect((await stripe.paymentIntents.list({ customer })).data).toEqual([paid]);
    const query = "metadata['order']:'9' AND amount>1999 AND status:'succeeded'";
    expect((await stripe.paymentIntents.search({ query })).data).toEqual([paid]);
    const expanded = await stripe.paymentIntents.retrieve(paid.id, { expand: ['latest_charge', 'customer'] });
    expect(expanded).toMatchObject({ latest_charge: { object: 'charge', paid: true }, customer: { id: customer } });
    const wrong = stripe.paymentIntents.retrieve(paid.id, { expand: ['shoe'] });
    await expectError(wrong, { statusCode: 400, param: 'expand' });
  });

  test('declined answer 402, and what was written stays', async () => {
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
    const confirmed = await stripe.paymentIntents.confirm(listed.data[0]?.id ?? '', { payment_method: 'pm_card_visa' });
    expect(confirmed.status).toBe('succeeded');
  });

  test('are refused without a card, with an unknown one, or without a way back from a redirect', async () => {
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

  test('send their receipt nowhere once the address is unset', async () => {
    const waiting = await stripe.paymentIntents.create({ amount: 5, currency: 'eur', receipt_email: 'a@example.com' });
    const confirm = { payment_method: 'pm_card_visa', receipt_email: '', return_url: 'https://example.com' };
    expect((await stripe.paymentIntents.confirm(waiting.id, confirm)).receipt_email).toBeNull();
  });

  test('can be cancelled before they succeed, not after', async () => {
    const waiting = await stripe.paymentIntents.create({ amount: 5, currency: 'eur' });
    expect(waiting.status).toBe('requires_payment_method');
    expect(await stripe.paymentIntents.cancel(waiting.id)).toMatchObject({ status: 'canceled' });
    const paid = await pay();
    await expectError(stripe.paymentIntents.cancel(paid.id), { code: 'payment_intent_unexpected_state' });
  });
});

describe('refunds', () => {
  test('are partial until nothing is left; too much is refused', async () => {
    const paid = await pay();
    const first = await stripe.refunds.create({ payment_intent: paid.id, amount: 700, reason: 'duplicate' });
    expect(first).toMatchObject({ object: 'refund', amount: 700, status: 'succeeded', charge: paid.latest_charge });
    const tooMuch = stripe.refunds.create({ payment_intent: paid.id, amount: 1_301 });
    await expectError(tooMuch, { statusCode: 400, param: 'amount' });
    const rest = await stripe.refunds.create({ charge: String(paid.latest_charge) });
    expect(rest.amount).toBe(1_300);
    await expectError(stripe.refunds.create({ payment_intent: paid.id }), { code: 'charge_already_refunded' });
    expect(await stripe.charges.retrieve(String(paid.latest_charge))).toMatchObject({
      amount_refunded: 2_000,
      refunded: true,
    });
    const listed = await stripe.refunds.list({ payment_intent: paid.id });
    expect(listed.data.map((one) => one.id)).toEqual([rest.id, first.id]);
    expect(await stripe.refunds.retrieve(first.id)).toEqual(first);
    expect((await effects()).actions).toMatchObject({ 'refund.created': 2 });
  });

  test('need exactly one payment, and one that succeeded', async () => {
    await expectError(stripe.refunds.create({}), { code: 'parameter_missing' });
    const waiting = await stripe.paymentIntents.create({ amount: 5, currency: 'usd' });
    await expectError(stripe.refunds.create({ payment_intent: waiting.id }), { param: 'payment_intent' });
  });
});

describe('the door', () => {
  test('401 without a key; Bearer and Basic are both taken; each key is an account of its own', async () => {
    await expectError(fetch(`${stage.sandbox.url}/v1/account`), { status: 401 });
    await expectError(fetch(`${stage.sandbox.url}/v1/account`, { headers: { authorization: 'Bearer x' } }), {
      status: 401,
    });
    const basic = `Basic ${Buffer.from('sk_test_sandbox:').toString('base64')}`;
    const byBasic = await fetch(`${stage.sandbox.url}/v1/account`, { headers: { authorization: basic } });
    expect(byBasic.headers.get('request-id')).toMatch(/^req_/);
    const account = await stripe.accounts.retrieveCurrent();
    expect(await byBasic.json()).toMatchObject({ id: account.id, object: 'account' });

    const other = sdkFor(stage.sandbox, 'sk_live_other');
    const theirs = await other.customers.create({});
    expect(theirs.livemode).toBe(true);
    await expectError(stripe.customers.retrieve(theirs.id), { statusCode: 404 });
    const acting = stripe.customers.create({}, { stripeAccount: 'acct_other' });
    await expectError(acting, { statusCode: 403, code: 'account_invalid' });
  });

  test('unknown addresses, foreign hosts and origins, JSON and large bodies are refused', async () => {
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
    await expectError(post('/v1/customers', 'name=a&name=b'), { status: 400 });
    expect((await effects()).counts).toMatchObject({ customers: 0 });
  });

  test('a wrong data file, a taken port and wrong options are told in one sentence', async () => {
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

  test('data outlives the process that wrote it', async () => {
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

/** An SDK call that fails so, or a raw answer with an error envelope. */
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
