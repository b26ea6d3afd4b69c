import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openerOf } from '../../src/wrap/login/command.ts';
import { browse, oauthStage } from '../support/oauth-server.ts';
import { startHere } from '../support/run-here.ts';
import { serving } from './support/http.ts';
import { baseEnvironment, main, outcomeOf, RawClient, stage } from './support/wrap.ts';

/** Sets up a server that requires a login, and a user without a stored login. */
async function loggingIn() {
  const { folder, store } = stage();
  const server = await oauthStage();
  const env = { ...baseEnvironment, HOME: folder, XDG_DATA_HOME: folder };
  const loginArgs = (more: readonly string[] = []) => {
    return ['wrap', '--store', store, '--login', '--no-browser', ...more, server.url];
  };
  const login = (more?: readonly string[]) => startHere(env, loginArgs(more));
  const loginProcess = () => new RawClient([main, ...loginArgs()], env);
  const wrapped = (more: readonly string[] = []) =>
    new RawClient([main, 'wrap', '--store', store, '--log-level', 'debug', ...more, server.url], env);
  const logins = join(folder, 'mcp-once', 'logins');
  return { server, login, loginProcess, wrapped, logins };
}

/** Sets up a server and a user who has logged in. */
async function loggedIn() {
  const staged = await loggingIn();
  const person = staged.login();
  expect((await browse(() => person.stderr)).status).toBe(200);
  expect(await person.exited).toBe(0);
  return staged;
}

const call = async (client: RawClient, n = 1) => outcomeOf((await client.call('effect', { n })).result);

test('executes calls after a login in the browser, and renews an expired token without a person', async () => {
  const { server, wrapped, logins } = await loggedIn();
  const client = wrapped();
  await client.initialize();
  expect(await call(client)).toMatchObject({ code: 'succeeded', replayed: false });
  server.expire();
  expect(await call(client, 2)).toMatchObject({ code: 'succeeded', replayed: false });
  expect(server.seen).toMatchObject({ registered: 1, exchanged: 1, refreshed: 1, effects: 2 });
  const files = readdirSync(logins);
  expect(files).toHaveLength(1);
  expect(statSync(logins).mode & 0o777).toBe(0o700);
  expect(statSync(join(logins, files[0] ?? '')).mode & 0o777).toBe(0o600);
  client.end();
  await client.exited;
  expect(client.stderr).not.toMatch(/access-|refresh-/);
  expect(JSON.stringify(client.heard)).not.toMatch(/access-|refresh-/);
});

test('renews the login once for calls that two processes had rejected together', async () => {
  const { server, wrapped } = await loggedIn();
  const clients = [wrapped(), wrapped()];
  for (const client of clients) await client.initialize();
  await Promise.all(clients.map((client) => client.ask('tools/list', {})));
  server.expire();
  const outcomes = await Promise.all(clients.flatMap((client, at) => [1, 2, 3].map((n) => call(client, at * 10 + n))));
  expect(outcomes.map((outcome) => outcome?.code)).toEqual(Array.from({ length: 6 }, () => 'succeeded'));
  expect(server.seen).toMatchObject({ refreshed: 1, effects: 6 });
});

test('names the login command without a terminal, and uses a later login at once', async () => {
  const { server, loginProcess, wrapped } = await loggingIn();
  const client = wrapped();
  const { error } = await client.initialize();
  expect(error.message).toContain(`mcp-once wrap --login ${server.url}`);
  expect(error.message).toMatch(/Nothing was executed/);
  expect(server.seen.registered).toBe(0);
  const person = loginProcess();
  await browse(() => person.stderr);
  expect(await person.exited).toBe(0);
  expect((await client.initialize()).result.serverInfo.name).toBe('guarded');
  expect(await call(client)).toMatchObject({ code: 'succeeded' });
});

test('stores nothing after a refused login', async () => {
  const { server, login, logins } = await loggingIn();
  server.behaviour.page = 'refuse';
  const person = login();
  expect((await browse(() => person.stderr)).status).toBe(400);
  expect(await person.exited).toBe(1);
  expect(person.stderr).toMatch(/login failed: the login was refused \(access_denied\)/);
  for (const file of readdirSync(logins)) expect(readFileSync(join(logins, file), 'utf8')).not.toMatch(/access_token/);
});

