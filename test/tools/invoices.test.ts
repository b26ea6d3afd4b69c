import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { refusalOf, resultOf } from '../support/engine.ts';
import { openWorld, type World } from './harness.ts';

let world: World;
let call: ReturnType<World['engine']>['call'];

beforeEach(async () => {
  world = await openWorld();
  call = world.engine().call;
});

afterEach(() => world.close());

const ada = { name: 'Ada Lovelace', email: 'ada@example.com' };
const lines = [
  { description: 'Consulting', unit_amount: 12_500, quantity: 8 },
  { description: 'Travel', unit_amount: 4_200 },
];
const invoice = { customer: ada, currency: 'usd', lines, due_days: 14, memo: 'Thank you', action: 'finalize' };

describe('create_invoice', () => {
  test('creates customer, invoice and lines, finalizes, and returns the invoice', async () => {
    const { result } = resultOf(await call('create_invoice', invoice));
    expect(result).toMatchObject({
      status: 'open',
      number: expect.stringMatching(/-0001$/),
      currency: 'usd',
      subtotal: 104_200,
      total: 104_200,
      amount_due: 104_200,
      hosted_url: expect.stringContaining('http'),
    });
    const { id, customer, due_date } = result as { id: string; customer: string; due_date: string };
    const made = await world.stripe.invoices.retrieve(id);
    expect(made).toMatchObject({ customer, collection_method: 'send_invoice', auto_advance: false });
    expect(made.description).toBe('Thank you');
    expect(made.lines.data.map((line) => [line.description, line.quantity, line.amount])).toEqual(
      expect.arrayContaining([
        ['Consulting', 8, 100_000],
        ['Travel', 1, 4_200],
      ]),
    );
    expect(new Date(due_date).getTime() / 1_000).toBe(made.due_date);
    expect((await world.look()).actions).toEqual({
      'customer.created': 1,
      'invoice.created': 1,
      'invoice_item.created': 2,
      'invoice.finalized': 1,
    });
  });

  test('gives each request its own key and sends each once', async () => {
    await call('create_invoice', { ...invoice, action: 'send' });
    const posts = (await world.look()).requests.filter(({ method }) => method === 'POST');
    expect(posts).toHaveLength(6);
    expect(new Set(posts.map((post) => post.idempotency_key)).size).toBe(6);
    expect(await world.count('invoice.sent')).toBe(1);
  });

  test('leaves a draft as it is and sends nothing', async () => {
    const { action: _, ...draft } = invoice;
    const { result } = resultOf(await call('create_invoice', draft));
    expect(result).toMatchObject({ status: 'draft', number: null, hosted_url: null, total: 104_200 });
    expect(await world.count('invoice.finalized')).toBe(0);
  });

  test('replays a repeat in any notation, and executes one of 20 concurrent calls', async () => {
    const rewritten = {
      memo: 'Thank you',
      action: 'finalize',
      due_days: 14,
      lines: [lines[0], { ...lines[1], quantity: 1 }],
      currency: 'USD',
      customer: { email: 'Ada@Example.com', id: null, name: 'Ada Lovelace' },
    };
    const calls = Array.from({ length: 20 }, (_, index) => call('create_invoice', index % 2 ? invoice : rewritten));
    const answers = (await Promise.all(calls)).map(resultOf);
    expect(answers.filter((answer) => !answer.replayed)).toHaveLength(1);
    expect(new Set(answers.map((answer) => JSON.stringify(answer.result))).size).toBe(1);
    expect(await world.count('invoice.created')).toBe(1);
    expect(await world.count('customer.created')).toBe(1);
  });

  test.each([
    ['the memo', { memo: 'Thanks a lot' }, ['memo']],
    ['a description', { lines: [{ ...lines[0], description: 'Consulting, May' }, lines[1]] }, ['lines[0].description']],
    [
      'the composition of the total',
      { lines: [{ ...lines[0], unit_amount: 100_000, quantity: 1 }, lines[1]] },
      ['lines[0].unit_amount', 'lines[0].quantity'],
    ],
    ['the name', { customer: { ...ada, name: 'Ada King' } }, ['customer.name']],
    ['what becomes of it', { action: 'send' }, ['action']],
  ])(
    'answers another wording of %s with a conflict that names it and encloses the first result',
    async (_, change, fields) => {
      const first = resultOf(await call('create_invoice', invoice));
      const refused = refusalOf(await call('create_invoice', { ...invoice, ...change }));
      expect(refused).toMatchObject({ code: 'idempotency_conflict', fields, firstResult: first.result });
      expect(await world.count('invoice.created')).toBe(1);
      const meant = await call('create_invoice', { ...invoice, ...change, repeat_token: refused.repeatToken });
      expect(resultOf(meant).replayed).toBe(false);
      expect(await world.count('invoice.created')).toBe(2);
    },
  );

  test.each([
    ['amounts', { lines: [{ ...lines[0], unit_amount: 12_501 }, lines[1]] }],
    ['quantity', { lines: [{ ...lines[0], quantity: 9 }, lines[1]] }],
    ['currency', { currency: 'eur' }],
    ['due date', { due_days: 30 }],
    ['customer', { customer: { name: 'Ada Lovelace', email: 'ada.lovelace@example.com' } }],
  ])('creates another invoice for another %s', async (_, change) => {
    await call('create_invoice', invoice);
    resultOf(await call('create_invoice', { ...invoice, ...change }));
    expect(await world.count('invoice.created')).toBe(2);
  });
});

