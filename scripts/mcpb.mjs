// Packs the bundle mcp-once.mcpb, which desktop clients install with a click, and checks it: the manifest is valid, no file is
// native code, and a tool can be called through the unpacked bundle.
// Usage: node scripts/mcpb.mjs [--node PATH]...   (other versions of Node that start the bundle)
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const project = fileURLToPath(new URL('..', import.meta.url));
const bundle = join(project, 'mcp-once.mcpb');
const { values } = parseArgs({ options: { node: { type: 'string', multiple: true, default: [] } } });
const folder = mkdtempSync(join(tmpdir(), 'mcp-once-bundle-'));
/** macOS refuses native code of others in a bundle, and one bundle serves all platforms. */
const native = /\.(node|dll|so|dylib|exe|wasm)$/;

const run = (command, args, cwd) =>
  execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  });
const mcpb = (...args) =>
  execFileSync(
    process.execPath,
    [join(project, 'test/compat/node_modules/@anthropic-ai/mcpb/dist/cli/cli.js'), ...args],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );

try {
  const packed = join(folder, 'packed');
  mkdirSync(packed);
  for (const name of ['manifest.json', 'package.json', 'package-lock.json', '.npmrc', 'LICENSE']) {
    cpSync(join(project, name), join(packed, name));
  }
  for (const name of ['src', 'sandbox', 'tools'])
    cpSync(join(project, 'dist', name), join(packed, 'dist', name), { recursive: true });
  // The optional package is SQLite as native code.
  run(
    'npm',
    ['ci', '--omit=dev', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'],
    packed,
  );
  // Types and source maps are for developers.
  writeFileSync(
    join(packed, '.mcpbignore'),
    ['*.d.ts', '*.d.mts', '*.d.cts', '*.map', 'package-lock.json', '.npmrc'].join('\n'),
  );
  mcpb('validate', join(packed, 'manifest.json'));
  mcpb('pack', packed, bundle);

  const unpacked = join(folder, 'unpacked');
  mcpb('unpack', bundle, unpacked);
  const files = readdirSync(unpacked, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  const found = files.map(({ name }) => name).filter((name) => native.test(name));
  if (found.length > 0) throw new Error(`the bundle has native files: ${found.join(', ')}`);
  console.log(`mcp-once.mcpb: valid, ${files.length} files, none of them native code, ${megabytesOf(bundle)} MB`);

  for (const node of [process.execPath, ...values.node]) await useBundle(unpacked, node);
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}

function megabytesOf(file) {
  return (readFileSync(file).length / 1e6).toFixed(1);
}

/** Starts the bundle as its manifest says, and calls a tool twice. A Node without a recent SQLite must say so. */
async function useBundle(unpacked, node) {
  const { server, user_config } = JSON.parse(readFileSync(join(unpacked, 'manifest.json'), 'utf8'));
  const { args, env } = server.mcp_config;
  const filled = (text) =>
    text
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the manifest
      .replaceAll('${__dirname}', unpacked)
      .replace(/\$\{user_config\.(\w+)\}/g, (_, name) => user_config[name].default);
  if (!existsSync(join(unpacked, server.entry_point))) throw new Error(`no ${server.entry_point} in the bundle`);
  const home = mkdtempSync(join(folder, 'home-'));
  const transport = new StdioClientTransport({
    command: node,
    args: args.map(filled),
    env: {
      PATH: process.env.PATH,
      XDG_DATA_HOME: home,
      LOCALAPPDATA: home,
      HOME: home,
      ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, filled(value)])),
    },
    stderr: 'pipe',
  });
  const client = new Client({ name: 'bundle-check', version: '1.0.0' });
  const [version, sqlite] = run(node, ['--print', 'process.version + " " + (process.versions.sqlite ?? "0")'], folder)
    .trim()
    .split(' ');
  if (sqlite.localeCompare('3.51.3', 'en', { numeric: true }) < 0) {
    await refusesToStart(client, transport, version);
    return;
  }
  await client.connect(transport);
  const call = () =>
    client.callTool({ name: 'create_customer', arguments: { name: 'Ada Lovelace', email: 'ada@example.com' } });
  const [first, second] = [await call(), await call()];
  await client.close();
  const text = JSON.stringify(first.content);
  if (second._meta?.['mcp-once/outcome']?.replayed !== true) throw new Error(`${version}: not replayed: ${text}`);
  console.log(
    `Node ${version}, SQLite ${sqlite}: create_customer made ${first.structuredContent.id}, and the repeat was replayed`,
  );
}

/** The bundle has no SQLite of its own. A Node without a recent one gets a message that says so. */
async function refusesToStart(client, transport, version) {
  let stderr = '';
  transport.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const connected = await client.connect(transport).then(
    () => true,
    () => false,
  );
  await client.close();
  if (connected || !/SQLite/.test(stderr)) throw new Error(`${version}: the reason is missing: ${stderr}`);
  console.log(`Node ${version}: does not start: ${stderr.trim().split('\n').at(-1)}`);
}
