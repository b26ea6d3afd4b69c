import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { serving } from './support/http.ts';
import { type Message, main, ownProcess, RawClient, stage, wrapArgs } from './support/wrap.ts';

const hostile = fileURLToPath(new URL('./support/hostile.mjs', import.meta.url));
const outcome = (message: Message) => message.result?._meta?.['mcp-once/outcome'];
const firstText = (message: Message) => message.result?.content?.[0]?.text;

/** Wraps one hostile server, and returns its client. */
async function wrapped(more: Record<string, string> = {}) {
  const { store, env, effects, releaseFile } = stage();
  const client = new RawClient(wrapArgs(store, [hostile]), { ...env, ...more });
  await client.initialize();
  return { client, effects, release: () => writeFileSync(releaseFile, '') };
}

/** Wraps several hostile servers, and returns their client. @param servers environments by server name. */
async function several(servers: Record<string, Record<string, string>>) {
  const { folder, store } = stage();
  const file = (name: string): string => join(folder, name);
  const entries = Object.entries(servers).map(([name, more]) => {
    return [name, { command: process.execPath, args: [hostile], env: { EFFECTS: file(name), ...more } }];
  });
  writeFileSync(file('config.json'), JSON.stringify({ store, mcpServers: Object.fromEntries(entries) }));
  const start = async () => {
    const client = new RawClient([main, 'wrap', '--config', file('config.json')]);
    await client.initialize();
    return client;
  };
  const effects = (name: string): string[] =>
    existsSync(file(name)) ? readFileSync(file(name), 'utf8').split('\n').slice(0, -1) : [];
  return { start, file, effects };
}

test('answers the requests of a proxy that wraps another proxy', async () => {
  const { store, env, effects } = stage();
  const inner = wrapArgs(store, [hostile], ['--id', 'inner']);
  const client = new RawClient(wrapArgs(store, inner), env);
  await client.initialize();
  const first = await client.call('effect', { what: 'nested' });
  expect(firstText(first)).toBe('done nested');
  expect(outcome(await client.call('effect', { what: 'nested' })).replayed).toBe(true);
  expect(firstText(await client.ask('tools/call', { name: 'get_thing', arguments: {} }, 'mcp-once:mine'))).toBe(
    'done get_thing',
  );
  expect(effects()).toEqual(['nested', 'get_thing']);
});

test('does not repeat a call that a listed tool answered with "method not found"', async () => {
  const { client, effects } = await wrapped();
  const args = { what: 'asked a client that cannot', mode: 'no-method' };
  expect(outcome(await client.call('effect', args))?.code).toBe('outcome_unknown');
  expect(outcome(await client.call('effect', args))?.code).toBe('outcome_unknown');
  expect(effects()).toHaveLength(1);
});

test('executes a call with the input that its server requested', async () => {
  const { client, effects } = await wrapped();
  const args = { what: 'more', mode: 'input' };
  const asked = await client.call('effect', args);
  expect(asked.result).toMatchObject({ resultType: 'input_required', requestState: 'state' });
  const more = { inputResponses: { a: {} }, requestState: 'state' };
  expect(firstText(await client.call('effect', args, more))).toBe('done more');
  expect(outcome(await client.call('effect', args, more)).replayed).toBe(true);
  expect(effects()).toEqual(['more']);
});

test('ignores a response that a server invents for a guarded call in flight', async () => {
  const { client, effects, release } = await wrapped();
  const executing = client.ask(
    'tools/call',
    { name: 'effect', arguments: { mode: 'spoof', what: 's', ids: [77] } },
    77,
  );
  const next = await client.call('effect', { what: 'other' });
  expect(firstText(next)).toBe('done other');
  release();
  expect(firstText(await executing)).toBe('done s');
  expect(client.heard.filter(({ id }) => id === 77)).toHaveLength(1);
  expect(effects()).toEqual(['other', 's']);
});

