import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type Stripe from 'stripe';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stripe } from '../../tools/clients/stripe.ts';
import { refusalOf, resultOf } from '../support/engine.ts';
import { openWorld, type World } from './harness.ts';

let world: World;
let client: Stripe;

beforeEach(async () => {
  world = await openWorld();
  client = await opened({ STRIPE_SECRET_KEY: 'sk_test_sandbox', STRIPE_API_BASE: world.sandbox.url });
});

afterEach(() => world.close());

function opened(environment: Record<string, string>): Promise<Stripe> {
  return stripe.configure(environment).open();
}

async function classified(request: Promise<unknown>): Promise<string> {
  try {
    await request;
  } catch (error) {
    return stripe.classify(error);
  }
  return 'no error';
}

const charge = (card: string, idempotencyKey: string) =>
  client.paymentIntents.create(
    {
      amount: 100,
      currency: 'usd',
      payment_method: card,
      confirm: true,
      automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
    },
    { idempotencyKey },
  );

describe('the classification of an answer from Stripe', () => {
  test('is failed for a declined card, first and replayed', async () => {
    expect(await classified(charge('pm_card_chargeDeclined', 'k'))).toBe('failed');
    expect(await classified(charge('pm_card_chargeDeclined', 'k'))).toBe('failed');
  });

  test('is not_executed for a refusal, and failed for its replay', async () => {
    const refund = () => client.refunds.create({ payment_intent: 'pi_missing' }, { idempotencyKey: 'k' });
    expect(await classified(refund())).toBe('not_executed');
    expect(await classified(refund())).toBe('failed');
  });

  test('is not_executed for invalid parameters, also when repeated', async () => {
    const create = () => client.customers.create({ email: 'nobody' }, { idempotencyKey: 'k' });
    expect(await classified(create())).toBe('not_executed');
    expect(await classified(create())).toBe('not_executed');
  });

  test('is gone for a missing object', async () => {
    expect(await classified(client.invoices.voidInvoice('in_missing'))).toBe('gone');
    expect(await classified(client.customers.update('cus_missing', { name: 'A' }))).toBe('gone');
  });

  test('is not_executed for another account, a bad key and a rate limit', async () => {
    const environment = { STRIPE_SECRET_KEY: 'sk_test_sandbox', STRIPE_API_BASE: world.sandbox.url };
    const foreign = await opened({ ...environment, STRIPE_ACCOUNT: 'acct_another' });
    expect(await classified(foreign.customers.create({ name: 'A' }))).toBe('not_executed');
    await world.fault({ fault: 'unauthorized' });
    expect(await classified(client.customers.create({ name: 'A' }))).toBe('not_executed');
    await world.fault({ fault: 'rate_limit' });
    expect(await classified(client.customers.create({ name: 'A' }))).toBe('not_executed');
    expect(await world.count('customer.created')).toBe(0);
  });

  test('is unknown for a key in use or used with other parameters', async () => {
    await world.fault({ fault: 'hang', match: { path: '/v1/customers' } });
    const first = client.customers.create({ name: 'A' }, { idempotencyKey: 'k' }).catch(() => undefined);
    await world.arrived('/v1/customers', 1);
    expect(await classified(client.customers.create({ name: 'A' }, { idempotencyKey: 'k' }))).toBe('unknown');
    expect(await classified(client.customers.create({ name: 'B' }, { idempotencyKey: 'k' }))).toBe('unknown');
    await world.close();
    await first;
  });

  test('is unknown for a 500 with or without an effect, first or replayed, and for a 503', async () => {
    const create = (idempotencyKey: string) => classified(client.customers.create({ name: 'A' }, { idempotencyKey }));
    await world.fault({ fault: 'error_after_effect' });
    expect([await create('k'), await create('k')]).toEqual(['unknown', 'unknown']);
    await world.fault({ fault: 'error_before_effect', status: 500 });
    expect([await create('l'), await create('l')]).toEqual(['unknown', 'unknown']);
    await world.fault({ fault: 'error_before_effect', status: 503 });
    expect(await create('m')).toBe('unknown');
  });
});

