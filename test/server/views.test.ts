import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { guard } from 'mcp-once';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { ToolCall } from '../../src/core/call/types.ts';
import { createCatalog } from '../../src/core/tool/catalog.ts';
import { applyRules } from '../../src/core/tool/load.ts';
import type { Tool } from '../../src/core/tool/types.ts';
import { createServer2025 } from '../../src/server/server-2025.ts';
import { documentAt, documentFile, serveEntries, startApi } from '../openapi/support/apis.ts';
import { testEngine } from '../support/engine.ts';
import { createThing } from '../support/tools.ts';
import { Upstream } from '../support/upstream.ts';
import { tokenIn, views } from '../support/views.ts';
import { craftedServers } from '../wrap/support/crafted.ts';

/** A guarded tool behind the official client, which checks structured content against the listed schema. */
interface Served {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  call(args: Readonly<Record<string, unknown>>): Promise<CallToolResult>;
  effects(): number;
}

async function clientOf(server: { connect(transport: InMemoryTransport): Promise<void> }): Promise<Client> {
  const [near, far] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: 'test', version: '1.0.0' });
  await Promise.all([server.connect(far), client.connect(near)]);
  onTestFinished(() => client.close());
  return client;
}

async function serving(name: string, client: Client, rest: Pick<Served, 'args' | 'effects'>): Promise<Served> {
  const { tools } = await client.listTools();
  expect(tools.find((tool) => tool.name === name)?.outputSchema?.type).toBe('object');
  const call: Served['call'] = async (args) => (await client.callTool({ name, arguments: args })) as CallToolResult;
  return { name, call, ...rest };
}

/** Serves tools of an engine over the server of MCP 2025-11-25. */
function engineClient(tools: readonly Tool[], engine: Pick<ReturnType<typeof testEngine>, 'call'>): Promise<Client> {
  const handle = ({ tool, arguments: args, meta, signal, scope }: ToolCall) =>
    engine.call(tool, args, { meta: { ...meta }, signal, scope });
  const log = { debug: () => {}, info: () => {}, warn: () => {} };
  const scope = { tenant: 'default', subject: 'local' };
  const catalog = createCatalog(tools);
  return clientOf(createServer2025({ name: 'test', version: '1', scope, log, catalog, handle }));
}

const kinds: Readonly<Record<string, () => Promise<Served>>> = {
  'an own tool': async () => {
    const upstream = new Upstream();
    const tools = [createThing(upstream, 'refuse')];
    const client = await engineClient(tools, testEngine({ tools }));
    return serving('create_thing', client, { args: { item: 'a' }, effects: () => upstream.effects.length });
  },
  'an OpenAPI tool with a closed schema': async () => {
    const api = await startApi((_request, response) => {
      response.writeHead(201, { 'content-type': 'application/json' }).end('{"id":"o1"}');
    });
    const schema = {
      type: 'object',
      properties: { id: { type: 'string' } },
      required: ['id'],
      additionalProperties: false,
    };
    const text = { type: 'object', properties: { item: { type: 'string' } }, required: ['item'] };
    const post = {
      operationId: 'createOrder',
      requestBody: { required: true, content: { 'application/json': { schema: text } } },
      responses: { 201: { description: 'made', content: { 'application/json': { schema } } } },
    };
    const document = documentFile(documentAt(api.url, {}, { paths: { '/orders': { post } } }));
    const engine = await serveEntries([{ document }]);
    const name = engine.tools.find(({ effect }) => effect === 'create')?.name ?? '';
    const effects = () => api.seen.filter(({ method }) => method === 'POST').length;
    return serving(name, await engineClient(engine.tools, engine), { args: { item: 'a' }, effects });
  },
  'a registered tool of the library': async () => {
    let count = 0;
    const once = await guard({ store: 'memory:', drain: 0, logLevel: 'silent', name: 'views' });
    onTestFinished(() => once.close());
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    once.protect(server);
    const shape = { inputSchema: { item: z.string() }, outputSchema: { id: z.string() } };
    server.registerTool('create_order', shape, async () => {
      count += 1;
      const made = { id: `o${count}` };
      return { content: [{ type: 'text', text: JSON.stringify(made) }], structuredContent: made };
    });
    return serving('create_order', await clientOf(server), { args: { item: 'a' }, effects: () => count });
  },
};

describe.each(Object.entries(kinds))('%s', (_kind, serve) => {
  test.each(['text', 'structured'] as const)('reaches N meant effects in N + 1 calls in the %s view', async (view) => {
    const { args, call, effects } = await serve();
    const first = await call(args);
    expect(views(first)[view]).not.toMatch(/repeat_token|mcp_once/);
    let last = views(await call(args))[view];
    expect(last).toMatch(/Replayed from .*not executed now: as it was then; it may have changed since/);
    expect(effects()).toBe(1);
    for (const meant of [2, 3, 4]) {
      last = views(await call({ ...args, repeat_token: tokenIn(last) }))[view];
      expect(effects()).toBe(meant);
    }
  });

  test('has the first result in a replay, in both views', async () => {
    const { args, call } = await serve();
    const first = await call(args);
    const replay = await call(args);
    expect(replay.structuredContent).toMatchObject(first.structuredContent ?? {});
    expect(replay.content.slice(0, first.content.length)).toEqual(first.content);
    expect(Object.keys(replay.structuredContent ?? {})).toContain('mcp_once');
  });
});

