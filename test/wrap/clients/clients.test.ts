import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Cli, errorLine } from '../../../src/command/cli.ts';
import { nearest } from '../../../src/core/suggest.ts';
import { runWrapClients, type WrapClientsOptions } from '../../../src/wrap/clients/command.ts';
import { clientFiles } from '../../../src/wrap/clients/files.ts';
import { headersFromVariables } from '../../../src/wrap/variables.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** Makes a home folder with one client's file. */
function home(source: string | Buffer, name = 'claude_desktop_config.json') {
  const folder = temporaryFolder();
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, source);
  let printed = '';
  const print = (text: string): void => {
    printed += `${text}\n`;
  };
  const cli: Cli = { environment: { HOME: folder }, isTerminal: false, print, tell: print };
  const run = async (options: WrapClientsOptions = { config: file, write: true }) => {
    printed = '';
    const places = {
      platform: 'linux',
      folder: join(folder, 'work'),
      own: ['/opt/node', '/opt/mcp-once/main.js'],
    } as const;
    const failed = await runWrapClients(cli, options, places).then(() => undefined, errorLine);
    return { printed, failed };
  };
  const text = (): string => readFileSync(file, 'utf8');
  const backups = (): string[] => readdirSync(dirname(file)).filter((each) => each.endsWith('.bak'));
  return { folder, file, run, text, json: () => JSON.parse(text()), backups };
}

const twoServers = `{
  "globalShortcut": "Ctrl+Space",
  "mcpServers": {
    "files": {
      "command": "npx",
      "args": [
        "-y",
        "@modelcontextprotocol/server-filesystem"
      ],
      "env": { "TOKEN": "s3cret" },
      "cwd": "/srv",
      "disabled": true
    },
    "bare": { "command": "/opt/bare" }
  }
}
`;

