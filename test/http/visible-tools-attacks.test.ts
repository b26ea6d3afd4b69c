import { describe, expect, test } from 'vitest';
import type { Admit } from '../../src/http/access/types.ts';
import { loadOpenApi } from '../../src/openapi/load.ts';
import { fileOf, ordersDocument, sourceOf, startOrders } from '../openapi/tools/harness.ts';
import { httpServer, messageOf, openSession, post, toolCall } from '../support/http-server.ts';

/** A token that is a list of tool patterns. */
const admit: Admit = async ({ authorization }) => {
  const given = String(authorization).replace('Bearer ', '').split(',');
  return { type: 'admitted', principal: { tenant: 'one', subject: 'ann', tools: given } };
};

/** Serves the orders API in its dynamic mode over HTTP. Returns functions that act with a token. */
async function serveOrders(tools: string) {
  const api = await startOrders();
  const source = sourceOf(fileOf(ordersDocument({}, api.url)), { dynamic: true });
  const { listed, hidden } = await loadOpenApi(source, { warn: () => {} });
  const { url } = await httpServer({ admit, tools: () => listed, hidden });
  const session = await openSession(url, { authorization: `Bearer ${tools}` });
  const request = async (message: object) => (await messageOf(await post(url, message, session))).result;
  const call = async (name: string, args: object): Promise<string> =>
    JSON.stringify(await request(toolCall(1, args, name)));
  return { api, call, request };
}

const reader = 'search_operations,describe_operation,call_operation,list_*,get_*';

describe('a token that may call some operations only', () => {
  test('finds these operations only', async () => {
    const { call } = await serveOrders(reader);
    const found = await call('search_operations', { query: 'order', limit: 50 });
    expect(found).toMatch(/list_orders/);
    expect(found).toMatch(/get_order/);
    expect(found).not.toMatch(/create_order|put_order|patch_order|delete_order|Create an order/);
    // Others do not take the place of those that it may call.
    expect(await call('search_operations', { query: 'create order', limit: 1 })).toMatch(/list_orders|get_order/);
  });

  test('reads no description of another operation, by none of its names', async () => {
    const { call } = await serveOrders(reader);
    expect(await call('describe_operation', { operation: 'get_order' })).toContain('GET /orders/{id}');
    for (const operation of ['create_order', 'createOrder', 'POST /orders']) {
      const refused = await call('describe_operation', { operation });
      expect(refused).toMatch(/does not exist/);
      expect(refused).not.toMatch(/quantity|Create an order|identical/);
    }
  });

  test('gets the same answer for a forbidden operation and for one that does not exist, without a hint', async () => {
    const { call, api } = await serveOrders(reader);
    for (const tool of ['describe_operation', 'call_operation']) {
      const [forbidden, missing] = [
        await call(tool, { operation: 'delete_order' }),
        await call(tool, { operation: 'remove_order' }),
      ];
      expect(forbidden).toBe(missing);
      expect(await call(tool, { operation: 'delete_ordr' })).not.toMatch(/delete_order/);
    }
    expect(api.requests).toEqual([]);
  });

  test('calls its operations, and reads their number in the list of tools', async () => {
    const { call, request, api } = await serveOrders(reader);
    expect(await call('call_operation', { operation: 'listOrders' })).toContain('has_more');
    expect(api.requests).toHaveLength(1);
    const { tools } = await request({ jsonrpc: '2.0', id: 2, method: 'tools/list' });
    expect(tools.find(({ name }: { name: string }) => name === 'search_operations').description).toMatch(
      /\(2 of them\)/,
    );
  });
});

test('a token that may call every operation finds and calls them all', async () => {
  const { call, api } = await serveOrders('*');
  expect(await call('search_operations', { query: 'create order' })).toContain('create_order');
  expect(await call('describe_operation', { operation: 'createOrder' })).toContain('quantity');
  await call('call_operation', { operation: 'create_order', arguments: { item: 'tea' } });
  await call('call_operation', { operation: 'create_order', arguments: { item: 'tea' } });
  expect(api.effects).toBe(1);
});