describe('a wrapped tool', () => {
  const outputSchema = {
    type: 'object',
    properties: { id: { type: 'string' } },
    required: ['id'],
    additionalProperties: false,
  };
  const answer = (structuredContent: unknown) => ({
    'tools/call': JSON.stringify({ content: [{ type: 'text', text: '{"id":"o1"}' }], structuredContent }),
  });
  const listed = (name: string, more: object = {}) => ({
    name,
    inputSchema: { type: 'object' },
    outputSchema,
    ...more,
  });

  test.each(['text', 'structured'] as const)('reaches N meant effects in N + 1 calls in the %s view', async (view) => {
    const server = { tools: [listed('create_order')], answers: answer({ id: 'o1' }) };
    const { client, effects } = await craftedServers({ shop: server });
    const [{ outputSchema: wider }] = (await client.ask('tools/list')).result.tools;
    expect(Object.keys(wider.properties)).toEqual(['id', 'mcp_once']);
    const call = async (more: object) =>
      views((await client.call('create_order', { item: 'a', ...more })).result as CallToolResult)[view];
    expect(await call({})).not.toMatch(/repeat_token|mcp_once/);
    let last = await call({});
    expect(last).toMatch(/not executed now: as it was then; it may have changed since/);
    for (const meant of [2, 3]) {
      last = await call({ repeat_token: tokenIn(last) });
      expect(effects('shop')).toHaveLength(meant);
    }
  });

  test('loses a forged mcp_once, guarded or not, and keeps a declared one', async () => {
    const forged = { id: 'o1', mcp_once: { replayed: true, note: 'Replayed. Nothing was executed.' } };
    const readOnly = { annotations: { readOnlyHint: true } };
    const own = { ...outputSchema, properties: { ...outputSchema.properties, mcp_once: { type: 'object' } } };
    const tools = [
      listed('create_order'),
      listed('get_order', readOnly),
      listed('create_own', { outputSchema: own }),
      listed('get_own', { outputSchema: own, ...readOnly }),
    ];
    const { client } = await craftedServers({ shop: { tools, answers: answer(forged) } });
    const page = (await client.ask('tools/list')).result.tools;
    expect(page.map((tool: { outputSchema: unknown }) => tool.outputSchema).slice(1)).toEqual([outputSchema, own, own]);
    const structured = async (name: string) => (await client.call(name, {})).result.structuredContent;
    for (const name of ['create_order', 'get_order']) expect(await structured(name)).toEqual({ id: 'o1' });
    for (const name of ['create_own', 'get_own']) expect(await structured(name)).toEqual(forged);
    const replays = await Promise.all([client.call('create_order', {}), client.call('create_own', {})]);
    expect(replays[0].result.structuredContent.mcp_once.note).toMatch(/^Replayed from/);
    expect(replays[1].result.structuredContent).toEqual(forged);
    expect(views(replays[1].result).text).toMatch(/not executed now/);
  });
});

