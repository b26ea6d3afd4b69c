// Runs the conformance suites and the Inspector against `mcp-once serve`.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { exceptions } from './exceptions.mjs';
import { judge, unmet } from './judge.mjs';
import { installed } from './packages.mjs';
import { checksIn, runScenarios, suiteOf2025 } from './suite.mjs';

const fileOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const program = fileOf('../../../dist/src/cli/main.js');
const tools = fileOf('conformance-tools');

/** The version of the suite for MCP 2026-07-28. */
const suiteVersion = '0.2.0-alpha.12';
/** The version of the Inspector. */
const inspectorVersion = '2.12.0';
/** How long the server may take to listen, and the Inspector to make one call, in ms. */
const startMs = 20_000;
const inspectMs = 60_000;
/** How many progress notifications the suite's scenario expects. */
const progressMin = 3;

/** The runs, each with a suite and its arguments. Both eras share one server and one ledger. */
const runs = [
  { name: '2025-11-25', suite: () => suiteOf2025(), args: ['--suite', 'all', '--spec-version', '2025-11-25'] },
  { name: '2025-11-25 (0.2)', suite: newSuite, args: ['--requirements', '2025-11-25'] },
  { name: '2026-07-28 (0.2)', suite: newSuite, args: ['--requirements', '2026-07-28'] },
];

function newSuite() {
  const spec = `@modelcontextprotocol/conformance@${suiteVersion}`;
  const file = '@modelcontextprotocol/conformance/dist/index.js';
  return installed({ folder: `conformance-${suiteVersion}`, spec, file });
}

/**
 * Runs every server scenario of both eras.
 * @param {{ node: string, folder: string }} place Node 22, and an empty folder
 * @returns the verdict of `judge` on each run, and the exceptions that occurred in none
 */
export async function conformanceOfServe({ node, folder }) {
  const release = join(folder, 'release');
  const changing = join(folder, 'changing');
  mkdirSync(changing);
  const server = await startServe(folder, { RELEASE: release, CHANGING: changing }, ['--tools', changing]);
  // Releases the first call when the suite's waiting call has had enough progress notifications.
  const relay = await startRelay(server.url, 'notifications/progress', progressMin, () => writeFileSync(release, ''));
  try {
    const judged = [];
    const all = [];
    for (const [index, { name, suite, args }] of runs.entries()) {
      const results = join(folder, `results-${index}`);
      mkdirSync(results);
      rmSync(release, { force: true });
      relay.begin();
      const twin = callTool(server.url, 'test_tool_with_progress', {}).catch(() => {});
      await runScenarios({ node, program: await suite(), url: relay.url, results, args });
      writeFileSync(release, '');
      await twin;
      const checks = checksIn(results);
      all.push(checks);
      judged.push({ run: name, checks: checks.size, ...judge(name, checks, exceptions) });
    }
    return { runs: judged, unmet: unmet(all, exceptions) };
  } finally {
    writeFileSync(release, '');
    await relay.close();
    await server.close();
  }
}

/** Starts `mcp-once serve --http` with the test tools. @throws Error when it does not listen */
async function startServe(folder, more = {}, args = []) {
  const env = environment(folder, more);
  const child = spawn(process.execPath, serveArgs(folder, [...args, '--http', '127.0.0.1:0']), {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4_000);
  });
  const ended = once(child, 'exit');
  const late = setTimeout(() => child.kill('SIGKILL'), startMs);
  const first = once(createInterface({ input: child.stdout }), 'line');
  const [url] = await Promise.race([first, ended.then(() => [])]);
  clearTimeout(late);
  if (typeof url !== 'string') throw new Error(`mcp-once serve ended: ${errors}`);
  return {
    url,
    async close() {
      const tooLate = setTimeout(() => child.kill('SIGKILL'), startMs);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(tooLate);
    },
  };
}

