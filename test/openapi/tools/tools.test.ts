import { describe, expect, test } from 'vitest';
import type { OperationOverride } from '../../../src/openapi/policy/overrides.ts';
import { refusalOf, resultOf } from '../../support/engine.ts';
import { jsonOf, keyHeader, type OrdersApi, serve, startOrders } from './harness.ts';

const minute = 60_000;
const lookup = {
  operation: 'listOrders',
  arguments: { reference: '$marker' },
  items: '/data',
  marker: { argument: 'reference', field: 'reference' },
};
const only = (name: string, override: OperationOverride) => ({ operations: { [name]: override } });
const keyed = { 'post /orders': keyHeader };

function keysOf(api: OrdersApi): unknown[] {
  return api.writes().map(({ headers }) => headers['idempotency-key']);
}

describe('a repeated POST', () => {
  test('creates one row, and the repeat returns the first result', async () => {
    const api = await startOrders();
    const { call } = await serve(api);
    const first = resultOf(await call('create_order', { item: 'tea' }));
    const again = resultOf(await call('create_order', { item: 'tea', quantity: 1 }));
    expect([first.replayed, again.replayed]).toEqual([false, true]);
    expect(again.result).toEqual(first.result);
    expect(jsonOf(again.result)).toEqual({ id: '1', item: 'tea' });
    expect(api.effects).toBe(1);
  });

  test('creates one row from twenty concurrent calls', async () => {
    const api = await startOrders();
    const { call } = await serve(api);
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('create_order', { item: 'tea' })));
    expect(new Set(answers.map((answer) => JSON.stringify(resultOf(answer).result))).size).toBe(1);
    expect(api.rows.size).toBe(1);
  });

  test('creates a row each time without the guard (control)', async () => {
    const api = await startOrders();
    const { call } = await serve(api, only('createOrder', { class: 'off' }));
    await Promise.all(Array.from({ length: 20 }, () => call('create_order', { item: 'tea' })));
    expect(api.rows.size).toBe(20);
  });

  test('is recognised by its business key if other arguments differ', async () => {
    const api = await startOrders();
    const { call } = await serve(api, only('createOrder', { identity: ['item'] }));
    await call('create_order', { item: 'tea', note: 'please' });
    const other = refusalOf(await call('create_order', { item: 'tea', note: 'kindly' }));
    expect(other.code).toBe('idempotency_conflict');
    expect(other.fields).toEqual(['note']);
    expect(api.rows.size).toBe(1);
  });

  test('is recognised by a business key inside of an argument, named by a JSON pointer', async () => {
    const api = await startOrders();
    const { call } = await serve(api, only('createOrder', { identity: ['/item'] }));
    await call('create_order', { item: ' tea' });
    expect(refusalOf(await call('create_order', { item: 'tea', note: 'x' })).fields).toEqual(['note']);
    await call('create_order', { item: 'milk' });
    expect(api.rows.size).toBe(2);
  });

  test('cannot have the recovery resend if the API takes no key', async () => {
    const api = await startOrders();
    const { applyRules } = await import('../../../src/core/tool/load.ts');
    const plain = await serve(api);
    const rules = { create_order: { recovery: 'resend' as const } };
    expect(() => applyRules(plain.tools, rules)).toThrow(/resend/);
    const withKeys = await serve(api, {}, keyed);
    expect(applyRules(withKeys.tools, rules).tools.find(({ name }) => name === 'create_order')?.recovery).toEqual([
      'resend',
      'refuse',
    ]);
  });

  test('runs again with another key after a refusal', async () => {
    const api = await startOrders();
    const { call } = await serve(api, {}, keyed);
    expect(refusalOf(await call('create_order', { item: 'refused' })).code).toBe('operation_failed');
    expect(refusalOf(await call('create_order', { item: 'refused' })).message).toMatch(/422.*not for sale/);
    const [one, other] = keysOf(api);
    expect(one).not.toBe(other);
    expect(api.effects).toBe(0);
  });
});