test('ignores a second response, and a response without a request', async () => {
  const { client, effects } = await wrapped();
  expect(firstText(await client.call('effect', { what: 't', mode: 'twice' }))).toBe('done t');
  expect(firstText(await client.call('effect', { what: 't', mode: 'twice' }))).toBe('done t');
  expect(effects()).toEqual(['t']);
});

test('ignores a response of another server', async () => {
  const { start, file } = await several({ evil: {}, good: {} });
  const client = await start();
  const name = 'good_get_thing';
  const reading = client.ask('tools/call', { name, arguments: { mode: 'release', what: 'true' } }, 501);
  await expect.poll(() => existsSync(file('good'))).toBe(true);
  const spoofing = client.call('evil_effect', { mode: 'spoof', what: 'x', ids: [501] });
  writeFileSync(file('evil.release'), '');
  await spoofing;
  writeFileSync(file('good.release'), '');
  expect(firstText(await reading)).toBe('done true');
});

test('leads colliding names to the same servers, whichever server lists its tools first', async () => {
  const told: unknown[] = [];
  for (const [early, late] of [
    ['a_b', 'a'],
    ['a', 'a_b'],
  ] as const) {
    const { folder } = stage();
    const listing = join(folder, 'listing');
    const tools = { a: { TOOLS: 'b_c' }, a_b: { TOOLS: 'c' } };
    const servers = { ...tools, [late]: { ...tools[late], LIST_AFTER: listing } };
    const { start, file } = await several(servers);
    const client = await start();
    const list = client.ask('tools/list', {});
    await expect.poll(() => existsSync(file(`${early}.listed`))).toBe(true);
    writeFileSync(listing, '');
    const names = (await list).result.tools
      .map(({ name }: Message) => name)
      .filter((name: string) => /^a_b_c/.test(name));
    const answers = await Promise.all(names.sort().map((name: string) => client.call(name, {})));
    told.push(names.map((name: string, index: number) => [name, firstText(answers[index])]));
  }
  expect(told[0]).toEqual(told[1]);
});

test('delivers progress to the next caller that uses the token of a cancelled call', async () => {
  const { client, effects, release } = await wrapped();
  const more = { _meta: { progressToken: 'p' } };
  client.send({
    id: 900,
    method: 'tools/call',
    params: { name: 'effect', arguments: { what: 'one', mode: 'release' }, ...more },
  });
  await expect.poll(effects).toEqual(['one']);
  client.send({ method: 'notifications/cancelled', params: { requestId: 900 } });
  const second = client.call('effect', { what: 'two', mode: 'release' }, more);
  await client.until(({ method, params }) => method === 'notifications/progress' && params.message === 'two');
  release();
  expect(firstText(await second)).toBe('done two');
  expect(client.heard.some(({ id }) => id === 900)).toBe(false);
});

test('sends a repeat again after a guard in the server refused the call', async () => {
  const { client, effects } = await wrapped();
  const codes = ['idempotency_in_flight', 'ledger_unavailable'];
  for (const code of codes) {
    const args = { what: code, mode: 'guarded', code };
    // The code is mcp-once's own, because only mcp-once states outcomes.
    expect(outcome(await client.call('effect', args)), code).toMatchObject({ code: 'operation_failed' });
    expect(firstText(await client.call('effect', args))).toBe(`done ${code}`);
  }
  expect(effects()).toEqual(codes);
});

test('reports an unknown outcome when a guard in the server does not know it', async () => {
  const { client } = await wrapped();
  const args = { what: 'u', mode: 'guarded', code: 'outcome_unknown' };
  expect(outcome(await client.call('effect', args))).toMatchObject({ code: 'outcome_unknown' });
  expect(outcome(await client.call('effect', args))).toMatchObject({ code: 'outcome_unknown' });
});

