import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { bundleFolder, shippedProgram, testPrograms } from './program.ts';

const dist = dirname(dirname(dirname(shippedProgram)));
const root = dirname(dist);
const loader = fileURLToPath(new URL('./start-bundled.mjs', import.meta.url));
const wrappedServer = fileURLToPath(new URL('../wrap/support/server.mjs', import.meta.url));
/** The folder of all chunks in the bundle: at this depth the program finds its index, hook and tools, as in dist. */
const chunkFolder = 'src/core/tool';
/** Says which Node has compiled the code. Another one does not take it. */
const versionFile = join(bundleFolder, 'version');

/**
 * Bundles the built program with its packages and keeps its compiled code, for the tests that start many processes: a
 * start from the bundle takes less than half of the CPU time of a start from `dist`. Vitest calls this once before all
 * tests.
 */
export async function setup(): Promise<void> {
  if (!existsSync(shippedProgram)) throw new Error('The tests start the built program. Run npm run build first.');
  if (isCurrent()) return;
  const tools = readdirSync(join(dist, 'tools')).filter((name) => name.endsWith('.js'));
  const paths = ['src/cli/main.js', 'src/index.js', ...tools.map((name) => `tools/${name}`)];
  const bundle = await rolldown({
    input: Object.fromEntries([
      ...paths.map((path) => [path, join(dist, path)]),
      ...testPrograms.map((path) => [path, join(root, path)]),
    ]),
    platform: 'node',
    // They load themselves or parts of themselves with a `require` that a bundle does not see.
    external: ['pino', 'jsonc-parser', /@photostructure/],
    resolve: { alias: { 'mcp-once': join(dist, 'src/index.js') } },
  });
  const folder = mkdtempSync(join(dist, 'bundle-'));
  // A test drops its rights before the program has loaded all of its files.
  chmodSync(folder, 0o755);
  const { output } = await bundle.write({
    dir: join(folder, chunkFolder),
    format: 'cjs',
    entryFileNames: ({ name }) => `${name.replaceAll('/', '-')}`,
    chunkFileNames: '[name]-[hash].js',
    // Comments and blanks only: names are part of messages.
    minify: { compress: false, mangle: false, codegen: true },
    plugins: [{ name: 'import', renderChunk: (code) => code.replace(/(?<![.\w])import\(/g, 'importModule(') }],
  });
  await bundle.close();
  for (const { fileName } of output) escapeText(join(folder, chunkFolder, fileName));
  copyFileSync(loader, join(folder, 'start-bundled.mjs'));
  copyFileSync(join(dist, chunkFolder, 'load-hook.js'), join(folder, chunkFolder, 'load-hook.js'));
  for (const chunk of output) {
    if (chunk.type === 'chunk' && chunk.isEntry) writeEntry(folder, chunk.name, chunk.fileName, chunk.exports);
  }
  // The demo looks for the main file beside the folder of its module, which in the bundle is the folder of all chunks.
  copyFileSync(join(folder, 'src/cli/main.js'), join(folder, 'src/core/main.js'));
  await keepCompiledCode(folder);
  writeFileSync(join(folder, 'version'), process.version);
  rmSync(bundleFolder, { recursive: true, force: true });
  renameSync(folder, bundleFolder);
}

/** Writes the module that stands in the place of an entry and loads its chunk. */
function writeEntry(folder: string, path: string, chunk: string, exported: readonly string[]): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  const names = exported.map((name, index) => [`part${index}`, name]);
  const start = `./${relative(dirname(path), 'start-bundled.mjs')}`;
  writeFileSync(
    file,
    [
      `import { load } from '${start}';`,
      `const loaded = load('${chunk}');`,
      ...names.map(([part, name]) => `const ${part} = loaded.${name};`),
      `export { ${names.map(([part, name]) => `${part} as ${name}`).join(', ')} };`,
      '',
    ].join('\n'),
  );
}
/** Writes a chunk in ASCII: V8 then keeps its text with one byte per character, and reading it needs no decoding. */
function escapeText(file: string): void {
  const text = readFileSync(file, 'utf8');
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  writeFileSync(file, text.replace(/[\u0080-\uffff]/g, escaped));
}

/** Returns whether no built file is newer than the bundle. */
function isCurrent(): boolean {
  if (!existsSync(versionFile) || readFileSync(versionFile, 'utf8') !== process.version) return false;
  const bundledMs = statSync(bundleFolder).mtimeMs;
  const parts = ['src', 'sandbox', 'tools'].map((part) => join(dist, part));
  const files = parts.flatMap((part) =>
    readdirSync(part, { recursive: true, encoding: 'utf8' }).map((name) => join(part, name)),
  );
  const own = [loader, ...testPrograms.map((path) => join(root, path))];
  return [...files, ...own, fileURLToPath(import.meta.url)].every((file) => statSync(file).mtimeMs < bundledMs);
}

const [initialize, ...requests] = [
  {
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'bundle', version: '1' } },
  },
  { method: 'notifications/initialized' },
  { id: 2, method: 'tools/list' },
  { id: 3, method: 'tools/call', params: { name: 'create_customer', arguments: { name: 'Ada', email: 'ada@x.org' } } },
  { id: 4, method: 'tools/call', params: { name: 'effect', arguments: { what: 'a' } } },
].map((message) => JSON.stringify({ jsonrpc: '2.0', ...message })) as [string, ...string[]];

/** Runs commands of the bundle one after the other, which write the code that they have compiled into its folder. */
async function keepCompiledCode(folder: string): Promise<void> {
  const cwd = mkdtempSync(join(tmpdir(), 'mcp-once-bundle-'));
  const { PATH = '' } = process.env;
  const env = { PATH, HOME: cwd, XDG_DATA_HOME: cwd, KEEP_COMPILED_CODE: '1' };
  const main = 'src/cli/main.js';
  const timeout = 120_000;
  const run = (program: string, ...args: string[]) =>
    spawnSync(process.execPath, [join(folder, program), ...args], {
      cwd,
      env,
      timeout,
      input: `${[initialize, ...requests].join('\n')}\n`,
    });
  try {
    run(main, 'serve');
    run(main, 'wrap', '--', process.execPath, wrappedServer);
    // Nothing listens there: these commands load their clients and fail.
    run(main, 'wrap', '--store', 'memory:', 'http://127.0.0.1:1/mcp');
    run(main, 'wrap', '--login', '--no-browser', 'http://127.0.0.1:1/mcp');
    run(main, 'ledger', 'list', '--store', 'redis://127.0.0.1:1');
    run(main, '--help');
    run(main, 'config', 'check');
    run(main, 'ledger', 'list');
    run(testPrograms[0]);
    run(testPrograms[2]);
    const server = spawn(process.execPath, [join(folder, main), 'serve', '--http', '127.0.0.1:0'], {
      cwd,
      env,
      timeout,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const exited = once(server, 'exit');
    const [url] = (await Promise.race([once(createInterface({ input: server.stdout }), 'line'), exited])) as [string];
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    await fetch(url, { method: 'POST', headers, body: initialize }).then((response) => response.text());
    server.kill();
    await exited;
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}
