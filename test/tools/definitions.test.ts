import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { localKeyOf } from '../../sandbox/ids.ts';
import { prepareArguments } from '../../src/core/key/arguments.ts';
import type { Recovery } from '../../src/core/tool/types.ts';
import { inputSchemaOf } from '../../src/server/tool-list.ts';
import { smtp } from '../../tools/clients/smtp.ts';
import { stripe } from '../../tools/clients/stripe.ts';
import { shippedTools } from './harness.ts';

const find = (name: string) => {
  const tool = shippedTools.find((each) => each.name === name);
  if (!tool) throw new Error(`there is no ${name}`);
  return tool;
};

const customer = { id: 'cus_1' };
const line = { description: 'Consulting', unit_amount: 100 };
const invoice = { customer, currency: 'usd', lines: [line] };
const payment = { amount: 100, currency: 'usd', payment_method: 'pm_card_visa' };
const mail = { from: 'a@example.com', to: ['b@example.com'], subject: 'Hello', text: 'Hello' };

describe('the shipped tools', () => {
  test('use each kind of recovery', () => {
    const used = new Set(shippedTools.flatMap((tool) => [...tool.recovery]));
    const kinds: Recovery[] = ['resend', 'natural', 'reconcile', 'refuse'];
    expect([...used].sort()).toEqual(kinds.sort());
  });

  test.each(shippedTools)('$name describes itself and every field, and bounds every text, number and list', (tool) => {
    expect(tool.title).not.toBe('');
    expect(tool.description.length).toBeGreaterThan(40);
    expect(tool.outputSchema).toMatchObject({ type: 'object' });
    expect(tool.input.jsonSchema).toMatchObject({ type: 'object', additionalProperties: false });
    for (const [path, schema] of fieldsOf(tool.input.jsonSchema)) {
      if (!path.endsWith('[]')) expect(schema, path).toHaveProperty('description');
      const isBounded =
        'enum' in schema || 'pattern' in schema || 'maxLength' in schema || 'maximum' in schema || 'maxItems' in schema;
      expect(isBounded || schema.type === 'object', path).toBe(true);
    }
  });

  test.each(shippedTools)('$name refuses a field that it does not know', (tool) => {
    const parsed = tool.input.parse({ unheard_of: 1 });
    expect(parsed.ok ? '' : parsed.issues.map(({ message }) => message).join()).toContain('unheard_of');
  });
});

/** Every property of an object schema, and the items of every list, by path. */
function fieldsOf(schema: Readonly<Record<string, unknown>>, path = ''): [string, Record<string, unknown>][] {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Record<string, unknown>>);
  const items = schema.items === undefined ? [] : [['[]', schema.items as Record<string, unknown>] as const];
  return [...properties, ...items].flatMap(([name, child]) => {
    const here = name === '[]' ? `${path}[]` : `${path}.${name}`;
    return [[here, child] as [string, Record<string, unknown>], ...fieldsOf(child, here)];
  });
}

/** Complete arguments of each tool. */
const complete: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = {
  create_customer: [
    { name: 'Ada', email: 'ada@example.com', phone: '1', description: 'A note' },
    { email: 'ada@example.com' },
  ],
  create_invoice: [
    { customer, currency: 'usd', lines: [{ ...line, quantity: 2 }], due_days: 30, memo: 'Thanks', action: 'send' },
    { customer: { name: 'Ada', email: 'ada@example.com' }, currency: 'usd', lines: [line] },
  ],
  create_payment: [{ ...payment, customer: 'cus_1', description: 'Order', receipt_email: 'ada@example.com' }],
  refund_payment: [{ payment: 'ch_1', amount: 100, reason: 'duplicate' }],
  get_invoice: [{ invoice: 'in_1' }],
  finalize_invoice: [{ invoice: 'in_1' }],
  send_invoice: [{ invoice: 'in_1' }],
  void_invoice: [{ invoice: 'in_1' }],
  delete_draft_invoice: [{ invoice: 'in_1' }],
  update_draft_invoice: [{ invoice: 'in_1', memo: 'Thanks', due_days: 14, lines: [line] }],
  list_customers: [{ email: 'ada@example.com', limit: 10, after: 'cus_1' }],
  list_invoices: [{ customer: 'cus_1', status: 'open', limit: 10, after: 'in_1' }],
  send_email: [{ ...mail, from_name: 'Ada', cc: ['c@example.com'], bcc: ['d@example.com'], reply_to: 'e@example.com' }],
  update_customer: [
    { customer: 'cus_1', name: 'Ada', email: 'ada@example.com', phone: '1', description: 'A note' },
    { customer: 'cus_1', clear: ['name', 'phone'] },
  ],
};