test('does not repeat calls that the server had read before it died', async () => {
  const { client, effects, release } = await wrapped();
  const padding = 'x'.repeat(20_000);
  expect(firstText(await client.call('get_thing', { mode: 'stall' }))).toBe('stalled');
  const all = Array.from({ length: 60 }, (_, index) => ({ what: `w${index}`, mode: 'dying', last: 30, padding }));
  const calling = Promise.all(all.map((args) => client.call('effect', args)));
  // Messages are read in order: after the refusal of a later message, all earlier calls have been read and claimed.
  await client.ask('tools/call', { name: 'effect', arguments: 'none' });
  release();
  const told = await calling;
  const executed = new Set(effects());
  const wrong = told.filter((each, index) => executed.has(`w${index}`) && outcome(each).code === 'operation_failed');
  await Promise.all(all.map((args) => client.call('effect', args)));
  expect(effects()).toHaveLength(new Set(effects()).size);
  expect(wrong).toEqual([]);
});

test.each(['__proto__', 'constructor', 'toString'])('guards a tool named %s', async (name) => {
  const { client, effects } = await wrapped({ TOOLS: name });
  expect(outcome(await client.call(name, {})).replayed).toBe(false);
  expect(outcome(await client.call(name, {})).replayed).toBe(true);
  expect(effects()).toEqual([name]);
});

test('executes at most once for hostile clients: early calls, reused ids, batches, foreign tokens, cancelled repeats', async () => {
  const { store, env, effects, releaseFile } = stage();
  const client = new RawClient(wrapArgs(store, [hostile]), env);
  expect(firstText(await client.call('effect', { what: 'early' }))).toBe('done early');
  await client.initialize();
  const replay = await client.call('effect', { what: 'early' });
  const { repeatToken } = outcome(replay);
  const forged = await client.call('effect', { what: 'other', repeat_token: repeatToken });
  expect(outcome(forged).code).toBe('invalid_repeat_token');
  client.child.stdin?.write(
    `[${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'effect', arguments: { what: 'batch' } } })}]\n`,
  );
  const params = { name: 'effect', arguments: { what: 'same', mode: 'release' } };
  client.send({ id: 'x', method: 'tools/call', params });
  client.send({ id: 'x', method: 'tools/call', params });
  await expect.poll(effects).toEqual(['early', 'same']);
  client.send({ method: 'notifications/cancelled', params: { requestId: 'x' } });
  const repeated = client.call('effect', params.arguments);
  writeFileSync(releaseFile, '');
  expect(outcome(await repeated).replayed).toBe(true);
  expect(effects()).toEqual(['early', 'same']);
});

test('keeps a tool guarded that its server calls read-only after the first call', async () => {
  const { store, folder, env, effects } = stage();
  const hint = join(folder, 'hint');
  const client = new RawClient(wrapArgs(store, [hostile]), { ...env, HINT_AFTER: hint });
  await client.initialize();
  await client.call('effect', { what: 'h' });
  writeFileSync(hint, '');
  const { tools } = (await client.ask('tools/list', {})).result;
  expect(tools[0]).toMatchObject({ name: 'effect', annotations: { readOnlyHint: true } });
  expect(outcome(await client.call('effect', { what: 'h' }))).toMatchObject({ replayed: true });
  expect(effects()).toEqual(['h']);
});

test('executes nothing in a second proxy while the first is stopped, and gives all callers the outcome afterwards', async () => {
  const { store, env, effects, releaseFile } = stage();
  const start = async () => {
    const client = ownProcess(wrapArgs(store, [hostile]), env);
    await client.initialize();
    return client;
  };
  const [stopped, other] = await Promise.all([start(), start()]);
  const args = { what: 'stopped', mode: 'release' };
  const executing = stopped.call('effect', args);
  await expect.poll(effects).toEqual(['stopped']);
  stopped.child.kill('SIGSTOP');
  expect(outcome(await other.call('effect', args)).code).toBe('outcome_unknown');
  writeFileSync(releaseFile, '');
  stopped.child.kill('SIGCONT');
  expect(firstText(await executing)).toBe('done stopped');
  await expect
    .poll(async () => outcome(await other.call('effect', args)))
    .toMatchObject({ code: 'succeeded', replayed: true });
  expect(effects()).toEqual(['stopped']);
});

