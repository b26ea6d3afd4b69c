import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, type StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { compatFile } from './support/compat.ts';
import { alternate, type Block, block, percentile, ratioOf, typical } from './support/measure.ts';
import { orderArguments, orderResult } from './support/orders.ts';
import { type BenchContext, microseconds, type Report } from './support/report.ts';
import { type Command, connect, ourServer } from './support/servers.ts';

type Arguments = Readonly<Record<string, unknown>>;

const server = fileURLToPath(new URL('./proxy-server.js', import.meta.url));
const pipe = fileURLToPath(new URL('./proxy-pipe.js', import.meta.url));
const warmUpCalls = 2_000;
const atOnce = 64;

/** Measures an upstream through `mcp-once wrap` against the same upstream directly, with the official client. */
export async function run({ quick, folder, report }: BenchContext): Promise<void> {
  const rounds = quick ? 10 : 30;
  await readsOfFiles(folder, rounds, report);
  const direct = await connect(bare([server, 'stdio']));
  const piped = await connect(bare([pipe, server, 'stdio']));
  const through = await connect(wrapping(folder, ['--', process.execPath, server, 'stdio']));
  await Promise.all([direct.listTools(), piped.listTools(), through.listTools()]);
  const read = { tool: 'get_order', args: orderArguments() };
  await reads('a read without work', read, rounds, { direct, piped, through }, report);
  await piped.close();
  await guarded('a tool without work', 0, rounds, { direct, through }, report);
  await guarded('a tool that takes 1 ms', 1, rounds, { direct, through }, report);
  await together('direct', 'get_order', direct, report);
  await together('passed through', 'get_order', through, report);
  await together('guarded', 'create_order', through, report);
  await Promise.all([direct.close(), through.close()]);
  await overHttp(folder, rounds, report);
  await memory(folder, report);
}

interface Sides {
  readonly direct: Client;
  readonly through: Client;
  /** Measures a process that only forwards bytes: the minimum for any proxy on stdio. */
  readonly piped?: Client;
}

interface Read {
  readonly tool: string;
  readonly args: Arguments;
  /** Calls in a block, and warm-up calls. */
  readonly calls?: number;
  readonly warmUp?: number;
}

async function reads(name: string, read: Read, rounds: number, sides: Sides, report: Report): Promise<void> {
  const { direct, through, piped } = sides;
  const { calls = 200, warmUp = warmUpCalls } = read;
  const side = (client: Client) => () => block(1, calls, () => call(client, read.tool, read.args));
  const run = { direct: side(direct), through: side(through), piped: side(piped ?? direct) };
  for (const each of [direct, through, piped ?? direct]) {
    await block(1, warmUp, () => call(each, read.tool, read.args));
  }
  const blocks = await alternate(rounds, run);
  const raw = [shown('directly', blocks.direct), shown('through the proxy', blocks.through)];
  report.ratio(`through the proxy / directly, ${name}`, ratioOf(blocks.through, blocks.direct), raw, { atMost: 1.6 });
  if (!piped) return;
  const bytes = [shown('through a process that forwards bytes', blocks.piped)];
  report.ratio(
    `through a process that forwards bytes / directly, ${name}`,
    ratioOf(blocks.piped, blocks.direct),
    bytes,
  );
}

/** Measures a read of a widely used third-party server. */
async function readsOfFiles(folder: string, rounds: number, report: Report): Promise<void> {
  const packageFile = compatFile('@modelcontextprotocol/server-filesystem/package.json');
  const files = [join(dirname(packageFile), 'dist/index.js'), folder];
  const path = join(folder, 'order.json');
  writeFileSync(path, JSON.stringify(orderResult));
  const direct = await connect(bare(files));
  const piped = await connect(bare([pipe, ...files]));
  const through = await connect(wrapping(folder, ['--', process.execPath, ...files]));
  await Promise.all([direct.listTools(), piped.listTools(), through.listTools()]);
  const read = { tool: 'read_text_file', args: { path } };
  await reads('server-filesystem reads 1 KB', read, rounds, { direct, piped, through }, report);
  await Promise.all([direct.close(), piped.close(), through.close()]);
}

async function guarded(
  name: string,
  takesMs: number,
  rounds: number,
  { direct, through }: Sides,
  report: Report,
): Promise<void> {
  const fresh = (): Arguments => ({ ...orderArguments(), takesMs });
  const kept = Array.from({ length: 50 }, fresh);
  for (const args of kept) await call(through, 'create_order', args, false);
  let turn = 0;
  const next = (): Arguments => kept[turn++ % kept.length] ?? fresh();
  const calls = takesMs === 0 ? 200 : 100;
  await block(1, warmUpCalls, () => call(through, 'create_order', next(), true));
  const blocks = await alternate(rounds, {
    direct: () => block(1, calls, () => call(direct, 'create_order', next())),
    replay: () => block(1, calls, () => call(through, 'create_order', next(), true)),
    first: () => block(1, calls / 2, () => call(through, 'create_order', fresh(), false)),
  });
  report.ratio(
    `a replay / the direct call, ${name}`,
    ratioOf(blocks.replay, blocks.direct),
    [shown('directly', blocks.direct), shown('replay', blocks.replay)],
    takesMs === 0 ? {} : { atMost: 1 },
  );
  report.ratio(`a first call, durable / the direct call, ${name}`, ratioOf(blocks.first, blocks.direct), [
    shown('first call', blocks.first),
  ]);
}