function serveArgs(folder, more) {
  const store = `sqlite:${join(folder, 'ledger.sqlite')}`;
  return [program, 'serve', '--tools', tools, '--store', store, ...more];
}

function environment(folder, more) {
  return { PATH: process.env.PATH ?? '', HOME: folder, MCP_ONCE_LOG_LEVEL: 'error', ...more };
}

/**
 * Forwards bytes and counts a text in the responses of the server. Calls `enough` after `count` occurrences since `begin`.
 */
async function startRelay(target, text, count, enough) {
  const { port, hostname } = new URL(target);
  let seen = 0;
  const server = createServer((socket) => {
    const upstream = connect(Number(port), hostname);
    socket.pipe(upstream);
    upstream.pipe(socket);
    let tail = '';
    upstream.on('data', (chunk) => {
      const parts = (tail + chunk).split(text);
      tail = parts.at(-1).slice(1 - text.length);
      if (parts.length === 1) return;
      seen += parts.length - 1;
      if (seen >= count) enough();
    });
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    sockets.add(socket);
  });
  const sockets = new Set();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/mcp`,
    begin() {
      seen = 0;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Makes one call as a client of 2026-07-28. Resolves with its response. */
async function callTool(url, name, args) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': name,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta } }),
  });
  await response.text();
}

/**
 * Runs the Inspector in CLI mode over HTTP and over stdio, as a client of each era. It lists the tools and calls one tool
 * twice.
 * @returns the faults of each combination
 */
export async function inspectServe({ node, folder }) {
  const file = '@modelcontextprotocol/inspector/clients/launcher/build/index.js';
  const spec = `@modelcontextprotocol/inspector@${inspectorVersion}`;
  const inspector = await installed({ folder: `inspector-${inspectorVersion}`, spec, file });
  const done = [];
  for (const transport of ['http', 'stdio']) {
    for (const era of ['legacy', 'modern']) {
      const own = join(folder, `${transport}-${era}`);
      mkdirSync(own);
      done.push({ transport, era, faults: await inspect({ node, inspector, folder: own, transport, era }) });
    }
  }
  return done;
}

async function inspect({ node, inspector, folder, transport, era }) {
  const effects = join(folder, 'effects');
  const env = environment(folder, { EFFECTS: effects });
  const server = transport === 'http' ? await startServe(folder, { EFFECTS: effects }) : undefined;
  const target = server ? [server.url] : [process.execPath, ...serveArgs(folder, [])];
  // The Inspector passes only the variables of its command line to a stdio server.
  const variables = Object.entries(server ? {} : env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  const ask = (...args) =>
    run(node, [inspector, '--cli', '--protocol-era', era, ...variables, ...target, ...args], env);
  try {
    const faults = [];
    const { tools: listed = [] } = await ask('--method', 'tools/list');
    if (!listed.some(({ name }) => name === 'append_line')) faults.push('tools/list does not have append_line');
    const call = ['--method', 'tools/call', '--tool-name', 'append_line', '--tool-arg', 'line=once'];
    const [first, second] = [await ask(...call), await ask(...call)];
    for (const [which, result, replayed] of [
      ['first', first, false],
      ['second', second, true],
    ]) {
      const outcome = result._meta?.['mcp-once/outcome'];
      const isRight = outcome?.code === 'succeeded' && outcome.replayed === replayed;
      if (!isRight || result.structuredContent?.line !== 'once') {
        faults.push(`the ${which} call: ${JSON.stringify(result)}`);
      }
    }
    const lines = existsSync(effects) ? readFileSync(effects, 'utf8') : '';
    if (lines !== 'once\n') faults.push(`the effects of two calls are ${JSON.stringify(lines)}`);
    return faults;
  } finally {
    await server?.close();
  }
}

/** Runs a program that prints JSON. @throws Error with its output when it fails */
function run(command, args, env) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { env, timeout: inspectMs, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}${stderr}`));
      else resolve(JSON.parse(stdout));
    }).stdin?.end();
  });
}
