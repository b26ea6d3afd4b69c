import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, expect, test } from 'vitest';
import { sections } from '../../src/app.ts';
import { readSettings } from '../../src/config/file.ts';
import { loadTools } from '../../src/core/tool/load.ts';
import { readServers } from '../../src/wrap/clients/servers.ts';
import { program } from '../support/program.ts';
import { makeTemporaryFolder } from '../support/temporary.ts';
import { type Block, blocksOf, pagesIn, readPage, root } from './markdown.ts';

const pages = ['README.md', ...pagesIn('docs/guides'), ...pagesIn('docs/operations')];
const executable = new Set(['sh', 'console', 'json', 'toml', 'yaml', 'js', 'ts']);
/** Why blocks of other languages are not run. */
const notExecutable: Readonly<Record<string, string>> = {
  mermaid: 'a diagram',
  python: 'part of a server that needs packages of Python',
  text: 'output, or the settings of another program',
};
/** Blocks that are not run, by page and first line. The comment before each block gives the reason. */
const notRun = [
  'README.md: git clone https://github.com/mcp-once/mcp-once && cd mcp-once',
  'README.md: npm install mcp-once',
  'docs/guides/ask-a-person.md: npm install mcp-once',
  'docs/guides/clients.md: claude mcp add mcp-once -- mcp-once serve',
  'docs/guides/clients.md: npm install -g mcp-once',
  'docs/guides/demo.md: npm ci && npm run demo',
  'docs/guides/demo.md: npm ci && npm test',
  'docs/guides/frameworks.md: npm install mcp-once',
  'docs/guides/guard-a-server.md: npm install mcp-once @modelcontextprotocol/sdk',
  'docs/guides/install.md: claude mcp add mcp-once -- npx -y mcp-once serve',
  'docs/guides/install.md: docker build -t mcp-once .',
  'docs/guides/install.md: npm ci && npm run build && npm install -g .',
  'docs/guides/install.md: npm install -g mcp-once',
  'docs/guides/install.md: npm install ../mcp-once',
  'docs/guides/install.md: npm install mcp-once',
  'docs/guides/install.md: source <(mcp-once completion bash)   # in ~/.bashrc',
  'docs/guides/openapi.md: echo \'{"orders":[]}\' > /tmp/orders.json',
  'docs/guides/python-servers.md: mcp-once wrap --explain -- uvx mcp-server-git --repository ~/project',
  'docs/guides/test-a-tool.md: npm install mcp-once @modelcontextprotocol/sdk',
  'docs/guides/wrap.md: mcp-once wrap -- npx -y @modelcontextprotocol/server-filesystem ~/notes   # a command (stdio)',
  'docs/guides/wrap.md: mcp-once wrap --login https://example.com/mcp',
  'docs/guides/wrap.md: mcp-once wrap --observe --log-level info -- npx -y bank-mcp',
  'docs/guides/write-a-tool.md: npm install mcp-once',
  'docs/operations/containers.md: docker build -t mcp-once .',
  'docs/operations/containers.md: docker compose up --build',
  'docs/operations/logs-and-events.md: npm install mcp-once',
  'docs/operations/resolve-an-unknown-outcome.md: mcp-once ledger list --state unknown        # operations that wait for an operator',
  "docs/operations/resolve-an-unknown-outcome.md: mcp-once ledger resolve OPERATION --succeeded result.json   # the API's response; with --config or --tools as served",
];
/** Ends a block that never ends by itself. Blocks take about a second. */
const endsAfterMs = 60_000;

const temporary = makeTemporaryFolder();
afterAll(() => temporary.remove());

/** The folder with the commands `mcp-once` and `npx`. */
const commands = join(temporary.path, 'bin');
mkdirSync(commands);

function writeCommand(name: string, lines: readonly string[]): void {
  writeFileSync(join(commands, name), ['#!/bin/bash', ...lines].join('\n'));
  chmodSync(join(commands, name), 0o755);
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: a script of bash has braces of its own
// The documents name fixed ports. A test takes free ones.
writeCommand('mcp-once', [
  'args=("${@/#127.0.0.1:3000/127.0.0.1:0}"); args=("${args[@]/#12111/0}")',
  `exec "${process.execPath}" "${program}" "\${args[@]}"`,
]);
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above
/** Returns the file of a package's command; undefined if the package is not installed. */
function commandOf(name: string): string | undefined {
  const folders = ['node_modules', 'test/compat/node_modules'].map((folder) => join(root, folder, name));
  const folder = folders.find((each) => existsSync(join(each, 'package.json')));
  if (folder === undefined) return undefined;
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: string | object };
  return join(folder, typeof bin === 'string' ? bin : String(Object.values(bin)[0]));
}

