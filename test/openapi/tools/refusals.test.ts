import { describe, expect, test } from 'vitest';
import { refusalMessage } from '../../../src/core/call/messages.ts';
import type { ContentResult } from '../../../src/core/tool/types.ts';
import { refusalOf, resultOf } from '../../support/engine.ts';
import { keyHeader, type OrdersApi, serve, startOrders } from './harness.ts';

const tea = { item: 'tea' };
const answer = (status: number, body: unknown) => ({ status, body });
const errorSchema = {
  type: 'object',
  required: ['result_code', 'result_text'],
  properties: { result_code: { type: 'integer' }, result_text: { type: 'string' } },
};
const order = { type: 'object', required: ['id'], properties: { id: { type: 'string' } } };
const json = (schema: object) => ({ description: 'x', content: { 'application/json': { schema } } });
const documented = { 'post /orders': { responses: { 200: json(order), default: json(errorSchema) } } };

/** Refuses the first call with a body, and counts the effects of the second. */
async function refusedThenDone(
  api: OrdersApi,
  refusal: OrdersApi['refusals'][number],
  more: Parameters<typeof serve>[2] = {},
  settings: Parameters<typeof serve>[1] = {},
) {
  api.refusals.push(refusal);
  const { call } = await serve(api, settings, more);
  const first = refusalOf(await call('create_order', tea));
  expect(api.effects).toBe(0);
  resultOf(await call('create_order', tea));
  expect(api.effects).toBe(1);
  expect(resultOf(await call('create_order', tea)).replayed).toBe(true);
  expect(api.effects).toBe(1);
  return { code: first.code, message: refusalMessage(first), retryAfterMs: first.retryAfterMs };
}

describe('a 2xx that says no is a refusal, and the same call runs again', () => {
  test.each<[string, unknown]>([
    ['ok: false', { ok: false, error: 'rate_limited' }],
    ['success: false', { success: false, message: 'The item is not found' }],
    ['errors without data', { errors: [{ code: 1003, message: 'Invalid item' }] }],
    ['an error without a result', { error: { code: 403, message: 'Permission denied' }, result: null }],
    ['a JSON-RPC error', { jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'Invalid params' } }],
    ['a JSend failure', { status: 'fail', data: { item: 'is required' } }],
    [
      'a GraphQL error before execution',
      { errors: [{ message: 'Cannot query field', locations: [{ line: 1, column: 1 }] }] },
    ],
    ['a GraphQL error with data: null', { data: null, errors: [{ message: 'no', extensions: { code: 'FORBIDDEN' } }] }],
    [
      'GraphQL user errors',
      { data: { orderCreate: { order: null, userErrors: [{ field: ['item'], message: "Item can't be blank" }] } } },
    ],
  ])('by %s', async (_name, body) => {
    const { code, message } = await refusedThenDone(await startOrders(), answer(200, body));
    expect(code).toBe('operation_failed');
    expect(message).toMatch(/the API answered 200, and says that it failed/);
    expect(message).toMatch(/It had no effect\./);
  });

  test('by the shape that the document gives its errors', async () => {
    const body = { result_code: 7, result_text: 'The card was declined' };
    const { message } = await refusedThenDone(await startOrders(), answer(200, body), documented);
    expect(message).toMatch(/would be declined again/);
  });

  test('by a code of the profile, whatever it means', async () => {
    const body = { ok: false, error: 'is_archived', channel: 'C1' };
    await refusedThenDone(await startOrders(), answer(200, body), {}, { profile: 'slack' });
  });

  test('under a key that the provider remembers, with a new key', async () => {
    const api = await startOrders();
    const keyed = { 'post /orders': keyHeader };
    await refusedThenDone(api, answer(200, { success: false, message: 'insufficient funds' }), keyed);
    const keys = api.writes().map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(2);
  });
});

