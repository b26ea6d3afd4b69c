// Runs three parts.
// - wrap: runs the MCP conformance suite against a server, directly and through `mcp-once wrap`, and compares the results.
// - serve: runs the suites of both protocol eras against `mcp-once serve --http`.
// - inspector: calls `mcp-once serve` with the Inspector in CLI mode.
//
// Exit codes: 0: everything passed. 1: the runs differ, or an unlisted check failed. 2: the arguments are invalid.
// 3: Node 22, the suite or the Inspector is missing and could not be installed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startBridge } from '../test/compat/conformance/bridge.mjs';
import { compare } from '../test/compat/conformance/compare.mjs';
import { exceptions } from '../test/compat/conformance/exceptions.mjs';
import { NotInstalled, node22 } from '../test/compat/conformance/packages.mjs';
import { conformanceOfServe, inspectServe } from '../test/compat/conformance/serve.mjs';
import { runSuite } from '../test/compat/conformance/suite.mjs';

const usage = `Usage: npm run conformance -- [--part wrap|serve|inspector]... [--json]
       npm run conformance -- [--side guarded|passing|http|lossy]... [--scenario NAME]... [--json]
  --part       one of the three parts (default: all)
  --side, --scenario: of wrap, and only wrap
  guarded  wrap -- server, its tools guarded as mcp-once decides (default)
  passing  wrap -- server, no tool guarded (default)
  http     wrap URL, the server over Streamable HTTP, its tools guarded (default)
  lossy    a relay that rewords errors and removes unknown fields: must differ`;

const fileOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const program = fileOf('../dist/src/cli/main.js');
const lossy = fileOf('../test/compat/conformance/lossy.mjs');
const server = fileOf('../test/compat/conformance/server.mjs');

/** The sides. Each returns the command of a session for a folder and environment, and a function to close it. */
const sides = {
  direct: async ({ node, env }) => ({ child: { command: node, args: [server], env } }),
  guarded: async (place) => ({ child: wrapped(place, ['--', place.node, server]) }),
  passing: async (place) => {
    const config = join(place.folder, 'config.json');
    writeFileSync(config, JSON.stringify({ wrap: { tools: { '*': { class: 'off' } } } }));
    return { child: wrapped(place, ['--config', config, '--', place.node, server]) };
  },
  http: async (place) => {
    // The proxy resumes a closed stream itself, and closes its session.
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

/** Runs a function with an empty folder, and removes the folder afterwards. */
async function within(use) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-once-conformance-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function runSide(name, node, scenarios) {
  return within(async (folder) => {
    const heard = join(folder, 'heard');
    mkdirSync(heard);
    // A server starts for each session. The compile cache (Node 22.1) makes that fast.
    const cache = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
    const env = { PATH: process.env.PATH ?? '', HOME: folder, HEARD: heard, ...cache };
    const { child, close } = await sides[name]({ node, folder, env });
    try {
      return await runSuite({ node, scenarios, folder, child });
    } finally {
      await close?.();
    }
  });
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

const parts = {
  /** @returns whether the part passed, data for --json, and a function that prints the report */
  async wrap(node, { side: asked = ['guarded', 'passing', 'http'], scenario: scenarios = [] }) {
    const [direct, ...through] = await inPairs(['direct', ...asked], (side) => runSide(side, node, scenarios));
    const compared = through.map((run, index) => ({
      side: asked[index],
      ...compare(direct, run, guarded.has(asked[index])),
    }));
    const failed = [...direct.checks].filter(([, { status }]) => status === 'FAILURE').map(([name]) => name);
    return {
      isGood: failed.length === 0 && compared.every(({ differences }) => differences.length === 0),
      data: { checks: direct.checks.size, sessions: direct.sessions.length, failed, compared },
      print: () => report(direct, compared, failed),
    };
  },
  async serve(node) {
    const { runs, unmet } = await within((folder) => conformanceOfServe({ node, folder }));
    return {
      isGood: unmet.length === 0 && runs.every(({ faults }) => faults.length === 0),
      data: { runs, unmet },
      print: () => reportServe(runs, unmet),
    };
  },
  async inspector(node) {
    const inspected = await within((folder) => inspectServe({ node, folder }));
    return {
      isGood: inspected.every(({ faults }) => faults.length === 0),
      data: { inspected },
      print: () => reportInspected(inspected),
    };
  },
};

/** @returns the exit code */
async function main(args) {
  const many = { type: 'string', multiple: true };
  const { values } = parseArgs({
    args,
    options: { part: many, side: many, scenario: many, json: { type: 'boolean' } },
  });
  const { json = false } = values;
  refuseUnknown('side', values.side, Object.keys(sides).slice(1));
  refuseUnknown('part', values.part, Object.keys(parts));
  const asked = values.part ?? (values.side || values.scenario ? ['wrap'] : Object.keys(parts));
  const done = [];
  let isSkipped = false;
  for (const part of asked) {
    try {
      const result = await parts[part](await node22(), values);
      if (!json) result.print();
      done.push(result);
    } catch (error) {
      if (!(error instanceof NotInstalled)) throw error;
      process.stderr.write(`Skipped ${part}: ${error.message}\n`);
      isSkipped = true;
    }
  }
  if (json && done.length > 0) print(JSON.stringify(Object.assign({}, ...done.map(({ data }) => data))));
  if (done.some(({ isGood }) => !isGood)) return 1;
  return isSkipped ? 3 : 0;
}

function refuseUnknown(what, given = [], known) {
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`Unknown ${what} ${JSON.stringify(unknown)}`);
}

function reportServe(runs, unmet) {
  print('\nmcp-once serve --http');
  for (const { run, checks, passed, excepted, faults } of runs) {
    const verdict = faults.length === 0 ? 'passed' : `${faults.length} FAULTS`;
    print(`${run}: ${verdict}: ${passed.length} scenarios pass, ${excepted.length} do not apply (${checks} checks).`);
    for (const fault of faults) print(`  ${fault}`);
  }
  for (const name of unmet) print(`Listed as not applicable, but in no suite: ${name}`);
  print('What does not apply, and why:');
  for (const [reason, names] of byReason()) print(`  ${reason}: ${names.join(', ')}`);
}

function byReason() {
  const reasons = new Map();
  for (const { reason, scenario, checks = [] } of exceptions) {
    const name = checks.length === 0 ? scenario : `${scenario} (${checks.length} checks)`;
    reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
  }
  return reasons;
}

function reportInspected(inspected) {
  print('\nThe Inspector in CLI mode: tools/list, and tools/call twice');
  for (const { transport, era, faults } of inspected) {
    print(`${transport}, ${era}: ${faults.length === 0 ? 'one effect, then its replay' : `${faults.length} FAULTS`}.`);
    for (const fault of faults) print(`  ${fault}`);
  }
}

function report(direct, compared, failed) {
  printTable(direct, compared);
  const said = direct.sessions.flat().length;
  print(`\n${direct.checks.size} checks, ${said} server messages in ${direct.sessions.length} sessions.`);
  if (failed.length > 0) print(`Failed directly: ${failed.join(', ')}.`);
  for (const { side, differences, additions } of compared) {
    const verdict = differences.length === 0 ? 'the same' : `${differences.length} DIFFERENCES`;
    print(`${side}: ${verdict}, but for ${additions} documented additions (outcome markers, repeat_token).`);
    for (const difference of differences) print(`  ${difference}`);
  }
}

/** Runs two at a time. */
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
