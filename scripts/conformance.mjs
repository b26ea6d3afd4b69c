// Runs the MCP conformance suite against a server directly and through `mcp-once wrap`, and compares the two check
// by check and answer by answer. Exit code 0: the same; 1: a difference, or a check that fails directly; 2: used
// wrongly; 3: there is no Node 22, which the suite needs, and it could not be installed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startBridge } from '../test/support/conformance-bridge.mjs';
import { compare } from '../test/support/conformance-compare.mjs';
import { node22 } from '../test/support/conformance-node.mjs';
import { runSuite } from '../test/support/conformance-suite.mjs';

const usage = `Usage: npm run conformance -- [--side guarded|passing|http|lossy]... [--scenario NAME]... [--json]
  guarded  wrap -- server, its tools guarded as mcp-once decides (default)
  passing  wrap -- server, no tool guarded (default)
  http     wrap URL, the server over Streamable HTTP, its tools guarded (default)
  lossy    a relay that changes an error's text and leaves out what it does not know: must differ`;

const fileOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const program = fileOf('../dist/src/cli/main.js');
const lossy = fileOf('../test/support/conformance-lossy.mjs');
const server = fileOf('../test/support/conformance-server.mjs');

/** Each side: the command of a session, given its folder and environment; and what has to be closed after the run. */
const sides = {
  direct: async ({ node, env }) => ({ child: { command: node, args: [server], env } }),
  guarded: async (place) => ({ child: wrapped(place, ['--', place.node, server]) }),
  passing: async (place) => {
    const config = join(place.folder, 'config.json');
    writeFileSync(config, JSON.stringify({ wrap: { tools: { '*': { match: 'off' } } } }));
    return { child: wrapped(place, ['--config', config, '--', place.node, server]) };
  },
  http: async (place) => {
    // The proxy comes back for a stream that was closed, and says when a session is over.
    const upstream = await startBridge({ command: place.node, args: [server], env: place.env }, { endsOld: false });
    return { child: wrapped(place, [upstream.url]), close: () => upstream.close() };
  },
  lossy: async ({ node, env }) => ({ child: { command: node, args: [lossy, server], env } }),
};

const guarded = new Set(['guarded', 'http']);

function wrapped({ folder, env }, args) {
  const store = `sqlite:${join(folder, 'ledger.sqlite')}`;
  return { command: process.execPath, args: [program, 'wrap', '--store', store, '--log-level', 'warn', ...args], env };
}

async function runSide(name, node, scenarios) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-once-conformance-'));
  try {
    const heard = join(folder, 'heard');
    mkdirSync(heard);
    // The server starts once a session: its code is compiled once (Node 22.1).
    const cache = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
    const env = { PATH: process.env.PATH ?? '', HOME: folder, HEARD: heard, ...cache };
    const { child, close } = await sides[name]({ node, folder, env });
    try {
      return await runSuite({ node, scenarios, folder, child });
    } finally {
      await close?.();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function print(line) {
  process.stdout.write(`${line}\n`);
}

function printTable(direct, compared) {
  const checks = [...new Set(compared.flatMap(({ rows }) => rows.map(({ name }) => name)))];
  const width = Math.max(...checks.map((name) => name.length));
  print(
    `${'CHECK'.padEnd(width)}  ${['direct', ...compared.map(({ side }) => side)].map((name) => name.padEnd(16)).join('')}`,
  );
  for (const name of checks) {
    const cells = compared.map(({ rows }) => {
      const row = rows.find((each) => each.name === name);
      return `${row?.through ?? 'MISSING'}${row?.isSame ? '' : ', DIFFERS'}`.padEnd(16);
    });
    print(`${name.padEnd(width)}  ${(direct.checks.get(name)?.status ?? 'MISSING').padEnd(16)}${cells.join('')}`);
  }
}

/** @returns the exit code */
async function main(args) {
  const options = { side: { type: 'string', multiple: true }, scenario: { type: 'string', multiple: true } };
  const { values } = parseArgs({ args, options: { ...options, json: { type: 'boolean' } } });
  const { side: asked = ['guarded', 'passing', 'http'], scenario: scenarios = [], json = false } = values;
  const unknown = asked.find((side) => !Object.hasOwn(sides, side) || side === 'direct');
  if (unknown !== undefined) throw new TypeError(`there is no side ${JSON.stringify(unknown)}`);
  let node;
  try {
    node = await node22();
  } catch (error) {
    process.stderr.write(`Skipped: the suite needs Node 22, and it cannot be installed: ${error.message}\n`);
    return 3;
  }
  const [direct, ...through] = await inPairs(['direct', ...asked], (side) => runSide(side, node, scenarios));
  const compared = through.map((run, index) => ({
    side: asked[index],
    ...compare(direct, run, guarded.has(asked[index])),
  }));
  const failed = [...direct.checks].filter(([, { status }]) => status === 'FAILURE').map(([name]) => name);
  if (json) print(JSON.stringify({ checks: direct.checks.size, sessions: direct.sessions.length, failed, compared }));
  else report(direct, compared, failed);
  return failed.length === 0 && compared.every(({ differences }) => differences.length === 0) ? 0 : 1;
}

function report(direct, compared, failed) {
  printTable(direct, compared);
  const said = direct.sessions.flat().length;
  print(`\n${direct.checks.size} checks, ${said} messages of the server in ${direct.sessions.length} sessions.`);
  if (failed.length > 0) print(`Failed directly: ${failed.join(', ')}.`);
  for (const { side, differences, additions } of compared) {
    const verdict = differences.length === 0 ? 'the same' : `${differences.length} DIFFERENCES`;
    print(`${side}: ${verdict}, but for ${additions} documented additions (outcome markers, repeat_token).`);
    for (const difference of differences) print(`  ${difference}`);
  }
}

/** Two at a time. */
async function inPairs(items, run) {
  const done = [];
  for (let index = 0; index < items.length; index += 2) {
    done.push(...(await Promise.all(items.slice(index, index + 2).map(run))));
  }
  return done;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  process.stderr.write(`${error.message}\n${usage}\n`);
  process.exitCode = 2;
}
