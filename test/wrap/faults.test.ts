import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Message, main, ownProcess, RawClient, scripted, stage, wrapArgs } from './support/wrap.ts';

const outcome = (message: Message) => message.result?._meta?.['mcp-once/outcome'];
/** Whether a process runs. A zombie, which has ended and was not reaped, does not count. */
const alive = (pid: number): boolean => !/^State:\s*Z/m.test(statusOf(pid) ?? 'State: Z');

function statusOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return undefined;
  }
}

test('restarts a server that died in a guarded call, and executes nothing for a repeat', async () => {
  const { wrapped, effects, starts } = stage();
  const client = wrapped();
  await client.initialize({ clientInfo: { name: 'raw', version: '1', own: true } });
  const waiting = client.call('get_thing', { mode: 'hang' });
  const died = await client.call('effect', { what: 'd', mode: 'die' });
  expect(outcome(died)).toMatchObject({ code: 'outcome_unknown' });
  expect(died.result.content[0].text).toMatch(/exit code 7/);
  const lost = await waiting;
  expect(lost.error).toMatchObject({ code: -32000, message: expect.stringContaining('exit code 7') });
  // The new process was initialized with the client's message.
  expect((await client.call('effect', { what: 'other' })).result.content[0].text).toBe('done other');
  expect(starts()).toHaveLength(2);
  expect(outcome(await client.call('effect', { what: 'd', mode: 'die' }))).toMatchObject({ code: 'outcome_unknown' });
  expect(effects()).toEqual(['d', 'other']);
});

test('control: does not restart without the proxy, and a repeat takes effect twice', async () => {
  const { direct, effects } = stage();
  for (let time = 0; time < 2; time += 1) {
    const client = direct();
    await client.initialize();
    client.send({ id: 'x', method: 'tools/call', params: { name: 'effect', arguments: { what: 'd', mode: 'die' } } });
    await client.exited;
  }
  expect(effects()).toEqual(['d', 'd']);
});

test('reports an unknown outcome after SIGKILL of the executing server, and continues other calls', async () => {
  const { wrapped, effects, starts } = stage();
  const client = wrapped();
  await client.initialize();
  const killed = client.call('effect', { what: 'k', mode: 'hang' });
  await expect.poll(effects).toEqual(['k']);
  process.kill(starts()[0] ?? 0, 'SIGKILL');
  expect(outcome(await killed)).toMatchObject({ code: 'outcome_unknown' });
  expect((await client.call('effect', { what: 'next' })).result.content[0].text).toBe('done next');
});

test('restarts a process five times a minute, and then reports errors', async () => {
  const { wrapped, starts } = stage();
  const client = wrapped();
  await client.initialize();
  for (let time = 0; time < 5; time += 1) expect((await client.ask('x/die')).error.message).toMatch(/exit code 9/);
  await client.ask('x/die');
  const refused = await client.call('get_thing', {});
  expect(refused.error.message).toMatch(/restarted 5 times within a minute.*Nothing was executed/);
  expect(outcome(await client.call('effect', { what: 'never' })) ?? refused.error).toBeDefined();
  expect(starts()).toHaveLength(6);
});

test('cancels the requests of a process that ended, and renames those of the next one', async () => {
  const { wrapped } = stage();
  const client = wrapped();
  await client.initialize({ capabilities: { roots: {} } });
  void client.ask('x/ask', { method: 'roots/list' }, 'first');
  await client.until(({ id, method }) => id === 0 && method === 'roots/list');
  await client.ask('x/die', {}, 'die');
  await client.until(({ method, params }) => method === 'notifications/cancelled' && params.requestId === 0);
  const second = client.ask('x/ask', { method: 'roots/list' }, 'second');
  const asked = await client.until(({ id, method }) => id !== 0 && method === 'roots/list');
  client.send({ id: 0, result: { roots: ['late'] } });
  client.send({ id: asked.id, result: { roots: ['right'] } });
  expect((await second).result.said.result).toEqual({ roots: ['right'] });
});

test('stores and replays isError, and reports a JSON-RPC error as unknown', async () => {
  const { wrapped, effects } = stage();
  const client = wrapped();
  await client.initialize();
  const first = await client.call('effect', { what: 'e', mode: 'is-error' });
  const second = await client.call('effect', { what: 'e', mode: 'is-error' });
  expect([first, second].map((each) => outcome(each).replayed)).toEqual([false, true]);
  expect(second.result).toMatchObject({ isError: true, content: [{ text: 'upstream timed out for e' }, {}] });
  for (const mode of ['rpc-error', 'bad-params']) {
    const told = await client.call('effect', { what: mode, mode });
    expect(outcome(told)).toMatchObject({ code: 'outcome_unknown' });
    await client.call('effect', { what: mode, mode });
  }
  expect(effects()).toEqual(['e', 'rpc-error', 'bad-params']);
});

