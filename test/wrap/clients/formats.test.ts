// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of client files look like that.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml, stringify as stringifyYaml } from 'yaml';
import { type Cli, errorLine } from '../../../src/command/cli.ts';
import { runWrapClients, type WrapClientsOptions } from '../../../src/wrap/clients/command.ts';
import { type ClientName, clientFiles, clientNames } from '../../../src/wrap/clients/files.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const own = ['/opt/node', '/opt/mcp-once/dist/src/cli/main.js'];

/** A home folder, in which files of clients are written and rewritten. */
function clientHome(files: Readonly<Record<string, string>>) {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(at(name)), { recursive: true });
    writeFileSync(at(name), text);
  }
  const text = (name: string): string => readFileSync(at(name), 'utf8');
  const backups = (name: string): string[] => readdirSync(dirname(at(name))).filter((each) => each.endsWith('.bak'));
  const run = async (options: WrapClientsOptions) => {
    let printed = '';
    const print = (line: string): void => {
      printed += `${line}\n`;
    };
    const cli: Cli = { environment: { HOME: folder }, isTerminal: false, print, tell: print };
    const places = { platform: 'linux', folder: at('work'), own } as const;
    const failed = await runWrapClients(cli, options, places).then((code) => code || undefined, errorLine);
    return { printed, failed };
  };
  return { folder, at, text, backups, run };
}

interface Sample {
  readonly client: ClientName;
  readonly file: string;
  readonly before: string;
  /** `ID(name)` stands for the id of a server, `OWN` for the words that start mcp-once. */
  readonly after: string;
}

const jsonOwn = '"/opt/mcp-once/dist/src/cli/main.js", "wrap"';

const standardBefore = `{
  // mine
  "mcpServers": {
    "local": { "command": "npx", "args": ["-y", "srv"], "env": { "TOKEN": "s3cret" } }, // first
    "remote": {
      "type": "http",
      "url": "https://api.example/mcp",
      "headers": {
        "Authorization": "Bearer s3cret" /* of the team */
      }
    }
  }
}
`;

const standardAfter = `{
  // mine
  "mcpServers": {
    "local": { "command": "/opt/node", "args": [${jsonOwn}, "--id", "ID(local)", "--env=TOKEN", "--", "npx", "-y", "srv"], "env": { "TOKEN": "s3cret" } }, // first
    "remote": {
      "type": "stdio",
      "command": "/opt/node",
      "args": [${jsonOwn}, "--id", "ID(remote)", "https://api.example/mcp"],
      "env": {
        "MCP_ONCE_HEADER_1": "Authorization: Bearer s3cret" /* of the team */
      }
    }
  }
}
`;

