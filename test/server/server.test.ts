import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import {
  type ClientCapabilities,
  ElicitRequestSchema,
  type ElicitResult,
  ToolSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';
import type { ToolCall } from '../../src/core/call/types.ts';
import { createCatalog } from '../../src/core/tool/catalog.ts';
import type { Effect, Tool, ToolClass } from '../../src/core/tool/types.ts';
import { type defineClient, defineTool, z } from '../../src/index.ts';
import { createServer2025, type Server2025Options } from '../../src/server/server-2025.ts';
import { objectSchemaOf } from '../../src/server/tool-list.ts';
import { hostKeyOf } from '../../src/server/tool-requests.ts';
import { testEngine } from '../support/engine.ts';
import { createThing } from '../support/tools.ts';
import { Upstream, upstreamClient } from '../support/upstream.ts';

const silent = { debug: () => {}, info: () => {}, warn: () => {} };
const scope = { tenant: 'default', subject: 'local' };

function plainTool(
  name: string,
  effect: Effect,
  more: { class?: ToolClass; client?: ReturnType<typeof defineClient> } = {},
): Tool {
  return defineTool({
    name,
    title: name,
    description: name,
    effect,
    input: z.object({ item: z.string() }),
    output: z.object({ id: z.string() }),
    resource: ({ item }) => item,
    run: async () => ({ id: 'x' }),
    ...(more.class ? { class: more.class } : {}),
    ...(more.client ? { client: more.client as never } : {}),
  });
}

async function connect(
  options: Pick<Server2025Options, 'catalog' | 'handle'> & Partial<Server2025Options>,
  capabilities: ClientCapabilities = {},
) {
  const server = createServer2025({ name: 'test', version: '1.2.3', scope, log: silent, ...options });
  const client = new Client({ name: 'a client', version: '1' }, { capabilities });
  const [here, there] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(there), client.connect(here)]);
  return { server, client };
}

/** The official client before the engine itself, over one catalog. */
async function connectEngine(tools: readonly Tool[], capabilities: ClientCapabilities = {}) {
  const engine = testEngine({ tools });
  const handle = (call: ToolCall) =>
    engine.call(call.tool, call.arguments, {
      meta: { ...call.meta },
      signal: call.signal,
      scope: call.scope,
      ...('hostKey' in call ? { hostKey: call.hostKey } : {}),
      ...(call.questionChannel ? { questionChannel: call.questionChannel } : {}),
    });
  return connect({ catalog: createCatalog(tools), handle }, capabilities);
}

const never = (): never => {
  throw new Error('not called here');
};

