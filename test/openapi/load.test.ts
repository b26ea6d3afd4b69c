import { describe, expect, test } from 'vitest';
import { loadOpenApi } from '../../src/openapi/load.ts';
import type { OpenApiSource } from '../../src/openapi/source.ts';
import { refusalOf, resultOf } from '../support/engine.ts';
import { fileOf, jsonOf, ordersDocument, serve, sourceOf, startOrders } from './tools/harness.ts';

async function load(document: unknown, settings: Partial<OpenApiSource> = {}) {
  const warnings: string[] = [];
  const loaded = await loadOpenApi(sourceOf(fileOf(document), settings), { warn: (message) => warnings.push(message) });
  return { ...loaded, warnings, names: loaded.listed.map(({ name }) => name) };
}

describe('loading a document', () => {
  test('creates a prefixed tool for each selected operation', async () => {
    const chosen = await load(ordersDocument(), { prefix: 'shop', include: ['*Order'], exclude: ['DELETE *'] });
    expect(chosen.names.sort()).toEqual(['shop_create_order', 'shop_get_order', 'shop_patch_order', 'shop_put_order']);
    expect(chosen.hidden).toEqual([]);
    expect((await load(ordersDocument(), { include: ['tag:none*'] })).warnings).toEqual([
      expect.stringMatching(/include \(--include\): nothing matches "tag:none\*"/),
      expect.stringMatching(/none of its operations is served/),
    ]);
  });

  test.each([
    [{ include: ['tag:none'] }, /include \(--include\): there is no operation "tag:none"; use an operationId/],
    [{ exclude: ['deleteOrdr'] }, /exclude \(--exclude\): .*"deleteOrdr"; did you mean "deleteOrder"\?$/],
    [{ include: ['create_oder'] }, /did you mean "create_order"/],
    [{ include: ['GET /order'] }, /did you mean "GET \/orders"/],
    [{ exclude: ['sales'] }, /did you mean "tag:sales"/],
    [{ include: ['slaes'] }, /did you mean "tag:sales"/],
    [{ include: ['tag:sale'] }, /did you mean "tag:sales"/],
    [{ operations: { 'tag:sale': {} } }, /operations: .*did you mean "tag:sales"/],
  ])('fails if a pattern matches nothing: %j', async (settings, message) => {
    const loading = load(ordersDocument({ 'get /orders': { tags: ['sales'] } }), settings);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toMatchObject({ code: 'configuration_invalid' });
  });

  test('accepts prefixed tool names as patterns', async () => {
    const include = ['shop_create_order', 'shop_get*', 'shop_change', 'shop_put_order'];
    const operations = { shop_put_order: { windowMs: 1_000 }, patchOrder: { name: 'change' } };
    const settings = { prefix: 'shop', include, operations };
    const { names, listed } = await load(ordersDocument(), settings);
    expect(names.sort()).toEqual(['shop_change', 'shop_create_order', 'shop_get_order', 'shop_put_order']);
    expect(listed.find(({ name }) => name === 'shop_put_order')?.windowMs).toBe(1_000);
  });

  test('warns once which tools share an operationId', async () => {
    const twice = { 'get /a': { operationId: 'getIt' }, 'get /b': { operationId: 'getIt' } };
    const { names, warnings } = await load(ordersDocument(twice));
    const own = names.filter((name) => name.startsWith('get_it'));
    expect(own).toHaveLength(2);
    expect(warnings).toEqual([
      expect.stringContaining(`2 operations have the operationId "getIt": their tools are ${own.join(', ')}`),
    ]);
  });

  test('warns about members of a path that are not methods', async () => {
    const { warnings, names } = await load(ordersDocument({ 'gett /a': {}, 'parameters /b': {} }));
    expect(names).toHaveLength(6);
    expect(warnings[0]).toMatch(
      /\/paths\/~1a\/gett: it is not a method .*did you mean "get"\?\): nothing in it is served/,
    );
    expect(warnings).toHaveLength(1);
  });

  test('warns that a tool refuses every call if its operation cannot be read', async () => {
    const broken = { 'get /a': { parameters: [{ $ref: '#/components/parameters/none' }], operationId: 'broken' } };
    const { warnings, listed } = await load(ordersDocument(broken));
    const tool = listed.find(({ name }) => name === 'broken');
    expect(warnings).toEqual([]);
    const parsed = tool?.input.parse({});
    expect(warnings).toEqual([
      expect.stringMatching(/: broken: every call is refused: GET \/a \(\/paths\/~1a\/get\) cannot be called: .*none/),
    ]);
    expect(parsed).toMatchObject({
      ok: false,
      issues: [{ message: expect.stringMatching(/cannot be called: .*[^.]$/) }],
    });
  });

  test('warns about more tools than a client may read, unless the tools are dynamic', async () => {
    const many = Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`get /x${index}`, {}]));
    const settings = { include: ['/x*'] };
    expect((await load(ordersDocument(many), settings)).warnings).toEqual([
      expect.stringMatching(/201 tools: .*--include.*--dynamic/),
    ]);
    expect((await load(ordersDocument(many), { ...settings, dynamic: true })).warnings).toEqual([]);
    expect((await load(ordersDocument(many), { ...settings, exclude: ['/x7'] })).warnings).toEqual([]);
  });

  test('takes names and enabled operations from the configuration, by the last pattern that matches', async () => {
    const { names, listed } = await load(ordersDocument(), {
      operations: {
        '*Order': { windowMs: 1_000 },
        createOrder: { name: 'buy', windowMs: 2_000 },
        getOrder: { enabled: false },
      },
    });
    expect(names).toContain('buy');
    expect(names).not.toContain('get_order');
    expect(listed.find(({ name }) => name === 'buy')?.windowMs).toBe(2_000);
    expect(listed.find(({ name }) => name === 'put_order')?.windowMs).toBe(1_000);
  });

  test('names an operation that does not exist, with a suggestion', async () => {
    await expect(load(ordersDocument(), { operations: { creatOrder: {} } })).rejects.toThrow(
      /no operation "creatOrder"; did you mean "createOrder"\?/,
    );
    expect((await load(ordersDocument(), { operations: { 'zz*': {} } })).warnings[0]).toMatch(
      /operations: nothing matches "zz\*"/,
    );
  });

  test('omits an operation with an invalid x-mcp-once, and serves the others', async () => {
    const wrong = { 'post /orders': { 'x-mcp-once': { effekt: 'read' } } };
    const { names, warnings } = await load(ordersDocument(wrong));
    expect(names).not.toContain('create_order');
    expect(names).toContain('put_order');
    expect(warnings).toEqual([
      expect.stringMatching(/\/paths\/~1orders\/post\/x-mcp-once: "effekt" is not known.* It is not served\.$/),
    ]);
    const rule = { operation: 'listOrder', arguments: {}, items: '', marker: { argument: 'reference', field: 'r' } };
    const other = await load(ordersDocument({ 'post /orders': { 'x-mcp-once': { lookup: rule } } }));
    expect(other.warnings).toEqual([
      expect.stringMatching(/POST \/orders: x-mcp-once: lookup.operation.*mean "listOrders"\? It is not served\.$/),
    ]);
    expect(other.names).not.toContain('create_order');
    expect(other.names).toContain('put_order');
  });

  test.each([
    [{ identity: ['itme'] }, /identity: "itme" is not known; did you mean "item"\?$/],
    [{ recovery: ['resend'] as const }, /recovery "resend" needs an idempotency key/],
    [{ recovery: ['reconcile'] as const }, /recovery "reconcile" needs lookup/],
  ])('fails if the configuration of an operation is invalid: %j', async (override, message) => {
    const loading = load(ordersDocument(), { operations: { createOrder: override } });
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toThrow(/api\.json: operations: POST \/orders: /);
    await expect(loading).rejects.toMatchObject({ code: 'configuration_invalid' });
    // The configuration of an operation that is not served is not checked.
    const others = await load(ordersDocument(), { operations: { createOrder: override }, exclude: ['createOrder'] });
    expect(others.names).toHaveLength(5);
  });

  test('reports ten problems and the number of others', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 15 }, (_, index) => [`post /x${index}`, { 'x-mcp-once': 'wrong' }]),
    );
    const { warnings } = await load(ordersDocument(many));
    expect(warnings).toHaveLength(11);
    expect(warnings[10]).toMatch(/and 5 more problems/);
  });
});