const samples: readonly Sample[] = [
  {
    client: 'claude-desktop',
    file: '.config/Claude/claude_desktop_config.json',
    before: standardBefore,
    after: standardAfter,
  },
  { client: 'claude-code', file: '.claude.json', before: standardBefore, after: standardAfter },
  { client: 'cursor', file: '.cursor/mcp.json', before: standardBefore, after: standardAfter },
  {
    client: 'vscode',
    file: '.config/Code/User/mcp.json',
    before: standardBefore.replace('mcpServers', 'servers'),
    after: standardAfter.replace('mcpServers', 'servers'),
  },
  {
    client: 'windsurf',
    file: '.codeium/windsurf/mcp_config.json',
    before:
      '{"mcpServers":{"remote":{"serverUrl":"https://api.example/mcp","headers":{"K":"${env:KEY}"},"disabled":false}}}',
    after: `{"mcpServers":{"remote":{"command":"/opt/node", "args": [${jsonOwn}, "--id", "ID(remote)", "https://api.example/mcp"],"env":{"MCP_ONCE_HEADER_1":"K: \${env:KEY}"},"disabled":false}}}`,
  },
  {
    client: 'zed',
    file: '.config/zed/settings.json',
    before: `{
  "theme": "One Dark", // dark
  "context_servers": {
    "local": { "source": "custom", "command": "npx", "args": [] },
    "remote": { "url": "https://api.example/mcp", },
  },
}
`,
    after: `{
  "theme": "One Dark", // dark
  "context_servers": {
    "local": { "source": "custom", "command": "/opt/node", "args": [${jsonOwn}, "--id", "ID(local)", "--no-inherit-env", "--", "npx"] },
    "remote": { "command": "/opt/node", "args": [${jsonOwn}, "--id", "ID(remote)", "https://api.example/mcp"], },
  },
}
`,
  },
  {
    client: 'gemini',
    file: '.gemini/settings.json',
    before: '{"mcpServers":{"remote":{"httpUrl":"https://api.example/mcp?key=$KEY","timeout":5000,"trust":false}}}',
    after: `{"mcpServers":{"remote":{"command":"/opt/node", "args": [${jsonOwn}, "--id", "ID(remote)", "--url-env", "MCP_ONCE_URL"], "env": { "MCP_ONCE_URL": "https://api.example/mcp?key=$KEY" },"timeout":5000,"trust":false}}}`,
  },
  {
    client: 'opencode',
    file: '.config/opencode/opencode.jsonc',
    before: `{
  "mcp": {
    "local": { "type": "local", "command": ["npx", "-y", "srv"], "environment": { "TOKEN": "{env:TOKEN}" }, "enabled": true },
    "remote": { "type": "remote", "url": "https://api.example/mcp", "headers": { "K": "{env:KEY}" }, "oauth": false },
    "servers": {
      "new": {
        "type": "local",
        "command": ["srv"], // version 2
      },
    },
  },
}
`,
    after: `{
  "mcp": {
    "local": { "type": "local", "command": ["/opt/node", ${jsonOwn}, "--id", "ID(local)", "--env=TOKEN", "--", "npx", "-y", "srv"], "environment": { "TOKEN": "{env:TOKEN}" }, "enabled": true },
    "remote": { "type": "local", "command": ["/opt/node", ${jsonOwn}, "--id", "ID(remote)", "https://api.example/mcp"], "environment": { "MCP_ONCE_HEADER_1": "K: {env:KEY}" } },
    "servers": {
      "new": {
        "type": "local",
        "command": ["/opt/node", ${jsonOwn}, "--id", "ID(new)", "--no-inherit-env", "--", "srv"], // version 2
      },
    },
  },
}
`,
  },
  {
    client: 'codex',
    file: '.codex/config.toml',
    before: `# my settings
model = "gpt-5"   # the large one

[mcp_servers.local]
command = 'npx' # node
args = [
  "-y",
  "srv", # the server
]
env_vars = ["HOST"]
startup_timeout_sec = 20

[mcp_servers.local.env]
TOKEN = "s3cret"

[mcp_servers."bare one"]
command = "srv"

[mcp_servers.remote]
url = "https://api.example/mcp" # theirs
bearer_token_env_var = "API_TOKEN"
enabled = true

[mcp_servers.remote.http_headers]
X-Region = "eu" # west
[mcp_servers.remote.env_http_headers]
X-Key = "API_KEY"

[mcp_servers.inline]
url = "https://in.example/mcp"
http_headers = { K = "v" }

[tui]
notifications = true
`,
    after: `# my settings
model = "gpt-5"   # the large one

[mcp_servers.local]
command = "/opt/node" # node
args = [
  "/opt/mcp-once/dist/src/cli/main.js",
  "wrap",
  "--id",
  "ID(local)",
  "--env=TOKEN",
  "--env=HOST",
  "--",
  "npx",
  "-y",
  "srv", # the server
]
env_vars = ["HOST"]
startup_timeout_sec = 20

[mcp_servers.local.env]
TOKEN = "s3cret"

[mcp_servers."bare one"]
command = "/opt/node"
args = [${jsonOwn}, "--id", "ID(bare one)", "--no-inherit-env", "--", "srv"]

[mcp_servers.remote]
command = "/opt/node" # theirs
args = [${jsonOwn}, "--id", "ID(remote)", "--bearer-env", "API_TOKEN", "https://api.example/mcp"]
env_vars = ["API_TOKEN", "API_KEY"]
enabled = true

[mcp_servers.remote.env]
MCP_ONCE_HEADER_1 = "X-Key: \${API_KEY}"
MCP_ONCE_HEADER_2 = "X-Region: eu" # west

[mcp_servers.inline]
command = "/opt/node"
args = [${jsonOwn}, "--id", "ID(inline)", "https://in.example/mcp"]
env = { MCP_ONCE_HEADER_1 = "K: v" }

[tui]
notifications = true
`,
  },
  {
    client: 'goose',
    file: '.config/goose/config.yaml',
    before: `# my settings
GOOSE_PROVIDER: anthropic
extensions:
  developer:
    enabled: true
    type: builtin
    name: developer
  local: # mine
    enabled: true
    type: stdio
    name: local
    cmd: npx # node
    args:
      - -y # yes
      - srv
    envs: {}
    env_keys:
    - TOKEN
    timeout: 300
  remote:
    enabled: true
    type: streamable_http
    name: remote
    uri: https://api.example/mcp # theirs
    headers:
      Authorization: Bearer $API_TOKEN
    env_keys: [API_TOKEN]
    timeout: 300
`,
    after: `# my settings
GOOSE_PROVIDER: anthropic
extensions:
  developer:
    enabled: true
    type: builtin
    name: developer
  local: # mine
    enabled: true
    type: stdio
    name: local
    cmd: "/opt/node" # node
    args:
      - "/opt/mcp-once/dist/src/cli/main.js"
      - "wrap"
      - "--id"
      - "ID(local)"
      - "--env=TOKEN"
      - "--"
      - "npx"
      - -y # yes
      - srv
    envs: {}
    env_keys:
    - TOKEN
    timeout: 300
  remote:
    enabled: true
    type: "stdio"
    name: remote
    cmd: "/opt/node" # theirs
    args: [${jsonOwn}, "--id", "ID(remote)", "https://api.example/mcp"]
    envs:
      MCP_ONCE_HEADER_1: "Authorization: Bearer \${API_TOKEN}"
    env_keys: [API_TOKEN]
    timeout: 300
`,
  },
];

