import { describe, expect, test } from 'vitest';
import { localKeyOf } from '../../sandbox/ids.ts';
import { prepareArguments } from '../../src/core/key/arguments.ts';
import type { Recovery } from '../../src/core/tool/types.ts';
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
    expect(identity).toEqual({ customer: 'cus_1', currency: 'usd', lines: [[100, 1]], due_days: 30 });
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
    expect(() => upstream({ STRIPE_SECRET_KEY: '' })).toThrow('STRIPE_SECRET_KEY (must be set');
    expect(() => upstream({ STRIPE_API_BASE: 'http://127.0.0.1:1' })).toThrow('STRIPE_SECRET_KEY (must be set');
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
