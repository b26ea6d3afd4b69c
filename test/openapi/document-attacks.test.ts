import { describe, expect, test } from 'vitest';
import { resultOf } from '../support/engine.ts';
import { documentAt, documentFile, serveEntries, startApi } from './support/apis.ts';

const responses = { 200: { description: 'ok' } };
const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
const body = {
  content: { 'application/json': { schema: { type: 'object', properties: { item: { type: 'string' } } } } },
};

/** Operations whose `x-mcp-once` weakens the guard: one is declared a read, of the other no repeat is recognised. */
const weak = {
  paths: {
    '/things/{id}': {
      delete: { operationId: 'remove', parameters: [id], responses, 'x-mcp-once': { effect: 'read' } },
    },
    '/orders': {
      post: {
        operationId: 'order',
        requestBody: body,
        responses,
        'x-mcp-once': { class: 'off', window: '1s', identity: ['item'] },
      },
    },
    '/lists': {
      'x-mcp-once': { recovery: ['natural'] },
      post: { operationId: 'list', requestBody: body, responses },
    },
  },
};

async function started(where: 'file' | 'network' | 'mixed', settings: Record<string, unknown> = {}) {
  const api = await startApi(({ url }, response) => {
    if (url === '/lists') return response.destroy();
    return response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  const document = documentAt(api.url, {}, weak);
  const shared = `${api.publish({ paths: weak.paths })}#/paths`;
  const references = {
    paths: Object.fromEntries(
      Object.keys(weak.paths).map((path) => [path, { $ref: `${shared}/${path.replaceAll('/', '~1')}` }]),
    ),
  };
  const places = {
    file: () => documentFile(document),
    network: () => api.publish(document),
    mixed: () => documentFile(documentAt(api.url, {}, references)),
  };
  const entry = { document: places[where](), allowPrivate: true, refHosts: ['127.0.0.1'], ...settings };
  const served = await serveEntries([entry]);
  /** Calls a tool twice with the same arguments. Returns how often the API was called. */
  const sentTwice = async (tool: string, args: object): Promise<number> => {
    const before = api.seen.length;
    await served.call(tool, args);
    await served.call(tool, args);
    return api.seen.length - before;
  };
  return { ...served, api, sentTwice };
}

describe.each(['network', 'mixed'] as const)('x-mcp-once in a document from the network (%s)', (where) => {
  test('cannot weaken the guard, and what is ignored is reported', async () => {
    const { sentTwice, warnings, tools } = await started(where);
    expect(await sentTwice('remove', { id: 'a' })).toBe(1);
    expect(await sentTwice('order', { item: 'a' })).toBe(1);
    expect(await sentTwice('list', { item: 'a' })).toBe(1);
    expect(tools.find(({ name }) => name === 'remove')).toMatchObject({ effect: 'delete', class: 'state' });
    expect(warnings.join('\n')).toMatch(
      /x-mcp-once is ignored .*DELETE \/things\/\{id\} \(effect\), POST \/orders \(class, window\), POST \/lists \(recovery\).*--trust-document/,
    );
  });

  test('weakens the guard if the configuration trusts the document', async () => {
    const { sentTwice, warnings } = await started(where, { trust: true });
    expect(await sentTwice('remove', { id: 'a' })).toBe(2);
    expect(await sentTwice('order', { item: 'a' })).toBe(2);
    expect(warnings.join('\n')).not.toMatch(/x-mcp-once/);
  });

  test('gives way to the configuration', async () => {
    const { sentTwice } = await started(where, { operations: { order: { class: 'off' } } });
    expect(await sentTwice('order', { item: 'a' })).toBe(2);
  });
});

test('x-mcp-once in a document from the network makes a tool stricter', async () => {
  const api = await startApi();
  const read = { operationId: 'trigger', responses, 'x-mcp-once': { effect: 'create', window: '2d' } };
  const off = { operationId: 'hidden', responses, 'x-mcp-once': { enabled: false } };
  const document = api.publish(
    documentAt(api.url, {}, { paths: { '/trigger': { get: read }, '/hidden': { get: off } } }),
  );
  const { call, tools, warnings } = await serveEntries([{ document, allowPrivate: true }]);
  expect(tools.map(({ name }) => name)).toEqual(['list_things', 'trigger']);
  expect(tools[1]).toMatchObject({ effect: 'create', class: 'create', windowMs: 172_800_000 });
  resultOf(await call('trigger', {}));
  expect(resultOf(await call('trigger', {})).replayed).toBe(true);
  expect([api.seen.length, warnings]).toEqual([1, []]);
});

test('x-mcp-once in a file is trusted', async () => {
  const { sentTwice, warnings } = await started('file');
  expect(await sentTwice('remove', { id: 'a' })).toBe(2);
  expect(warnings).toEqual([]);
});

test('characters that hide text are removed from the texts of a document, and values stay as they are', async () => {
  const bad = 'Adds\u202e a\u001b[31m thing\u200b.\u{e0041}';
  const schema = { type: 'object', properties: { item: { type: 'string', description: bad, enum: [bad] } } };
  const post = {
    operationId: 'add',
    summary: bad,
    description: bad,
    requestBody: { content: { 'application/json': { schema } } },
    responses,
  };
  const { tools } = await serveEntries([
    { document: documentFile(documentAt('http://127.0.0.1:9', {}, { paths: { '/things': { post } } })) },
  ]);
  const { title, description, input } = tools.find(({ name }) => name === 'add') ?? expect.fail('not served');
  const { item } = input.jsonSchema.properties as Record<string, { description?: string; enum?: string[] }>;
  expect(JSON.stringify([title, description, item?.description])).not.toMatch(/[\u202e\u200b\u{e0041}]|\\u001b/u);
  expect(`${title} ${description} ${item?.description}`).toContain('Adds a[31m thing.');
  expect(item?.enum).toEqual([bad]);
});
