import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { type Era, HttpSide } from './support/http.ts';
import { alternate, type Block, block, cpuTimeUs, ratioOf, typical } from './support/measure.ts';
import { orderArguments } from './support/orders.ts';
import { type BenchContext, microseconds } from './support/report.ts';
import { type Command, connect, ourServer } from './support/servers.ts';

/** Names the variable with the folder of the other checkout, which must be built. */
const otherCheckout = 'MCP_ONCE_BENCH_AGAINST';

type Call = (args: unknown) => Promise<void>;

/** A tool of the measured servers, and its arguments, new with each call. */
interface MeasuredTool {
  readonly name: string;
  readonly kind: string;
  args(): Record<string, unknown>;
}

const tools: readonly MeasuredTool[] = [
  { name: 'book_order', kind: 'without free text', args: plainArguments },
  { name: 'create_order', kind: 'with free text', args: orderArguments },
];

function plainArguments(): Record<string, unknown> {
  const { customer, currency, lines } = orderArguments();
  return { customer, currency, lines: lines.map(({ description, ...line }) => ({ sku: description, ...line })) };
}

/** One checkout's server: its call of a tool, and its process. */
interface Side {
  call(tool: MeasuredTool): Call;
  readonly pid: number | undefined;
}

/** Compares this checkout with another one, for example the commit before a change, in alternating blocks. */
export async function run(context: BenchContext): Promise<void> {
  const other = process.env[otherCheckout];
  if (other === undefined) throw new Error(`Set ${otherCheckout} to a built checkout of mcp-once.`);
  const folders = { now: fileURLToPath(new URL('../../', import.meta.url)), before: other };
  await start(context, folders);
  await stdio(context, folders);
  for (const era of ['2025', '2026'] as const) await http(context, folders, era);
}

type Folders = Readonly<Record<'now' | 'before', string>>;

async function start({ quick, folder, report }: BenchContext, folders: Folders): Promise<void> {
  const once = async (side: keyof Folders): Promise<Block> => {
    const startedMs = performance.now();
    const client = await connect(commandOf(folder, folders[side], side));
    await client.listTools();
    const tookMs = performance.now() - startedMs;
    const cpuUs = cpuTimeUs(pidOf(client));
    await client.close();
    return { p50Us: tookMs * 1_000, perSecond: 1_000 / tookMs, cpuUs };
  };
  const blocks = await alternate(quick ? 8 : 20, { now: () => once('now'), before: () => once('before') });
  compare(report, 'stdio: start to tools/list', blocks);
}

async function stdio({ quick, folder, report }: BenchContext, folders: Folders): Promise<void> {
  const sides = {
    now: await connect(commandOf(folder, folders.now, 'now')),
    before: await connect(commandOf(folder, folders.before, 'before')),
  };
  const sideOf = (client: Client): Side => ({
    pid: pidOf(client),
    call:
      ({ name }) =>
      async (args) => {
        const result = await client.callTool({ name, arguments: args as Record<string, unknown> });
        if (result.isError) throw new Error(JSON.stringify(result.content));
      },
  });
  const both = { now: sideOf(sides.now), before: sideOf(sides.before) };
  for (const tool of tools) await callsOf({ quick, report }, 'stdio', tool, both);
  await Promise.all([sides.now.close(), sides.before.close()]);
}

async function http({ quick, folder, report }: BenchContext, folders: Folders, era: Era): Promise<void> {
  const startHttp = (side: keyof Folders) => {
    const { args, env } = commandOf(folder, folders[side], `${side}-${era}`);
    return HttpSide.start({ args: [...args, '--http', '127.0.0.1:0'], env });
  };
  const sides = { now: await startHttp('now'), before: await startHttp('before') };
  const sideOf = async (side: HttpSide): Promise<Side> => {
    const send = await side.client(era);
    const call: Side['call'] =
      ({ name }) =>
      async (args) => {
        const { text } = await send(name, args);
        if (!text.includes('structuredContent')) throw new Error(text);
      };
    return { call, pid: side.pid };
  };
  const both = { now: await sideOf(sides.now), before: await sideOf(sides.before) };
  for (const tool of tools) await callsOf({ quick, report }, `HTTP ${era}`, tool, both, 64);
  await Promise.all([sides.now.end(), sides.before.end()]);
}

