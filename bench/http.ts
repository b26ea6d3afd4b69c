import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getDefaultEnvironment } from '@modelcontextprotocol/sdk/client/stdio.js';
import { type Era, HttpSide } from './support/http.ts';
import { alternate, type Block, block, ratioOf, typical } from './support/measure.ts';
import { orderArguments, orderResult } from './support/orders.ts';
import { type BenchContext, microseconds, rate } from './support/report.ts';
import { type Command, connect, ourServer } from './support/servers.ts';
import { createOrder } from './tools/create-order.ts';

const warmUpCalls = 2_000;
const connections = 64;
const sessions = 2_000;

type Call = (args: unknown) => Promise<void>;

/** Measures replays over HTTP against the bare SDK of each era, three replicas, and the memory of sessions. */
export async function run(context: BenchContext): Promise<void> {
  const { folder } = context;
  const config = join(folder, 'config.json');
  const toolsDirs = [dirname(fileURLToPath(new URL('./tools/create-order.js', import.meta.url)))];
  writeFileSync(config, JSON.stringify({ toolsDirs, bundledTools: false, logLevel: 'warn' }));
  const served = join(folder, 'served.json');
  const listing = await connect(ourServer(folder, { MCP_ONCE_CONFIG: config }));
  const { tools } = await listing.listTools();
  await listing.close();
  writeFileSync(served, JSON.stringify({ tools, result: orderResult }));
  for (const era of ['2025', '2026'] as const) await againstBare(context, era, config, served);
  await replicas(context, config);
  if (existsSync('/proc/self/status')) await idleSessions(context, config);
}

async function againstBare({ quick, folder, report }: BenchContext, era: Era, config: string, served: string) {
  const ours = await HttpSide.start(ourHttp(folder, config, { MCP_ONCE_STORE: `sqlite:${join(folder, era)}` }));
  const program = fileURLToPath(new URL('./bare-http-server.js', import.meta.url));
  const bare = await HttpSide.start({ args: [program, era, served], env: getDefaultEnvironment() });
  const kept = Array.from({ length: 50 }, orderArguments);
  const call = await caller(ours, era);
  const replay = await caller(ours, era, true);
  const theirs = await caller(bare, era);
  for (const args of kept) await call(args);
  let turn = 0;
  const next = (): unknown => kept[turn++ % kept.length];
  for (const each of [replay, theirs]) await block(1, warmUpCalls, () => each(next()));
  const rounds = quick ? 8 : 20;
  const lone = await alternate(rounds, {
    ours: () => block(1, 200, () => replay(next())),
    bare: () => block(1, 200, () => theirs(next())),
  });
  report.ratio(
    `${era}: a replay / the call on the bare SDK`,
    ratioOf(lone.ours, lone.bare),
    [p50('replay', lone.ours), p50('bare', lone.bare)],
    { atMost: 1.25 },
  );
  const many = await alternate(rounds, {
    ours: () => block(connections, 1_000, () => replay(next())),
    bare: () => block(connections, 1_000, () => theirs(next())),
  });
  report.ratio(
    `${era}: replays a second / calls on the bare SDK, ${connections} connections`,
    ratioOf(many.ours, many.bare, 'perSecond'),
    [perSecond('replays', many.ours), perSecond('bare', many.bare)],
    { atLeast: 0.8 },
  );
  const first = await alternate(Math.ceil(rounds / 2), {
    ours: () => block(1, 100, () => call(orderArguments())),
    bare: () => block(1, 100, () => theirs(orderArguments())),
  });
  report.ratio(`${era}: a first call, durable / the call on the bare SDK`, ratioOf(first.ours, first.bare), [
    p50('first call', first.ours),
  ]);
  await Promise.all([ours.end(), bare.end()]);
}

/** On two cores, three replicas show the cost of one Redis, not the gain of three machines. */
async function replicas({ quick, folder, redisUrl, report }: BenchContext, config: string): Promise<void> {
  const env = { MCP_ONCE_STORE: redisUrl, MCP_ONCE_SUBJECT: 'bench' };
  const sides = await Promise.all([1, 2, 3].map(() => HttpSide.start(ourHttp(folder, config, env))));
  const calls = await Promise.all(sides.map((side) => caller(side, '2026')));
  let turn = 0;
  const byTurns = (args: unknown): Promise<void> => calls[turn++ % calls.length]?.(args) ?? Promise.resolve();
  const kept = Array.from({ length: 50 }, orderArguments);
  for (const args of kept) await byTurns(args);
  for (const each of calls) await block(1, warmUpCalls / 2, () => each(kept[0]));
  const next = (): unknown => kept[turn % kept.length];
  const blocks = await alternate(quick ? 5 : 12, {
    three: () => block(connections, 1_000, () => byTurns(next())),
    one: () => block(connections, 1_000, () => calls[0]?.(next())),
  });
  report.ratio(
    'three replicas on one Redis: replays a second / those of one',
    ratioOf(blocks.three, blocks.one, 'perSecond'),
    [perSecond('three', blocks.three), perSecond('one', blocks.one)],
  );
  const first = await alternate(quick ? 5 : 12, {
    three: () => block(connections, 500, () => byTurns(orderArguments())),
    one: () => block(connections, 500, () => calls[0]?.(orderArguments())),
  });
  report.ratio(
    'three replicas on one Redis: first calls a second / those of one',
    ratioOf(first.three, first.one, 'perSecond'),
    [perSecond('three', first.three), perSecond('one', first.one)],
  );
  await Promise.all(sides.map((side) => side.end()));
}

async function idleSessions({ folder, report }: BenchContext, config: string): Promise<void> {
  const side = await HttpSide.start(ourHttp(folder, config, { MCP_ONCE_STORE: 'memory:' }));
  // The first sessions load code, which is not part of the memory of each.
  for (let count = 0; count < 200; count += 1) await side.openSession();
  const before = side.residentBytes();
  for (let count = 0; count < sessions; count += 1) await side.openSession();
  report.value('memory of an idle session (2025)', (side.residentBytes() - before) / sessions / 1_024, 'KiB');
  await side.end();
}

function ourHttp(folder: string, config: string, environment: Readonly<Record<string, string>>): Command {
  const { args, env } = ourServer(folder, { ...environment, MCP_ONCE_CONFIG: config });
  return { args: [...args, '--http', '127.0.0.1:0'], env };
}

/** @param replays whether each call has to be answered from the ledger. */
async function caller(side: HttpSide, era: Era, replays = false): Promise<Call> {
  const send = await side.client(era);
  return async (args) => {
    const { text } = await send(createOrder.name, args);
    if (!text.includes('structuredContent')) throw new Error(text);
    if (replays && !text.includes('"replayed":true')) throw new Error(`not a replay: ${text}`);
  };
}

function p50(name: string, blocks: readonly Block[]): string {
  return `${name}: p50 ${microseconds(typical(blocks, 'p50Us'))}`;
}

function perSecond(name: string, blocks: readonly Block[]): string {
  return `${name}: ${rate(typical(blocks, 'perSecond'))}`;
}
