import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type Event, type Reply, ServerProcess } from './fixtures/mcp-server-process.ts';

const running: ServerProcess[] = [];
function start(environment: Record<string, string> = {}): ServerProcess {
  const server = new ServerProcess(environment);
  running.push(server);
  return server;
}
afterEach(() => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL');
});

let shared: ServerProcess | undefined;
/** Returns the server of all tests that neither end nor configure theirs. */
async function sharedServer(): Promise<ServerProcess> {
  shared ??= new ServerProcess();
  await shared.forget();
  return shared;
}
afterAll(() => void shared?.child.kill('SIGKILL'));

const ping = (id: number): string => JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' });
const toolCalls = (server: ServerProcess): Event[] => server.events.all.filter(({ event }) => event === 'call');

describe('an invalid line', () => {
  const cases: [string, string | Uint8Array, number, Reply['id'], RegExp][] = [
    ['not JSON', '{"jsonrpc":"2.0",\n', -32700, null, /not valid JSON/],
    [
      'invalid UTF-8',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xc3, 0x28), Buffer.from('"}\n')]),
      -32700,
      null,
      /UTF-8/,
    ],
    ['a number', '42\n', -32600, null, /not a JSON-RPC message/],
    ['a batch', `[${ping(1)},${ping(2)}]\n`, -32600, null, /batch/],
    ['an object without method', '{"jsonrpc":"2.0","id":7}\n', -32600, 7, /no method/],
    ['another version', '{"jsonrpc":"1.0","id":"a","method":"ping"}\n', -32600, 'a', /jsonrpc/],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"ping"}\n', -32600, null, /\(at id\)/],
    ['an id that is null', '{"jsonrpc":"2.0","id":null,"method":"ping"}\n', -32600, null, /\(at id\)/],
    [
      'params that are a list',
      '{"jsonrpc":"2.0","id":8,"method":"tools/call","params":["echo"]}\n',
      -32600,
      8,
      /params/,
    ],
    [
      'a progress token that is a list',
      '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"echo","_meta":{"progressToken":[]}}}\n',
      -32600,
      9,
      /params\._meta\.progressToken/,
    ],
  ];

  test.each(cases)(
    'gets an error, executes nothing and leaves the server running: %s',
    async (_, line, code, id, message) => {
      const server = await sharedServer();
      server.write(line);
      const { error } = await server.reply(id ?? null);
      expect(error?.code).toBe(code);
      expect(error?.message).toMatch(message);
      expect(error?.message).toContain('Nothing was executed');
      await server.pings();
      expect(toolCalls(server)).toEqual([]);
    },
  );

  test('gets no response when it is empty, CRLF, or an invalid notification or response', async () => {
    const server = await sharedServer();
    server.write('\n\r\n\n');
    server.write('{"jsonrpc":"2.0","method":"notifications/x","params":[1]}\n');
    server.write('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}\n');
    server.write(`${ping(1)}\r\n${ping(2)}\n`);
    await Promise.all([server.reply(1), server.reply(2)]);
    await server.pings();
    expect(server.replies.all.map(({ id }) => id)).toEqual([1, 2, 'ping']);
  });

  test('is dropped up to its newline when it exceeds the limit, however it is chunked', async () => {
    const server = start({ LINE_BYTES_MAX: '200' });
    const long = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'echo', pad: 'x'.repeat(400) },
    });
    for (const part of [long.slice(0, 150), long.slice(150, 300), long.slice(300)]) server.write(part);
    server.write(`\n${ping(2)}\n`);
    expect((await server.reply(null)).error).toMatchObject({
      code: -32600,
      message: expect.stringContaining('200 bytes'),
    });
    await server.reply(2);
    expect(server.replies.all).toHaveLength(2);
    expect(toolCalls(server)).toEqual([]);
  });

  test('is refused above 8 MiB by default', async () => {
    const server = start();
    const frame = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { pad: '' } }).length;
    const padded = (id: number, bytes: number): string =>
      `${JSON.stringify({ jsonrpc: '2.0', id, method: 'ping', params: { pad: 'x'.repeat(bytes - frame) } })}\n`;
    server.write(padded(1, 8 * 1024 * 1024));
    server.write(padded(2, 8 * 1024 * 1024 + 1));
    await server.reply(1);
    expect((await server.reply(null)).error?.message).toContain('8388608 bytes');
    await server.pings();
  });

  test('is not seen in a request that arrives byte by byte', async () => {
    const server = await sharedServer();
    for (const byte of Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', id: 'ü', method: 'ping' })}\n`))
      server.write(Buffer.of(byte));
    expect(await server.reply('ü')).toMatchObject({ result: {} });
  });
});