describe('wrap --write', () => {
  test('puts mcp-once before each command, and keeps all other bytes', async () => {
    const { run, text, backups, folder } = home(twoServers);
    const { printed, failed } = await run();
    expect(failed).toBeUndefined();
    expect(text()).toBe(`{
  "globalShortcut": "Ctrl+Space",
  "mcpServers": {
    "files": {
      "command": "/opt/node",
      "args": [
        "/opt/mcp-once/main.js",
        "wrap",
        "--id",
        "files-04466307",
        "--env=TOKEN",
        "--",
        "npx",
        "-y",
        "@modelcontextprotocol/server-filesystem"
      ],
      "env": { "TOKEN": "s3cret" },
      "cwd": "/srv",
      "disabled": true
    },
    "bare": { "command": "/opt/node", "args": ["/opt/mcp-once/main.js", "wrap", "--id", "bare-9aaac7c2", "--no-inherit-env", "--", "/opt/bare"] }
  }
}
`);
    expect(backups()).toHaveLength(1);
    expect(readFileSync(join(folder, backups()[0] ?? ''), 'utf8')).toBe(twoServers);
    expect(printed).toMatch(/2 servers guarded/);
    expect(printed).not.toContain('s3cret');
  });

  test('only prints the changes without --write', async () => {
    const { run, text, backups, file } = home(twoServers);
    expect((await run({ config: file })).printed).toMatch(/Nothing was changed\. With --write, 2 servers/);
    expect(text()).toBe(twoServers);
    expect(backups()).toEqual([]);
  });

  test('replaces a URL by a command, and its headers by variables', async () => {
    const { run, json } = home(
      `{"mcpServers":{"api":{"type":"http","url":"https://x/mcp","headers":{"Authorization":"Bearer $KEY","X-A":"b: c"},"timeout":5}}}`,
    );
    await run();
    const { api } = json().mcpServers;
    expect(api).toEqual({
      type: 'stdio',
      command: '/opt/node',
      args: ['/opt/mcp-once/main.js', 'wrap', '--id', 'api-4e22e02c', 'https://x/mcp'],
      env: { MCP_ONCE_HEADER_1: 'Authorization: Bearer $KEY', MCP_ONCE_HEADER_2: 'X-A: b: c' },
      timeout: 5,
    });
    expect(headersFromVariables(api.env)).toEqual({ Authorization: 'Bearer $KEY', 'X-A': 'b: c' });
    expect(nearest('HEADER_1', ['CONFIG', 'STORE', 'TENANT', 'SUBJECT', 'SECRET', 'LOG_LEVEL'])).toBeUndefined();
  });

  test('keeps comments, trailing commas and line ends of VS Code', async () => {
    const source =
      '// mine\r\n{\r\n\t"inputs": [],\r\n\t"servers": {\r\n\t\t"a": { // first\r\n\t\t\t"type": "stdio",\r\n\t\t\t"command": "node", /* here */\r\n\t\t\t"args": [ /* none */ "s.js", ],\r\n\t\t},\r\n\t},\r\n}';
    const { run, text } = home(source, 'work/.vscode/mcp.json');
    await run({ client: 'vscode', write: true });
    const id = /"--id", "(work|[^"]*)"/.exec(text())?.[1] ?? '';
    expect(id).toMatch(/^a@work-[0-9a-f]{8}-[0-9a-f]{8}$/);
    expect(text()).toBe(
      source
        .replace('"node"', '"/opt/node"')
        .replace(
          '"s.js"',
          `"/opt/mcp-once/main.js", "wrap", "--id", "${id}", "--no-inherit-env", "--", "node", "s.js"`,
        ),
    );
  });

  test('gives servers of two clients one id only if name and command are equal, and keeps it after an undo', async () => {
    const idIn = async (command: string, args: readonly string[]) => {
      const { run, json, file } = home(JSON.stringify({ mcpServers: { db: { command, args } } }));
      const id = async (): Promise<string> => {
        await run();
        return json().mcpServers.db.args[3];
      };
      const first = await id();
      await run({ config: file, undo: true });
      expect(json().mcpServers.db).toEqual({ command, args });
      expect(await id()).toBe(first);
      return first;
    };
    const ids = [await idIn('npx', ['db', '/a']), await idIn('npx', ['db', '/a']), await idIn('npx', ['db', '/b'])];
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  test('gives servers of one name in two projects of Claude Code different ids', async () => {
    const server = { type: 'stdio', command: 'db', args: [] };
    const { run, json } = home(
      JSON.stringify({
        numStartups: 3,
        mcpServers: { db: server },
        projects: { '/a': { mcpServers: { db: server }, history: [] }, '/b': { mcpServers: { db: server } } },
      }),
      '.claude.json',
    );
    await run({ client: 'claude-code', write: true });
    const { mcpServers, projects } = json();
    const ids = [mcpServers, projects['/a'].mcpServers, projects['/b'].mcpServers].map(({ db }) => db.args[3]);
    expect(new Set(ids).size).toBe(3);
    expect(ids[0]).toMatch(/^db-[0-9a-f]{8}$/);
    expect(json().numStartups).toBe(3);
  });

  test.each([
    ['already guarded', { command: 'mcp-once', args: ['wrap', '--id', 'x', '--', 'y'] }],
    ['already guarded', { command: 'npx', args: ['-y', 'mcp-once@1', 'wrap', 'https://x'] }],
    ['mcp-once itself', { command: 'mcp-once', args: ['serve'] }],
    ['mcp-once itself', { command: 'C:\\\\bin\\\\mcp-once.cmd' }],
    ['mcp-once itself', { command: 'node', args: ['/x/node_modules/mcp-once/dist/src/cli/main.js'] }],
    ['signs in', { url: 'https://x', oauth: { clientId: 'a' } }],
    ['not an HTTP URL', { url: 'unix:///tmp/s' }],
    ['sandbox', { command: 'x', sandboxEnabled: true }],
    ['not a list of strings', { command: 'x', args: [1] }],
    ['neither command nor url', {}],
    ['not an object', 'x'],
  ])('leaves an entry unchanged: %s', async (why, entry) => {
    const { run, text, backups } = home(JSON.stringify({ mcpServers: { x: entry } }));
    const before = text();
    expect((await run()).printed).toMatch(new RegExp(`unchanged: .*${why}`));
    expect(text()).toBe(before);
    expect(backups()).toEqual([]);
  });

  test('does not mistake an argument called mcp-once for the program', async () => {
    const { run, json } = home(JSON.stringify({ mcpServers: { x: { command: 'tool', args: ['mcp-once', 'wrap'] } } }));
    await run();
    expect(json().mcpServers.x.args).toEqual([
      '/opt/mcp-once/main.js',
      'wrap',
      '--id',
      'x-8d3242b5',
      '--no-inherit-env',
      '--',
      'tool',
      'mcp-once',
      'wrap',
    ]);
  });

  test('changes nothing the second time, and guards a server that was added later with another backup', async () => {
    const { run, text, json, file, backups } = home(twoServers);
    await run();
    const once = text();
    expect((await run()).printed).toMatch(/Nothing was changed/);
    expect(text()).toBe(once);
    const more = json();
    more.mcpServers.third = { command: 'third' };
    writeFileSync(file, JSON.stringify(more));
    await run();
    expect(json().mcpServers.third.command).toBe('/opt/node');
    expect(backups()).toHaveLength(2);
  });

  test('keeps mode and symbolic link of the file, and gives the backup the same mode', async () => {
    const { run, file, folder, backups } = home(twoServers, 'dotfiles/real.json');
    chmodSync(file, 0o600);
    const link = join(folder, 'link.json');
    symlinkSync(file, link);
    await run({ config: link, write: true });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    const [backup = ''] = backups();
    expect([file, join(dirname(file), backup)].map((each) => statSync(each).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(readdirSync(dirname(file)).filter((each) => each.endsWith('.tmp'))).toEqual([]);
  });
});

describe('wrap --undo', () => {
  test('restores all bytes, and removes the backup', async () => {
    const source = Buffer.from(`\uFEFF${twoServers}// end`);
    const { run, file, backups } = home(source);
    await run();
    expect(readFileSync(file).equals(source)).toBe(false);
    await run({ config: file, undo: true });
    expect(readFileSync(file).equals(source)).toBe(true);
    expect(backups()).toEqual([]);
    expect((await run({ config: file, undo: true })).printed).toMatch(/no server in the file is guarded/);
  });

  test('removes mcp-once from both writes of a file that was edited between them', async () => {
    const { run, file, text, json, backups } = home(twoServers);
    await run();
    const once = text();
    const more = json();
    more.mcpServers.third = { command: 'third' };
    writeFileSync(file, JSON.stringify(more));
    await run();
    await run({ config: file, undo: true });
    const { mcpServers, ...rest } = JSON.parse(twoServers);
    expect(json()).toEqual({ ...rest, mcpServers: { ...mcpServers, third: { command: 'third' } } });
    expect(backups()).toEqual([]);
    writeFileSync(file, once);
    await run({ config: file, undo: true });
    expect(json().mcpServers).toEqual({ ...mcpServers, bare: { command: '/opt/bare', args: [] } });
  });
});

describe('wrap of an unusable file', () => {
  test.each([
    ['{"mcpServers": {"a": {"command": "s3cret" "x"}}}', /line 1, column 43/],
    ['{"mcpServers": ', /invalid JSON/],
    ['[]', /not a JSON object/],
    ['{"a": "\\x"}', /invalid JSON/],
    [`${'['.repeat(1_000)}`, /invalid JSON/],
    ['', /invalid JSON/],
  ])('refuses %s and writes nothing', async (source, why) => {
    const { run, text, backups } = home(source);
    const { failed } = await run();
    expect(failed).toMatch(why);
    expect(failed).not.toContain('s3cret');
    expect(text()).toBe(source);
    expect(backups()).toEqual([]);
  });

  test('refuses bytes that are not UTF-8', async () => {
    const { run } = home(Buffer.from([0x7b, 0xff, 0x7d]));
    expect((await run()).failed).toMatch(/not UTF-8/);
  });

  test('names a missing file, and a client without a file', async () => {
    const { run, folder } = home('{}');
    expect((await run({ config: join(folder, 'none.json'), write: true })).failed).toMatch(
      /none\.json: the file does not exist/,
    );
    expect((await run({ client: 'cursor', write: true })).failed).toMatch(/No file of cursor.*\.cursor/);
    expect((await run({})).failed).toMatch(/--config FILE or --client NAME/);
  });
});

test('clientFiles returns the paths of each platform', () => {
  const places = { home: '/h', folder: '/w', environment: { APPDATA: '/roaming' } };
  const of = (client: Parameters<typeof clientFiles>[0], platform: NodeJS.Platform) =>
    clientFiles(client, { ...places, platform });
  const desktop = 'Claude/claude_desktop_config.json';
  expect(of('claude-desktop', 'darwin')).toEqual([`/h/Library/Application Support/${desktop}`]);
  expect(of('claude-desktop', 'win32')).toEqual([
    '/h/AppData/Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json',
    `/roaming/${desktop}`,
  ]);
  expect(of('claude-desktop', 'linux')).toEqual([`/h/.config/${desktop}`]);
  expect(of('claude-code', 'linux')).toEqual(['/h/.claude.json', '/w/.mcp.json']);
  expect(of('cursor', 'darwin')).toEqual(['/h/.cursor/mcp.json', '/w/.cursor/mcp.json']);
  expect(of('vscode', 'win32')).toEqual([
    '/roaming/Code/User/mcp.json',
    '/roaming/Code - Insiders/User/mcp.json',
    '/w/.vscode/mcp.json',
  ]);
});
