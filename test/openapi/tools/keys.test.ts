import { expect, test } from 'vitest';
import { serveDocument, startApi } from '../support/served.ts';

const text = { type: 'string' };
const responses = { 200: { description: 'done' } };
const isKey = expect.stringMatching(/^[\w-]{16,}$/);

function bodyOf(schema: Record<string, unknown>, type = 'application/json') {
  return { requestBody: { required: true, content: { [type]: { schema } } } };
}

/** Serves one operation, and calls its tool twice with the same arguments. */
async function callTwice(operation: Record<string, unknown>, args: Record<string, unknown>, path = '/things') {
  const api = await startApi(() => ({ id: 't1' }));
  const post = { operationId: 'create_thing', responses, ...operation };
  const { call, toolOf } = await serveDocument({ servers: [{ url: api.url }], paths: { [path]: { post } } });
  const tool = toolOf('create_thing');
  await call(tool.name, args);
  await call(tool.name, args);
  return { ...api, tool, schema: JSON.stringify(tool.input.jsonSchema) };
}

test('a key in the query is filled in, and hidden from the model', async () => {
  const parameters = [{ name: 'idempotency_key', in: 'query', required: true, schema: text }];
  const { seen, schema, tool } = await callTwice({ parameters }, {});
  expect(seen.map(({ url }) => new URL(url, 'http://a').searchParams.get('idempotency_key'))).toEqual([isKey]);
  expect(schema).not.toContain('idempotency');
  expect(tool.recovery).toEqual(['resend', 'refuse']);
});

test('a key in a required object is filled in, and hidden from the model', async () => {
  const payment = {
    type: 'object',
    properties: { idempotency_key: text, amount: text },
    required: ['idempotency_key'],
  };
  const operation = bodyOf({ type: 'object', properties: { payment }, required: ['payment'] });
  const { seen, schema } = await callTwice(operation, { payment: { amount: '5' } });
  expect(seen.map(({ body }) => JSON.parse(body))).toEqual([{ payment: { amount: '5', idempotency_key: isKey } }]);
  expect(schema).not.toContain('idempotency');
});

test('a key in an optional object is an argument, because a call without it would have no key', async () => {
  const payment = { type: 'object', properties: { idempotency_key: text } };
  const { tool } = await callTwice(bodyOf({ type: 'object', properties: { payment } }), {});
  expect(tool.recovery).toEqual(['refuse']);
});

test('each member of a bulk call gets a key of its own', async () => {
  const entry = { type: 'object', properties: { idempotency_key: text, name: text } };
  const operation = bodyOf({
    type: 'object',
    properties: { values: { type: 'object', additionalProperties: entry } },
    required: ['values'],
  });
  const { seen, schema } = await callTwice(
    operation,
    { values: { a: { name: 'A' }, b: { name: 'B' } } },
    '/things/bulk-create',
  );
  const { values } = JSON.parse(seen[0]?.body ?? '{}');
  expect(values).toEqual({ a: { name: 'A', idempotency_key: isKey }, b: { name: 'B', idempotency_key: isKey } });
  expect(values.a.idempotency_key).not.toBe(values.b.idempotency_key);
  expect(seen).toHaveLength(1);
  expect(schema).not.toContain('idempotency');
});

test('a key in a JSON part of a form with files is filled in', async () => {
  const request = {
    type: 'object',
    properties: { idempotency_key: text, caption: text },
    required: ['idempotency_key'],
  };
  const operation = bodyOf({ type: 'object', properties: { request }, required: ['request'] }, 'multipart/form-data');
  const { seen } = await callTwice(operation, { request: { caption: 'c' } });
  expect(seen[0]?.body).toMatch(/"idempotency_key":"[\w-]{16,}"/);
});

test('Repeatability-Request-ID goes with the time of the first send', async () => {
  const header = (name: string) => ({ name, in: 'header', required: true, schema: text });
  const parameters = [header('Repeatability-Request-ID'), header('Repeatability-First-Sent')];
  const { seen, schema } = await callTwice({ parameters }, {});
  expect(schema).not.toContain('Repeatability');
  expect(seen[0]?.headers).toMatchObject({ 'repeatability-request-id': isKey });
  expect(Date.parse(String(seen[0]?.headers['repeatability-first-sent']))).toBeGreaterThan(Date.now() - 60_000);
});

test('a key on a read is hidden, and each read gets a fresh one', async () => {
  const api = await startApi(() => ({ found: [] }));
  const parameters = [{ name: 'Idempotency-Key', in: 'header', required: true, schema: text }];
  const post = { operationId: 'search_things', parameters, responses };
  const { call, toolOf } = await serveDocument({ servers: [{ url: api.url }], paths: { '/things/search': { post } } });
  expect(toolOf('search_things')).toMatchObject({ effect: 'read', input: { jsonSchema: { properties: {} } } });
  await call('search_things', {});
  await call('search_things', {});
  const keys = api.seen.map(({ headers }) => headers['idempotency-key']);
  expect(keys).toEqual([isKey, isKey]);
  expect(new Set(keys).size).toBe(2);
});