test('the client lists the unset variables that served operations need', async () => {
  const secured = {
    ...ordersDocument({ 'post /orders': { security: [{ token: [] }] } }),
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  };
  const unsetOf = async (settings: Partial<OpenApiSource>, environment: Record<string, string> = {}) =>
    (await load(secured, settings)).listed[0]?.client?.unset?.(environment);
  expect(await unsetOf({})).toEqual(['TOKEN']);
  expect(await unsetOf({}, { TOKEN: 'secret' })).toEqual([]);
  expect(await unsetOf({ exclude: ['createOrder'] })).toEqual([]);
});

describe('the base URL of requests', () => {
  const without = { ...ordersDocument(), servers: undefined };

  test('is the configured one or the first server, and must be configured without either', async () => {
    await expect(load(without)).rejects.toThrow(/names no usable server.*--base-url/);
    await expect(load({ ...ordersDocument(), servers: [{ url: 'ftp://a.example' }] })).rejects.toThrow(
      /scheme.*--base-url/,
    );
    await expect(load(ordersDocument(), { baseUrl: 'ftp://a.example' })).rejects.toThrow(/absolute http or https URL/);
    const { listed } = await load(without, { baseUrl: 'https://api.example/v1', account: 'eu' });
    expect(listed[0]?.client?.configure({}).upstream).toEqual({
      origin: 'https://api.example/v1',
      mode: 'live',
      account: 'eu',
    });
  });

  test('is not blamed if no operation can be read', async () => {
    const broken = { parameters: [{ $ref: 'https://specs.example/shared.json#/components/parameters/a' }] };
    const document = { ...ordersDocument(), paths: { '/a': { get: { ...broken, responses: {} } } } };
    const loading = load(document);
    await expect(loading).rejects.toThrow(/none of its operations can be read: GET \/a .*specs\.example.*refHosts/);
    await expect(loading).rejects.not.toThrow(/names no usable server/);
    const none = load({ ...ordersDocument(), paths: { '/a': { gett: {} } } });
    await expect(none).rejects.toThrow(/no operation to serve: \/paths\/~1a\/gett: .*did you mean "get"/);
  });

  test('determines the provider profile, unless one is configured', async () => {
    const memoryOf = async (settings: Partial<OpenApiSource>): Promise<number | undefined> =>
      (await load(ordersDocument(), settings)).listed[0]?.client?.memoryMs;
    expect(await memoryOf({ baseUrl: 'https://api.svix.com' })).toBe(12 * 3_600_000);
    expect(await memoryOf({ baseUrl: 'https://api.svix.com', profile: 'paypal' })).toBe(3 * 3_600_000);
    await expect(memoryOf({ profile: 'payp' })).rejects.toThrow(/did you mean "paypal"/);
  });

  test('keeps its path in all requests', async () => {
    const api = await startOrders();
    const { call } = await serve(api, { baseUrl: `${api.url}/` });
    await call('list_orders', {});
    expect(api.requests[0]?.path).toBe('/orders');
  });

  test('must not be a private address that a document from the network names', async () => {
    const api = await startOrders();
    const { call } = await serve(api);
    expect((await call('list_orders', {})).type).toBe('result');
    const { createServer } = await import('node:http');
    const text = JSON.stringify(ordersDocument({}, api.url));
    const host = createServer((_, response) => response.end(text));
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
    try {
      const address = host.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      const listed = (settings: Partial<OpenApiSource>) => serveUrl(`http://127.0.0.1:${port}/api.json`, settings);
      expect(refusalOf(await listed({})).message).toMatch(/private/);
      expect((await listed({ allowPrivate: true })).type).toBe('result');
      expect((await listed({ baseUrl: api.url })).type).toBe('result');
    } finally {
      await new Promise((resolve) => host.close(resolve));
    }
  });
});