/** Values that stand in for one member: other types, blank and very long texts, numbers out of range, lists of every length. */
const badValues: readonly unknown[] = [
  ...[
    '',
    ' ',
    '\n',
    'a\nb',
    'x',
    'x'.repeat(300_000),
    'not an id',
    '../in_1',
    'a@',
    'dollar',
    true,
    {},
    { unknown: 1 },
  ],
  ...[
    -1,
    0,
    1.5,
    1e12,
    Number.MAX_SAFE_INTEGER,
    [],
    [''],
    ['x'],
    ['name'],
    [{}],
    ['a@example.com\r\nBcc: b@example.com'],
  ],
  ...[Array.from({ length: 101 }, () => line), Array.from({ length: 51 }, () => 'a@example.com'), { name: 'Ada' }],
  ...[{ email: 'ada@example.com' }, { ...customer, name: 'Ada' }, { ...customer, email: 'ada@example.com' }],
];

/** Every way to spoil one member of a value, at any depth, or to leave it out, and a member too many. */
function* spoiled(value: unknown): Iterable<unknown> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const bad of [...badValues, ...spoiled(item)]) yield value.with(index, bad);
    }
  } else if (typeof value === 'object' && value !== null) {
    yield { ...value, unheard_of: 1 };
    for (const [name, member] of Object.entries(value)) {
      const { [name]: _, ...others } = value as Record<string, unknown>;
      yield others;
      for (const bad of [...badValues, ...spoiled(member)]) yield { ...value, [name]: bad };
    }
  }
}

/** Sums and products of several members, which no schema can say. The description of the amounts does. */
const sums = /unit_amount times quantity|together must be/;

describe('the published schema', () => {
  const ajv = addFormats.default(new Ajv2020({ strict: false }));

  test.each(shippedTools)('of $name refuses what the tool refuses', (tool) => {
    const isValid = ajv.compile(inputSchemaOf(tool));
    const known = complete[tool.name] ?? [];
    expect(known.length).toBeGreaterThan(0);
    let refused = 0;
    for (const base of known) {
      expect(tool.input.parse(base), tool.name).toMatchObject({ ok: true });
      expect(isValid(base), ajv.errorsText(isValid.errors)).toBe(true);
      for (const bad of [...spoiled(base), {}]) {
        const parsed = tool.input.parse(bad);
        if (parsed.ok || parsed.issues.every(({ message }) => sums.test(message))) continue;
        refused += 1;
        expect(isValid(bad), `${tool.name} ${JSON.stringify(bad).slice(0, 300)}`).toBe(false);
      }
    }
    expect(refused).toBeGreaterThan(20);
  });

  test.each(shippedTools)('of $name has no keyword at its root that providers of models refuse', (tool) => {
    for (const keyword of ['anyOf', 'oneOf', 'allOf', 'not', 'enum']) {
      expect(inputSchemaOf(tool)).not.toHaveProperty(keyword);
    }
  });
});