/** Replaces the hashes in ids, so that the expected text can name the server only. */
const withoutHashes = (text: string): string => text.replace(/"([\w @-]+)-[0-9a-f]{8}"/g, '"ID($1)"');

describe.each(samples)('the file of $client', ({ client, file, before, after }) => {
  test('is rewritten so that all other bytes stay, and restored byte for byte', async () => {
    const { run, text, backups } = clientHome({ [file]: before });
    const { printed, failed } = await run({ client, write: true });
    expect(failed).toBeUndefined();
    expect(withoutHashes(text(file))).toBe(after);
    expect(printed).not.toContain('s3cret');
    expect(backups(file)).toHaveLength(1);
    expect((await run({ client, write: true })).printed).toMatch(/already guarded/);
    expect((await run({ client, undo: true })).failed).toBeUndefined();
    expect(text(file)).toBe(before);
    expect(backups(file)).toEqual([]);
  });

  test('keeps CRLF and a byte order mark', async () => {
    const windows = (text: string): string => `\uFEFF${text.replaceAll('\n', '\r\n')}`;
    const { run, text } = clientHome({ [file]: windows(before) });
    expect((await run({ client, write: true })).failed).toBeUndefined();
    expect(withoutHashes(text(file))).toBe(windows(after));
    await run({ client, undo: true });
    expect(text(file)).toBe(windows(before));
  });

  test('loses only mcp-once when something else was added after it was rewritten', async () => {
    const { run, text, at, backups } = clientHome({ [file]: before });
    await run({ client, write: true });
    const comment = file.endsWith('.toml') || file.endsWith('.yaml') ? '# added\n' : '// added\n';
    writeFileSync(at(file), comment + text(file));
    expect((await run({ client, undo: true })).failed).toBeUndefined();
    expect(text(file)).not.toMatch(/mcp-once|MCP_ONCE/);
    expect(backups(file)).toEqual([]);
    expect((await run({ client, write: true })).failed).toBeUndefined();
    // What was restored by entry means the same to mcp-once as what was there at first: it gets the same ids.
    const ids = (written: string): string[] =>
      [...written.matchAll(/"([\w @-]+-[0-9a-f]{8})"/g)].map(([, id = '']) => id);
    const again = clientHome({ [file]: before });
    await again.run({ client, write: true });
    expect(ids(text(file))).toEqual(ids(again.text(file)));
  });
});

test('the samples cover all clients', () => {
  expect(samples.map(({ client }) => client).sort()).toEqual([...clientNames].sort());
});