describe('a POST whose response is lost', () => {
  test('is sent again with the same hidden key, and creates one row', async () => {
    const api = await startOrders();
    api.honoursKeys = true;
    const { call, toolOf } = await serve(api, {}, keyed);
    expect(Object.keys(toolOf('create_order').input.jsonSchema.properties as object)).toEqual([
      'item',
      'quantity',
      'reference',
      'note',
    ]);
    expect(toolOf('create_order').input.jsonSchema.required).toEqual(['item']);
    api.drop = 1;
    expect(jsonOf(resultOf(await call('create_order', { item: 'tea' })).result)).toMatchObject({ id: '1' });
    const keys = keysOf(api);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(api.rows.size).toBe(1);
  });

  test('is recovered by resend if all retries lose their response, and creates one row', async () => {
    const api = await startOrders();
    api.honoursKeys = true;
    const { call } = await serve(api, {}, keyed);
    api.drop = 4;
    const answer = resultOf(await call('create_order', { item: 'tea' }));
    expect(answer.recovered).toBe('resend');
    expect(new Set(keysOf(api)).size).toBe(1);
    expect(api.rows.size).toBe(1);
  });

  test.each([
    [422, 'that request is in progress'],
    [400, 'the key was already used'],
  ])('stays unknown after a %i (%s), which may be about the key', async (status, message) => {
    const api = await startOrders();
    const { call } = await serve(api, {}, keyed);
    api.drop = 4;
    api.refusals.push({ status, message }, { status, message });
    expect(refusalOf(await call('create_order', { item: 'tea' })).code).toBe('outcome_unknown');
    expect(new Set(keysOf(api)).size).toBe(1);
  });

  test('has failed for certain if a provider that knows the key then declines it', async () => {
    const api = await startOrders();
    const { call } = await serve(api, {}, keyed);
    api.lose = 4;
    api.refusals.push({ status: 402, message: 'declined' });
    expect(refusalOf(await call('create_order', { item: 'tea' })).code).toBe('operation_failed');
    expect(api.effects).toBe(0);
  });

  test('creates a second row if the API forgets keys (control)', async () => {
    const api = await startOrders();
    const { call } = await serve(api, {}, keyed);
    api.drop = 1;
    await call('create_order', { item: 'tea' });
    expect(api.rows.size).toBe(2);
  });

  test('has its key in the body if the API expects it there', async () => {
    const api = await startOrders();
    api.honoursKeys = true;
    const schema = {
      type: 'object',
      required: ['item', 'idempotency_key'],
      properties: { item: { type: 'string' }, idempotency_key: { type: 'string', maxLength: 45 } },
    };
    const requestBody = { required: true, content: { 'application/json': { schema } } };
    const { call } = await serve(api, {}, { 'post /orders': { requestBody } });
    api.drop = 1;
    expect(jsonOf(resultOf(await call('create_order', { item: 'tea' })).result)).toEqual({ id: '1', item: 'tea' });
    expect(new Set(api.writes().map(({ body }) => body.idempotency_key)).size).toBe(1);
    expect(api.rows.size).toBe(1);
    const given = resultOf(await call('create_order', { item: 'milk', idempotency_key: 'mine' }));
    expect(given).toMatchObject({ replayed: false, dropped: ['/idempotency_key'] });
    expect(resultOf(await call('create_order', { item: 'milk', idempotency_key: 'another' })).replayed).toBe(true);
    expect(api.writes().map(({ body }) => body.idempotency_key)).not.toContain('mine');
    expect(api.rows.size).toBe(2);
  });

  test('has a hidden key in a body with alternatives', async () => {
    const api = await startOrders();
    api.honoursKeys = true;
    const kind = (name: string) => ({
      type: 'object',
      required: [name, 'idempotency_key'],
      properties: { [name]: { type: 'string' }, idempotency_key: { type: 'string' } },
      additionalProperties: false,
    });
    const schema = { oneOf: [kind('item'), kind('service')] };
    const requestBody = { required: true, content: { 'application/json': { schema } } };
    const { call, toolOf } = await serve(api, {}, { 'post /orders': { requestBody } });
    expect(JSON.stringify(toolOf('create_order').input.jsonSchema)).not.toContain('idempotency_key');
    api.drop = 1;
    resultOf(await call('create_order', { body: { item: 'tea' } }));
    expect(api.writes().map(({ body }) => body.idempotency_key)).toEqual([expect.any(String), expect.any(String)]);
    expect(api.rows.size).toBe(1);
    const given = resultOf(await call('create_order', { body: { item: 'milk', idempotency_key: 'mine' } }));
    expect(given.dropped).toEqual(['/body/idempotency_key']);
    expect(api.writes().map(({ body }) => body.idempotency_key)).not.toContain('mine');
  });

  test('is found by its marker, and executed once', async () => {
    const api = await startOrders();
    const { call, toolOf } = await serve(api, only('createOrder', { lookup }));
    expect(toolOf('create_order').input.jsonSchema.properties).not.toHaveProperty('reference');
    api.drop = 1;
    const answer = resultOf(await call('create_order', { item: 'tea' }));
    expect(answer.recovered).toBe('reconcile');
    expect(jsonOf(answer.result)).toMatchObject({
      id: '1',
      item: 'tea',
      reference: expect.stringMatching(/^mcp_once_/),
    });
    expect(resultOf(await call('create_order', { item: 'tea' })).replayed).toBe(true);
    expect(api.effects).toBe(1);
  });

  test('is looked up when its answer breaks off, so that its caller gets the whole result', async () => {
    const api = await startOrders();
    const { call } = await serve(api, only('createOrder', { lookup }));
    api.cut = 1;
    const answer = resultOf(await call('create_order', { item: 'tea' }));
    expect(jsonOf(answer.result)).toMatchObject({ id: '1', item: 'tea' });
    expect(jsonOf(resultOf(await call('create_order', { item: 'tea' })).result)).toMatchObject({ id: '1' });
    expect(api.effects).toBe(1);
  });

  test('is sent again after the lookup lag, not before, if it never arrived', async () => {
    const api = await startOrders();
    const { call, pass } = await serve(api, only('createOrder', { lookup }));
    api.lose = 1;
    const early = refusalOf(await call('create_order', { item: 'tea' }));
    expect(early.code).toBe('outcome_unknown');
    expect(early.retryAfterMs).toBeGreaterThan(0);
    expect(api.effects).toBe(0);
    pass(12 * minute);
    expect(jsonOf(resultOf(await call('create_order', { item: 'tea' })).result)).toMatchObject({ item: 'tea' });
    expect(api.effects).toBe(1);
  });

  test('is not considered absent after one page of a longer list', async () => {
    const api = await startOrders();
    api.rows.set('a', { id: 'a', item: 'other' });
    api.rows.set('b', { id: 'b', item: 'other' });
    api.page = 2;
    const everything = { ...lookup, arguments: {} };
    const { call, pass } = await serve(api, only('createOrder', { lookup: everything }));
    api.drop = 1;
    expect(refusalOf(await call('create_order', { item: 'tea' })).message).toMatch(/one page of a longer list/);
    pass(12 * minute);
    expect(refusalOf(await call('create_order', { item: 'tea' })).code).toBe('outcome_unknown');
    expect(api.effects).toBe(1);
  });

  test('stays unknown without a lookup, and is never sent again', async () => {
    const api = await startOrders();
    const { call, pass } = await serve(api);
    api.drop = 1;
    expect(refusalOf(await call('create_order', { item: 'tea' })).code).toBe('outcome_unknown');
    pass(12 * minute);
    expect(refusalOf(await call('create_order', { item: 'tea' })).code).toBe('outcome_unknown');
    expect(api.writes()).toHaveLength(1);
  });

  test('is executed twice without the guard (control)', async () => {
    const api = await startOrders();
    const { call } = await serve(api, only('createOrder', { class: 'off' }));
    api.drop = 1;
    await call('create_order', { item: 'tea' });
    await call('create_order', { item: 'tea' });
    expect(api.rows.size).toBe(2);
  });
});