describe('the advice of a conflict', () => {
  const draft = { ...invoice, action: 'draft' };

  test.each([
    ['while it is a draft', undefined],
    ['after it was finalized', 'finalize_invoice'],
  ])('names a step that is possible %s', async (_, step) => {
    const { id } = resultOf(await call('create_invoice', draft)).result as { id: string };
    if (step !== undefined) resultOf(await call(step, { invoice: id }));
    const { message } = refusalOf(await call('create_invoice', { ...draft, memo: 'PO 7' }));
    expect(message).toMatch(/While the invoice is a draft, update_draft_invoice.*finalized.*void_invoice/);
    if (step === undefined) resultOf(await call('update_draft_invoice', { invoice: id, memo: 'PO 7' }));
    else resultOf(await call('void_invoice', { invoice: id }));
    expect(
      resultOf(await call('create_invoice', step === undefined ? draft : { ...draft, memo: 'PO 7' })),
    ).toMatchObject({
      replayed: step === undefined,
    });
  });

  test.each([
    ['update_draft_invoice', { memo: 'PO 7' }],
    ['delete_draft_invoice', {}],
  ])('of a finalized invoice that %s refuses is void_invoice', async (tool, change) => {
    const { id } = resultOf(await call('create_invoice', invoice)).result as { id: string };
    const { message } = refusalOf(await call(tool, { invoice: id, ...change }));
    expect(message).toMatch(/its status is open\. To replace it, call void_invoice.*It had no effect/);
    expect(message).not.toContain('safe to call again');
    resultOf(await call('void_invoice', { invoice: id }));
    expect(refusalOf(await call(tool, { invoice: id, ...change })).message).toContain('call create_invoice');
  });

  test('names the other customer and no step with the first invoice, where the customer differs', async () => {
    const first = resultOf(await call('create_invoice', draft)).result as { customer: string };
    const other = { ...draft, customer: { ...ada, name: 'Bob' }, action: 'send' };
    const { message, fields } = refusalOf(await call('create_invoice', other));
    expect(fields).toEqual(['customer.name', 'action']);
    expect(message).toContain(`The first invoice is for "Ada Lovelace", ${first.customer}`);
    expect(message).not.toMatch(/call send_invoice|finalize_invoice|update_draft_invoice/);
    // As the advice says.
    const bob = await world.stripe.customers.create({ name: 'Bob', email: ada.email });
    const sent = resultOf(await call('create_invoice', { ...other, customer: { id: bob.id } }));
    expect(sent.result).toMatchObject({ customer: bob.id, status: 'open' });
    expect(await world.count('invoice.sent')).toBe(1);
  });

  test('has the fields that differ in the canonical form', async () => {
    const { id } = await world.stripe.customers.create(ada);
    resultOf(await call('create_invoice', { ...draft, customer: { id } }));
    const changed = { ...draft, lines: [...lines].reverse(), customer: { ...ada, name: 'Ada' } };
    const refused = refusalOf(await call('create_invoice', changed));
    expect(refused.fields).toEqual(['customer.name']);
    expect(refused.message).not.toContain('. .');
  });
});