describe('undo of a file that its client has rewritten', () => {
  const source = {
    mcpServers: {
      a: { command: 'x', args: ['1'], env: { T: 's' } },
      bare: { command: 'y' },
      u: { type: 'sse', url: 'https://x', headers: { A: 'b' } },
    },
    theme: 'light',
  };
  const file = '.cursor/mcp.json';
  async function rewritten(change: (written: typeof source) => object) {
    const home = clientHome({ [file]: JSON.stringify(source) });
    await home.run({ client: 'cursor', write: true });
    writeFileSync(home.at(file), JSON.stringify(change(JSON.parse(home.text(file))), null, 4));
    const undone = await home.run({ client: 'cursor', undo: true });
    return { ...home, ...undone, json: () => JSON.parse(home.text(file)) };
  }
  const reversed = (value: object): object =>
    Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, each]) => [name, typeof each === 'object' && !Array.isArray(each) ? reversed(each) : each]),
    );

  test('restores reordered and reformatted entries, and keeps new servers and settings', async () => {
    const { json, failed, backups } = await rewritten((written) => ({
      ...reversed(written),
      theme: 'dark',
      mcpServers: { ...reversed(written.mcpServers), more: { command: 'z' } },
    }));
    expect(failed).toBeUndefined();
    expect(json()).toEqual({ theme: 'dark', mcpServers: { ...source.mcpServers, more: { command: 'z' } } });
    expect(backups(file)).toEqual([]);
  });

  test('restores entries to which the client added members', async () => {
    const { json } = await rewritten(({ mcpServers: { a, bare, u }, ...rest }) => ({
      ...rest,
      mcpServers: { a: { ...a, type: 'stdio', disabled: true }, bare, u: { ...u, timeout: 3 } },
    }));
    const { a, u } = source.mcpServers;
    expect(json().mcpServers).toEqual({
      ...source.mcpServers,
      a: { ...a, type: 'stdio', disabled: true },
      u: { ...u, timeout: 3 },
    });
  });

  test('says which entry was edited since and leaves it, until it is forced', async () => {
    const { json, run, printed, backups } = await rewritten(({ mcpServers: { a, ...others }, ...rest }) => ({
      ...rest,
      mcpServers: { a: { ...a, args: [...a.args, '2'] }, ...others },
    }));
    expect(printed).toMatch(/^a +left: the entry was edited since/m);
    expect(printed).toMatch(/^bare +restored/m);
    expect(printed).toMatch(/--undo --force/);
    expect(json().mcpServers.a.command).toBe('/opt/node');
    expect(json().mcpServers.u).toEqual(source.mcpServers.u);
    expect(backups(file)).toHaveLength(1);
    await run({ client: 'cursor', undo: true, force: true });
    expect(json().mcpServers.a).toEqual({ command: 'x', args: ['1', '2'], env: { T: 's' } });
    expect(backups(file)).toEqual([]);
  });

  test('leaves an entry that a person wrote', async () => {
    const mine = { command: 'mcp-once', args: ['wrap', '--', 'z'] };
    const { json, printed } = await rewritten(({ mcpServers, ...rest }) => ({
      ...rest,
      mcpServers: { ...mcpServers, mine },
    }));
    expect(printed).toMatch(/^mine +left: .*mcp-once did not write it/m);
    expect(json().mcpServers.mine).toEqual(mine);
  });

  test('restores a file whose backup is gone, from what the entries say', async () => {
    const home = clientHome({
      [file]: JSON.stringify(source),
      '.gemini/settings.json': '{"mcpServers":{"u":{"httpUrl":"https://me:pass@x.example/mcp","headers":{"A":"b"}}}}',
    });
    for (const [client, name] of [
      ['cursor', file],
      ['gemini', '.gemini/settings.json'],
    ] as const) {
      await home.run({ client, write: true });
      const [backup = ''] = home.backups(name);
      writeFileSync(home.at(join(dirname(name), backup)), '');
      expect((await home.run({ client, undo: true })).failed).toBeUndefined();
    }
    const { bare, u, a } = source.mcpServers;
    expect(JSON.parse(home.text(file)).mcpServers).toEqual({
      a,
      bare: { ...bare, args: [] },
      u: { ...u, type: 'http' },
    });
    expect(JSON.parse(home.text('.gemini/settings.json')).mcpServers.u).toEqual({
      httpUrl: 'https://me:pass@x.example/mcp',
      headers: { A: 'b' },
    });
  });

  test('works on TOML and YAML that their clients have written anew', async () => {
    const codex = '.codex/config.toml';
    const goose = '.config/goose/config.yaml';
    const yaml = {
      extensions: {
        r: { type: 'streamable_http', name: 'r', uri: 'https://x.example/mcp', headers: { K: 'v' }, enabled: true },
      },
    };
    const home = clientHome({
      [codex]:
        '[mcp_servers.r]\nurl = "https://x.example/mcp"\nhttp_headers = { K = "v" }\n[mcp_servers.c]\ncommand = "x"\n',
      [goose]: stringifyYaml(yaml),
    });
    await home.run({ client: 'auto', all: true, write: true });
    const words = /args = (\[.*\])/g;
    const [remote = '', local = ''] = [...home.text(codex).matchAll(words)].map(([, list]) => list);
    writeFileSync(
      home.at(codex),
      `[mcp_servers]\nc = { args = ${local}, command = "/opt/node" }\n\n[mcp_servers.r]\nenabled = true\nargs = ${remote.replace('[', '[\n  ')}\ncommand = "/opt/node"\n\n[mcp_servers.r.env]\nMCP_ONCE_HEADER_1 = "K: v"\n`,
    );
    writeFileSync(home.at(goose), stringifyYaml(reversed(parseYaml(home.text(goose)))));
    const { printed, failed } = await home.run({ client: 'auto', all: true, undo: true });
    expect(failed).toBeUndefined();
    expect(printed).not.toMatch(/left/);
    expect(home.text(codex)).toBe(
      '[mcp_servers]\nc = { command = "x" }\n\n[mcp_servers.r]\nenabled = true\nurl = "https://x.example/mcp"\n\n[mcp_servers.r.http_headers]\nK = "v"\n',
    );
    expect(parseYaml(home.text(goose))).toEqual(yaml);
    expect([...home.backups(codex), ...home.backups(goose)]).toEqual([]);
  });
});