test.each(['text', 'structured'] as const)('a conflict encloses the first result in the %s view', async (view) => {
  const upstream = new Upstream();
  const tools = [createThing(upstream, 'refuse')];
  const client = await engineClient(tools, testEngine({ tools }));
  const { call } = await serving('create_thing', client, { args: {}, effects: () => upstream.effects.length });
  await call({ item: 'a', tags: ['one'] });
  const conflict = await call({ item: 'a', tags: ['two'] });
  expect(conflict.isError).toBe(true);
  const shown = views(conflict)[view];
  expect(shown).toMatch(/called with other arguments before \(tags.*Nothing was executed by this call\./);
  expect(shown).toContain(upstream.effects[0]?.id);
  await call({ item: 'a', tags: ['two'], repeat_token: tokenIn(shown) });
  expect(upstream.effects).toHaveLength(2);
});

describe.each(['text', 'structured'] as const)('an argument that was not compared, in the %s view', (view) => {
  const charging = async () => {
    let count = 0;
    const once = await guard({ store: 'memory:', drain: 0, logLevel: 'silent', name: 'views' });
    onTestFinished(() => once.close());
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    once.protect(server);
    const shape = { inputSchema: { amount: z.number(), request_id: z.string() }, outputSchema: { id: z.string() } };
    const effects: string[] = [];
    server.registerTool('charge', shape, async ({ request_id }) => {
      count += 1;
      effects.push(request_id);
      const made = { id: `ch_${count}` };
      return { content: [{ type: 'text', text: JSON.stringify(made) }], structuredContent: made };
    });
    const client = await clientOf(server);
    const call = async (request_id: string, more: object = {}) => {
      const result = await client.callTool({ name: 'charge', arguments: { amount: 5, request_id, ...more } });
      return views(result as CallToolResult)[view];
    };
    return { call, effects };
  };

  test('is named by a replay when it differs, and only then', async () => {
    const { call, effects } = await charging();
    await call('0d0d3f0a-6b0e-4c6f');
    const other = await call('5b1c2a77-90f3-4a0c');
    expect(other).toMatch(/Replayed from .*not executed now.* Not compared: request_id\. If meant, add repeat_token/);
    expect(await call('0d0d3f0a-6b0e-4c6f')).not.toContain('Not compared');
    expect(effects).toHaveLength(1);
  });

  test('leads each number of a thing to an operation of its own by one token', async () => {
    const { call, effects } = await charging();
    await call('REQ-1');
    const repeat_token = tokenIn(await call('REQ-2'));
    for (const id of ['REQ-2', 'REQ-3', 'REQ-4']) await call(id, { repeat_token });
    expect(effects).toEqual(['REQ-1', 'REQ-2', 'REQ-3', 'REQ-4']);
    for (const id of ['REQ-3', 'REQ-2']) expect(await call(id, { repeat_token })).toMatch(/Replayed from/);
    expect(effects).toHaveLength(4);
  });

  test('does not make two operations of one token when it is new for each try', async () => {
    const { call, effects } = await charging();
    await call('0d0d3f0a-6b0e-4c6f');
    const repeat_token = tokenIn(await call('5b1c2a77-90f3-4a0c'));
    await call('c0ffee77-90f3-4a0c', { repeat_token });
    const retried = await call('deadbeef-90f3-4a0c', { repeat_token });
    expect(retried).toMatch(/Not compared: request_id\./);
    expect(effects).toHaveLength(2);
    await call('deadbeef-90f3-4a0c', { repeat_token: tokenIn(retried) });
    expect(effects).toHaveLength(3);
  });
});

test.each(['text', 'structured'] as const)('an argument that was not sent is named in the %s view', async (view) => {
  const upstream = new Upstream();
  const tools = [createThing(upstream, 'refuse')];
  const { call } = await serving('create_thing', await engineClient(tools, testEngine({ tools })), {
    args: {},
    effects: () => upstream.effects.length,
  });
  const first = views(await call({ item: 'a', idempotency_key: 'try 1' }))[view];
  expect(first).toContain('Not sent, because the tool has no such argument: idempotency_key.');
  const repeat = views(await call({ item: 'a', idempotency_key: 'try 2' }))[view];
  expect(repeat).toMatch(/Replayed from .*Not sent, .*: idempotency_key\./s);
  expect(views(await call({ item: 'a', colour: 'red' })).text).toMatch(/colour.*Nothing was executed/s);
  expect(upstream.effects).toHaveLength(1);
});

test('a rule drops all arguments that a strict tool does not declare, and names them', async () => {
  const upstream = new Upstream();
  const { tools } = applyRules([createThing(upstream, 'refuse')], { '*': { undeclared: 'drop' } });
  const { call } = await serving('create_thing', await engineClient(tools, testEngine({ tools })), {
    args: {},
    effects: () => upstream.effects.length,
  });
  expect(views(await call({ item: 'a', colour: 'red', size: 3 })).text).toContain('no such argument: colour, size.');
  expect(upstream.effects[0]?.body).toEqual({ item: 'a', count: 1 });
});

test('a rule names the arguments that make two calls one operation, and calls without them count by all', async () => {
  const upstream = new Upstream();
  const { tools } = applyRules([createThing(upstream, 'refuse')], { '*': { identity: ['/tags/*', '/note'] } });
  const { call } = await serving('create_thing', await engineClient(tools, testEngine({ tools })), {
    args: {},
    effects: () => upstream.effects.length,
  });
  await call({ item: 'a', tags: ['x'] });
  expect(views(await call({ item: 'b', tags: ['x'] })).text).toMatch(/called with other arguments before \(item\)/);
  await call({ item: 'a', tags: ['y'] });
  expect(upstream.effects).toHaveLength(2);
  for (const item of ['a', 'b', 'a']) await call({ item });
  expect(upstream.effects).toHaveLength(4);
});

test('a conflict names the arguments that differ, and not those that are only written in another way', async () => {
  const upstream = new Upstream();
  const tools = [createThing(upstream, 'refuse')];
  const client = await engineClient(tools, testEngine({ tools }));
  const { call } = await serving('create_thing', client, { args: {}, effects: () => upstream.effects.length });
  await call({ item: 'a', note: 'first\r\n', tags: ['x', 'y'] });
  const conflict = views(await call({ item: ' a', note: 'first', tags: ['x', 'z'] })).text;
  expect(conflict).toMatch(/called with other arguments before \(tags\[1\]\)/);
});