/** Measures replays and first calls; replays also with `connections` at a time. */
async function callsOf(
  { quick, report }: Pick<BenchContext, 'quick' | 'report'>,
  where: string,
  tool: MeasuredTool,
  { now, before }: Readonly<Record<'now' | 'before', Side>>,
  connections?: number,
): Promise<void> {
  const what = `${where}, ${tool.kind}`;
  const kept = Array.from({ length: 50 }, tool.args);
  let turn = 0;
  const replays = (side: Side, count: number, at = 1) => {
    const call = side.call(tool);
    return block(at, count, () => call(kept[turn++ % kept.length]), side.pid);
  };
  const first = (side: Side) => {
    const call = side.call(tool);
    return block(1, 100, () => call(tool.args()), side.pid);
  };
  for (const side of [now, before]) {
    for (const args of kept) await side.call(tool)(args);
    await replays(side, 2_000);
  }
  const rounds = quick ? 10 : 30;
  const alone = await alternate(rounds, { now: () => replays(now, 400), before: () => replays(before, 400) });
  compare(report, `${what}: a replay`, alone);
  if (connections !== undefined) {
    const many = await alternate(rounds, {
      now: () => replays(now, 1_000, connections),
      before: () => replays(before, 1_000, connections),
    });
    compare(report, `${what}: a replay, ${connections} connections`, many);
  }
  const firsts = await alternate(Math.ceil(rounds / 2), { now: () => first(now), before: () => first(before) });
  compare(report, `${what}: a first call, durable`, firsts);
}

function compare(report: BenchContext['report'], what: string, blocks: Readonly<Record<'now' | 'before', Block[]>>) {
  const { now, before } = blocks;
  report.ratio(`${what}, now / before`, ratioOf(now, before), []);
  report.ratio(`${what}, CPU of the server, now / before`, ratioOf(now, before, 'cpuUs'), [
    `now: ${microseconds(typical(now, 'cpuUs'))}, before: ${microseconds(typical(before, 'cpuUs'))}`,
  ]);
}

function pidOf(client: Client): number | undefined {
  return (client.transport as StdioClientTransport).pid ?? undefined;
}

/** Returns the module of `book_order`, which earlier checkouts do not have. It is `create_order` without free text. */
function plainToolOf(checkout: string): string {
  const built = pathToFileURL(`${checkout}/dist/`);
  return `
import { defineTool, z } from ${JSON.stringify(new URL('src/index.js', built))};
import { orderResult } from ${JSON.stringify(new URL('bench/support/orders.js', built))};
import { createOrder } from ${JSON.stringify(new URL('bench/tools/create-order.js', built))};
const line = z.strictObject({
  sku: z.string().max(60),
  unit_amount: z.int().min(0),
  quantity: z.int().min(1).default(1),
});
const output = z.object({ id: z.string(), status: z.string(), total: z.int(), currency: z.string(),
  lines: z.array(z.object({ id: z.string(), description: z.string(), amount: z.int(), quantity: z.int() })),
  url: z.string() });
export const bookOrder = defineTool({
  name: 'book_order',
  title: 'Book order',
  description: createOrder.description,
  effect: 'create',
  input: z.strictObject({ customer: z.string(), currency: z.string().length(3).default('eur'),
    lines: z.array(line).min(1).max(100) }),
  output,
  run: (_input, context) => context.step('order', async () => orderResult),
});
`;
}

/** Returns the command line of a checkout's server, with its own build of the measured tools and its own ledger. */
function commandOf(folder: string, checkout: string, name: string): Command {
  const config = join(folder, `${name}.json`);
  const plainFolder = join(folder, `${name}-tools`);
  mkdirSync(plainFolder, { recursive: true });
  writeFileSync(join(plainFolder, 'book-order.mjs'), plainToolOf(checkout));
  const toolsDirs = [join(checkout, 'dist/bench/tools'), plainFolder];
  const store = `sqlite:${join(folder, `${name}.sqlite`)}`;
  writeFileSync(config, JSON.stringify({ store, toolsDirs, bundledTools: false, logLevel: 'warn' }));
  const { args, env } = ourServer(folder, { MCP_ONCE_CONFIG: config });
  const program = new URL('dist/src/cli/main.js', pathToFileURL(`${checkout}/`));
  return { args: [fileURLToPath(program), ...args.slice(1)], env };
}
