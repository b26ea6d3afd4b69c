import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedis } from './support/redis-server.ts';
import { type BenchContext, type Figure, print, printTable, Report } from './support/report.ts';

interface Bench {
  readonly title: string;
  load(): Promise<{ run(context: BenchContext): Promise<void> }>;
}

const benches: Readonly<Record<string, Bench>> = {
  'redis-commands': { title: 'Redis: round trips of one call', load: () => import('./redis-commands.ts') },
  redis: { title: 'Redis: against bare commands', load: () => import('./redis.ts') },
  sqlite: { title: 'SQLite: against the bare driver', load: () => import('./sqlite.ts') },
  'sqlite-million': { title: 'SQLite: a million records', load: () => import('./sqlite-million.ts') },
  stdio: { title: 'stdio: a call with the official client', load: () => import('./stdio.ts') },
  http: { title: 'HTTP: against the bare SDK of each era', load: () => import('./http.ts') },
  proxy: { title: 'wrap: through the proxy against directly', load: () => import('./proxy.ts') },
  start: { title: 'stdio: from start to tools/list', load: () => import('./start.ts') },
  peers: { title: 'Peers on the same Redis', load: () => import('./peers.ts') },
  memory: { title: 'CPU time of a call', load: () => import('./memory.ts') },
  openapi: { title: 'OpenAPI: load, list, call', load: () => import('./openapi.ts') },
  wake: { title: 'Waiters in another process', load: () => import('./wake.ts') },
  against: { title: 'This checkout against another', load: () => import('./against.ts') },
};

/** The benches that run when none is named. `against` needs a second checkout. */
const byDefault = Object.keys(benches).filter((name) => name !== 'against');

const usage = `Usage: npm run bench -- [--quick] [NAME ...]\nMCP_ONCE_BENCH_AGAINST=FOLDER npm run bench -- against\nBenches: ${Object.keys(benches).join(', ')}`;

/** Runs each bench in a separate process, one after the other, so that heap and compiled code are not shared. */
async function runAll(names: readonly string[], quick: boolean): Promise<number> {
  const startedMs = performance.now();
  const redis = await startRedis(process.env.REDIS_URL);
  print(`Node ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}${quick ? ', --quick' : ''}`);
  print(`Redis: ${redis.about}`);
  print('Ratios are the medians of alternating blocks, with p10 and p90 of the blocks.');
  const figures: Figure[] = [];
  const failed: string[] = [];
  try {
    for (const name of names) {
      print(`\n== ${benches[name]?.title} (${name})`);
      const args = ['--child', name, redis.url, ...(quick ? ['--quick'] : [])];
      const child = fork(fileURLToPath(import.meta.url), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      child.on('message', (message) => figures.push(...(message as Figure[])));
      const [code] = await once(child, 'exit');
      if (code !== 0) failed.push(name);
    }
  } finally {
    await redis.stop();
  }
  printTable(figures);
  print(`\nTook ${Math.round((performance.now() - startedMs) / 1_000)} s.`);
  if (failed.length > 0) print(`Crashed: ${failed.join(', ')}.`);
  return failed.length > 0 ? 1 : 0;
}

async function runOne(name: string, redisUrl: string, quick: boolean): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-once-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const report = new Report(name);
  await (await benches[name]?.load())?.run({ quick, redisUrl, folder, report });
  await new Promise<void>((resolve) => process.send?.(report.figures, () => resolve()));
  process.disconnect();
}

const args = process.argv.slice(2);
// Started servers must end with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const quick = args.includes('--quick');
const names = args.filter((arg) => arg !== '--quick');
const unknown = names.find((name) => !Object.hasOwn(benches, name));
if (names[0] === '--child') {
  await runOne(names[1] ?? '', names[2] ?? '', quick);
} else if (unknown !== undefined) {
  print(`Unknown bench ${JSON.stringify(unknown)}.\n${usage}`);
  process.exitCode = 2;
} else {
  process.exitCode = await runAll(names.length > 0 ? names : byDefault, quick);
}
