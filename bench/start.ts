import { percentile, spread } from './support/measure.ts';
import type { BenchContext } from './support/report.ts';
import { bareServer, type Command, connect, ourServer } from './support/servers.ts';

/** Measures the time from process start to the first tools/list answer, against the bare SDK with the same tools. */
export async function run({ quick, folder, report }: BenchContext): Promise<void> {
  const command = ourServer(folder);
  const client = await connect(command);
  const { tools } = await client.listTools();
  await client.close();
  const sides = {
    ours: command,
    low: bareServer(folder, 'low', tools, {}),
    high: bareServer(folder, 'high', tools, {}),
  };
  const names = Object.keys(sides) as (keyof typeof sides)[];
  const tookMs: Record<keyof typeof sides, number[]> = { ours: [], low: [], high: [] };
  for (const name of names) await start(sides[name], tools.length);
  for (let round = 0; round < (quick ? 6 : 20); round += 1) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      tookMs[name].push(await start(sides[name], tools.length));
    }
  }
  const against = (name: 'low' | 'high') =>
    spread(tookMs.ours.map((each, round) => each / (tookMs[name][round] ?? Number.NaN)));
  const raw = names.map((name) => `${name} ${percentile(tookMs[name], 50).toFixed(0)} ms`).join(', ');
  report.ratio(
    `start to tools/list, ${tools.length} tools / low-level Server`,
    against('low'),
    [`${tookMs.ours.length} alternating starts, medians: ${raw}`],
    { atMost: 1.3 },
  );
  report.ratio(`start to tools/list, ${tools.length} tools / McpServer`, against('high'), []);
}

async function start(command: Command, expected: number): Promise<number> {
  const startedMs = performance.now();
  const client = await connect(command);
  const { tools } = await client.listTools();
  const tookMs = performance.now() - startedMs;
  await client.close();
  if (tools.length !== expected) throw new Error(`${tools.length} tools`);
  return tookMs;
}
