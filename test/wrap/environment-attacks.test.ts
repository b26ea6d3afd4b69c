// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of client files look like that.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serverEnvironment } from '../../src/wrap/environment.ts';
import { serving } from './support/http.ts';
import { impostor, type Message, main, RawClient, runWrap, stage } from './support/wrap.ts';

const secrets = {
  MCP_ONCE_SECRET: 'a secret of mcp-once with many characters',
  MCP_ONCE_ENCRYPTION_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
  GITHUB_TOKEN: 'another secret',
  HTTPS_PROXY: 'http://me:password@proxy:8080',
};
const others = { LANG: 'de_CH.UTF-8', LC_TIME: 'C', TZ: 'UTC', HTTP_PROXY: 'http://proxy:8080' };

/** Starts `wrap`, and returns the variables that its server has. */
async function environmentOf(args: readonly string[], more: Record<string, string> = {}, tool = 'get_environment') {
  const client = new RawClient([main, 'wrap', ...args], { ...secrets, ...others, ...more });
  await client.initialize();
  const answer: Message = await client.call(tool, {});
  return JSON.parse(answer.result.content[0].text) as Record<string, string>;
}

/** Writes a configuration with one server, and returns the arguments for it. */
function configured(entry: object, rest: object = {}) {
  const { folder, store } = stage();
  const file = join(folder, 'config.json');
  const server = { command: process.execPath, args: [impostor], ...entry };
  writeFileSync(file, JSON.stringify({ store, mcpServers: { mine: server }, ...rest }));
  return ['--config', file];
}

function run(args: readonly string[], env: Record<string, string> = {}) {
  return runWrap(args, { ...secrets, ...env });
}

test('gives a server of the configuration the variables of its entry and the safe list only', async () => {
  const names = Object.keys(await environmentOf(configured({ env: { MINE: 'x', COPY: '${GITHUB_TOKEN}' } })));
  expect(names).toEqual(expect.arrayContaining(['PATH', 'HOME', 'MINE', 'COPY', ...Object.keys(others)]));
  expect(names.filter((name) => name in secrets)).toEqual([]);
});

test.each([
  ['its entry', { mcpOnce: { inheritEnv: true } }, {}],
  ['all servers', {}, { wrap: { inheritEnv: true } }],
])('gives a server the whole environment with inheritEnv for %s, but no secret of mcp-once', async (_, entry, rest) => {
  const names = Object.keys(await environmentOf(configured(entry, rest)));
  expect(names.filter((name) => name in secrets)).toEqual(['GITHUB_TOKEN', 'HTTPS_PROXY']);
});

test.each([
  ['no option', [], ['GITHUB_TOKEN', 'HTTPS_PROXY']],
  ['--env GITHUB_TOKEN', ['--env', 'GITHUB_TOKEN'], ['GITHUB_TOKEN']],
  ['--env MCP_ONCE_SECRET', ['--env', 'MCP_ONCE_SECRET'], ['MCP_ONCE_SECRET']],
  ['--no-inherit-env', ['--no-inherit-env'], []],
  ['--env and --inherit-env', ['--env', 'X', '--inherit-env'], ['GITHUB_TOKEN', 'HTTPS_PROXY']],
])('gives a server of the command line its variables: %s', async (_, options, expected) => {
  const { store } = stage();
  const names = Object.keys(await environmentOf(['--store', store, ...options, '--', process.execPath, impostor]));
  expect(names.filter((name) => name in secrets).sort()).toEqual(expected);
});

test('refuses a value in --env, and --env for a URL', async () => {
  const valued = await run(['--env', 'TOKEN=s3cret', '--', 'x']);
  expect([valued.code, valued.stderr]).toEqual([2, expect.stringMatching(/takes the name of a variable/)]);
  expect(valued.stderr).not.toContain('s3cret');
  expect((await run(['--env', 'A', 'https://x.example/mcp'])).stderr).toMatch(/require a command/);
});

test('names the missing variables when a server does not start, and in --explain', async () => {
  const failing = configured({ env: { REQUIRED: 'NEEDED' } });
  const hint = /it did not get \d+ variables of the environment: add one to "env" of its entry, or set "inheritEnv"/;
  expect((await run([...failing, '--explain'], { NEEDED: 'x' })).stderr).toMatch(hint);
  const client = new RawClient([main, 'wrap', ...failing], { NEEDED: 'x', MORE: 'y' });
  return expect(client.ask('initialize', { protocolVersion: '2025-11-25' })).resolves.toMatchObject({
    error: { message: expect.stringMatching(hint) },
  });
});

test('prints in --explain which variables a server gets', async () => {
  const explained = await run([...configured({ env: { MINE: 'v4lue' } }), '--explain']);
  expect(explained.stdout).toMatch(/Its variables: a short safe list and MINE; it does not get 2 variables/);
  expect(explained.stdout).not.toContain('v4lue');
});