describe('a 2xx that says no and leaves doubt', () => {
  test.each<[string, unknown, Parameters<typeof serve>[1]]>([
    ['without a reason', { ok: false }, {}],
    ['with a time-out', { success: false, message: 'The bank timed out' }, {}],
    ['beside a result', { success: false, error: 'not found', order_id: 'o1' }, {}],
    ['with an unclear code of the profile', { ok: false, error: 'fatal_error' }, { profile: 'slack' }],
    ['in GraphQL', { data: null, errors: [{ message: 'boom', path: ['create'] }] }, {}],
  ])('is an error that is kept, with a token: %s', async (_name, body, settings) => {
    const api = await startOrders();
    api.refusals.push(answer(200, body));
    const { call } = await serve(api, settings);
    const first = resultOf(await call('create_order', tea));
    expect((first.result as ContentResult).isError).toBe(true);
    expect(first.checkWith).toEqual(['get_order', 'list_orders']);
    expect(resultOf(await call('create_order', tea))).toMatchObject({ replayed: true });
    expect(api.writes()).toHaveLength(1);
    const token = first.repeatToken ?? '';
    expect(resultOf(await call('create_order', { ...tea, repeat_token: token })).replayed).toBe(false);
    expect(api.effects).toBe(1);
  });
});

test.each<[string, unknown]>([
  ['partial GraphQL data', { data: { create: { id: 1 } }, errors: [{ message: 'a field failed' }] }],
  ['a resource that has failed', { id: 'job_1', status: 'failed', error: { message: 'not found' } }],
  ['empty errors', { id: '1', errors: [] }],
  ['a null error', { id: '1', error: null }],
  ['ok: true', { ok: true, error: 'none' }],
  ['a list', [{ ok: false }]],
])('a 2xx with %s is a success', async (_name, body) => {
  const api = await startOrders();
  api.refusals.push(answer(200, body));
  const { call } = await serve(api);
  const first = resultOf(await call('create_order', tea));
  expect((first.result as ContentResult).isError).toBeUndefined();
});

test('a read whose 2xx says no fails, and one that returns such a resource succeeds', async () => {
  const api = await startOrders();
  const { call } = await serve(api);
  api.rows.set('a', { ok: false, error: 'not_found' } as never);
  api.rows.set('b', { id: 'b', success: false });
  expect(refusalMessage(refusalOf(await call('get_order', { id: 'a' })))).toMatch(
    /says that it failed.*nothing was changed/,
  );
  expect((resultOf(await call('get_order', { id: 'b' })).result as ContentResult).structuredContent).toMatchObject({
    id: 'b',
  });
});

describe('an error status', () => {
  test.each<[number, unknown, RegExp]>([
    [400, { message: 'Item is too long.' }, /\(Item is too long\)\. It had no effect\. Correct the arguments/],
    [401, { message: 'no' }, /until an operator corrects the credentials/],
    [402, { error: { code: 'card_declined', message: 'Your card was declined.' } }, /declined again/],
    [404, { message: 'no such shop' }, /Check the identifiers/],
    [409, { message: 'exists' }, /Read the current state/],
    [429, { message: 'slow down', retry_after: 7 }, /temporary: call again in 7 s/],
    [500, { message: 'No changes were made' }, /It had no effect/],
  ])('of %i says whether the same call can help', async (status, body, next) => {
    const { message } = await refusedThenDone(await startOrders(), answer(status, body));
    expect(message).toMatch(next);
    expect(message).not.toMatch(/\.\.|\.\)\.|\?\./);
  });

  test('of 500 lets the caller end the outcome, also where money moves', async () => {
    const api = await startOrders();
    api.refusals.push(answer(500, { message: 'boom' }));
    const { call } = await serve(api, { operations: { createOrder: { movesMoney: true } } });
    const first = refusalOf(await call('create_order', tea));
    expect(first.code).toBe('outcome_unknown');
    expect(refusalMessage(first)).toMatch(/Check the upstream, for example with get_order or list_orders\./);
    expect(refusalOf(await call('create_order', tea)).code).toBe('outcome_unknown');
    expect(api.effects).toBe(0);
    resultOf(await call('create_order', { ...tea, repeat_token: first.repeatToken }));
    expect(api.effects).toBe(1);
  });

  test('that never came leaves the outcome to an operator where money moves', async () => {
    const api = await startOrders();
    api.drop = 1;
    const { call } = await serve(api, { operations: { createOrder: { movesMoney: true } } });
    const first = refusalOf(await call('create_order', tea));
    expect([first.code, first.repeatToken]).toEqual(['outcome_unknown', undefined]);
    expect(api.effects).toBe(1);
  });
});