describe('the input of a tool', () => {
  test.each([
    ['create_invoice', { ...invoice, customer: {} }],
    ['create_invoice', { ...invoice, customer: { name: 'Ada' } }],
    ['create_invoice', { ...invoice, customer: { email: 'ada@example.com' } }],
    ['create_invoice', { ...invoice, customer: { id: 'cus_1', name: 'Ada' } }],
    ['create_invoice', { ...invoice, customer: { id: 'cus_1', name: 'Ada', email: 'ada@example.com' } }],
    ['create_invoice', { ...invoice, customer: { id: '../invoices' } }],
    ['create_invoice', { ...invoice, currency: 'dollar' }],
    ['create_invoice', { ...invoice, lines: [] }],
    ['create_invoice', { ...invoice, lines: Array.from({ length: 101 }, () => line) }],
    ['create_invoice', { ...invoice, lines: [{ ...line, unit_amount: 0 }] }],
    ['create_invoice', { ...invoice, lines: [{ ...line, unit_amount: -5 }] }],
    ['create_invoice', { ...invoice, lines: [{ ...line, unit_amount: 1.5 }] }],
    ['create_invoice', { ...invoice, lines: [{ ...line, unit_amount: '100' }] }],
    ['create_invoice', { ...invoice, lines: [{ ...line, unit_amount: 99_999_999, quantity: 2 }] }],
    ['create_invoice', { ...invoice, lines: [{ ...line, unit_amount: 99_999_999 }, line] }],
    ['create_invoice', { ...invoice, lines: [{ ...line, description: ' ' }] }],
    ['create_invoice', { ...invoice, due_days: 0 }],
    ['create_invoice', { ...invoice, action: 'pay' }],
    ['create_customer', { phone: '1' }],
    ['create_customer', { email: 'nobody' }],
    ['create_payment', { ...payment, amount: 0 }],
    ['create_payment', { ...payment, payment_method: 'tok_visa' }],
    ['refund_payment', { payment: 'in_1' }],
    ['refund_payment', { payment: 'pi_1', amount: -1 }],
    ['update_customer', { customer: 'cus_1' }],
    ['update_customer', { customer: 'cus_1', name: 'Ada', clear: ['name'] }],
    ['void_invoice', { invoice: 'INV-0001' }],
    ['list_invoices', { limit: 101 }],
    ['send_email', { ...mail, to: [] }],
    ['send_email', { ...mail, to: ['a@example.com\r\nBcc: c@example.com'] }],
    ['send_email', { ...mail, subject: 'Hello\r\nBcc: c@example.com' }],
    ['send_email', { ...mail, from_name: 'A\nB' }],
  ])('%s refuses %j', (name, value) => {
    expect(find(name).input.parse(value).ok).toBe(false);
  });

  test('treats null as left out and ignores the case of currency and e-mail', () => {
    const prepare = (value: unknown) => prepareArguments(value, find('create_invoice').input);
    const plain = prepare({ ...invoice, customer: { name: 'Ada', email: 'ada@example.com' } });
    const filled = prepare({
      ...invoice,
      currency: 'USD',
      memo: null,
      due_days: 30,
      action: 'draft',
      lines: [{ ...line, quantity: 1 }],
      customer: { id: null, name: 'Ada', email: 'ADA@example.com' },
    });
    expect(plain.ok && filled.ok && [plain.forHash]).toEqual(filled.ok && [filled.forHash]);
  });

  test('keeps free text out of the identity', () => {
    const parsed = find('create_invoice').input.parse({ ...invoice, memo: 'free text', lines: [line] });
    const identity = parsed.ok ? find('create_invoice').identity?.(parsed.value) : undefined;
    expect(identity).toEqual({ customer: 'cus_1', currency: 'usd', total: 100, due_days: 30 });
  });
});

