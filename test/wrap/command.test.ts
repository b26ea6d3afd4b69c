import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serving } from './support/http.ts';
import { main, outcomeOf, RawClient, runWrap, scripted, stage, wrapArgs } from './support/wrap.ts';

test('--explain prints the decision for each tool, and calls no tool', async () => {
  const { env, effects } = stage();
  const { code, stdout } = await runWrap(['--explain', '--json', '--', process.execPath, scripted], env);
  expect(code).toBe(0);
  const [{ tools }] = JSON.parse(stdout);
  expect(tools.map((each: { tool: string; guarded: boolean }) => [each.tool, each.guarded])).toEqual([
    ['effect', true],
    ['get_thing', false],
    ['pay', true],
  ]);
  expect(effects()).toEqual([]);
});

test('guards a server that is started by a rewritten client file', async () => {
  const { folder, store, env, effects } = stage();
  const file = join(folder, 'client.json');
  const entry = { command: process.execPath, args: [scripted], env: { ...env, MCP_ONCE_STORE: store } };
  writeFileSync(file, JSON.stringify({ mcpServers: { mine: entry } }));
  expect((await runWrap(['--config', file, '--write'])).code).toBe(0);
  const { mine } = JSON.parse(readFileSync(file, 'utf8')).mcpServers;
  const [program, ...rest] = mine.args;
  expect(mine.command).toBe(process.execPath);
  expect(program).toMatch(/dist\/src\/cli\/main\.js$/);
  const client = new RawClient([program, ...rest], mine.env);
  await client.initialize();
  await client.call('effect', { what: 'f' });
  await client.call('effect', { what: 'f' });
  expect(effects()).toEqual(['f']);
  expect((await runWrap(['--config', file, '--undo'])).code).toBe(0);
  expect(JSON.parse(readFileSync(file, 'utf8')).mcpServers.mine).toEqual(entry);
});

test('does not start a disabled server, and does not list its tools', async () => {
  const { folder, env, starts } = stage();
  const file = join(folder, 'config.json');
  const server = { command: process.execPath, args: [scripted], env };
  writeFileSync(file, JSON.stringify({ mcpServers: { on: server, not: { ...server, disabled: true } } }));
  const { code, stdout } = await runWrap(['--config', file, '--explain', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).map(({ server: name }: { server: string }) => name)).toEqual(['on']);
  expect(starts()).toHaveLength(1);
});

test('sends headers from variables to the server', async () => {
  const { store } = stage();
  const heard: unknown[] = [];
  const { origin } = await serving((request, response) => {
    heard.push(request.headers['x-key']);
    response.writeHead(500).end();
  });
  const client = new RawClient([main, 'wrap', '--store', store, origin], { MCP_ONCE_HEADER_1: 'X-Key: k' });
  expect((await client.ask('initialize', { protocolVersion: '2025-11-25' })).error.message).toMatch(/HTTP 500/);
  expect(heard[0]).toBe('k');
});

test.each([
  ['nothing to wrap', [], /no server to wrap/],
  ['a URL with a password', ['https://me:secret@127.0.0.1/mcp'], /must not contain a password/],
  ['a URL of another scheme', ['ftp://127.0.0.1/mcp'], /"ftp:.*" does not begin with http/],
  ['an argument after a URL', ['https://127.0.0.1/mcp', 'x'], /a URL takes no further arguments/],
  ['a header for a command', ['--header', 'a: b', '--', 'x'], /require a server at a URL/],
  ['an invalid header', ['--header', 'secret', 'https://127.0.0.1/mcp'], /must be "Name: value"/],
  ['a server together with --write', ['--write', '--', 'x'], /name no server/],
])('refuses %s with exit code 2', async (_, args, message) => {
  const { code, stderr } = await runWrap(['--store', 'memory:', ...args]);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/me:secret/);
});

test('--account executes the same call once for each account of a command', async () => {
  const { wrapped, effects } = stage();
  for (const account of ['one', 'other', 'one']) {
    const client = wrapped({}, ['--account', account]);
    await client.initialize();
    await client.call('effect', { what: 'a' });
  }
  expect(effects()).toEqual(['a', 'a']);
});

test('does not start with an unset variable in an entry, and passes a set one to the server', async () => {
  const { folder, store, env, effects } = stage();
  const file = join(folder, 'mcp-once.json');
  const variable = (name: string): string => `$\{${name}}`;
  const entry = { command: process.execPath, args: [scripted], env: { ...env, EFFECTS: variable('WHERE') } };
  writeFileSync(file, JSON.stringify({ store, mcpServers: { mine: entry } }));
  const { code, stderr } = await runWrap(['--config', file]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/mcpServers\["mine"\]\.env\.EFFECTS: the variable WHERE is not set.*Nothing was started/);
  const client = new RawClient([main, 'wrap', '--config', file], { WHERE: env.EFFECTS ?? '' });
  await client.initialize();
  await client.call('effect', { what: 'v' });
  expect(effects()).toEqual(['v']);
});

test('refuses options of a command-line server when the configuration names the servers', async () => {
  const { code, stderr } = await runWrap(['--account', 'one']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/--account is for a server on the command line/);
});

test('wrap says what is missing where an option stands in the place of the command', async () => {
  const told = await runWrap(['--explain', '--', '-y', 'some-mcp']);
  expect(told.code).toBe(2);
  expect(told.stderr).toMatch(/after -- comes the command of the server, and "-y" is an option: begin with npx/);
});

test('explain names a server once where it cannot be started', async () => {
  const { stderr } = await runWrap(['--explain', '--', '/nowhere/bank']);
  expect(stderr).toMatch(/^mcp-once: bank: cannot list its tools: it cannot be started: /);
});

test('tells at its start that the ledger cannot be used, passes reads and refuses guarded calls', async () => {
  const { folder, env, effects } = stage();
  const file = join(folder, 'garbage.sqlite');
  writeFileSync(file, 'not a database'.repeat(100), { mode: 0o600 });
  const client = new RawClient(wrapArgs(`sqlite:${file}`, [scripted]), env);
  await client.initialize();
  await expect.poll(() => client.stderr).toContain(`The file ${file} is not a ledger`);
  const read = await client.call('get_thing', {});
  expect(read.result.content[0].text).toBe('done thing');
  expect(outcomeOf((await client.call('effect', { what: 'x' })).result)).toMatchObject({ code: 'ledger_unavailable' });
  expect(effects()).toEqual([]);
});