describe('an answer that tells an effect runs once', () => {
  test.each<[number, unknown]>([
    [200, { errors: [{ message: 'http exception: response timeout', extensions: { code: 'unexpected', path: '$' } }] }],
    [200, { errors: [{ message: 'not a valid json response', extensions: { code: 'unexpected', path: '$' } }] }],
    [200, { success: false, status: 'created', message: 'label not found' }],
    [200, { success: false, errors: [{ row: 3, message: 'invalid email' }], message: '499 of 500 rows imported' }],
    [200, { error: { message: 'label not found', details: { order_id: 12, url: 'https://x.test/12' } } }],
    [200, { status: 'failed', message: 'test run 12 finished: element not found' }],
    [400, { error: 'Order 12 was created, but the e-mail could not be sent: invalid address', order_id: 12 }],
    [404, { error: 'Payment was captured, but the customer was not found', payment_id: 'p1' }],
    [404, { error: 'Die Zahlung wurde eingezogen, der Kunde wurde nicht gefunden' }],
    [422, { message: 'Order 12 created; invoice failed', order: { id: 12 } }],
    [422, { message: 'invoice failed', order: { id: 12 } }],
    [429, { sent: 30, error: 'rate limited' }],
    [429, { error: 'Rate limit exceeded at recipient 31 of 50' }],
    [429, { error: '30 went out, then the rate limit was hit' }],
    [500, { error: 'Order stored, but the invoice failed; the stored order has not been rolled back' }],
    [500, { error: 'The confirmation step was not executed' }],
    [502, 'Nothing was received from the upstream server'],
    [504, { message: 'Endpoint request timed out: no data was received from the backend' }],
  ])('%i %j', async (status, body) => {
    const api = await startOrders();
    api.refusals.push({ ...answer(status, body), executed: true });
    const { call } = await serve(api);
    await call('create_order', tea);
    expect(api.effects).toBe(1);
    await call('create_order', tea);
    expect(api.effects).toBe(1);
  });
});

describe('an error beside a result', () => {
  test.each<unknown>([
    { error: 'rate limited', sent: 30 },
    { error: { code: 'rate_limited', message: 'slow down' }, ids: ['m1'] },
    { errors: ['row 31: rate limited'], sent: 30 },
  ])('is kept and told: %j', async (body) => {
    const api = await startOrders();
    api.refusals.push({ ...answer(200, body), executed: true });
    const { call } = await serve(api);
    const first = resultOf(await call('create_order', tea));
    expect(first.result).toMatchObject({ isError: true });
    expect(first.repeatToken).toBeTypeOf('string');
    expect(resultOf(await call('create_order', tea)).replayed).toBe(true);
    expect(api.effects).toBe(1);
  });

  test.each<unknown>([
    { sent: 30, error: null },
    { sent: 30, error: '', errors: [] },
    { rate: 0.5, error: 0.05 },
    { success: true, sent: 30, error: 'none of the items was discounted' },
  ])('is a plain success where it says no error: %j', async (body) => {
    const api = await startOrders();
    api.refusals.push({ ...answer(200, body), executed: true });
    const { call } = await serve(api);
    expect(resultOf(await call('create_order', tea)).result).not.toHaveProperty('isError', true);
  });
});

describe('an error status is a refusal', () => {
  test.each<[number, unknown]>([
    [400, { message: 'The order was cancelled', item: 'tea' }],
    [400, { error: { message: 'Item tea is not available', item_id: 'tea', request_id: 'req_12' } }],
    [402, { error: { code: 'card_declined', message: 'Your card was declined.', payment_intent: { id: 'pi_1' } } }],
    [404, { message: 'Kunde nicht gefunden' }],
    [409, { message: 'The item was changed by another user', existing_id: 'o12' }],
    [409, { message: 'A customer with this e-mail is already registered' }],
    [
      422,
      {
        type: 'https://x.test/errors/12',
        title: 'Invalid',
        errors: { id: ['must be a number'], sent: ['is invalid'] },
      },
    ],
    [422, { detail: [{ type: 'missing', loc: ['body', 'id'], msg: 'Field required', input: { id: 12 } }] }],
    [429, { message: 'Rate limit exceeded: 0 of 100 calls left', limit: 100 }],
    [503, { message: 'The request was not processed' }],
  ])('%i %j', async (status, body) => {
    await refusedThenDone(await startOrders(), answer(status, body));
  });
});
