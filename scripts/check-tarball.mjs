// Installs the packed tarball as users do: in an empty folder, globally into an empty prefix, and with npx. It calls a tool
// each way, compiles and runs a program that uses the library, and compares the size of the installation with README.md.
// Usage: node scripts/check-tarball.mjs [--write]   (--write puts the measured size into README.md)
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const isWindows = process.platform === 'win32';
const folder = mkdtempSync(join(tmpdir(), 'mcp-once-tarball-'));
/** How far the size may be from the one in README.md. */
const toleranceMax = 0.1;

/** Calls a tool twice through the server that the arguments start. */
const caller = `
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const [command, ...args] = process.argv.slice(2);
const home = process.env.MCP_ONCE_HOME_OF_CHECK;
const env = { ...process.env, XDG_DATA_HOME: home, LOCALAPPDATA: home };
const transport = new StdioClientTransport({ command, args, env, stderr: 'inherit' });
const client = new Client({ name: 'tarball-check', version: '1.0.0' });
// npx installs the package first.
await client.connect(transport, { timeout: 900_000 });
const call = () => client.callTool({ name: 'create_customer', arguments: { name: 'Ada Lovelace', email: 'ada@example.com' } });
const first = await call();
const second = await call();
await client.close();
console.log(JSON.stringify({
  first: first.structuredContent?.id,
  second: second.structuredContent?.id,
  replayed: second._meta?.['mcp-once/outcome']?.replayed,
  error: first.isError ? first.content : undefined,
}));
`;

/** A program of a user of the library, in TypeScript. */
const library = `
import { defineTool, guard, type Guard, z } from 'mcp-once';

export const tool = defineTool({
  name: 'greet',
  title: 'Greet',
  description: 'Greets.',
  effect: 'create',
  input: z.strictObject({ name: z.string() }),
  output: z.object({ text: z.string() }),
  run: async ({ name }) => ({ text: name.toUpperCase() }),
});

const once: Guard = await guard({ store: 'memory:', logLevel: 'silent' });
const pay = () => once.run({ tool: 'pay', arguments: { order: 7 } }, async ({ order }: { order: number }) => order);
const told = async () => {
  const outcome = await pay();
  return outcome.code === 'succeeded' && 'replayed' in outcome ? outcome.replayed : outcome.code;
};
console.log(await told(), await told());
await once.close();
`;

const run = (command, args, cwd, env = process.env) =>
  execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], shell: isWindows });
const empty = (name) => {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
};

try {
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--silent', '--pack-destination', folder], project));
  const tarball = join(folder, packed.filename);

  const local = empty('local');
  writeFileSync(join(local, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  // No package needs a script of its own, so none is compiled.
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', tarball], local);
  compareSize(measure(join(local, 'node_modules')));

  writeFileSync(join(local, 'call.mjs'), caller);
  report('npm install', callThrough(join(local, 'node_modules/.bin/mcp-once'), ['serve']));

  const prefix = empty('prefix');
  run('npm', ['install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', '--silent', tarball], folder);
  report('npm install --global', callThrough(join(prefix, isWindows ? 'mcp-once.cmd' : 'bin/mcp-once'), ['serve']));

  report('npx', callThrough('npx', ['--yes', `--package=file:${tarball}`, '--', 'mcp-once', 'serve'], npxCache()));

  writeFileSync(join(local, 'library.ts'), library);
  const flags = ['--module', 'nodenext', '--target', 'es2023', '--strict', '--types', 'node', '--outDir', 'built'];
  const types = join(local, 'node_modules/@types');
  mkdirSync(types, { recursive: true });
  if (!existsSync(join(types, 'node')))
    symlinkSync(join(project, 'node_modules/@types/node'), join(types, 'node'), 'junction');
  run(process.execPath, [join(project, 'node_modules/typescript/bin/tsc'), ...flags, 'library.ts'], local);
  const printed = run(process.execPath, ['built/library.js'], local).trim();
  if (printed !== 'false true') throw new Error(`the library should have replayed the second call: ${printed}`);
  console.log('library: compiles with its types, and the repeat was replayed');
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}

/** Returns an environment whose npx keeps nothing after this check, but need not download again. */
function npxCache() {
  const cache = empty('cache');
  const usual = run('npm', ['config', 'get', 'cache'], folder).trim();
  mkdirSync(join(usual, '_cacache'), { recursive: true });
  symlinkSync(join(usual, '_cacache'), join(cache, '_cacache'), 'junction');
  return { npm_config_cache: cache };
}

/** Starts a server in a home of its own, and calls one tool twice. */
function callThrough(command, args, more = {}) {
  const home = mkdtempSync(join(folder, 'home-'));
  const env = { ...process.env, MCP_ONCE_HOME_OF_CHECK: home, ...more };
  return JSON.parse(run(process.execPath, ['call.mjs', command, ...args], join(folder, 'local'), env));
}

function report(way, answers) {
  if (answers.replayed !== true || answers.first !== answers.second || answers.first === undefined) {
    throw new Error(`${way}: the second call should have replayed the first: ${JSON.stringify(answers)}`);
  }
  console.log(`${way}: create_customer made ${answers.first}, and the repeat was replayed`);
}

/** Counts the packages of an installation and its bytes. */
function measure(modules) {
  const { packages } = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'));
  let bytes = 0;
  for (const entry of readdirSync(modules, { recursive: true })) {
    const stat = lstatSync(join(modules, entry));
    if (stat.isFile()) bytes += stat.size;
  }
  return { packages: Object.keys(packages).length, megabytes: Math.round(bytes / 1e6) };
}

function compareSize({ packages, megabytes }) {
  const file = join(project, 'README.md');
  const text = readFileSync(file, 'utf8');
  const pattern = /\*\*(\d+) packages, (\d+) MB\*\*/;
  const found = pattern.exec(text);
  if (!found) throw new Error('README.md does not say how large the installation is: "**N packages, N MB**"');
  const measured = `${packages} packages, ${megabytes} MB`;
  console.log(`installed alone: ${measured} (README.md: ${found[1]} packages, ${found[2]} MB)`);
  if (process.argv.includes('--write')) return writeFileSync(file, text.replace(pattern, `**${measured}**`));
  const isOff = (written, value) => Math.abs(value - Number(written)) > toleranceMax * Number(written);
  if (isOff(found[1], packages) || isOff(found[2], megabytes)) {
    throw new Error('The size in README.md is wrong. Run "node scripts/check-tarball.mjs --write".');
  }
}