describe('the upstream of a client', () => {
  const upstream = (environment: Record<string, string>) => stripe.configure(environment).upstream;
  const account = '1EceeUCZ6qsJgndJ';
  const longKey = (mode: string, rest: string) => `sk_${mode}_5${account}${rest.repeat(83)}`;

  test('is the local invoicing API for its own key, named by its data and not by its port', () => {
    const at = (dataFile: string, port: number) =>
      upstream({ STRIPE_SECRET_KEY: localKeyOf(dataFile), STRIPE_API_BASE: `http://127.0.0.1:${port}` });
    expect(at('/data/a', 1)).toMatchObject({ origin: 'mcp-once-sandbox', mode: 'sandbox' });
    expect(at('/data/a', 2)).toEqual(at('/data/a', 1));
    expect(at('/data/b', 1).account).not.toBe(at('/data/a', 1).account);
  });

  test('needs a key', () => {
    expect(() => upstream({ STRIPE_SECRET_KEY: '' })).toThrow('STRIPE_SECRET_KEY must be set');
    expect(() => upstream({ STRIPE_API_BASE: 'http://127.0.0.1:1' })).toThrow('STRIPE_SECRET_KEY must be set');
  });

  test('is Stripe, or the server at STRIPE_API_BASE', () => {
    const key = { STRIPE_SECRET_KEY: 'sk_test_123' };
    expect(upstream(key)).toMatchObject({ origin: 'https://api.stripe.com', mode: 'test' });
    expect(upstream({ ...key, STRIPE_API_BASE: 'http://127.0.0.1:12111/' }).origin).toBe('http://127.0.0.1:12111');
    expect(upstream({ STRIPE_SECRET_KEY: 'rk_live_123' }).mode).toBe('live');
  });

  test('keeps its account when a key is rolled, and holds no secret', () => {
    const one = upstream({ STRIPE_SECRET_KEY: longKey('live', 'a') });
    expect(one.account).toBe(`acct_${account}`);
    expect(upstream({ STRIPE_SECRET_KEY: longKey('live', 'b') })).toEqual(one);
    expect(upstream({ STRIPE_SECRET_KEY: longKey('test', 'a') })).not.toEqual(one);
    const short = upstream({ STRIPE_SECRET_KEY: 'sk_test_abcdefgh' });
    expect(short.account).toMatch(/^key-[0-9a-f]{16}$/);
    expect(upstream({ STRIPE_SECRET_KEY: 'sk_test_abcdefgi' }).account).not.toBe(short.account);
    expect(upstream({ STRIPE_SECRET_KEY: 'sk_test_a', STRIPE_ACCOUNT: 'acct_x' }).account).toBe('acct_x');
  });

  test('is server and account for mail, never the password', () => {
    const url = 'smtps://us%40er:secret@Mail.example.com';
    const expected = { origin: 'smtp://mail.example.com:465', mode: 'live', account: 'us@er' };
    expect(smtp.configure({ SMTP_URL: url }).upstream).toEqual(expected);
    expect(smtp.configure({ SMTP_URL: 'smtp://mail.example.com' }).upstream.account).toBe('anonymous');
  });

  test.each([
    [{ STRIPE_SECRET_KEY: 'pk_live_secret' }, 'STRIPE_SECRET_KEY'],
    [{ STRIPE_SECRET_KEY: 'secret' }, 'STRIPE_SECRET_KEY'],
    [{ STRIPE_API_BASE: 'http://127.0.0.1:1' }, 'STRIPE_SECRET_KEY'],
    [{ STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_API_BASE: 'http://secret@h/v1?x' }, 'STRIPE_API_BASE'],
    [{ STRIPE_SECRET_KEY: 'sk_live_1', STRIPE_API_BASE: 'http://stripe.example.com' }, 'STRIPE_API_BASE'],
    [{ STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_ACCOUNT: 'secret' }, 'STRIPE_ACCOUNT'],
  ])('refuses %j with the name of the variable and not its value', (environment, name) => {
    const configure = () => stripe.configure(environment);
    expect(configure).toThrow(name);
    expect(configure).not.toThrow(/secret(?!_key| or restricted)/);
  });

  test.each(['', 'secret', 'http://secret@h', 'smtp://', 'smtp://%E0%A4%A@h'])('refuses SMTP_URL %j', (url) => {
    const configure = () => smtp.configure({ SMTP_URL: url });
    expect(configure).toThrow('SMTP_URL');
    expect(configure).not.toThrow('secret@');
  });
});
