// Runs of the conformance suite: against a command that speaks MCP over stdio, and against a URL.
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
 * @param {string} run.node the Node (22 or newer) that the suite needs
 * @param {string[]} run.scenarios those that are run, in this order; all where there is none
 * @param {string} run.folder an empty one
 * @param run.child what the suite is pointed at: the command of each session
 * @returns the checks by `scenario/check#n`, what was said in each session, and what each server process has heard
 * @throws when the suite itself fails
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

/** The suite that this project has installed, for MCP 2025-11-25. */
export function suiteOf2025() {
  return join(dirname(require.resolve('@modelcontextprotocol/conformance/package.json')), 'dist/index.js');
}

/**
 * @param {{ node: string, program: string, url: string, results: string, args: string[] }} run `results`: the folder
 *   for what `checksIn` reads
 * @throws when the suite itself fails
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
  // 1: a check failed, which is told by the check.
  if (code !== 0 && code !== 1) throw new Error(`the suite ended with ${code ?? signal}: ${output}`);
}

/** The checks by `scenario/check#n`. */
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