const everyBlock = pages.flatMap(blocksOf);
const allBlocks = everyBlock.filter(({ language }) => executable.has(language));

/** The packages that blocks run with `npx -y`. */
const packages = new Set(
  allBlocks.flatMap(({ text }) => [...text.matchAll(/-y"?,? "?(@?[\w/-]+)/g)].map(([, name = '']) => name)),
);
const npxCases = [...packages].flatMap((name) => {
  const file = commandOf(name);
  return file === undefined ? [] : [`  ${name}) exec "${process.execPath}" "${file}" "\${@:3}" ;;`];
});
writeCommand('npx', ['case $2 in', ...npxCases, '  *) echo "npx: $2 is not installed" >&2; exit 1 ;;', 'esac']);

/** Returns the name of the file that a block is, if it is one. */
function fileOf({ language, text, comment }: Block): string | undefined {
  return (language === 'js' ? /^\/\/ (\S+\.m?js)/.exec(text)?.[1] : undefined) ?? /^file: (\S+)/.exec(comment)?.[1];
}

const isRun = ({ comment }: Block): boolean => !/^not run: ./.test(comment);
/** The blocks are for bash, and temporary folders link to this one. */
const isWindows = process.platform === 'win32';

/** The packages that a page installs into the reader's folder. Its blocks can import these only. */
function installedBy(blocks: readonly Block[]): ReadonlySet<string> {
  const lines = blocks.flatMap(({ text }) => [...text.matchAll(/^npm install (?!-)(.+)$/gm)]);
  return new Set(lines.flatMap(([, names = '']) => names.split(' ')));
}

/** A folder for the blocks of one page, which is also the home of its commands. */
function preparePage(page: string, blocks: readonly Block[]): string {
  const folder = join(temporary.path, page.replace(/\W/g, '-'));
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  for (const name of installedBy(blocks)) {
    mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true });
    symlinkSync(name === 'mcp-once' ? root : join(root, 'node_modules', name), join(folder, 'node_modules', name));
  }
  symlinkSync(join(root, 'examples'), join(folder, 'examples'));
  for (const block of blocks.filter(isRun)) {
    const file = fileOf(block);
    if (file === undefined) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), block.text);
  }
  return folder;
}

const environmentOf = (folder: string): Record<string, string> => ({
  PATH: `${commands}:${dirname(process.execPath)}:/usr/bin:/bin`,
  HOME: folder,
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script in its own process group. With `until` it ends the group when that text was printed. */
function runScript(script: string, folder: string, until?: string): Promise<Ended> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env: environmentOf(folder),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => endGroup(child, 'SIGKILL'), endsAfterMs);
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        if (until !== undefined && `${output.stdout}${output.stderr}`.includes(until)) endGroup(child, 'SIGTERM');
      });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...output });
    });
  });
}

function endGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // The group has ended by itself.
  }
}

/** Connects to a server, lists its tools, and leaves. */
async function toolsOf(folder: string, { command, args, env }: ServerEntry): Promise<readonly string[]> {
  const client = new Client({ name: 'documents', version: '1.0.0' });
  const environment = { ...environmentOf(folder), ...env };
  await client.connect(
    new StdioClientTransport({ command, args: [...(args ?? [])], env: environment, cwd: folder, stderr: 'ignore' }),
  );
  const { tools } = await client.listTools();
  await client.close();
  return tools.map(({ name }) => name);
}