describe('tools/call', () => {
  test('passes arguments on as they were parsed, including an own __proto__', async () => {
    const server = await sharedServer();
    const args = '{"b":1,"__proto__":{"admin":true},"a":[null,{"__proto__":1}]}';
    server.write(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${args}}}\n`);
    const { result } = await server.reply(1);
    expect(result?.structuredContent).toMatchObject({ json: args, ownProto: true });
  });

  test.each([['[1]'], ['"x"'], ['null'], ['5']])('passes on arguments that are not an object: %s', async (args) => {
    const server = await sharedServer();
    server.write(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${args}}}\n`);
    expect((await server.reply(1)).result?.structuredContent).toMatchObject({ json: args });
  });

  test('reads the host key from _meta, then from params.idempotencyKey, of any type', async () => {
    const server = await sharedServer();
    server.call(1, 'echo', {}, { idempotencyKey: 'from-params' });
    server.call(2, 'echo', {}, { idempotencyKey: 'from-params', _meta: { 'mcp-once/idempotency-key': 'from-meta' } });
    server.call(3, 'echo', {}, { idempotencyKey: 5 });
    server.call(4, 'echo', {}, { idempotencyKey: 'from-params', _meta: { 'mcp-once/idempotency-key': null } });
    server.call(5, 'echo', {}, { _meta: { callId: 'c1' } });
    const keys: unknown[] = [];
    for (const id of [1, 2, 3, 4, 5]) keys.push((await server.reply(id)).result?.structuredContent?.hostKey);
    expect(keys).toEqual(['from-params', 'from-meta', 5, null, 'none']);
    server.call(6, 'echo', {}, { _meta: { callId: 'c1' } });
    expect((await server.reply(6)).result?.structuredContent?.meta).toEqual({ callId: 'c1' });
  });

  test('passes a call without arguments to the engine', async () => {
    const server = await sharedServer();
    server.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo' } });
    expect((await server.reply(1)).result?.structuredContent).toMatchObject({ json: 'undefined', ownProto: false });
  });

  test('refuses a call without a name with -32602', async () => {
    const server = await sharedServer();
    server.send({ jsonrpc: '2.0', id: 1, method: 'tools/call' });
    server.send({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 5 } });
    for (const id of [1, 2]) expect((await server.reply(id)).error?.code).toBe(-32602);
    expect(toolCalls(server)).toEqual([]);
  });

  test('ignores task metadata, because tasks are not declared', async () => {
    const server = await sharedServer();
    server.call(1, 'echo', {}, { task: { ttl: 1_000 } });
    expect((await server.reply(1)).result?.structuredContent).toMatchObject({ json: '{}' });
  });

  test('says after a fault what the caller can rely on, and nothing of the fault', async () => {
    const server = await sharedServer();
    server.call(1, 'fault');
    const { error } = await server.reply(1);
    expect(error).toEqual({
      code: -32603,
      message:
        'fault: an internal fault of mcp-once. The ledger knows whether the operation took effect. Call again with the same arguments to get its outcome.',
    });
    expect(await server.events.next(({ warn }) => warn !== undefined)).toMatchObject({
      warn: expect.stringContaining('fell over'),
    });
    await server.pings();
  });

  test('sends increasing progress while it waits, to callers that requested it only', async () => {
    const server = await sharedServer();
    server.call(1, 'progress', {}, { _meta: { progressToken: 'p' } });
    expect((await server.reply(1)).result?.structuredContent).toEqual({ asked: true });
    const progress = server.replies.all.filter(({ method }) => method === 'notifications/progress');
    expect(progress.map(({ params }) => [params?.progressToken, params?.progress])).toEqual([
      ['p', 1],
      ['p', 2],
      ['p', 3],
    ]);
    expect(progress[0]?.params?.message).toContain('1 s');
    server.call(2, 'progress');
    expect((await server.reply(2)).result?.structuredContent).toEqual({ asked: false });
    expect(server.replies.all.filter(({ method }) => method !== undefined)).toHaveLength(3);
  });

  test('aborts a cancelled call and sends no response', async () => {
    const server = await sharedServer();
    server.call(1, 'hold', { name: 'a' });
    await server.event('held');
    server.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, reason: 'enough' } });
    expect(await server.event('aborted')).toMatchObject({ name: 'a' });
    server.call(2, 'release', { name: 'a' });
    await server.reply(2);
    await server.pings();
    expect(server.replies.all.map(({ id }) => id)).toEqual([2, 'ping']);
  });

  test('refuses a second call under an id in flight, and responds to the first', async () => {
    const server = await sharedServer();
    server.call(1, 'hold', { name: 'first' });
    await server.event('held');
    server.call(1, 'echo');
    expect((await server.reply(1)).error).toMatchObject({
      code: -32600,
      message: expect.stringContaining('in flight'),
    });
    server.call(2, 'release', { name: 'first' });
    expect((await server.reply(1)).result?.structuredContent).toEqual({ name: 'first' });
    await expect.poll(() => toolCalls(server).map(({ tool }) => tool)).toEqual(['hold', 'release']);
    server.call(1, 'echo');
    expect((await server.reply(1)).result?.structuredContent).toMatchObject({ json: '{}' });
  });

  test('keeps the output of a tool that writes to stdout out of the protocol', async () => {
    const server = start();
    server.call(1, 'chatter');
    await server.reply(1);
    server.child.stdin.end();
    await server.exited;
    expect(server.stderr).toContain('a tool that writes to stdout');
    expect(server.replies.all).toHaveLength(1);
  });
});

