import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ListToolsResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { createApp, sections } from '../src/app.ts';
import { loadConfig } from '../src/config/config.ts';
import { createLog } from '../src/core/observe/log.ts';
import { loadOpenApi } from '../src/openapi/load.ts';
import type { OpenApiSource } from '../src/openapi/source.ts';
import { compatFile } from './support/compat.ts';
import { alternate, type Block, block, percentile, ratioOf, typical } from './support/measure.ts';
import { type BenchContext, microseconds } from './support/report.ts';
import { connect, ourServer } from './support/servers.ts';

/** How long the upstream takes to answer, in ms. */
const upstreamMs = 1;

const document = compatFile('@octokit/openapi/generated/api.github.com.json');

/**
 * The folder with `openapi-mcp-generator` in its node_modules, for comparison. It needs zod 3, so it cannot be installed
 * beside mcp-once: `npm install --prefix FOLDER openapi-mcp-generator`.
 */
const peersFolder = process.env.BENCH_PEERS;

/** Measures load, tools/list and memory for GitHub's document, then one call against a bare `fetch`. */
export async function run(context: BenchContext): Promise<void> {
  await measureLoad(context);
  await measureCalls(context);
}

async function measureLoad({ quick, folder, report }: BenchContext): Promise<void> {
  const source: OpenApiSource = {
    document,
    account: 'default',
    include: [],
    exclude: [],
    dynamic: false,
    refHosts: [],
    allowPrivate: false,
    headers: {},
    answerCharsMax: 50_000,
    timeoutMs: 20_000,
    credentials: {},
    credentialOrigins: [],
    trust: false,
    operations: {},
  };
  const rounds = quick ? 3 : 7;
  const loadMs: number[] = [];
  const listMs: number[] = [];
  const before = process.memoryUsage().rss;
  let tools = 0;
  let after = before;
  for (let round = 0; round < rounds; round += 1) {
    const startedMs = performance.now();
    const { listed } = await loadOpenApi(source, { warn: () => {}, log: createLog({ level: 'silent' }) });
    loadMs.push(performance.now() - startedMs);
    if (round === 0) after = process.memoryUsage().rss;
    const listingMs = performance.now();
    for (const tool of listed) JSON.stringify([tool.name, tool.description, tool.input.jsonSchema, tool.outputSchema]);
    listMs.push(performance.now() - listingMs);
    tools = listed.length;
  }
  report.value(`load GitHub's document, ${tools} operations`, percentile(loadMs, 50), 'ms');
  report.note(`memory of the document: ${((after - before) / 1e6).toFixed(0)} MB (resident, first load)`);
  report.value(
    'creating and serialising the tools/list entries, per thousand',
    (percentile(listMs, 50) / tools) * 1_000,
    'ms',
  );

  await measurePeer(rounds, percentile(loadMs, 50), percentile(listMs, 50), report);

  const config = join(folder, 'github.json');
  writeFileSync(config, JSON.stringify({ bundledTools: false, openapi: [{ document }] }));
  const startMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const startedMs = performance.now();
    const client = await connect(ourServer(folder, { MCP_ONCE_CONFIG: config }));
    // Not `listTools`: the client would compile every output schema, which doubles the time.
    await client.request({ method: 'tools/list' }, ListToolsResultSchema);
    startMs.push(performance.now() - startedMs);
    await client.close();
  }
  report.value("from start to the first tools/list answer, GitHub's document", percentile(startMs, 50), 'ms', {
    atMost: 1_000,
  });
}

/** The other generator makes all tools at once; mcp-once makes them when they are listed. */
async function measurePeer(
  rounds: number,
  loadMs: number,
  listMs: number,
  report: BenchContext['report'],
): Promise<void> {
  if (peersFolder === undefined) {
    report.note('set BENCH_PEERS=FOLDER to measure openapi-mcp-generator too');
    return;
  }
  const peer = createRequire(join(peersFolder, 'package.json')).resolve('openapi-mcp-generator');
  const { getToolsFromOpenApi } = (await import(peer)) as { getToolsFromOpenApi(file: string): Promise<unknown[]> };
  const tookMs: number[] = [];
  let tools = 0;
  for (let round = 0; round < rounds; round += 1) {
    const startedMs = performance.now();
    tools = (await getToolsFromOpenApi(document)).length;
    tookMs.push(performance.now() - startedMs);
  }
  const theirsMs = percentile(tookMs, 50);
  report.value('load / openapi-mcp-generator with all tools', loadMs / theirsMs, 'x');
  report.value('load and all tools / openapi-mcp-generator with all tools', (loadMs + listMs) / theirsMs, 'x');
  report.note(`openapi-mcp-generator: ${theirsMs.toFixed(0)} ms for ${tools} tools`);
}

async function measureCalls({ quick, folder, report }: BenchContext): Promise<void> {
  const upstream = createServer((request, response) => {
    request.resume().on('end', () =>
      setTimeout(() => {
        response.writeHead(201, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ id: 1, item: 'tea' }));
      }, upstreamMs),
    );
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const baseUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const file = join(folder, 'orders.json');
  writeFileSync(file, JSON.stringify(ordersDocument));
  const configFile = join(folder, 'orders-config.json');
  const store = `sqlite:${join(folder, 'openapi.sqlite')}`;
  writeFileSync(configFile, JSON.stringify({ store, bundledTools: false, openapi: [{ document: file, baseUrl }] }));
  const config = await loadConfig({ sections, environment: {}, overrides: { config: configFile, logLevel: 'silent' } });
  const app = await createApp(config, { environment: {} });
  let count = 0;
  const call = async (item: string, replayed: boolean): Promise<void> => {
    const answer = await app.handle({
      tool: 'create_order',
      arguments: { item, quantity: 2 },
      scope: app.scope,
      meta: {},
      signal: new AbortController().signal,
    });
    if (answer.type !== 'result' || answer.replayed !== replayed) throw new Error(JSON.stringify(answer));
  };
  const bare = async (): Promise<void> => {
    count += 1;
    const answer = await fetch(`${baseUrl}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ item: `tea-${count}`, quantity: 2 }),
    });
    await answer.json();
  };
  await call('kept', false);
  const blocks = await alternate(quick ? 8 : 20, {
    fetch: () => block(1, 100, bare),
    replay: () => block(1, 100, () => call('kept', true)),
    first: () => block(1, 100, () => call(`item-${randomUUID()}`, false)),
  });
  report.ratio(
    'a replay / a bare fetch of the request',
    ratioOf(blocks.replay, blocks.fetch),
    [raw('replay', blocks.replay), raw('fetch', blocks.fetch)],
    { atMost: 1.3 },
  );
  report.ratio(
    'a first call, durable / a bare fetch of the request',
    ratioOf(blocks.first, blocks.fetch),
    [raw('first call', blocks.first)],
    { atMost: 1.5 },
  );
  await app.close();
  upstream.closeAllConnections();
  upstream.close();
}

const order = {
  type: 'object',
  required: ['item'],
  properties: { item: { type: 'string' }, quantity: { type: 'integer', default: 1 } },
};

const ordersDocument = {
  openapi: '3.1.0',
  info: { title: 'Orders', version: '1' },
  paths: {
    '/orders': {
      post: {
        operationId: 'createOrder',
        requestBody: { required: true, content: { 'application/json': { schema: order } } },
        responses: { '201': { description: 'made', content: { 'application/json': { schema: order } } } },
      },
    },
  },
};

function raw(name: string, blocks: readonly Block[]): string {
  return `${name}: p50 ${microseconds(typical(blocks, 'p50Us'))}`;
}