test('sends nothing again from three proxies whose identical calls wait while the server dies', async () => {
  const { store, env, effects, starts } = stage();
  const clients = [1, 2, 3].map(() => new RawClient(wrapArgs(store, [hostile]), env));
  await Promise.all(clients.map((client) => client.initialize()));
  const args = { what: 'dies', mode: 'release' };
  const told = Promise.all(clients.flatMap((client) => [client.call('effect', args), client.call('effect', args)]));
  await expect.poll(effects).toEqual(['dies']);
  for (const pid of starts()) process.kill(pid, 'SIGKILL');
  const codes = (await told).map((each) => outcome(each).code);
  expect(codes).toEqual(codes.map(() => 'outcome_unknown'));
  expect(effects()).toEqual(['dies']);
});

/** Wraps an HTTP server that executes each call and then responds with the given function. */
async function wrappedHttp(answer: (message: Message, response: ServerResponse, origin: string) => void) {
  const effects: string[] = [];
  const { origin } = await serving(async (request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(404).end();
      return;
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    const message: Message = JSON.parse(body);
    const { id, method, params } = message;
    const result = (value: unknown): void => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: value }));
    };
    const { protocolVersion } = params ?? {};
    if (request.url === '/old') response.writeHead(307, { location: '/mcp' }).end();
    else if (method === 'initialize')
      result({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'h', version: '1' } });
    else if (id === undefined) response.writeHead(202).end();
    else if (method === 'tools/list') result({ tools: [{ name: 'effect', inputSchema: { type: 'object' } }] });
    else {
      effects.push(params.arguments.what);
      answer(message, response, origin);
    }
  });
  const client = new RawClient([main, 'wrap', '--store', stage().store, `${origin}/old`]);
  await client.initialize();
  return { client, effects };
}

const headers = (type: string) => ({ 'content-type': type });
const after: Record<string, (message: Message, response: ServerResponse, origin: string) => void> = {
  'a response under another id': (_, response) =>
    response.writeHead(200, headers('application/json')).end('{"jsonrpc":"2.0","id":"z","result":{"content":[]}}'),
  'JSON that is not JSON-RPC': (_, response) => response.writeHead(200, headers('application/json')).end('{"hello":1}'),
  'half a response': (_, response) => response.writeHead(200, headers('application/json')).end('{"jsonrpc":'),
  'a page': (_, response) => response.writeHead(200, headers('text/html')).end('<p>done'),
  'an invalid event': (_, response) =>
    response.writeHead(200, headers('text/event-stream')).end('event: message\ndata: {no\n\n'),
  'a reset': (_, response) => response.socket?.resetAndDestroy(),
  'HTTP 409': (_, response) => response.writeHead(409).end(),
  'HTTP 504': (_, response) => response.writeHead(504).end(),
  'HTTP 303 to a missing page': (_, response, origin) =>
    response.writeHead(303, { location: `${origin}/result` }).end(),
  'HTTP 302 to a missing page': (_, response) => response.writeHead(302, { location: '/login' }).end(),
};

test('does not repeat a call that was executed over HTTP and then not answered with its result', async () => {
  const { client, effects } = await wrappedHttp((message, ...more) =>
    after[message.params.arguments.what]?.(message, ...more),
  );
  for (const how of Object.keys(after)) {
    expect(outcome(await client.call('effect', { what: how })).code, how).toBe('outcome_unknown');
    expect(outcome(await client.call('effect', { what: how })).code, how).toBe('outcome_unknown');
  }
  expect(effects).toEqual(Object.keys(after));
});
