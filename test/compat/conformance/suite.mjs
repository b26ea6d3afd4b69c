// Runs the conformance suite against a command that speaks MCP over stdio, and against a URL.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { startBridge } from './bridge.mjs';

const require = createRequire(import.meta.url);
/** How long one run may take, in ms. */
const runMs = 120_000;

/**
 * @param {object} run
 * @param {string} run.node the path of Node 22 or newer, which the suite needs
 * @param {string[]} run.scenarios the scenarios to run, in this order; all if empty
 * @param {string} run.folder an empty folder
 * @param run.child the command that serves each session
 * @returns the checks by `scenario/check#n`, the messages of each session, and the messages that each process received
 * @throws Error when the suite itself fails
 */
export async function runSuite({ node, scenarios, folder, child }) {
  const bridge = await startBridge(child);
  const results = join(folder, 'results');
  mkdirSync(results);
  try {
    const which = scenarios.length === 0 ? [['--suite', 'all']] : scenarios.map((name) => ['--scenario', name]);
    const place = { node, program: suiteOf2025(), url: bridge.url, results };
    for (const each of which) await runScenarios({ ...place, args: [...each, '--spec-version', '2025-11-25'] });
  } finally {
    await bridge.close();
  }
  return { checks: checksIn(results), sessions: bridge.sessions.map(({ said }) => said), heard: heardIn(folder) };
}

/** The installed suite, for MCP 2025-11-25. */
export function suiteOf2025() {
  return join(dirname(require.resolve('@modelcontextprotocol/conformance/package.json')), 'dist/index.js');
}

/**
 * @param {{ node: string, program: string, url: string, results: string, args: string[] }} run `results`: the
 *   folder that `checksIn` reads
 * @throws Error when the suite itself fails
 */
export async function runScenarios({ node, program, url, results, args }) {
  const all = [program, 'server', '--url', url, '-o', results, ...args];
  const child = spawn(node, all, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-4_000);
    });
  }
  const late = setTimeout(() => child.kill('SIGKILL'), runMs);
  const [code, signal] = await once(child, 'exit');
  clearTimeout(late);
  // 1: a check failed, and the check itself says so.
  if (code !== 0 && code !== 1) throw new Error(`the suite ended with ${code ?? signal}: ${output}`);
}

/** Reads the checks, by `scenario/check#n`. */
export function checksIn(results) {
  const checks = new Map();
  for (const name of readdirSync(results).sort(byTime)) {
    const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '');
    const seen = new Map();
    for (const check of JSON.parse(readFileSync(join(results, name, 'checks.json'), 'utf8'))) {
      const count = (seen.get(check.id) ?? 0) + 1;
      seen.set(check.id, count);
      checks.set(`${scenario}/${check.id}${count === 1 ? '' : `#${count}`}`, check);
    }
  }
  return checks;
}

function byTime(one, other) {
  const timeOf = (name) => /\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(name)?.[0] ?? '';
  return timeOf(one).localeCompare(timeOf(other));
}

function heardIn(folder) {
  const heard = join(folder, 'heard');
  if (!existsSync(heard)) return [];
  return readdirSync(heard)
    .sort()
    .map((name) =>
      readFileSync(join(heard, name), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    );
}
