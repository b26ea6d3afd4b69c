import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Served } from '../support/cli-process.ts';
import { runHere as run } from '../support/run-here.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('the command line', () => {
  test('prints help and version to stdout and exits with code 0', async () => {
    const folder = temporaryFolder();
    const help = await run(folder, ['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const command of ['serve', 'sandbox', 'demo', 'ledger', 'config']) expect(help.stdout).toContain(command);
    expect((await run(folder, ['ledger', 'resolve', '--help'])).stdout).toContain('--succeeded [file]');
    expect((await run(folder, ['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    [['sevre'], 'Did you mean serve?'],
    [['serve', '--stroe', 'memory:'], 'Did you mean --store?'],
    [['sandbox', '--port', '70000'], '0 to 65535'],
    [['ledger', 'list', '--limit', '0'], '1 to 10000'],
    [['ledger', 'resolve', 'x'], 'either --succeeded [FILE] or --failed'],
    [['ledger', 'forget', 'x'], 'needs --yes'],
    [['ledger', 'show'], '(see mcp-once ledger show --help)'],
    [['serve', '--insecure'], '--insecure requires --http (see mcp-once serve --help)'],
    [['wrap', '-y', 'server'], 'the command of a server goes after --'],
    [['wrap', '--json'], '--json requires --explain (see mcp-once wrap --help)'],
    [['wrap', '--config', 'x', '--write', '--undo'], '--write and --undo cannot be used together'],
  ])('refuses %j with exit code 2', async (args, expected) => {
    const { code, stdout, stderr } = await run(temporaryFolder(), args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(expected);
  });
});

describe('config', () => {
  test('token creates a token and its hash for the configuration', async () => {
    const folder = temporaryFolder();
    const { code, stdout } = await run(folder, ['config', 'token']);
    expect(code).toBe(0);
    const { token, hash } = JSON.parse(stdout);
    expect(hash).toBe(`sha256:${createHash('sha256').update(token).digest('hex')}`);
    const access = { tokens: [{ hash, tenant: 'acme', subject: 'alice' }] };
    writeFileSync(join(folder, 'c.json'), JSON.stringify({ access }));
    const check = await run(folder, ['config', 'check', '--config', 'c.json']);
    expect(check.code).toBe(0);
    expect(check.stdout).not.toContain(hash.slice('sha256:'.length));
    expect(JSON.parse(check.stdout).access.tokens).toEqual([
      { hash: `${hash.slice(0, 'sha256:'.length + 8)}***`, tenant: 'acme', subject: 'alice' },
    ]);
  });

  test('check reports settings that serve --http refuses and tools that no caller can call', async () => {
    const folder = temporaryFolder();
    const check = (settings: object) => {
      writeFileSync(join(folder, 'c.json'), JSON.stringify(settings));
      return run(folder, ['config', 'check', '--config', 'c.json']);
    };
    expect((await check({ http: { listen: '0.0.0.0:3000' } })).stderr).toContain('without authentication');
    const hash = `sha256:${'0'.repeat(64)}`;
    const tokens = [{ hash, tenant: 'acme', subject: 'ann', tools: ['creat_*', 'get_*'] }];
    // With a token each call says whose it is, also where the store is shared.
    const served = { store: 'redis://127.0.0.1:1', http: { listen: '0.0.0.0:3000' } };
    expect(await check(served)).toMatchObject({ code: 1, stderr: expect.stringContaining('MCP_ONCE_SUBJECT') });
    expect((await check({ access: { tokens: [{ hash, tenant: 'acme' }] } })).stderr).toContain(
      'subject: it is missing',
    );
    expect((await check({ access: { tokens: [{ ...tokens[0], tools: [] }] } })).stderr).toContain('it allows no tool');
    const timeouts = { headersTimeout: '60s', requestTimeout: '10s' };
    expect((await check({ http: timeouts })).stderr).toContain('at least headersTimeout');
    const { stderr, code } = await check({ ...served, access: { tokens } });
    // Nothing listens at the address of the store.
    expect(code).toBe(1);
    expect(stderr).toMatch(/^mcp-once: Redis at .* refuses connections/);
    expect(stderr).toContain('access.tokens (acme, ann): no tool matches "creat_*"');
    expect(stderr).not.toMatch(/get_\*|who may come in/);
    const introspection = { url: 'https://auth.example.com/ask', clientId: 'once', clientSecretVariable: 'NO_SUCH' };
    const issuers = [{ issuer: 'https://auth.example.com', tenant: 'people', introspection }];
    const oauth = { resource: 'https://mcp.example.com/mcp', issuers };
    expect(await check({ access: { oauth } })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('NO_SUCH is not set'),
    });
    for (const wrong of [{ allowedHosts: ['mcp.example.com:443'] }, { allowedOrigins: ['https://app.example/'] }]) {
      expect((await check({ http: wrong })).code).toBe(1);
    }
  });

  test('check prints the effective settings without secrets', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'c.json'), JSON.stringify({ tools: { 'create_*': { window: '7d' } } }));
    const { code, stdout } = await run(folder, ['config', 'check', '--config', 'c.json'], {
      MCP_ONCE_SECRET: 'hunter2'.repeat(5),
      STRIPE_SECRET_KEY: 'sk_test_hunter2',
    });
    expect(code).toBe(0);
    expect(stdout).not.toContain('hunter2');
    const shown = JSON.parse(stdout);
    expect(shown).toMatchObject({ file: join(folder, 'c.json'), secret: 'set by MCP_ONCE_SECRET', lease: '10s' });
    const served = shown.served as { name: string; window?: string }[];
    expect(served.find(({ name }) => name === 'create_invoice')?.window).toBe('7d');
    expect(shown.clients.stripe).toMatch(/^test at /);
  });

  test.each([
    ['{ "stroe": "memory:" }', 'c.json: stroe is not known; did you mean "store"?'],
    ['{ "tools": { "create_invoise": {} } }', 'unknown tool "create_invoise"; did you mean "create_invoice"?'],
    ['{ "tools": { "create_invoice": { "recovery": "natural" } } }', 'Tool "create_invoice": recovery "natural" needs'],
    ['{ "toolsDirs": ["nowhere"] }', 'nowhere does not exist'],
  ])('check fails with one line for %s', async (text, expected) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'c.json'), text);
    const { code, stdout, stderr } = await run(folder, ['config', 'check', '--config', 'c.json']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test.each([
    [{ STRIPE_SECRET_KEY: 'hunter2' }, 'STRIPE_SECRET_KEY must be a secret or restricted key: sk_test_...'],
    [
      { STRIPE_API_BASE: 'http://127.0.0.1:9' },
      'STRIPE_SECRET_KEY must be set: a secret or restricted key such as sk_test_...',
    ],
    [{ SMTP_URL: 'hunter2' }, 'SMTP_URL must be a URL such as'],
  ])('check fails and names the client that is misconfigured: %j', async (environment, expected) => {
    const { code, stdout, stderr } = await run(temporaryFolder(), ['config', 'check'], environment);
    expect(code).toBe(1);
    expect(stderr).toContain(expected);
    expect(stderr).toMatch(/Until then its tools are refused: .*(create_invoice|send_email)/);
    const { clients } = JSON.parse(stdout);
    expect(Object.values(clients).filter((each) => String(each).startsWith('wrong: '))).toHaveLength(1);
    expect(stdout + stderr).not.toContain('hunter2');
  });

  test('check names the variables that mcpServers and tools read, and warns about missing ones of mcpServers', async () => {
    const folder = temporaryFolder();
    const mcpServers = {
      bank: {
        command: 'bank',
        args: ['--key', '$' + '{BANK_KEY}'],
        env: { T: '$' + '{env:BANK_TOKEN}', D: '$' + '{DEBUG:-no}' },
      },
      off: { url: 'https://x.example/$' + '{OFF}', disabled: true },
    };
    writeFileSync(join(folder, 'c.json'), JSON.stringify({ mcpServers }));
    const { code, stdout, stderr } = await run(folder, ['config', 'check', '--config', 'c.json'], {
      BANK_KEY: 'hunter2',
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout).variables).toMatchObject({
      BANK_KEY: 'set; read by mcpServers["bank"]',
      BANK_TOKEN: 'not set; read by mcpServers["bank"]',
      SMTP_URL: 'not set; read by the client smtp',
    });
    expect(Object.keys(JSON.parse(stdout).variables)).not.toContain('OFF');
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^mcp-once: mcpServers\["bank"\]: the variable BANK_TOKEN is not set/),
    ]);
    expect(stdout + stderr).not.toContain('hunter2');
  });

  test('check succeeds when a client has no settings at all', async () => {
    const { code, stdout, stderr } = await run(temporaryFolder(), ['config', 'check'], { SMTP_URL: '' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout).clients.smtp).toMatch(/^not configured: .*SMTP_URL/);
  });

  test('check warns about a folder without tools and a pattern without matches', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'c.json'), '{ "tools": { "destroy_*": {} } }');
    const { code, stderr } = await run(folder, ['config', 'check', '--config', 'c.json', '--tools', '.']);
    expect(code).toBe(0);
    expect(stderr.trimEnd().split('\n')).toEqual([
      `mcp-once: the tools folder ${folder} contains no tool: mcp-once loads the .js and .mjs files at its top level`,
      'mcp-once: configuration: tools: no tool matches "destroy_*"',
    ]);
  });

  test('check warns when no tool is left', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'c.json'), '{ "tools": { "*": { "enabled": false } } }');
    expect((await run(folder, ['config', 'check', '--config', 'c.json'])).stderr).toContain(
      'mcp-once: the configuration serves no tool',
    );
  });

  test('check prints every problem in full, even when there are many', async () => {
    const folder = temporaryFolder();
    const keys = Array.from({ length: 9 }, (_, index) => `${'unheardOf'.repeat(9)}${index}`);
    writeFileSync(join(folder, 'c.json'), JSON.stringify(Object.fromEntries(keys.map((key) => [key, 1]))));
    const { stderr } = await run(folder, ['config', 'check', '--config', 'c.json']);
    for (const key of keys) expect(stderr).toContain(`${key} is not known`);
  });

  test('schema prints the shipped schema', async () => {
    const { code, stdout } = await run(temporaryFolder(), ['config', 'schema']);
    expect(code).toBe(0);
    expect(stdout).toBe(readFileSync(new URL('../../mcp-once.schema.json', import.meta.url), 'utf8'));
  });
});