describe('two customers with one address', () => {
  test('are billed each once, by name and by id', async () => {
    const ann = await world.stripe.customers.create({ name: 'Ann', email: 'shared@example.com' });
    const bob = await world.stripe.customers.create({ name: 'Bob', email: 'shared@example.com' });
    for (const { id, name } of [bob, ann]) {
      const named = { ...invoice, customer: { name, email: 'Shared@example.com' } };
      const first = resultOf(await call('create_invoice', named));
      expect([first.replayed, first.result]).toEqual([false, expect.objectContaining({ customer: id })]);
      for (const customer of [{ id }, { name: String(name).toUpperCase(), email: 'shared@example.com' }]) {
        const again = resultOf(await call('create_invoice', { ...invoice, customer }));
        expect([again.replayed, again.result]).toEqual([true, first.result]);
      }
    }
    expect(await world.count('invoice.created')).toBe(2);
  });

  test('keep their invoices when the second one is added later', async () => {
    const first = resultOf(await call('create_invoice', invoice));
    const { customer } = first.result as { customer: string };
    const bob = await world.stripe.customers.create({ name: 'Bob', email: ada.email });
    for (const again of [ada, { id: customer }]) {
      expect(resultOf(await call('create_invoice', { ...invoice, customer: again })).result).toEqual(first.result);
    }
    const other = { ...invoice, customer: { name: 'Bob', email: ada.email } };
    expect(resultOf(await call('create_invoice', other)).result).toMatchObject({ customer: bob.id });
    // The first customer leaves the address, and the second one is still the same.
    await world.stripe.customers.update(customer, { email: 'ada2@example.com' });
    expect(resultOf(await call('create_invoice', other)).replayed).toBe(true);
    expect(resultOf(await call('create_invoice', invoice)).replayed).toBe(true);
    expect(await world.count('invoice.created')).toBe(2);
  });
});

describe('the customer of an invoice', () => {
  test('is found by e-mail by every later invoice, and created once', async () => {
    await call('create_invoice', invoice);
    resultOf(await call('create_invoice', { ...invoice, due_days: 30 }));
    expect(await world.count('customer.created')).toBe(1);
    expect(await world.count('invoice.created')).toBe(2);
  });

  test('may be given by id', async () => {
    const { id } = await world.stripe.customers.create({ name: 'Grace' });
    const { result } = resultOf(await call('create_invoice', { ...invoice, customer: { id } }));
    expect(result).toMatchObject({ customer: id });
    expect(await world.count('customer.created')).toBe(1);
  });

  test('is chosen by name among customers of one address, and nobody is billed if the name is ambiguous', async () => {
    await world.stripe.customers.create({ name: 'Charles', email: ada.email });
    const { id } = await world.stripe.customers.create({ name: 'ada lovelace', email: ada.email });
    expect(resultOf(await call('create_invoice', invoice)).result).toMatchObject({ customer: id });
    const other = { ...invoice, customer: { ...ada, name: 'Mary' } };
    const refused = refusalOf(await call('create_invoice', { ...other, due_days: 3 }));
    expect(refused.code).toBe('operation_failed');
    expect(refused.message).toContain(id);
    expect(await world.count('invoice.created')).toBe(1);
  });

  test('is refused if it does not exist, before anything is executed', async () => {
    const unknown = { ...invoice, customer: { id: 'cus_missing' } };
    const refused = refusalOf(await call('create_invoice', unknown));
    expect(refused.code).toBe('operation_failed');
    expect(refused.message).toMatch(/No such customer.*Nothing was executed/);
    expect(await world.count('invoice.created')).toBe(0);
  });

  test('cannot be sent an invoice without an address: incomplete, with the steps that took effect', async () => {
    const { id } = await world.stripe.customers.create({ name: 'Grace' });
    const sent = { ...invoice, customer: { id }, action: 'send' };
    const refused = refusalOf(await call('create_invoice', sent));
    expect(refused).toMatchObject({
      code: 'operation_incomplete',
      steps: ['invoice', 'line 1', 'line 2', 'finalize'],
    });
    await world.stripe.customers.update(id, { email: 'grace@example.com' });
    expect(resultOf(await call('create_invoice', sent)).result).toMatchObject({ status: 'open' });
    expect((await world.look()).actions).toMatchObject({
      'invoice.created': 1,
      'invoice_item.created': 2,
      'invoice.finalized': 1,
      'invoice.sent': 1,
    });
  });
});