describe('writes to one resource', () => {
  test('take effect three times for PUT A, B, A and once for A, A', async () => {
    const api = await startOrders();
    const { call } = await serve(api);
    for (const item of ['A', 'B', 'A', 'A']) await call('put_order', { id: '7', item });
    expect(api.writes().map(({ body }) => body.item)).toEqual(['A', 'B', 'A']);
  });

  test('take effect twice for PUT A, A without the guard (control)', async () => {
    const api = await startOrders();
    const { call } = await serve(api, only('putOrder', { class: 'off' }));
    for (const item of ['A', 'A']) await call('put_order', { id: '7', item });
    expect(api.effects).toBe(2);
  });

  test('return one result for two DELETEs', async () => {
    const api = await startOrders();
    const { call } = await serve(api);
    api.rows.set('7', { id: '7' });
    const first = resultOf(await call('delete_order', { id: '7' }));
    const again = resultOf(await call('delete_order', { id: '7' }));
    expect(again.result).toEqual(first.result);
    expect(api.writes()).toHaveLength(1);
  });

  test('fail for the second DELETE without the guard (control)', async () => {
    const api = await startOrders();
    const { call } = await serve(api, only('deleteOrder', { class: 'off' }));
    api.rows.set('7', { id: '7' });
    expect((await call('delete_order', { id: '7' })).type).toBe('result');
    expect(refusalOf(await call('delete_order', { id: '7' })).code).toBe('operation_failed');
  });

  test('are three operations for DELETE, PUT, DELETE, because they share the resource', async () => {
    const api = await startOrders();
    const { call } = await serve(api);
    api.rows.set('7', { id: '7' });
    await call('delete_order', { id: '7' });
    await call('put_order', { id: '7', item: 'A' });
    await call('delete_order', { id: '7' });
    expect(api.writes().map(({ method }) => method)).toEqual(['DELETE', 'PUT', 'DELETE']);
    expect(api.rows.size).toBe(0);
  });

  test('succeed for a DELETE that lost its response if the resource no longer exists', async () => {
    const api = await startOrders();
    const { call } = await serve(api);
    api.rows.set('7', { id: '7' });
    api.drop = 1;
    const answer = resultOf(await call('delete_order', { id: '7' }));
    expect(answer.recovered).toBe('natural');
    expect(JSON.stringify(answer.result)).toMatch(/no longer exists/);
    expect(api.effects).toBe(1);
  });

  test('fail definitely for a DELETE of a resource that never existed', async () => {
    const api = await startOrders();
    const { call } = await serve(api);
    expect(refusalOf(await call('delete_order', { id: '7' })).code).toBe('operation_failed');
  });
});