describe('an entry that is left unchanged', () => {
  test.each([
    ['.codex/config.toml', '[mcp_servers.x]\nurl = "https://x"\nscopes = ["a"]\n', /signs in \(scopes\)/],
    ['.codex/config.toml', '[mcp_servers]\nx.url = "https://x"\n', /its form in the TOML file cannot be edited/],
    ['.config/goose/config.yaml', 'extensions:\n  x: {type: builtin, name: x}\n', /neither cmd nor uri/],
    [
      '.config/goose/config.yaml',
      'extensions:\n  x: {type: sse, name: x, uri: "https://x"}\n',
      /no longer starts servers of the type sse/,
    ],
    [
      '.config/opencode/opencode.json',
      '{"mcp":{"x":{"type":"remote","url":"https://x","oauth":{}}}}',
      /signs in \(oauth\)/,
    ],
    [
      '.gemini/settings.json',
      '{"mcpServers":{"x":{"httpUrl":"https://x","authProviderType":"google_credentials"}}}',
      /signs in/,
    ],
    ['.config/zed/settings.json', '{"context_servers":{"x":{"command":{"path":"x"}}}}', /its command is not a string/],
  ])('%s: %s', async (file, source, why) => {
    const { run, text, at, backups } = clientHome({ [file]: source });
    const { printed, failed } = await run({ config: at(file), write: true });
    expect(failed).toBeUndefined();
    expect(printed).toMatch(why);
    expect(text(file)).toBe(source);
    expect(backups(file)).toEqual([]);
  });

  test.each([
    ['.codex/config.toml', '[mcp_servers.x]\ncommand = s3cret\n', /invalid TOML at line 2, column/],
    ['.config/goose/config.yaml', 'extensions: [\nx: s3cret', /invalid YAML at line/],
    ['.config/goose/config.yaml', `a: ${'['.repeat(20_000)}`, /invalid YAML/],
    ['.codex/config.toml', `a = ${'['.repeat(20_000)}`, /invalid TOML/],
  ])('stays as it is in a file that cannot be read: %s', async (file, source, why) => {
    const { run, text, at } = clientHome({ [file]: source });
    const { failed } = await run({ config: at(file), write: true });
    expect(failed).toMatch(why);
    expect(failed).not.toContain('s3cret');
    expect(text(file)).toBe(source);
  });
});