test('ignores a callback with another state, and accepts the true one', async () => {
  const { server, login } = await loggingIn();
  server.behaviour.page = 'other-state';
  const person = login();
  const forged = await browse(() => person.stderr);
  expect(forged).toMatchObject({ status: 400, text: expect.stringMatching(/does not belong to a login/) });
  expect(server.seen.exchanged).toBe(0);
  server.behaviour.page = 'grant';
  expect((await browse(() => person.stderr)).status).toBe(200);
  expect(await person.exited).toBe(0);
  expect(server.seen.exchanged).toBe(1);
});

test('refuses a callback from another authorization server (RFC 9207)', async () => {
  const { server, login } = await loggingIn();
  server.behaviour.page = 'other-issuer';
  const person = login();
  expect((await browse(() => person.stderr)).status).toBe(400);
  expect(await person.exited).toBe(1);
  expect(server.seen.exchanged).toBe(0);
});

test.each([
  ['refused', /the login has expired/, 'removes the login'],
  ['down', /the login cannot be renewed at the moment/, 'keeps the login'],
] as const)('executes nothing when a renewal is %s, and %s', async (refreshes, message, kept) => {
  const { server, wrapped, logins } = await loggedIn();
  const client = wrapped();
  await client.initialize();
  await client.ask('tools/list', {});
  server.expire();
  server.behaviour.refreshes = refreshes;
  const { result } = await client.call('effect', { n: 1 });
  expect(outcomeOf(result)).toMatchObject({ code: 'operation_failed' });
  expect(result.content[0].text).toMatch(message);
  expect(server.seen.effects).toBe(0);
  const [file = ''] = readdirSync(logins);
  expect(readFileSync(join(logins, file), 'utf8').includes('access_token')).toBe(kept === 'keeps the login');
  server.behaviour.refreshes = 'ok';
  if (refreshes === 'down') expect(await call(client)).toMatchObject({ code: 'succeeded', attempt: 2 });
});

test('fails with a reason when a server does not register clients', async () => {
  const { server, login } = await loggingIn();
  server.behaviour.registers = false;
  const person = login();
  expect(await person.exited).toBe(1);
  expect(person.stderr).toMatch(/registration/i);
});

test('stores one login per account of a server', async () => {
  const { login, wrapped } = await loggedIn();
  const other = wrapped(['--account', 'second']);
  expect((await other.initialize()).error.message).toMatch(/--login --account "second" http/);
  const person = login(['--account', 'second']);
  await browse(() => person.stderr);
  expect(await person.exited).toBe(0);
  expect((await other.initialize()).result).toBeDefined();
  // Equal arguments are two operations for two accounts.
  const first = wrapped();
  await first.initialize();
  expect([await call(first), await call(other)].map((outcome) => outcome?.replayed)).toEqual([false, false]);
});

test('uses a token of the command line without a login', async () => {
  const { server } = await loggedIn();
  const { store } = stage();
  const args = [main, 'wrap', '--store', store, '--bearer-env', 'TOKEN', server.url];
  const client = new RawClient(args, { TOKEN: 'of-mine' });
  expect((await client.initialize()).error.message).toMatch(/HTTP 401/);
  expect(server.seen.authorizations).toContain('of-mine');
});

test('does not open a login page without https', async () => {
  const { server, login } = await loggingIn();
  server.behaviour.loginPage = 'file:///etc/passwd';
  const person = login();
  expect(await person.exited).toBe(1);
  expect(person.stderr).not.toMatch(/open this page/);
});

test('--login stores nothing for a server that requires no login', async () => {
  const { store, folder } = stage();
  const args = ['wrap', '--store', store, '--login', '--no-browser'];
  const env = { ...baseEnvironment, XDG_DATA_HOME: folder };
  const command = startHere(env, [...args, '--', process.execPath]);
  expect(await command.exited).toBe(1);
  expect(command.stderr).toMatch(/No server can use a login.*Nothing was done/);
  const { origin } = await serving((_, response) => void response.writeHead(404).end());
  const open = startHere(env, [...args, origin]);
  expect(await open.exited).toBe(0);
  expect(open.stderr).toMatch(/requires no login/);
});

test.each([
  ['linux', 'xdg-open'],
  ['darwin', 'open'],
  ['win32', 'rundll32.exe'],
] as const)('the login on %s opens the page with %s and without a shell', (platform, command) => {
  const address = 'https://x/authorize?a=1&b=%22';
  const [program, args] = openerOf(platform, address);
  expect(program).toBe(command);
  expect(args.at(-1)).toBe(address);
});
