import { expect, test } from 'vitest';
import { resultOf } from '../../support/engine.ts';
import { serve, startOrders } from './harness.ts';

const bodyOf = (schema: Record<string, unknown>) => ({ content: { 'application/json': { schema } } });

test('a PATCH sends no defaults and changes only the given property', async () => {
  const api = await startOrders();
  const { call } = await serve(api);
  await call('create_order', { item: 'tea', quantity: 3 });
  await call('patch_order', { id: '1', note: 'soon' });
  expect(api.writes().map(({ body }) => body)).toEqual([{ item: 'tea', quantity: 3 }, { note: 'soon' }]);
  expect(api.rows.get('1')).toMatchObject({ quantity: 3 });
});

test('a call with and without defaults is one operation, sent as it first came', async () => {
  const api = await startOrders();
  const { call } = await serve(api);
  await call('create_order', { item: 'tea' });
  expect(resultOf(await call('create_order', { item: 'tea', quantity: 1 })).replayed).toBe(true);
  await call('create_order', { item: 'milk', quantity: 1 });
  expect(resultOf(await call('create_order', { item: 'milk' })).replayed).toBe(true);
  expect(api.writes().map(({ body }) => body)).toEqual([{ item: 'tea' }, { item: 'milk', quantity: 1 }]);
});

test('a call with and without defaults has one business key', async () => {
  const api = await startOrders();
  const { call } = await serve(api, { operations: { createOrder: { identity: ['item', 'quantity'] } } });
  await call('create_order', { item: 'tea' });
  expect(resultOf(await call('create_order', { item: 'tea', quantity: 1 })).replayed).toBe(true);
  expect(resultOf(await call('create_order', { item: 'tea', quantity: 2 })).replayed).toBe(false);
  expect(api.effects).toBe(2);
});

test('queries and headers contain no defaults', async () => {
  const api = await startOrders();
  const parameters = [
    { name: 'reference', in: 'query', schema: { type: 'string', default: 'r' } },
    { name: 'X-Mode', in: 'header', schema: { type: 'string', default: 'fast' } },
    { name: 'X-Kind', in: 'header', required: true, schema: { type: 'string', default: 'plain' } },
  ];
  const { call } = await serve(api, {}, { 'post /orders': { parameters } });
  await call('create_order', { item: 'tea' });
  const [sent] = api.writes();
  expect(sent?.headers).not.toHaveProperty('x-mode');
  expect(sent?.query).toBe('');
  // The document requires the property and declares its default.
  expect(sent?.headers['x-kind']).toBe('plain');
});

test('a required property with a default is optional for the caller, and is sent', async () => {
  const api = await startOrders();
  const properties = { item: { type: 'string' }, currency: { type: 'string', default: 'EUR' } };
  const schema = { type: 'object', required: ['item', 'currency'], properties };
  const { call } = await serve(api, {}, { 'post /orders': { requestBody: { required: true, ...bodyOf(schema) } } });
  await call('create_order', { item: 'tea' });
  expect(resultOf(await call('create_order', { item: 'tea', currency: 'EUR' })).replayed).toBe(true);
  expect(api.writes().map(({ body }) => body)).toEqual([{ item: 'tea', currency: 'EUR' }]);
});