test('the example for Claude Desktop is valid and works without a Stripe key', async () => {
  const example = JSON.parse(
    readFileSync(new URL('../../claude_desktop_config.example.json', import.meta.url), 'utf8'),
  );
  const { command, args, env } = example.mcpServers['mcp-once'];
  expect({ command, args }).toEqual({ command: 'mcp-once', args: ['serve'] });
  const { code, stdout } = await run(temporaryFolder(), ['config', 'check'], env);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).clients.stripe).toMatch(/^sandbox /);
});

describe('ledger', () => {
  test('list fails and creates no file when the ledger does not exist', async () => {
    const folder = temporaryFolder();
    const { code, stderr } = await run(folder, ['ledger', 'list', '--store', 'sqlite:none.sqlite']);
    expect(code).toBe(1);
    expect(stderr).toContain('No ledger exists at');
    expect(existsSync(join(folder, 'none.sqlite'))).toBe(false);
  });

  test('list refuses a store in memory, which other processes cannot read', async () => {
    const { code, stdout, stderr } = await run(temporaryFolder(), ['ledger', 'list', '--store', 'memory:']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('nobody else can look into it');
  });

  test('list, show and resolve handle an unknown outcome, which is then replayed', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'tools.mjs'), unclearTool);
    const tools = ['--tools', '.'];
    const first = await callOnce(folder, tools);
    expect(first.code).toBe('outcome_unknown');
    const { operation: key } = first;
    expect((await run(folder, ['ledger', 'list'])).stdout).toMatch(new RegExp(`^${key} +unclear +unknown `, 'm'));
    const listed = JSON.parse((await run(folder, ['ledger', 'list', '--state', 'unknown', '--json'])).stdout);
    expect(listed).toMatchObject([{ operation: key, tool: 'unclear', state: 'unknown', generation: 1, attempt: 1 }]);
    expect((await run(folder, ['ledger', 'list', '--tool', 'other'])).stdout).toBe('No operations.\n');
    expect(JSON.parse((await run(folder, ['ledger', 'stats', '--json'])).stdout)).toMatchObject({
      operations: 1,
      byState: { unknown: 1 },
      byTool: { unclear: 1 },
    });

    const shown = (await run(folder, ['ledger', 'show', key])).stdout;
    expect(shown).toContain('["what"]');
    expect(shown).not.toContain('private');
    expect((await run(folder, ['ledger', 'show', key, '--arguments'])).stdout).toContain('private');

    writeFileSync(join(folder, 'bad.json'), '{"id": 5}');
    const bad = await run(folder, ['ledger', 'resolve', key, '--succeeded', 'bad.json', ...tools]);
    expect(bad).toMatchObject({ code: 1, stdout: '' });
    expect(bad.stderr).toContain('does not match the declared output of unclear');
    expect((await run(folder, ['ledger', 'resolve', key, '--succeeded', 'bad.json'])).stderr).toContain(
      'does not serve the tool',
    );

    const none = await run(folder, ['ledger', 'resolve', key, '--succeeded', 'none.json', ...tools]);
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('from none.json: it does not exist.') });
    const asFolder = await run(folder, ['ledger', 'resolve', key, '--succeeded', '.', ...tools]);
    expect(asFolder.stderr).toContain('from .: it cannot be read (EISDIR).');

    writeFileSync(join(folder, 'good.json'), '{"id": "found"}');
    const good = await run(folder, ['ledger', 'resolve', key, '--succeeded', 'good.json', ...tools]);
    expect(good).toMatchObject({ code: 0, stderr: '' });
    const again = await run(folder, ['ledger', 'resolve', key, '--failed']);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('has succeeded: there is nothing to resolve');
    expect(await callOnce(folder, tools)).toMatchObject({ code: 'succeeded', replayed: true, operation: key });
  });

  test('forget deletes an operation, so that the same call executes again', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'tools.mjs'), unclearTool);
    const { operation: key } = await callOnce(folder, ['--tools', '.']);
    const { code, stderr } = await run(folder, ['ledger', 'forget', key, '--yes']);
    expect(code).toBe(0);
    expect(stderr).toContain('the same call will then execute again');
    expect(await run(folder, ['ledger', 'show', key])).toMatchObject({ code: 1 });
    expect(JSON.parse((await run(folder, ['ledger', 'list', '--json'])).stdout)).toEqual([]);
  });
});

const unclearTool = `
  import { defineTool, z } from 'mcp-once';
  export const unclear = defineTool({
    name: 'unclear', title: 'Unclear', description: 'Ends without telling.', effect: 'create',
    input: z.object({ what: z.string() }), output: z.object({ id: z.string() }),
    run: async () => { throw new Error('the answer was lost'); },
  });
`;

/** Calls the tool `unclear` in a server of its own. */
async function callOnce(folder: string, args: readonly string[]) {
  const served = await Served.start(folder, args);
  const result = await served.call('unclear', { what: 'private' });
  await served.end();
  return result._meta['mcp-once/outcome'] as { code: string; operation: string; replayed: boolean };
}