async function serveUrl(document: string, settings: Partial<OpenApiSource>) {
  const { testEngine } = await import('../support/engine.ts');
  const { listed } = await loadOpenApi(sourceOf(document, settings), { warn: () => {} });
  const { call, engine } = testEngine({ tools: listed });
  try {
    return await call('list_orders', {});
  } finally {
    await engine.clients.close();
  }
}

describe('dynamic tools', () => {
  test('search, describe and call operations with their idempotency', async () => {
    const api = await startOrders();
    const { call, listed, hidden } = await serve(api, { dynamic: true, prefix: 'shop' });
    expect(listed.map(({ name }) => name)).toEqual([
      'shop_search_operations',
      'shop_describe_operation',
      'shop_call_operation',
    ]);
    expect(hidden).toHaveLength(6);
    const found = jsonOf(resultOf(await call('shop_search_operations', { query: 'create order' })).result);
    expect((found.operations as unknown[])[0]).toMatchObject({ operation: 'shop_create_order', effect: 'create' });
    const told = jsonOf(resultOf(await call('shop_describe_operation', { operation: 'POST /orders' })).result);
    expect(told).toMatchObject({
      operation: 'shop_create_order',
      class: 'create',
      arguments: { required: ['item'] },
    });
    const asked = { operation: 'createOrder', arguments: { item: 'tea' } };
    const first = resultOf(await call('shop_call_operation', asked));
    const again = resultOf(await call('shop_call_operation', asked));
    const direct = resultOf(await call('shop_create_order', { item: 'tea' }));
    expect([first, again, direct].map(({ replayed }) => replayed)).toEqual([false, true, true]);
    expect(api.effects).toBe(1);
    const meant = { item: 'tea', repeat_token: again.repeatToken };
    await call('shop_call_operation', { ...asked, arguments: meant });
    expect(api.effects).toBe(2);
  });

  test('refuse an unknown operation with a suggestion', async () => {
    const api = await startOrders();
    const { call } = await serve(api, { dynamic: true });
    const misspelt = refusalOf(await call('call_operation', { operation: 'create_ordr', arguments: { item: 'tea' } }));
    expect(misspelt.code).toBe('invalid_input');
    expect(misspelt.message).toMatch(/did you mean "create_order"/);
    const loose = refusalOf(await call('call_operation', { operation: 'create_order', item: 'tea' }));
    expect(loose.message).toMatch(/"item" is not known/);
    const wrong = refusalOf(await call('call_operation', { operation: 'create_order', arguments: { item: 7 } }));
    expect(wrong.message).toMatch(/create_order: .*item must be string/);
    expect(api.requests).toHaveLength(0);
  });
});
