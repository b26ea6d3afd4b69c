import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Arguments, ServerProcess } from '../e2e/support/server.ts';
import { type ServerOptions, unique, until, useStage } from '../e2e/support/stage.ts';
import { program } from '../support/program.ts';
import { type ApiServer, FaultProxy, rowsOf, startJsonServer, startMockoon } from './support/api-servers.ts';

const document = fileURLToPath(new URL('../../examples/openapi/orders.yaml', import.meta.url));
const stage = useStage();

let api: ApiServer;
let proxy: FaultProxy;
beforeAll(async () => {
  api = await startJsonServer(stage.path('.'), { orders: [] });
  proxy = await FaultProxy.start(api.url);
});
afterAll(async () => {
  await proxy?.stop();
  await api?.stop();
});

/** The configuration's `openapi` list: this API, through the proxy. */
function served(operations: Arguments = {}, more: Arguments = {}): ServerOptions {
  return { config: { bundledTools: false, openapi: [{ document, baseUrl: proxy.url, operations, ...more }] } };
}

/** How the effect of a create is found: the marker is written as its reference. */
const lookup = {
  lookup: {
    operation: 'listOrders',
    arguments: { reference: '$marker' },
    marker: { argument: 'reference', field: 'reference' },
  },
};

const rowsWith = async (item: string): Promise<Record<string, unknown>[]> =>
  (await rowsOf(api, 'orders')).filter((row) => row.item === item);

describe('a POST to json-server', () => {
  test('makes one row when it is repeated at once, later and in another process', async () => {
    const [one, other] = await Promise.all([stage.server(served()), stage.server(served())]);
    const args = { item: unique('tea') };
    const heard = await Promise.all(
      Array.from({ length: 10 }, (_, turn) => (turn % 2 === 0 ? one : other).heard('create_order', args)),
    );
    expect(heard.filter((each) => each === 'executed')).toHaveLength(1);
    expect(heard.filter((each) => each === 'replayed')).toHaveLength(9);
    const again = await other.call('create_order', { quantity: 1, ...args });
    expect(again.words).toBe('replayed');
    // A default of the document counts as given, and is not sent.
    expect(again.result).toMatchObject({ item: args.item });
    expect(again.result).not.toHaveProperty('quantity');
    expect(await rowsWith(args.item)).toHaveLength(1);
  });

  test('control: with the guard off the same call twice makes two rows', async () => {
    const server = await stage.server(served({ createOrder: { class: 'off' } }));
    const args = { item: unique('tea') };
    expect([await server.heard('create_order', args), await server.heard('create_order', args)]).toEqual([
      'executed',
      'executed',
    ]);
    expect(await rowsWith(args.item)).toHaveLength(2);
  });

  test('takes effect once after a lost answer, because its marker finds the row', async () => {
    const server = await stage.server(served({ createOrder: lookup }));
    const args = { item: unique('lost') };
    proxy.dropAnswers(1);
    const first = await server.call('create_order', args);
    expect(first.words).toBe('recovered (reconcile)');
    expect(first.result).toMatchObject({ item: args.item });
    expect(await server.heard('create_order', args)).toBe('replayed');
    expect(await rowsWith(args.item)).toHaveLength(1);
  });

  test('stays unknown after a lost answer without a lookup, and is never sent again', async () => {
    const server = await stage.server(served());
    const args = { item: unique('lost') };
    proxy.dropAnswers(1);
    expect(await server.heard('create_order', args)).toBe('outcome_unknown');
    expect(await server.heard('create_order', args)).toBe('outcome_unknown');
    expect(await rowsWith(args.item)).toHaveLength(1);
  });

  test('control: with the guard off a lost answer and a repeat make two rows', async () => {
    const server = await stage.server(served({ createOrder: { class: 'off' } }));
    const args = { item: unique('lost') };
    proxy.dropAnswers(1);
    await server.heard('create_order', args);
    await server.heard('create_order', args);
    expect(await rowsWith(args.item)).toHaveLength(2);
  });

  test('is found by the next server when the first is killed after the effect', async () => {
    const args = { item: unique('killed') };
    const { config } = served({ createOrder: lookup });
    // Long enough for a busy machine: a claim that was not renewed within half of it sends nothing.
    const options = { config: { ...config, lease: '4s' } };
    const first = await stage.server({ ...options, strike: { at: 'mcp-once:answer' } });
    const heard = first.heard('create_order', args);
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await heard).toBe('no answer');
    const second = await stage.server(options);
    const told = await second.call('create_order', args);
    expect(told.words).toBe('recovered (reconcile)');
    expect(await rowsWith(args.item)).toHaveLength(1);
  });
});