/**
 * Measures concurrent calls, the longest first. Each should take as long as it takes alone. If calls waited for each
 * other, the shortest would be delayed by the time of the longest.
 */
async function together(name: string, tool: string, client: Client, report: Report): Promise<void> {
  const durations = Array.from({ length: atOnce }, (_, index) => (atOnce - index) * 10);
  const done: number[] = [];
  const lateMs: number[] = [];
  await Promise.all(
    durations.map(async (takesMs) => {
      const args = { ...orderArguments(), takesMs };
      const startedMs = performance.now();
      await call(client, tool, args);
      lateMs.push(performance.now() - startedMs - takesMs);
      done.push(takesMs);
    }),
  );
  const overtaken = done.filter((each, index) => index > 0 && each < (done[index - 1] ?? 0)).length;
  const worstMs = percentile(lateMs, 100);
  report.value(`${atOnce} at once: largest delay / the longest call, ${name}`, worstMs / (atOnce * 10), 'x', {
    atMost: 0.5,
  });
  report.note(`calls of 10 to ${atOnce * 10} ms, longest sent first: ${overtaken} answered out of order`);
  report.note(
    `later than its own duration: p50 ${percentile(lateMs, 50).toFixed(1)} ms, worst ${worstMs.toFixed(1)} ms`,
  );
}

async function overHttp(folder: string, rounds: number, report: Report): Promise<void> {
  const child = spawn(process.execPath, [server, 'http'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  try {
    const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const direct = new Client({ name: 'bench', version: '1.0.0' });
    await direct.connect(new StreamableHTTPClientTransport(new URL(url)) as Transport);
    const through = await connect(wrapping(folder, [url]));
    await Promise.all([direct.listTools(), through.listTools()]);
    // Fewer calls, since Node's fetch warns above 1,500 listeners on the signal of the SDK's client.
    const read = { tool: 'get_order', args: orderArguments(), calls: 25, warmUp: 300 };
    await reads('over Streamable HTTP, a read with no work', read, rounds, { direct, through }, report);
    await Promise.all([direct.close(), through.close()]);
  } finally {
    process.off('exit', kill);
    kill();
  }
}

/** Measures the memory of one more upstream in the proxy, without the server's own process. */
async function memory(folder: string, report: Report): Promise<void> {
  if (!existsSync('/proc/self/status')) {
    report.note('memory: measured only on systems with /proc');
    return;
  }
  const upstreams = 8;
  const alone = await residentMiB(bare([server, 'stdio']));
  const one = await residentMiB(wrapping(folder, ['--', process.execPath, server, 'stdio']));
  const names = Array.from({ length: upstreams }, (_, index) => `server${index}`);
  const mcpServers = Object.fromEntries(
    names.map((name) => [name, { command: process.execPath, args: [server, 'stdio'] }]),
  );
  const config = join(folder, 'several.json');
  writeFileSync(config, JSON.stringify({ mcpServers }));
  const several = await residentMiB(wrapping(folder, ['--config', config]));
  report.value('memory of the proxy with one upstream (RSS)', one, 'MiB');
  report.note(`the wrapped server itself: ${alone.toFixed(1)} MiB`);
  report.value(`memory of each further upstream, of ${upstreams} (RSS)`, (several - one) / (upstreams - 1), 'MiB');
}

/** Returns the resident memory of a process after tools/list and some calls. */
async function residentMiB(command: Command): Promise<number> {
  const client = await connect(command);
  const { tools } = await client.listTools();
  for (const { name } of tools) {
    for (let index = 0; index < 50; index += 1) await call(client, name, orderArguments());
  }
  const { pid } = client.transport as StdioClientTransport;
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  await client.close();
  return Number(kibibytes) / 1_024;
}

function bare(args: readonly string[]): Command {
  return { args: [...args], env: getDefaultEnvironment() };
}

let stores = 0;

/** Starts `mcp-once wrap` with its own store. */
function wrapping(folder: string, args: readonly string[]): Command {
  const { args: serve, env } = ourServer(folder);
  stores += 1;
  const store = `sqlite:${join(folder, `proxy-${stores}.sqlite`)}`;
  return { args: [serve[0] ?? '', 'wrap', '--store', store, '--log-level', 'warn', ...args], env };
}

async function call(client: Client, name: string, args: Arguments, replayed?: boolean): Promise<void> {
  const result = await client.callTool({ name, arguments: args });
  if (result.isError) throw new Error(JSON.stringify(result.content));
  const outcome = result._meta?.['mcp-once/outcome'] as { replayed?: boolean } | undefined;
  if (replayed !== undefined && outcome?.replayed !== replayed) throw new Error(replayed ? 'not a replay' : 'a replay');
}

function shown(name: string, blocks: readonly Block[]): string {
  return `${name}: p50 ${microseconds(typical(blocks, 'p50Us'))}`;
}
