import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { alternate, type Block, block, ratioOf, typical } from './support/measure.ts';
import { orderArguments, orderResult } from './support/orders.ts';
import { type BenchContext, microseconds } from './support/report.ts';
import { bareServer, connect, ourServer } from './support/servers.ts';
import { createOrder } from './tools/create-order.ts';

const warmUpCalls = 3_000;

/** Measures a replay over stdio against a call of the same tool on the bare SDK, with the official client. */
export async function run({ quick, folder, report }: BenchContext): Promise<void> {
  const config = join(folder, 'config.json');
  const toolsDirs = [dirname(fileURLToPath(new URL('./tools/create-order.js', import.meta.url)))];
  writeFileSync(config, JSON.stringify({ store: 'sqlite:ledger.sqlite', toolsDirs, bundledTools: false }));
  const ours = await connect(ourServer(folder, { MCP_ONCE_CONFIG: config }));
  const { tools } = await ours.listTools();
  const low = await connect(bareServer(folder, 'low', tools, orderResult));
  const high = await connect(bareServer(folder, 'high', tools, orderResult));
  // After tools/list the client checks every result against its schema.
  await Promise.all([low.listTools(), high.listTools()]);

  const kept = Array.from({ length: 50 }, orderArguments);
  for (const args of kept) await call(ours, args);
  let turn = 0;
  const next = (): unknown => kept[turn++ % kept.length];
  // A server idles between calls, so that its code is optimised late.
  for (const server of [ours, low, high]) await block(1, warmUpCalls, () => call(server, next()));
  const blocks = await alternate(quick ? 10 : 30, {
    ours: () => block(1, 200, () => call(ours, next(), true)),
    low: () => block(1, 200, () => call(low, next())),
    high: () => block(1, 200, () => call(high, next())),
  });
  report.ratio(
    "a replay / the call on the SDK's low-level Server",
    ratioOf(blocks.ours, blocks.low),
    [raw('replay', blocks.ours), raw('low-level Server', blocks.low), raw('McpServer', blocks.high)],
    { atMost: 1.25 },
  );
  report.ratio("a replay / the call on the SDK's McpServer", ratioOf(blocks.ours, blocks.high), []);
  const first = await alternate(quick ? 5 : 10, {
    ours: () => block(1, 100, () => call(ours, orderArguments())),
    low: () => block(1, 100, () => call(low, orderArguments())),
  });
  report.ratio('a first call, durable / the call on the low-level Server', ratioOf(first.ours, first.low), [
    raw('first call', first.ours),
  ]);
  await Promise.all([ours.close(), low.close(), high.close()]);
}

async function call(client: Client, args: unknown, replayed?: boolean): Promise<void> {
  const result = await client.callTool({ name: createOrder.name, arguments: args as Record<string, unknown> });
  if (result.isError) throw new Error(JSON.stringify(result.content));
  const outcome = result._meta?.['mcp-once/outcome'] as { replayed?: boolean } | undefined;
  if (replayed !== undefined && outcome?.replayed !== replayed) throw new Error('not a replay');
}

function raw(name: string, blocks: readonly Block[]): string {
  return `${name}: p50 ${microseconds(typical(blocks, 'p50Us'))}`;
}