describe('the classification of a failure below HTTP', () => {
  const create = (how: object = {}) => client.customers.create({ name: 'A' }, { idempotencyKey: 'k', ...how });

  test.each(['before_head', 'in_body'] as const)(
    'is unknown for an answer lost %s, and nothing is sent again',
    async (cut) => {
      await world.fault({ fault: 'drop_answer', cut });
      expect(await classified(create())).toBe('unknown');
      expect((await world.look()).requests).toHaveLength(1);
    },
  );

  test('is unknown for a connection closed before the effect', async () => {
    await world.fault({ fault: 'refuse' });
    expect(await classified(create())).toBe('unknown');
    expect((await world.look()).requests).toHaveLength(1);
  });

  test('allows one retry of a read whose connection was closed', async () => {
    await world.fault({ fault: 'refuse' });
    expect((await client.customers.list()).data).toEqual([]);
    expect((await world.look()).requests).toHaveLength(2);
  });

  test('is unknown for a time-out', async () => {
    await world.fault({ fault: 'delay', ms: 5_000 });
    expect(await classified(create({ timeout: 100 }))).toBe('unknown');
  });

  test('is not_executed for a refused connection and an unresolved host', async () => {
    await world.close();
    expect(await classified(create())).toBe('not_executed');
    const nowhere = await opened({ STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_API_BASE: 'http://stripe.invalid' });
    expect(await classified(nowhere.customers.create({ name: 'A' }))).toBe('not_executed');
  });

  test('is not_executed for a refused certificate', async () => {
    const server = new SMTPServer({ secure: true, logger: false });
    server.on('error', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.server.address() as AddressInfo;
    const base = `https://127.0.0.1:${port}`;
    const strange = await opened({ STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_API_BASE: base });
    expect(await classified(strange.customers.create({ name: 'A' }))).toBe('not_executed');
    await new Promise<void>((resolve) => server.close(resolve));
  });
});

describe('an answer that is not from Stripe', () => {
  let server: Server;
  let answer: { status: number; body: string };
  let stranger: Stripe;
  let base: string;

  beforeEach(async () => {
    server = createServer((request, response) => {
      request.resume();
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    stranger = await opened({ STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_API_BASE: base });
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  test.each([404, 408, 409, 418, 424, 425, 499, 502])(
    'is unknown for %i in an error envelope of Stripe',
    async (status) => {
      answer = { status, body: JSON.stringify({ error: { type: 'api_error', message: 'no' } }) };
      const said = await classified(stranger.customers.create({ name: 'A' }));
      expect(said).toBe(status === 404 ? 'not_executed' : 'unknown');
    },
  );

  test('is unknown for text instead of JSON', async () => {
    answer = { status: 403, body: '<h1>Forbidden</h1>' };
    expect(await classified(stranger.customers.create({ name: 'A' }))).toBe('unknown');
  });

  test('may be an invoice without a customer, as the types of Stripe allow', async () => {
    const invoice = { id: 'in_1', status: 'open', customer: null, currency: 'usd', due_date: null };
    const amounts = { subtotal: 1, total: 1, amount_due: 1 };
    answer = { status: 200, body: JSON.stringify({ data: [{ ...invoice, ...amounts }], has_more: false }) };
    const environment = { STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_API_BASE: base };
    const { result } = resultOf(await world.engine({ environment }).call('list_invoices', {}));
    expect(result).toMatchObject({ invoices: [{ id: 'in_1', customer: null }], next: null });
  });

  test.each([200, 502])('is unknown for %i with JSON of another shape', async (status) => {
    answer = { status, body: '{"message":"hello"}' };
    const environment = { STRIPE_SECRET_KEY: 'sk_test_1', STRIPE_API_BASE: base };
    const { call } = world.engine({ environment });
    expect(refusalOf(await call('create_customer', { name: 'A' })).code).toBe('outcome_unknown');
  });
});