describe('tools/list', () => {
  test('returns pages with each tool once, and refuses an invalid cursor', async () => {
    const names = Array.from({ length: 250 }, (_, index) => `tool_${index}`);
    const { client } = await connect({
      catalog: createCatalog(names.map((name) => plainTool(name, 'read'))),
      handle: never,
    });
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await client.listTools(cursor === undefined ? {} : { cursor });
      pages.push(page.tools.map(({ name }) => name));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(pages.map(({ length }) => length)).toEqual([100, 100, 50]);
    expect(pages.flat()).toEqual(names);
    for (const wrong of ['', '1', '300', '-100', '1e2', 'x']) {
      await expect(client.listTools({ cursor: wrong })).rejects.toThrow(/list again without a cursor/);
    }
  });

  test('says of a tool that calls others that each keeps its own guard', async () => {
    const caller = { ...plainTool('call', 'update', { class: 'off' }), route: () => undefined };
    const { client } = await connect({ catalog: createCatalog([caller]), handle: never });
    const [listed] = (await client.listTools()).tools;
    expect(listed?.annotations).toMatchObject({ readOnlyHint: false, idempotentHint: true, openWorldHint: true });
  });

  test('does not list tools that another tool stands for', async () => {
    const catalog = createCatalog([plainTool('shown', 'read')], [plainTool('hidden', 'create')]);
    const { client } = await connect({ catalog, handle: never });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['shown']);
    expect(catalog.find('hidden')?.effect).toBe('create');
    expect(() => createCatalog([plainTool('a', 'read')], [plainTool('a', 'read')])).toThrow(/Two tools/);
  });

  test('shows the annotations that follow from the tool', async () => {
    const upstream = upstreamClient(new Upstream(), 0);
    const tools = [
      plainTool('get', 'read', { client: upstream as never }),
      plainTool('create', 'create', { client: upstream as never }),
      plainTool('track', 'create', { class: 'off' }),
      plainTool('update', 'update'),
      plainTool('replace', 'replace', { class: 'state' }),
      plainTool('delete', 'delete'),
      plainTool('append', 'update', { class: 'repeatable' }),
    ];
    const { client } = await connect({ catalog: createCatalog(tools), handle: never });
    const listed = (await client.listTools()).tools;
    expect(Object.fromEntries(listed.map((tool) => [tool.name, tool.annotations]))).toEqual({
      get: { title: 'get', readOnlyHint: true, openWorldHint: true },
      create: hints({ title: 'create', idempotentHint: true, openWorldHint: true }),
      track: hints({ title: 'track' }),
      update: hints({ title: 'update', destructiveHint: true, idempotentHint: true }),
      replace: hints({ title: 'replace', destructiveHint: true, idempotentHint: true }),
      delete: hints({ title: 'delete', destructiveHint: true, idempotentHint: true }),
      append: hints({ title: 'append', destructiveHint: true }),
    });
    const withToken = listed.filter(({ inputSchema }) => inputSchema.properties?.repeat_token !== undefined);
    expect(withToken.map(({ name }) => name)).toEqual(['create', 'update', 'replace', 'delete', 'append']);
    const numbered = listed.filter(({ inputSchema }) => inputSchema.properties?.occurrence !== undefined);
    expect(numbered.map(({ name }) => name)).toEqual(['append']);
    expect(withToken[0]?.inputSchema.required).toEqual(['item']);
    expect(listed.every((tool) => ToolSchema.safeParse(tool).success)).toBe(true);
  });

  test('leaves a tool its own repeat_token, and the tool itself as it was', async () => {
    const tool = plainTool('create', 'create');
    const own = {
      ...tool,
      input: { ...tool.input, jsonSchema: { type: 'object', properties: { repeat_token: { type: 'integer' } } } },
    };
    const { client } = await connect({ catalog: createCatalog([own, plainTool('other', 'create')]), handle: never });
    const [first, second] = (await client.listTools()).tools;
    expect(first?.inputSchema.properties?.repeat_token).toEqual({ type: 'integer' });
    expect(second?.inputSchema.properties?.repeat_token).toMatchObject({ type: 'string' });
    expect(tool.input.jsonSchema.properties).not.toHaveProperty('repeat_token');
  });

  test('shows an output schema only when its root is an object, as clients require', () => {
    const object = { type: 'object', properties: {} };
    expect(objectSchemaOf(object)).toBe(object);
    expect(objectSchemaOf({ anyOf: [object, object] })).toEqual({ anyOf: [object, object], type: 'object' });
    expect(objectSchemaOf({ anyOf: [object, { type: 'null' }] })).toBeUndefined();
    expect(objectSchemaOf({ type: 'array' })).toBeUndefined();
    expect(objectSchemaOf({})).toBeUndefined();
    expect(objectSchemaOf(undefined)).toBeUndefined();
  });

  test('names the server', async () => {
    const { client } = await connect({
      catalog: createCatalog([]),
      handle: never,
      title: 'A test',
      instructions: () => 'Be kind.',
    });
    expect(client.getServerVersion()).toEqual({ name: 'test', version: '1.2.3', title: 'A test' });
    expect(client.getInstructions()).toBe('Be kind.');
    expect(client.getServerCapabilities()).toEqual({ tools: {} });
  });
});