interface ServerEntry {
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Compares printed lines with documented ones. A line `...` stands for any lines. */
function expectOutput(printed: string, documented: string): void {
  const escaped = documented.trimEnd().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = escaped.replace(/^\\\.\\\.\\\.$/gm, '[\\s\\S]*');
  expect(printed.trimEnd()).toMatch(new RegExp(`^${pattern}$`));
}

async function runConsole(text: string, folder: string): Promise<void> {
  for (const part of text.split(/^\$ /m).slice(1)) {
    const [command = '', ...lines] = part.split('\n');
    const { code, stdout, stderr } = await runScript(command, folder);
    expect({ command, code, stderr: code === 0 ? '' : stderr }).toEqual({ command, code: 0, stderr: '' });
    expectOutput(stdout, lines.join('\n'));
  }
}

async function runShell({ text, comment }: Block, folder: string): Promise<void> {
  const [, until] = /^runs until: (.+)$/.exec(comment) ?? [];
  const ended = await runScript(text, folder, until);
  if (until !== undefined) expect(`${ended.stdout}${ended.stderr}`).toContain(until);
  else expect({ code: ended.code, stderr: ended.code === 0 ? '' : ended.stderr }).toEqual({ code: 0, stderr: '' });
}

/** Reads the servers of a client's file, starts them, and looks at their tools. */
async function runClientFile({ language, text }: Block, folder: string): Promise<void> {
  const name = { toml: 'config.toml', yaml: 'config.yaml' }[language] ?? 'client.json';
  const places = { platform: 'linux', home: folder, folder, environment: {} } as const;
  const read = { path: join(folder, name), bytes: Buffer.from(text), mode: 0o600, owner: { uid: 0, gid: 0 } };
  const { servers } = await readServers(read, places);
  expect(servers).not.toEqual([]);
  for (const { entry, form } of servers) {
    const members = entry as Record<string, unknown>;
    const words = [members[form.command], ...(form.args === undefined ? [] : [members[form.args]])];
    const [command = '', ...args] = words.flat() as string[];
    const env = (members[form.env] ?? {}) as Record<string, string>;
    expect(await toolsOf(folder, { command, args, env })).toContain('create_invoice');
  }
}

async function runJson(block: Block, folder: string): Promise<void> {
  const { text, comment, line } = block;
  if (comment === 'client file') return runClientFile(block, folder);
  const file = join(folder, `configuration-${line}.json`);
  writeFileSync(file, text);
  await readSettings(file, sections);
}

/** These run the files that they name. */
const consoleBlocks = allBlocks.filter(({ language }) => language === 'console');

async function runJavaScript(block: Block, folder: string): Promise<void> {
  const file = fileOf(block);
  if (file === undefined) throw new Error('name the file of the block in its first line, such as "// tools/name.mjs"');
  if (dirname(file) === 'tools') {
    expect(await loadTools([join(folder, 'tools')])).not.toEqual([]);
  } else if (block.text.includes('StdioServerTransport')) {
    expect(await toolsOf(folder, { command: process.execPath, args: [file] })).not.toEqual([]);
  } else if (!consoleBlocks.some(({ page, text }) => page === block.page && text.includes(`node ${file}`))) {
    await runShell({ ...block, text: `node ${file}`, comment: '' }, folder);
  }
}

const runnable = allBlocks.filter(isRun);
const folders = new Map(
  (isWindows ? [] : pages).map((page) => [
    page,
    preparePage(
      page,
      allBlocks.filter((block) => block.page === page),
    ),
  ]),
);

test.for(runnable)(
  '$page, line $line: the $language block works as written',
  { concurrent: true, timeout: endsAfterMs + 10_000 },
  async (block, { skip }) => {
    skip(isWindows, 'the blocks are written for bash');
    const missing = [...packages].filter((name) => block.text.includes(`-y ${name}`) && commandOf(name) === undefined);
    skip(missing.length > 0, `not installed here: ${missing.join(', ')}`);
    const folder = folders.get(block.page) ?? '';
    switch (block.language) {
      case 'sh':
        return runShell(block, folder);
      case 'console':
        return runConsole(block.text, folder);
      case 'json':
        return runJson(block, folder);
      case 'toml':
      case 'yaml':
        // A block with a name is a file that other blocks use.
        return fileOf(block) === undefined ? runClientFile(block, folder) : undefined;
      case 'js':
        return runJavaScript(block, folder);
      default:
        throw new Error('write the block in JavaScript, or say before it why it is not run');
    }
  },
);

test('every fence of the pages belongs to a block', () => {
  const fences = pages.map((page) => [page, readPage(page).match(/^ *(```|~~~)/gm)?.length ?? 0]);
  const found = pages.map((page) => [page, 2 * everyBlock.filter((block) => block.page === page).length]);
  expect(found).toEqual(fences);
});

test('a block is left out for its language only if that has a reason', () => {
  const languages = everyBlock.map(({ language }) => language).filter((language) => !executable.has(language));
  expect(languages.filter((language) => notExecutable[language] === undefined)).toEqual([]);
});

test('the blocks that are not run are exactly the listed ones', () => {
  const left = allBlocks.filter((block) => !isRun(block));
  expect(left.map(({ page, text }) => `${page}: ${text.split('\n')[0]}`).sort()).toEqual([...notRun].sort());
});

test('the pages have blocks of every kind that is run', () => {
  expect(new Set(runnable.map(({ language }) => language))).toEqual(
    new Set(['sh', 'console', 'json', 'toml', 'yaml', 'js']),
  );
});