describe('an id that is derived from the key', () => {
  const made = only('putOrder', { clientId: 'id' });

  test('is hidden, stays the same for repeats, and is part of the result', async () => {
    const api = await startOrders();
    const { call, toolOf } = await serve(api, made);
    expect(toolOf('put_order').input.jsonSchema.properties).not.toHaveProperty('id');
    const first = resultOf(await call('put_order', { item: 'tea' }));
    expect(resultOf(await call('put_order', { item: 'tea' })).result).toEqual(first.result);
    const [id] = api.rows.keys();
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(JSON.stringify(first.result)).toContain(`id: ${id}`);
    expect(api.effects).toBe(1);
    await call('put_order', { item: 'milk' });
    expect(api.rows.size).toBe(2);
  });

  test('stays the same if the response is lost', async () => {
    const api = await startOrders();
    const { call } = await serve(api, made);
    api.drop = 5;
    const answer = resultOf(await call('put_order', { item: 'tea' }));
    expect(answer.recovered).toBe('natural');
    expect(new Set(api.writes().map(({ path }) => path)).size).toBe(1);
    expect(api.rows.size).toBe(1);
  });

  test('differs for each call without the guard (control)', async () => {
    const api = await startOrders();
    const { call } = await serve(api, only('putOrder', { clientId: 'id', class: 'off' }));
    await call('put_order', { item: 'tea' });
    await call('put_order', { item: 'tea' });
    expect(api.rows.size).toBe(2);
  });
});

describe('arguments', () => {
  test.each([
    [{ item: 7 }, /item must be string/],
    [{}, /item is missing/],
    [{ item: 'tea', quantty: 2 }, /"quantty" is not known \(did you mean "quantity"\?\)/],
    [{ item: 'tea', quantity: 0 }, /quantity must be >= 1/],
  ])('are refused before anything is sent: %j', async (args, message) => {
    const api = await startOrders();
    const { call, records } = await serve(api);
    const refusal = refusalOf(await call('create_order', args));
    expect(refusal.code).toBe('invalid_input');
    expect(refusal.message).toMatch(message);
    expect(api.requests).toHaveLength(0);
    expect(await records()).toHaveLength(0);
  });

  test('are refused without quoting them if they leave the path', async () => {
    const api = await startOrders();
    const { call } = await serve(api);
    const refusal = refusalOf(await call('delete_order', { id: '..' }));
    expect(refusal.code).toBe('invalid_input');
    expect(refusal.message).toMatch(/id/);
    expect(api.requests).toHaveLength(0);
  });

  test('are sent for a read, and the ledger records nothing', async () => {
    const api = await startOrders();
    const { call, records } = await serve(api);
    api.rows.set('7', { id: '7', item: 'tea' });
    expect(jsonOf(resultOf(await call('get_order', { id: '7' })).result)).toEqual({ id: '7', item: 'tea' });
    expect(await records()).toHaveLength(0);
  });
});
