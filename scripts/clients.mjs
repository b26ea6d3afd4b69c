// Runs real clients with a scripted model against a guarded server, and writes what the model received to
// docs/reference/clients.md. It needs no network: the coding agents use a model server on this machine. The agents are large,
// so test/clients has a lock file of its own, and only this command installs it. Arguments are the clients to run; all by
// default. Only a run of all clients writes the page.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startModel } from '../test/clients/model-server.mjs';
import { judge, prompt, toolName } from '../test/compat/clients/conversation.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const compat = join(root, 'test/compat');
const agents = join(root, 'test/clients');
/** How long one client may take, in ms. */
const clientMs = 300_000;

const clients = {
  'Claude Code': { package: '@anthropic-ai/claude-code', folder: agents, run: runClaudeCode },
  Codex: { package: '@openai/codex', folder: agents, run: runCodex },
  Mastra: { package: '@mastra/mcp', folder: compat, run: (home) => runLibrary('mastra', home) },
  LangChain: { package: '@langchain/mcp-adapters', folder: compat, run: (home) => runLibrary('langchain', home) },
  'Vercel AI SDK': { package: '@ai-sdk/mcp', folder: compat, run: (home) => runLibrary('ai-sdk', home) },
  'OpenAI Agents': { package: '@openai/agents', folder: compat, run: (home) => runLibrary('openai-agents', home) },
};

/** The environment of a client: nothing of this shell but the path. */
const environmentOf = (home) => ({ PATH: process.env.PATH, HOME: home, ROOMS_FILE: join(home, 'bookings') });