test('reports a result over 64 MiB as unknown for a guarded call and as an error for a read, and keeps the process', async () => {
  const { wrapped, starts, effects } = stage();
  const client = wrapped();
  await client.initialize();
  const [guarded, read] = await Promise.all([
    client.call('effect', { what: 'b', mode: 'big' }),
    client.call('get_thing', { mode: 'big' }),
  ]);
  expect(outcome(guarded)).toMatchObject({ code: 'outcome_unknown' });
  expect(guarded.result.content[0].text).toMatch(/67108864 bytes/);
  expect(read.error.message).toMatch(/67108864 bytes/);
  expect(starts()).toHaveLength(1);
  expect((await client.call('effect', { what: 'after' })).result.content[0].text).toBe('done after');
  expect(effects()).toEqual(['b', 'after']);
});

test('ignores junk on stdout, and logs it without its content', async () => {
  const { wrapped } = stage();
  const client = wrapped({ BEHAVE: 'junk' });
  const { result } = await client.initialize();
  expect(result.serverInfo.name).toBe('scripted');
  await expect.poll(() => client.stderr).toMatch(/is not a JSON-RPC message/);
  expect(client.stderr).not.toMatch(/Listening/);
});

test.each([
  ['a missing command', ['/nowhere/at-all'], {}, [], /cannot be started.*does not exist/],
  [
    'a server that exits at once',
    [process.execPath, scripted],
    { BEHAVE: 'exit' },
    [],
    /did not start: the process ended with exit code 3/,
  ],
  [
    'a server that never answers initialize',
    [process.execPath, scripted],
    { BEHAVE: 'mute' },
    ['--initialize-timeout', '1'],
    /did not answer initialize within 1 s/,
  ],
])('tells the client about %s, and exits with 1', async (_, command, env, options, message) => {
  const { store } = stage();
  const args = [main, 'wrap', '--store', store, ...options, '--', ...command];
  const client = new RawClient(args, env as Record<string, string>);
  const told = await client.ask('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} });
  expect(told.error.message).toMatch(message);
  expect(await client.exited).toBe(1);
  expect(client.stderr).toMatch(message);
});

test('refuses a configuration that wraps itself', async () => {
  const { folder, store } = stage();
  const file = join(folder, 'config.json');
  const args = [main, 'wrap', '--config', file];
  writeFileSync(file, JSON.stringify({ store, mcpServers: { self: { command: process.execPath, args } } }));
  // The refusal comes from the inner process, on the stderr that it shares with the outer one.
  const client = ownProcess(args);
  const told = await client.ask('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} });
  expect(told.error.message).toMatch(/did not start/);
  expect(await client.exited).toBe(1);
  expect(client.stderr).toMatch(/self is wrapped by itself/);
});

test('refuses a shared store without a subject', () => {
  const args = wrapArgs('redis://127.0.0.1:1', [scripted]);
  const { status, stderr } = spawnSync(process.execPath, args, { input: '', encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/MCP_ONCE_SUBJECT/);
});

test.each(['the end of stdin', 'SIGTERM'])('drains running calls and ends the server on %s', async (how) => {
  const { wrapped, effects, starts, releaseFile } = stage();
  const client = wrapped();
  await client.initialize();
  const executing = client.call('effect', { what: 'last', mode: 'release' });
  await expect.poll(effects).toEqual(['last']);
  if (how === 'SIGTERM') client.child.kill('SIGTERM');
  else client.end();
  writeFileSync(releaseFile, '');
  expect(outcome(await executing)).toMatchObject({ code: 'succeeded' });
  expect(await client.exited).toBe(0);
  await expect.poll(() => alive(starts()[0] ?? 0)).toBe(false);
});

test('executes nothing for a repeat through another proxy after SIGKILL of the first', async () => {
  const { wrapped, store, env, effects, starts } = stage();
  const client = ownProcess(wrapArgs(store, [scripted]), env);
  await client.initialize();
  client.send({ id: 'x', method: 'tools/call', params: { name: 'effect', arguments: { what: 'p', mode: 'hang' } } });
  await expect.poll(effects).toEqual(['p']);
  client.child.kill('SIGKILL');
  await client.exited;
  // The server's stdin ended with the proxy.
  await expect.poll(() => alive(starts()[0] ?? 0)).toBe(false);
  const next = wrapped();
  await next.initialize();
  const told = await next.call('effect', { what: 'p', mode: 'hang' });
  expect(outcome(told).code).toMatch(/outcome_unknown|idempotency_in_flight/);
  expect(effects()).toEqual(['p']);
});

test('executes one of 30 concurrent calls through three proxies and gives all of them its result', async () => {
  const { wrapped, effects } = stage();
  const clients = [wrapped(), wrapped(), wrapped()];
  await Promise.all(clients.map((client) => client.initialize()));
  const told = await Promise.all(
    clients.flatMap((client) => Array.from({ length: 10 }, () => client.call('effect', { what: 'three' }))),
  );
  expect(effects()).toEqual(['three']);
  expect(told.filter((each) => outcome(each).replayed)).toHaveLength(29);
  expect(new Set(told.map((each) => each.result.content[0].text))).toEqual(new Set(['done three']));
});