describe('the process', () => {
  test('responds to requests in flight after stdin has ended, and then ends', async () => {
    const server = start();
    server.call(1, 'hold', { name: 'a' });
    server.call(2, 'hold', { name: 'b' });
    await Promise.all([server.event('held'), server.event('held')]);
    server.child.stdin.end();
    expect(await server.event('ended')).toEqual({ event: 'ended', held: ['a', 'b'] });
    expect((await server.reply(1)).result?.structuredContent).toEqual({ name: 'a' });
    expect((await server.reply(2)).result?.structuredContent).toEqual({ name: 'b' });
    expect(await server.exited).toEqual([0, null]);
    expect(server.events.all.some(({ event }) => event === 'aborted')).toBe(false);
    expect(server.events.all.at(-1)).toEqual({ event: 'closed' });
  });

  test('responds to a line that stdin cut short, and executes nothing', async () => {
    const server = start();
    server.write('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ec');
    server.child.stdin.end();
    expect((await server.reply(null)).error?.code).toBe(-32700);
    expect(await server.exited).toEqual([0, null]);
    expect(toolCalls(server)).toEqual([]);
  });

  test('responds to a last message without a newline', async () => {
    const server = start();
    server.write(ping(1));
    server.child.stdin.end();
    expect(await server.reply(1)).toMatchObject({ result: {} });
    expect(await server.exited).toEqual([0, null]);
  });

  test('does not wait for a cancelled request', async () => {
    const server = start({ HOLD_AT_END: '1' });
    server.call(1, 'hold', { name: 'a' });
    await server.event('held');
    server.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    server.child.stdin.end();
    await server.event('closed');
    expect(server.replies.all).toEqual([]);
  });

  test('closes the connection and aborts waiting calls when the client has gone (EPIPE), and lives on to drain', async () => {
    const server = start();
    server.call(1, 'hold', { name: 'a' });
    await server.event('held');
    server.child.stdout.destroy();
    server.send({ jsonrpc: '2.0', id: 2, method: 'ping' });
    await server.event('aborted');
    await server.event('closed');
    await server.event('ended');
    expect(await server.exited).toEqual([0, null]);
    expect(server.stderr).not.toContain('Unhandled');
  });

  test('writes all of 200 responses of 64 KiB that are read only after the input has ended', async () => {
    const server = start();
    server.child.stdout.pause();
    const pad = 'x'.repeat(65_536);
    for (let id = 0; id < 200; id += 1) server.call(id, 'echo', { pad });
    server.child.stdin.end();
    server.child.stdout.resume();
    expect(await server.exited).toEqual([0, null]);
    const ids = await Promise.all(Array.from({ length: 200 }, (_, id) => server.reply(id)));
    expect(ids.every(({ result }) => result?.structuredContent !== undefined)).toBe(true);
  });
});