describe('--client auto', () => {
  const files = {
    '.cursor/mcp.json': '{"mcpServers":{"a":{"command":"x"},"b":{"command":"mcp-once","args":["wrap","--","y"]}}}',
    '.codex/config.toml': '[mcp_servers.c]\ncommand = "x"\n',
    '.config/zed/settings.json': '{',
    'work/.mcp.json': '{"mcpServers":{}}',
  };

  test('lists each client, file, server and state, and changes nothing', async () => {
    const { run, text, folder } = clientHome(files);
    const { printed, failed } = await run({ client: 'auto' });
    expect(failed).toBeUndefined();
    const row = (...cells: string[]): RegExp => new RegExp(`^${cells.join(' +').replaceAll('.', '\\.')}`, 'm');
    expect(printed).toMatch(row('cursor', join(folder, '.cursor/mcp.json'), 'a', 'not guarded'));
    expect(printed).toMatch(row('cursor', join(folder, '.cursor/mcp.json'), 'b', 'guarded'));
    expect(printed).toMatch(row('codex', join(folder, '.codex/config.toml'), 'c', 'not guarded'));
    expect(printed).toMatch(row('claude-code', join(folder, 'work/.mcp.json'), 'no servers'));
    expect(printed).toMatch(/^zed .*invalid JSON at line 1/m);
    expect(printed).toMatch(/Nothing was changed\. To guard servers:/);
    for (const [name, source] of Object.entries(files)) expect(text(name)).toBe(source);
  });

  test.each([{ write: true }, { undo: true }])('changes nothing without --all: %j', async (options) => {
    const { run, text } = clientHome(files);
    expect((await run({ client: 'auto', ...options })).failed).toMatch(/only lists: name a client, or add --all/);
    expect(text('.cursor/mcp.json')).toBe(files['.cursor/mcp.json']);
  });

  test('changes all files with --all, names the one that it cannot read, and undoes them', async () => {
    const { run, text, folder } = clientHome(files);
    const { failed, printed } = await run({ client: 'auto', all: true, write: true });
    expect([failed, printed]).toEqual([
      1,
      expect.stringContaining(`${join(folder, '.config/zed/settings.json')}: invalid JSON`),
    ]);
    expect(text('.cursor/mcp.json')).toContain('/opt/node');
    expect(text('.codex/config.toml')).toContain('/opt/node');
    await run({ client: 'auto', all: true, undo: true });
    for (const [name, source] of Object.entries(files)) expect(text(name)).toBe(source);
  });

  test('undoes the other files when one cannot be, and names that one', async () => {
    const codex = files['.codex/config.toml'];
    const cursor = '{"mcpServers":{"a":{"command":"x"}}}';
    const { run, text, folder } = clientHome({ '.cursor/mcp.json': cursor, '.codex/config.toml': codex });
    await run({ client: 'auto', all: true, write: true });
    // No file of ours: removing it as a backup fails.
    mkdirSync(join(folder, '.cursor/mcp.json.mcp-once-9-0123456789abcdef.bak'));
    const { failed, printed } = await run({ client: 'auto', all: true, undo: true });
    expect(failed).toBe(1);
    expect(printed).toContain(`${join(folder, '.cursor/mcp.json')}: it cannot be read or edited`);
    expect(text('.codex/config.toml')).toBe(codex);
  });
});

test('clientFiles returns the paths of each client on each platform', () => {
  const of = (client: ClientName, platform: NodeJS.Platform, environment = {}) =>
    clientFiles(client, {
      platform,
      home: '/h',
      folder: '/w',
      environment: { APPDATA: '/roaming', LOCALAPPDATA: '/local', ...environment },
    });
  expect(of('claude-desktop', 'win32')).toEqual([
    '/local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json',
    '/roaming/Claude/claude_desktop_config.json',
  ]);
  expect(of('windsurf', 'darwin')).toEqual(['/h/.codeium/windsurf/mcp_config.json']);
  expect(of('zed', 'darwin')).toEqual(['/h/.config/zed/settings.json', '/w/.zed/settings.json']);
  expect(of('zed', 'win32')).toEqual(['/roaming/Zed/settings.json', '/w/.zed/settings.json']);
  expect(of('codex', 'linux')).toEqual(['/h/.codex/config.toml', '/w/.codex/config.toml']);
  expect(of('codex', 'linux', { CODEX_HOME: '/c' })[0]).toBe('/c/config.toml');
  expect(of('gemini', 'win32')).toEqual(['/h/.gemini/settings.json', '/w/.gemini/settings.json']);
  expect(of('goose', 'darwin')).toEqual(['/h/.config/goose/config.yaml']);
  expect(of('goose', 'win32')).toEqual(['/roaming/Block/goose/config/config.yaml']);
  expect(of('goose', 'linux', { GOOSE_PATH_ROOT: '/g' })).toEqual(['/g/config/config.yaml']);
  expect(of('opencode', 'linux', { XDG_CONFIG_HOME: '/x' })).toContain('/x/opencode/opencode.jsonc');
  expect(of('opencode', 'linux')).toContain('/w/opencode.json');
});
