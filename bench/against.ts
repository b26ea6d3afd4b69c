import { writeFileSync } from 'node:fs';
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

/** One checkout's server: its call, and its process. */
interface Side {
  readonly call: Call;
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
    call: async (args) => {
      const result = await client.callTool({ name: 'create_order', arguments: args as Record<string, unknown> });
      if (result.isError) throw new Error(JSON.stringify(result.content));
    },
  });
  await callsOf({ quick, report }, 'stdio', { now: sideOf(sides.now), before: sideOf(sides.before) });
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
    const call: Call = async (args) => {
      const { text } = await send('create_order', args);
      if (!text.includes('structuredContent')) throw new Error(text);
    };
    return { call, pid: side.pid };
  };
  const both = { now: await sideOf(sides.now), before: await sideOf(sides.before) };
  await callsOf({ quick, report }, `HTTP ${era}`, both, 64);
  await Promise.all([sides.now.end(), sides.before.end()]);
}

/** Measures replays and first calls; replays also with `connections` at a time. */
async function callsOf(
  { quick, report }: Pick<BenchContext, 'quick' | 'report'>,
  what: string,
  { now, before }: Readonly<Record<'now' | 'before', Side>>,
  connections?: number,
): Promise<void> {
  const kept = Array.from({ length: 50 }, orderArguments);
  let turn = 0;
  const replays = (side: Side, count: number, at = 1) =>
    block(at, count, () => side.call(kept[turn++ % kept.length]), side.pid);
  const first = (side: Side) => block(1, 100, () => side.call(orderArguments()), side.pid);
  for (const side of [now, before]) {
    for (const args of kept) await side.call(args);
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

/** Returns the command line of a checkout's server, with its own build of the measured tool and its own ledger. */
function commandOf(folder: string, checkout: string, name: string): Command {
  const config = join(folder, `${name}.json`);
  const toolsDirs = [join(checkout, 'dist/bench/tools')];
  const store = `sqlite:${join(folder, `${name}.sqlite`)}`;
  writeFileSync(config, JSON.stringify({ store, toolsDirs, bundledTools: false, logLevel: 'warn' }));
  const { args, env } = ourServer(folder, { MCP_ONCE_CONFIG: config });
  const program = new URL('dist/src/cli/main.js', pathToFileURL(`${checkout}/`));
  return { args: [fileURLToPath(program), ...args.slice(1)], env };
}