describe('tools/call by the official client', () => {
  test('replays with the same bytes, and executes again with the repeat token', async () => {
    const upstream = new Upstream();
    const { client } = await connectEngine([createThing(upstream, 'resend')]);
    await client.listTools();
    const call = (args: Record<string, unknown>) => client.callTool({ name: 'create_thing', arguments: args });
    const first = await call({ item: 'a' });
    const again = await call({ item: 'a' });
    const { mcp_once: notice, ...stored } = again.structuredContent as Record<string, unknown>;
    expect(JSON.stringify(stored)).toBe(JSON.stringify(first.structuredContent));
    expect(notice).toMatchObject({ replayed: true });
    expect(upstream.effects).toHaveLength(1);
    const outcome = again._meta?.['mcp-once/outcome'] as { repeatToken: string } | undefined;
    const second = await call({ item: 'a', repeat_token: outcome?.repeatToken });
    expect(second.structuredContent).not.toEqual(first.structuredContent);
    expect(upstream.effects).toHaveLength(2);
  });

  test('executes twice when each call has its own host key (control)', async () => {
    const upstream = new Upstream();
    const { client } = await connectEngine([createThing(upstream, 'resend')]);
    for (const key of ['a', 'b']) {
      await client.callTool({
        name: 'create_thing',
        arguments: { item: 'a' },
        _meta: { 'mcp-once/idempotency-key': key },
      });
    }
    expect(upstream.effects).toHaveLength(2);
  });

  test.each([
    ['wrong arguments', 'create_thing', { item: 5 }, {}, 'invalid_input', /item/],
    [
      'arguments with __proto__',
      'create_thing',
      JSON.parse('{"item":"a","__proto__":{}}'),
      {},
      'invalid_input',
      /__proto__/,
    ],
    ['arguments that are a list', 'create_thing', ['a'], {}, 'invalid_input', /object/],
    ['an empty host key', 'create_thing', { item: 'a' }, { idempotencyKey: '' }, 'invalid_input', /empty/],
    [
      'a host key that is null',
      'create_thing',
      { item: 'a' },
      { idempotencyKey: null },
      'invalid_input',
      /not a string/,
    ],
    ['a tool that is not there', 'create_thin', {}, {}, 'unknown_tool', /create_thing/],
    [
      'a forged repeat token',
      'create_thing',
      { item: 'a', repeat_token: 'r1.x' },
      {},
      'invalid_repeat_token',
      /repeat_token/,
    ],
  ])(
    'returns an error result that the client accepts, and executes nothing, for %s',
    async (_, name, args, more, code, message) => {
      const upstream = new Upstream();
      const { client } = await connectEngine([createThing(upstream, 'resend')]);
      await client.listTools();
      const result = await client.callTool({ name, arguments: args as Record<string, unknown>, ...more });
      expect(result.isError).toBe(true);
      expect(result._meta?.['mcp-once/outcome']).toMatchObject({ code });
      expect((result.content as { text: string }[])[0]?.text).toMatch(message);
      expect(upstream.effects).toHaveLength(0);
    },
  );

  test('takes its scope from the request when the server asks for it', async () => {
    const scopes: unknown[] = [];
    const tool = plainTool('create', 'create');
    const { client } = await connect({
      catalog: createCatalog([tool]),
      scope: (extra) => ({ tenant: 'acme', subject: String(extra._meta?.who) }),
      handle: async (call) => {
        scopes.push(call.scope);
        return { type: 'result', tool, result: { id: 'x' }, replayed: false };
      },
    });
    await client.callTool({ name: 'create', arguments: {}, _meta: { who: 'ann' } });
    expect(scopes).toEqual([{ tenant: 'acme', subject: 'ann' }]);
  });

  test.each([
    ['create', 'create', /The ledger knows whether.*Call again/],
    ['create', 'off', /may have taken effect. Check the upstream/],
    ['update', 'off', /may have taken effect. Check the upstream/],
    ['read', 'off', /safe to call again/],
  ] as const)('says after a fault what holds for a tool that is %s, %s', async (effect, toolClass, message) => {
    const catalog = createCatalog([plainTool('tool', effect, { class: toolClass })]);
    const { client } = await connect({ catalog, handle: () => Promise.reject(new Error('secret')) });
    const failed = client.callTool({ name: 'tool', arguments: {} });
    await expect(failed).rejects.toMatchObject({ code: -32603, message: expect.stringMatching(message) });
    await expect(failed).rejects.not.toThrow('secret');
  });
});

describe('a question, to a client of 2025-11-25', () => {
  async function askedClient(capabilities: ClientCapabilities, replies: unknown[] = []) {
    const upstream = new Upstream();
    const tools = [createThing(upstream, 'resend', { onDuplicate: 'ask' })];
    const { client } = await connectEngine(tools, capabilities);
    const questions: unknown[] = [];
    if (capabilities.elicitation) {
      client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
        questions.push(params);
        return replies.shift() as ElicitResult;
      });
    }
    const create = async () => (await client.callTool({ name: 'create_thing', arguments: { item: 'x' } }))._meta;
    return { create, questions, upstream };
  }
  const outcome = (replayed: boolean) => ({ 'mcp-once/outcome': expect.objectContaining({ replayed }) });

  test('reaches the person on the connection of the call, and the reply decides', async () => {
    const replies = [{ action: 'decline' }, { action: 'accept', content: {} }];
    const { create, questions, upstream } = await askedClient({ elicitation: {} }, replies);
    expect(await create()).toEqual(outcome(false));
    expect(questions).toEqual([]);
    expect(await create()).toEqual(outcome(true));
    expect(questions).toEqual([
      {
        message: expect.stringContaining('create_thing'),
        requestedSchema: { type: 'object', properties: {} },
      },
    ]);
    expect(upstream.effects).toHaveLength(1);
    expect(await create()).toEqual(outcome(false));
    expect(upstream.effects).toHaveLength(2);
  });

  test.each([{}, { elicitation: { url: {} } }])('is not asked when the client declares %j', async (capabilities) => {
    const { create, questions, upstream } = await askedClient(capabilities);
    expect([await create(), await create()]).toEqual([outcome(false), outcome(true)]);
    expect(questions).toEqual([]);
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('the host key', () => {
  const meta = 'mcp-once/idempotency-key';
  test.each([
    [{ [meta]: 'm' }, { idempotencyKey: 'p' }, 'm'],
    [{ [meta]: undefined }, { idempotencyKey: 'p' }, 'p'],
    [{ [meta]: '' }, { idempotencyKey: 'p' }, ''],
    [{}, { idempotencyKey: 7 }, 7],
    [{}, { idempotencyKey: undefined }, undefined],
    [{}, {}, undefined],
    [Object.create({ [meta]: 'inherited' }), {}, undefined],
  ])('of _meta %j and params %j is %j', (fromMeta, params, key) => {
    expect(hostKeyOf(fromMeta, params)).toBe(key);
  });
});

function hints(changes: Record<string, unknown>) {
  return { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false, ...changes };
}