/** Runs a program to its end, and returns what it wrote to stdout. */
async function run(command, args, home, env) {
  const child = spawn(command, args, { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: clientMs });
  const read = async (stream) => {
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += chunk;
    return text;
  };
  const [out, err, code] = await Promise.all([
    read(child.stdout),
    read(child.stderr),
    new Promise((resolve, reject) => child.on('exit', resolve).on('error', reject)),
  ]);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${`${out}\n${err}`.slice(-2_000)}`);
  return out;
}

async function runLibrary(name, home) {
  const out = await run(process.execPath, [join(compat, 'clients', `${name}.mjs`)], home, environmentOf(home));
  return JSON.parse(out.trimEnd().split('\n').at(-1)).seen;
}

/** How an agent starts the guarded server. */
const roomsServer = (home) => ({
  command: process.execPath,
  args: [join(compat, 'clients/rooms-server.mjs')],
  env: { MCP_ONCE_STORE: 'memory:', ROOMS_FILE: join(home, 'bookings') },
});

async function withModel(use) {
  const model = await startModel();
  try {
    await use(model.url);
    return model.seen();
  } finally {
    model.close();
  }
}

/** Returns the program of a platform package, which npm installs beside the package itself. */
function programOf(name, path) {
  const from = createRequire(join(agents, 'package.json'));
  return join(from.resolve(`${name}-${process.platform}-${process.arch}/package.json`), '..', path);
}

function runClaudeCode(home) {
  return withModel(async (url) => {
    const config = join(home, 'mcp.json');
    writeFileSync(config, JSON.stringify({ mcpServers: { rooms: roomsServer(home) } }));
    const env = {
      ...environmentOf(home),
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: 'none',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      ENABLE_TOOL_SEARCH: 'false',
      MCP_TIMEOUT: '60000',
    };
    const tools = ['--mcp-config', config, '--strict-mcp-config', '--allowedTools', `mcp__rooms__${toolName}`];
    await run(programOf('@anthropic-ai/claude-code', 'claude'), ['-p', prompt, ...tools], home, env);
  });
}

function runCodex(home) {
  return withModel(async (url) => {
    const { command, args, env } = roomsServer(home);
    const text = JSON.stringify;
    const lines = [
      'model = "scripted"',
      'model_provider = "scripted"',
      '[model_providers.scripted]',
      'name = "scripted"',
      `base_url = ${text(`${url}/v1`)}`,
      'wire_api = "responses"',
      '[mcp_servers.rooms]',
      `command = ${text(command)}`,
      `args = ${text(args)}`,
      'default_tools_approval_mode = "approve"',
      'startup_timeout_sec = 60',
      'required = true',
      '[mcp_servers.rooms.env]',
      ...Object.entries(env).map(([name, value]) => `${name} = ${text(value)}`),
    ];
    mkdirSync(join(home, '.codex'));
    writeFileSync(join(home, '.codex/config.toml'), lines.join('\n'));
    const target = { x64: 'x86_64', arm64: 'aarch64' }[process.arch];
    const triple = { linux: 'unknown-linux-musl', darwin: 'apple-darwin', win32: 'pc-windows-msvc' }[process.platform];
    const program = programOf('@openai/codex', `vendor/${target}-${triple}/bin/codex`);
    await run(program, ['exec', '--skip-git-repo-check', '--sandbox', 'read-only', prompt], home, environmentOf(home));
  });
}

/** The columns of the table, each with what stands in its cells. */
const columns = [
  ['client', (row) => row.client],
  ['version', (row) => row.version],
  ['the model sees', (row) => row.shows],
  ['replay note', (row) => yes(row.replayNote)],
  ['repeat token', (row) => yes(row.repeatToken)],
  ['conflict: note and token', (row) => yes(row.conflictNote)],
  ['conflict: first result', (row) => yes(row.conflictResult)],
  ['unknown: next step', (row) => yes(row.unknownNextStep)],
  ['error: cause and effect', (row) => yes(row.error)],
  ['second operation in one more call', (row) => yes(row.twinReached)],
];
const yes = (value) => (value ? 'yes' : 'no');

/** Renders rows as a table whose columns are aligned. */
function table(rows) {
  const cells = [columns.map(([heading]) => heading), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index].length)));
  const lines = cells.map((line) => `| ${line.map((cell, index) => cell.padEnd(widths[index])).join(' | ')} |`);
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  return lines.join('\n');
}

const page = (rows) => `# What clients show

<!-- Generated by "npm run clients". Run it again after an update of a client. -->

**This page answers:** which part of a result does the model of a client receive?

Each client ran with a scripted model, offline, against a guarded server. The model called a tool, repeated the call, called
it with other arguments, met an unknown outcome and an error, and meant a second operation. The table says what reached it.
A "yes" means that the model received the text in question.

${table(rows)}

LangChain throws the errors of MCP tools. The agent of this test returns them to the model.

## More

- [What the model sees](../concepts/repeats.md#what-the-model-sees)
- [Use it in a client](../guides/clients.md)
`;

const asked = process.argv.slice(2);
const chosen = Object.entries(clients).filter(([name]) => asked.length === 0 || asked.includes(name));
execFileSync(process.execPath, [join(root, 'scripts/test-compat.mjs'), '--install'], { stdio: 'inherit' });
if (chosen.some(([, { folder }]) => folder === agents)) {
  const quiet = ['--no-progress', '--no-audit', '--no-fund', '--ignore-scripts'];
  execFileSync('npm', ['ci', ...quiet], { cwd: agents, stdio: 'inherit', shell: process.platform === 'win32' });
}
const rows = [];
for (const [client, { package: name, folder, run: runClient }] of chosen) {
  const home = mkdtempSync(join(tmpdir(), 'mcp-once-client-'));
  try {
    const manifest = JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'));
    rows.push({ client, version: manifest.version, ...judge(await runClient(home)) });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
process.stdout.write(`${table(rows)}\n`);
if (chosen.length === Object.keys(clients).length) writeFileSync(join(root, 'docs/reference/clients.md'), page(rows));
const blind = rows.filter((row) => !(row.replayNote && row.conflictResult && row.unknownNextStep && row.twinReached));
if (blind.length > 0) {
  process.stderr.write(`clients whose model does not see enough: ${blind.map(({ client }) => client).join(', ')}\n`);
  process.exitCode = 1;
}
