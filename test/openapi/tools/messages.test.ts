import { expect, test } from 'vitest';
import type { Outcome } from '../../../src/core/call/outcome.ts';
import { refusalOf, resultOf } from '../../support/engine.ts';
import { serve, startOrders } from './harness.ts';

/** Returns the message of a refusal and checks that it has whole sentences. */
function told(answer: Outcome): string {
  const { message } = refusalOf(answer);
  expect(message).not.toMatch(/\.\.(?!")|\?\.|;\.|\.;|: *\.|\(\{\}\)/);
  expect(message).toMatch(/[.?]$/);
  expect(message.match(/othing was (executed|changed|sent)|had no effect/g) ?? ['once']).toHaveLength(1);
  return message;
}

const token = { securitySchemes: { token: { type: 'http', scheme: 'bearer' }, mutual: { type: 'mutualTLS' } } };

test('refusals consist of whole sentences without repetition', async () => {
  const api = await startOrders();
  const changes = {
    'get /secured': { security: [{ token: [] }] },
    'post /secured': { security: [{ token: [] }] },
    'post /mutual': { security: [{ mutual: [] }] },
    'get /broken': { parameters: [{ $ref: '#/components/parameters/none' }] },
  };
  const { call } = await serve(api, {}, changes, { components: token });
  for (const name of ['get_secured', 'post_secured']) {
    expect(told(await call(name, {}))).toMatch(
      /not set: TOKEN; set the environment variables and start the server again\./,
    );
  }
  expect(told(await call('post_mutual', {}))).toMatch(
    /not supported: the scheme "mutual" \(mutual TLS\); if the API also accepts a header/,
  );
  expect(told(await call('get_broken', {}))).toMatch(
    /GET \/broken \(.*\) cannot be called: .*points to nothing in the document/,
  );
  expect(told(await call('get_order', { id: '..' }))).toMatch(
    /"id" .*; give the plain identifier\. Nothing was executed/,
  );
  expect(told(await call('get_order', { id: '' }))).toMatch(/is empty/);
  expect(told(await call('get_order', { id: '7' }))).toMatch(
    /answered 404: it does not exist \(no order\)\. The tool only reads/,
  );
  expect(told(await call('create_order', { item: 'refused' }))).toMatch(/422 \(not for sale\)\. It had no effect/);
});

test('refusals omit the quotation of an empty error response', async () => {
  const api = await startOrders();
  const { call } = await serve(api);
  const empty = [{}, [], null, ''];
  for (const [index, body] of empty.entries()) {
    api.refusals.push({ status: 404, body });
    expect(told(await call('delete_order', { id: String(index) }))).toMatch(
      /404: it does not exist\. It had no effect/,
    );
  }
});

test('describe_operation suggests a name for an unknown operation', async () => {
  const api = await startOrders();
  const { call } = await serve(api, { dynamic: true });
  expect(told(await call('describe_operation', { operation: 'create_ordr' }))).toMatch(
    /\(did you mean "create_order"\?\)\./,
  );
  expect(told(await call('describe_operation', { operation: 'zzz' }))).toMatch(/search for it first\./);
});

test('a tool omits a long output schema and still returns structured content', async () => {
  const api = await startOrders();
  const answerOf = (count: number) => {
    const properties = Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`field_${index}`, { type: 'string', description: 'x'.repeat(100) }]),
    );
    const schema = { type: 'object', properties };
    return { responses: { 200: { description: 'ok', content: { 'application/json': { schema } } } } };
  };
  const { call, toolOf } = await serve(api, {}, { 'get /orders': answerOf(200), 'get /orders/{id}': answerOf(50) });
  expect(toolOf('list_orders').outputSchema).toBeUndefined();
  expect(toolOf('get_order').outputSchema).toBeDefined();
  const { result } = resultOf(await call('list_orders', {}));
  expect(result).toMatchObject({ structuredContent: { data: [], has_more: false } });
});
