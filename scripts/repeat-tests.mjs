// Runs `npm test` several times in a row and prints a table: result, time, CPU time and load of each run.
// Usage: node scripts/repeat-tests.mjs [runs] [files] [--load N] [--log folder]
//
// `--load 8` keeps eight processes busy beside the tests, and ends them itself. Each run writes its output to a file, and the
// table also goes to `runs.md` beside these. With files, such as `test/cli`, only their tests run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, createWriteStream, mkdirSync, mkdtempSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { load: { type: 'string', default: '0' }, log: { type: 'string' } },
});
const [count = '10', ...files] = positionals;
const runs = countOf(count, 'the number of runs');
const busyCount = countOf(values.load, '--load');
const folder = values.log ?? mkdtempSync(join(tmpdir(), 'mcp-once-repeat-'));
mkdirSync(folder, { recursive: true });

function countOf(text, name) {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0 && count <= 1_000) return count;
  process.stderr.write(`${name} must be a number from 0 to 1000, not ${text}.\n`);
  process.exit(2);
}

const busy = Array.from({ length: busyCount }, () =>
  // Ends with this process, too: its stdin closes then.
  spawn(
    process.execPath,
    [
      '-e',
      'process.stdin.on("end", () => process.exit()).resume(); (function spin() { const end = performance.now() + 50; while (performance.now() < end); setImmediate(spin); })()',
    ],
    {
      stdio: ['pipe', 'ignore', 'inherit'],
    },
  ),
);
const endBusy = () => {
  for (const child of busy) child.kill('SIGKILL');
};
process.once('exit', endBusy);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** Runs `npm test` once. The CPU time is that of all processes that it waited for; undefined where `time` is missing. */
async function run(number) {
  const logFile = join(folder, `run-${number}.log`);
  const log = createWriteStream(logFile);
  const startMs = performance.now();
  const loadBefore = loadavg()[0];
  const child = spawn('bash', ['-c', 'TIMEFORMAT=\'CPU %U %S\'; time npm test -- "$@" 2>&1', 'bash', ...files], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let timed = '';
  child.stderr.on('data', (chunk) => {
    timed += chunk;
  });
  let tail = '';
  child.stdout.on('data', (chunk) => {
    tail = (tail + chunk).slice(-4_000);
  });
  child.stdout.pipe(log);
  const [code] = await once(child, 'close');
  await finished(log);
  const wallS = (performance.now() - startMs) / 1_000;
  const [, user, system] = /CPU ([\d.]+) ([\d.]+)/.exec(timed) ?? [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: vitest colours its summary
  const tests = /Tests +(.*)/.exec(tail.replace(/\u001b\[\d*m/g, ''))?.[1] ?? '';
  return { code, wallS, cpuS: Number(user) + Number(system), tests, loadBefore, load: loadavg()[0], logFile };
}

const print = (text) => {
  process.stdout.write(text);
  appendFileSync(join(folder, 'runs.md'), text);
};
const row = (...cells) => print(`| ${cells.join(' | ')} |\n`);
print(
  `${['npm test', ...files].join(' ')}, ${runs} times, ${busyCount} busy processes beside it, ${availableParallelism()} cores, Node ${process.version}\n\n`,
);
row('run', 'result', 'tests', 'wall, s', 'CPU, s', 'load before', 'load after', 'log');
row('---', '---', '---', '---', '---', '---', '---', '---');
let failed = 0;
for (let number = 1; number <= runs; number += 1) {
  const { code, wallS, cpuS, tests, loadBefore, load, logFile } = await run(number);
  if (code !== 0) failed += 1;
  const loads = [loadBefore, load].map((value) => value.toFixed(1));
  row(number, code === 0 ? 'passed' : 'FAILED', tests, wallS.toFixed(0), cpuS.toFixed(0), ...loads, logFile);
}
print(`\n${runs - failed} of ${runs} runs passed.\n`);
process.exit(failed === 0 ? 0 : 1);