test('passes the safe list of Windows by names of any case, and no shell function', async () => {
  const environment = { Path: 'p', SystemRoot: 's', Secret: 'x', TERM: '() { :; }' };
  const choice = { inherits: false, remedy: 'do this' };
  expect(Object.keys(serverEnvironment(environment, choice, 'win32').variables)).toEqual(['Path', 'SystemRoot']);
});

/** Rewrites a client's file with one server, and returns its new entry. */
async function rewritten(entry: object) {
  const { folder } = stage();
  const file = join(folder, 'client.json');
  writeFileSync(file, JSON.stringify({ mcpServers: { mine: entry } }));
  expect((await run(['--config', file, '--write'])).code).toBe(0);
  const read = () => JSON.parse(readFileSync(file, 'utf8'));
  /** Changes the file, and removes only mcp-once. */
  const undone = async () => {
    writeFileSync(file, JSON.stringify({ ...read(), theme: 'dark' }));
    expect((await run(['--config', file, '--undo', '--force'])).code).toBe(0);
    return read().mcpServers.mine;
  };
  return { entry: read().mcpServers.mine as Message, undone };
}

test('gives the server of a rewritten entry the variables of that entry only', async () => {
  const { store } = stage();
  const env = { TOKEN: 'v', MCP_ONCE_STORE: store };
  const { entry } = await rewritten({ command: process.execPath, args: [impostor], env });
  expect(entry.args.slice(4, 7)).toEqual(['--env=TOKEN', '--', process.execPath]);
  const names = Object.keys(await environmentOf(entry.args.slice(2), entry.env));
  expect(names).toContain('TOKEN');
  expect(names.filter((name) => name in secrets || name === 'MCP_ONCE_STORE')).toEqual([]);
});

test('gives the server of a rewritten entry with envFile the whole environment', async () => {
  const { entry } = await rewritten({ command: 'x', envFile: '.env', env: { A: 'b' } });
  expect(entry.args.slice(4)).toEqual(['--inherit-env', '--', 'x']);
});

test.each([
  ['query', 'https://x.example/mcp?api_key=s3cret'],
  ["client's variable", 'https://x.example/mcp/${input:s3cret}'],
  ['path', 'https://x.example/s/s3cretS3CRET0123456789/mcp'],
])('keeps a secret of a rewritten URL off the command line: %s', async (_, url) => {
  for (const headers of [undefined, { 'X-Key': 'k' }]) {
    const { entry, undone } = await rewritten({ type: 'http', url, ...(headers && { headers }) });
    expect(JSON.stringify(entry.args)).not.toContain('s3cret');
    expect(entry.args.slice(4)).toEqual(['--url-env', 'MCP_ONCE_URL']);
    expect(entry.env).toEqual({ MCP_ONCE_URL: url, ...(headers && { MCP_ONCE_HEADER_1: 'X-Key: k' }) });
    expect(await undone()).toEqual({ type: 'http', url, ...(headers && { headers }) });
  }
});

test('turns the password of a rewritten URL into a header', async () => {
  const { entry, undone } = await rewritten({ url: 'https://me:s3cret%21@x.example/mcp' });
  const header = `Basic ${Buffer.from('me:s3cret!').toString('base64')}`;
  expect(entry.args.slice(4)).toEqual(['https://x.example/mcp']);
  expect(entry.env).toEqual({ MCP_ONCE_HEADER_0: `Authorization: ${header}` });
  expect(await undone()).toEqual({ url: 'https://me:s3cret%21@x.example/mcp' });
});

test('connects to the URL of a variable, and to a URL and a header with variables', async () => {
  const { store } = stage();
  const asked: unknown[] = [];
  const { origin } = await serving((request, response) => {
    asked.push([request.url, request.headers['x-key']]);
    response.writeHead(500).end();
  });
  const expected: unknown[] = [];
  for (const args of [
    ['--url-env', 'WHERE'],
    ['--header', 'X-Key: ${KEY}', `${origin}/mcp?key=\${KEY}`],
  ]) {
    const env = { KEY: 's3cret', WHERE: `${origin}/mcp?key=s3cret` };
    const client = new RawClient([main, 'wrap', '--store', store, ...args], env);
    await client.ask('initialize', { protocolVersion: '2025-11-25' });
    expected.push(['/mcp?key=s3cret', args[0] === '--header' ? 's3cret' : undefined]);
    expect(asked.slice(-1)).toEqual(expected.slice(-1));
  }
  expect((await run(['--url-env', 'NOT_SET'])).stderr).toMatch(/the variable NOT_SET is not set/);
  expect((await run(['--url-env', 'HOME', 'x'])).stderr).toMatch(/name no other/);
});