describe('writes of one order', () => {
  const newOrder = async (): Promise<string> => {
    const answer = await fetch(`${api.url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ item: unique('order') }),
    });
    return String(((await answer.json()) as { id: number }).id);
  };

  test('PUT A, B, A executes three times, and A, A once', async () => {
    const server = await stage.server(served());
    const id = await newOrder();
    const before = proxy.sent('PUT');
    const heard: string[] = [];
    for (const item of ['A', 'B', 'A', 'A']) heard.push(await server.heard('put_order', { id, item }));
    expect(heard).toEqual(['executed', 'executed', 'executed', 'replayed']);
    expect(proxy.sent('PUT') - before).toBe(3);
  });

  test('DELETE twice gives one answer twice; one whose answer was lost is done, though it is gone by then', async () => {
    const server = await stage.server(served());
    const [first, second] = [await newOrder(), await newOrder()];
    const before = proxy.sent('DELETE');
    expect(await server.heard('delete_order', { id: first })).toBe('executed');
    expect(await server.heard('delete_order', { id: first })).toBe('replayed');
    expect(proxy.sent('DELETE') - before).toBe(1);
    proxy.dropAnswers(1);
    expect(await server.heard('delete_order', { id: second })).toMatch(/^(executed|recovered \(natural\))$/);
    const left = (await rowsOf(api, 'orders')).map((row) => String(row.id));
    expect(left).not.toContain(second);
  });
});

test('the command serves one document and nothing else, and the dynamic mode keeps the guard', async () => {
  const env = { ...stage.environment(), MCP_ONCE_STORE: `sqlite:${stage.ledgerFile}` };
  const start = (...args: string[]) =>
    ServerProcess.start([program, 'openapi', document, '--base-url', proxy.url, ...args], env);
  const [plain, dynamic] = await Promise.all([start(), start('--dynamic')]);
  try {
    const names = async (server: ServerProcess) => (await server.client.listTools()).tools.map(({ name }) => name);
    expect(await names(plain)).toEqual(['list_orders', 'create_order', 'get_order', 'put_order', 'delete_order']);
    expect(await names(dynamic)).toEqual(['search_operations', 'describe_operation', 'call_operation']);
    const args = { item: unique('both') };
    const call = { operation: 'create_order', arguments: args };
    expect(await dynamic.heard('call_operation', call)).toBe('executed');
    expect(await dynamic.heard('call_operation', call)).toBe('replayed');
    // One operation, by whatever name it is called.
    expect(await plain.heard('create_order', args)).toBe('replayed');
    expect(await rowsWith(args.item)).toHaveLength(1);
    const found = await dynamic.call('search_operations', { query: 'create order' });
    expect(found.text).toContain('create_order');
  } finally {
    await Promise.all([plain.kill(), dynamic.kill()]);
  }
});

test('identical calls wait for the answer of the call in flight', async () => {
  const server = await stage.server(served());
  const args = { item: unique('slow') };
  const release = proxy.holdAnswers();
  const first = server.heard('create_order', args);
  const second = server.heard('create_order', args);
  await until(async () => (await rowsWith(args.item)).length === 1);
  release();
  expect((await Promise.all([first, second])).sort()).toEqual(['executed', 'replayed']);
  expect(await rowsWith(args.item)).toHaveLength(1);
});

test("a POST into Mockoon's data bucket makes one row, and two with the guard off", async () => {
  const mockoon = await startMockoon(stage.path('.'), 'orders');
  try {
    const config = (operations: Arguments) => ({
      config: { bundledTools: false, openapi: [{ document, baseUrl: mockoon.url, operations }] },
    });
    const guarded = await stage.server(config({}));
    const bare = await stage.server(config({ createOrder: { class: 'off' } }));
    const args = { item: unique('mock') };
    for (const server of [guarded, guarded, guarded]) await server.call('create_order', args);
    expect((await rowsOf(mockoon, 'orders')).filter(({ item }) => item === args.item)).toHaveLength(1);
    for (const server of [bare, bare]) await server.call('create_order', args);
    expect((await rowsOf(mockoon, 'orders')).filter(({ item }) => item === args.item)).toHaveLength(3);
  } finally {
    await mockoon.stop();
  }
});

test('a document that cannot be served ends the start with one sentence', async () => {
  const file = stage.path('broken.json');
  writeFileSync(file, readFileSync(document, 'utf8').replace('openapi: 3.1.0', 'swaggering: 1'));
  const error = await stage.server({ config: { bundledTools: false, openapi: [{ document: file }] } }).then(
    () => new Error('the server started'),
    (reason: Error) => reason,
  );
  expect(error.message).toMatch(/broken\.json.*OpenAPI/);
});

test('an unknown outcome is resolved with what the API answered, and replayed as that', async () => {
  const { config = {} } = served();
  const file = stage.path('resolve.json');
  writeFileSync(file, JSON.stringify({ ...config, store: `sqlite:${stage.ledgerFile}` }));
  const server = await stage.server(served());
  const args = { item: unique('resolved') };
  proxy.dropAnswers(1);
  const lost = await server.call('create_order', args);
  expect(lost.words).toBe('outcome_unknown');
  const [row] = await rowsWith(args.item);
  writeFileSync(stage.path('row.json'), JSON.stringify(row));
  const resolve = [program, 'ledger', 'resolve', lost.outcome.operation ?? '', '--succeeded', stage.path('row.json')];
  execFileSync(process.execPath, [...resolve, '--config', file], { env: stage.environment() });
  const told = await server.call('create_order', args);
  expect(told.words).toBe('replayed');
  expect(told.result).toEqual(row);
  expect(await rowsWith(args.item)).toHaveLength(1);
});

test('the dynamic mode lists its operations, and its instructions do not call them unguarded', async () => {
  const list = [program, 'openapi', document, '--dynamic', '--list', '--json'];
  const rows = JSON.parse(execFileSync(process.execPath, list, { encoding: 'utf8' })) as { tool: string }[];
  expect(rows.map(({ tool }) => tool)).toContain('create_order');
  const server = await stage.server(served({}, { dynamic: true }));
  expect(server.client.getInstructions()).not.toContain('call_operation');
});

test("the guide's table is what the command prints, and its configuration works", async () => {
  const guide = readFileSync(new URL('../../docs/guides/openapi.md', import.meta.url), 'utf8');
  const printed = execFileSync(process.execPath, [program, 'openapi', document, '--list'], { encoding: 'utf8' });
  expect(guide).toContain(printed.trimEnd());
  const [, example = ''] = /```json\n(\{\n {2}"openapi"[\s\S]*?)```/.exec(guide) ?? [];
  const config = JSON.parse(example.replace('orders.yaml', document)) as { openapi: Arguments[] };
  config.openapi[0] = { ...config.openapi[0], baseUrl: proxy.url };
  const server = await stage.server({ config: { ...config, bundledTools: false } });
  proxy.dropAnswers(1);
  const args = { item: unique('guide') };
  expect(await server.heard('shop_create_order', args)).toBe('recovered (reconcile)');
  expect(await rowsWith(args.item)).toHaveLength(1);
  expect((await server.client.listTools()).tools.map(({ name }) => name)).not.toContain('shop_delete_order');
});
