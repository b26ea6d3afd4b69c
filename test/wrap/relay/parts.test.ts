import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { ChildLink } from '../../../src/wrap/relay/child-link.ts';
import { type BodyEnding, markedBody, watchBody } from '../../../src/wrap/relay/http-body.ts';
import { LineExcerpt, responseIdIn } from '../../../src/wrap/relay/line-excerpt.ts';
import type { ServerFault } from '../../../src/wrap/relay/link.ts';
import { mergeInitializeResults } from '../../../src/wrap/relay/merged-initialize.ts';
import { messageOf, type RpcId, type RpcMessage } from '../../../src/wrap/relay/message.ts';
import { PrefixedNames } from '../../../src/wrap/relay/prefixed-names.ts';
import { RestartSchedule } from '../../../src/wrap/relay/reconnecting-link.ts';
import { ServerConnection } from '../../../src/wrap/relay/server-connection.ts';
import { ServerRequests } from '../../../src/wrap/relay/server-requests.ts';
import { commandServer } from '../../../src/wrap/relay/servers.ts';

test('allows five restarts within a minute with growing delays, and another one later', () => {
  const restarts = new RestartSchedule();
  expect([0, 1, 2, 3, 4, 5].map((atMs) => restarts.next(atMs))).toEqual([100, 400, 1_600, 5_000, 5_000, undefined]);
  expect(restarts.mayBegin(59_999)).toBe(false);
  expect(restarts.next(60_000)).toBe(5_000);
});

describe('responseIdIn', () => {
  const ends = (line: string, pieceBytes: number) => {
    const reader = new LineExcerpt();
    const bytes = Buffer.from(`${line}\n{"next":1}`);
    let found: ReturnType<LineExcerpt['push']>;
    for (let at = 0; at < bytes.length; at += pieceBytes) found ??= reader.push(bytes.subarray(at, at + pieceBytes));
    return found && responseIdIn(found);
  };
  const long = 'x'.repeat(2_000);
  test.each([
    ['last', `{"result":{"a":"${long}","id":8},"jsonrpc":"2.0","id":7}`, 7],
    ['first', `{"jsonrpc":"2.0","id":"a\\"b","result":{"a":"${long}"}}`, 'a"b'],
    ['first, with spaces', `{"jsonrpc": "2.0", "id": 3, "result": {"a":"${long}","id":4}}`, 3],
    ['nowhere near an end', `{"jsonrpc":"2.0","result":{"a":"${long}"},"id":5,"more":"${long}"}`, undefined],
    ['a notification', `{"jsonrpc":"2.0","method":"m","params":{"a":"${long}","id":6}}`, undefined],
  ])('finds the id: %s', (_, line, id) => {
    for (const pieceBytes of [1, 97, 1_000, 10_000]) expect(ends(line, pieceBytes)).toBe(id);
  });
});

test('messageOf accepts JSON-RPC messages only, and returns them unchanged', () => {
  const odd = { jsonrpc: '2.0', id: 1, method: 'm', params: { a: 1 }, more: true };
  expect(messageOf(odd)).toBe(odd);
  const none = [
    null,
    [],
    'a',
    {},
    { jsonrpc: '1.0', id: 1, method: 'm' },
    { jsonrpc: '2.0', id: null, result: {} },
    { jsonrpc: '2.0', id: 1 },
    { jsonrpc: '2.0', id: {}, method: 'm' },
    { jsonrpc: '2.0', method: 'm', params: [] },
    { jsonrpc: '2.0', result: {} },
  ];
  expect(none.map(messageOf)).toEqual(none.map(() => undefined));
});

test('prefixes, shortens and distinguishes the names of several servers', () => {
  const warned: string[] = [];
  const [a, ab, mine] = [{ name: 'a' }, { name: 'a_b' }, { name: 'my server' }];
  const names = new PrefixedNames<{ name: string }>(
    () => [a, ab, mine],
    (message) => warned.push(message),
  );
  const other = names.prefix(a, 'b_c');
  expect(other).toMatch(/^a_b_c_[0-9a-f]{8}$/);
  expect(names.prefix(ab, 'c')).toBe('a_b_c');
  expect(names.prefix(a, 'b_c')).toBe(other);
  expect(names.find(other)).toEqual({ server: a, name: 'b_c' });
  expect(warned).toEqual([expect.stringMatching(/"b_c" of a .* a name of a_b/)]);
  expect(names.prefix(mine, 'do.it/now')).toBe('my_server_do_it_now');
  expect(names.prefix(mine, 'do/it.now')).toMatch(/^my_server_do_it_now_[0-9a-f]{8}$/);
  expect(names.prefix(a, 'x'.repeat(100))).toHaveLength(64);
});

test('gives no server a name with a hash that another server has', () => {
  const [a, ab] = [{ name: 'a' }, { name: 'a_b' }];
  const make = () =>
    new PrefixedNames<{ name: string }>(
      () => [a, ab],
      () => undefined,
    );
  const hash = make().prefix(a, 'b_c').slice('a_b_c_'.length);
  for (const order of [
    [a, ab],
    [ab, a],
  ]) {
    const names = make();
    const nameOf = (server: { name: string }) => names.prefix(server, server === a ? 'b_c' : `c_${hash}`);
    const [mine, theirs] = [...order.map(nameOf), ...order.map(nameOf)].sort((one, other) => one.length - other.length);
    expect(mine).toBe(`a_b_c_${hash}`);
    expect(names.find(`a_b_c_${hash}`)).toEqual({ server: a, name: 'b_c' });
    expect(theirs).toBe(mine);
    expect(names.find(nameOf(ab))).toEqual({ server: ab, name: `c_${hash}` });
  }
  expect(make().prefix(a, 'report_20261130')).toBe('a_report_20261130');
});

test('merges the initialize results of several servers', () => {
  const result = (capabilities: object, protocolVersion: string) => ({ protocolVersion, capabilities });
  const united = mergeInitializeResults(
    [
      {
        name: 'a',
        result: { ...result({ tools: { listChanged: false }, tasks: {} }, '2025-11-25'), instructions: 'A.' },
      },
      { name: 'b', result: result({ tools: { listChanged: true }, resources: { subscribe: true } }, '2025-06-18') },
    ],
    '1.2.3',
  );
  expect(united).toEqual({
    protocolVersion: '2025-06-18',
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
    serverInfo: { name: 'mcp-once', title: 'a, b', version: '1.2.3' },
    instructions: 'a (tools a_...):\nA.',
  });
});

test('delivers a response once to the server that sent the request, and to none after it has ended', () => {
  const asked = new ServerRequests<string>();
  const request = { jsonrpc: '2.0', id: 0, method: 'm' } as const;
  expect(asked.add('a', request, false)).toBe(request);
  const second = asked.add('b', request, false);
  expect(second.id).not.toBe(0);
  expect(asked.clientIdOf('b', 0)).toBe(second.id);
  expect(asked.take(0)).toEqual({ from: 'a', id: 0 });
  expect(asked.take(0)).toBeUndefined();
  expect(asked.dropAll('b')).toEqual([second.id]);
  expect(asked.take(second.id)).toBeUndefined();
});

describe.each([1, 7, 10_000])('markedBody in chunks of %i bytes', (size) => {
  const read = (text: string, isEventStream: boolean): Promise<string> => {
    const bytes = Buffer.from(text);
    const source = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.subarray(at, at + size));
        controller.close();
      },
    });
    return new Response(markedBody(source, isEventStream)).text();
  };
  const message = { jsonrpc: '2.0', id: 0, result: { content: [{ n: 10, text: '\u2028 1.0,' }] } };

  test.each(['\n', '\r\n'])('keeps the numbers of messages whose lines end with %j', async (end) => {
    const json = JSON.stringify(message, null, 1).replace('"n": 10', '"n": 1.0').replace('"id": 0', '"id": 0.0');
    const lines = json.split('\n');
    const wanted = json.replace('1.0', '"\uFDD01.0"');
    expect(await read(lines.join(end), false)).toBe(wanted.split('\n').join(end));
    const event = (all: readonly string[]): string =>
      `: 1.0, 2.0${end}id: 5${end}data: ${all.join(`${end}data: `)}${end}${end}`;
    const other = event(wanted.split('\n'));
    expect(await read(event(lines) + event(lines), true)).toBe(other + other);
  });
});

describe('watchBody', () => {
  const read = async (chunks: readonly string[], isEventStream: boolean, messageBytesMax: number) => {
    const ends: BodyEnding[] = [];
    const source = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(Buffer.from(chunk));
        controller.close();
      },
    });
    const ended = (how: BodyEnding): void => void ends.push(how);
    const text = await new Response(watchBody(source, { messageBytesMax, isEventStream, ended }))
      .text()
      .catch(() => undefined);
    return { text, ends };
  };

  test('limits each event of an event stream, not the whole stream', async () => {
    const event = `data: ${'x'.repeat(20)}\n\n`;
    expect(await read([event, event, event], true, 40)).toEqual({
      text: event.repeat(3),
      ends: [{ isResumable: false }],
    });
    const numbered = `id: 1\n${event}`;
    expect((await read([numbered], true, 100)).ends).toEqual([{ isResumable: true }]);
    expect(await read([`data: ${'x'.repeat(60)}`], true, 40)).toEqual({
      text: undefined,
      ends: [{ isResumable: false, fault: 'too_large' }],
    });
  });

  test('limits a JSON body as a whole', async () => {
    expect((await read(['{"a":', '1}'], false, 7)).text).toBe('{"a":1}');
    expect((await read(['{"a":', '12}'], false, 7)).ends).toEqual([{ isResumable: false, fault: 'too_large' }]);
  });
});

test('identifies a server by its name, else by command, arguments and folder, never by its environment', () => {
  const origin = (more: object) =>
    commandServer({ command: 'npx', args: ['-y', 'a'], env: {}, cwd: '/w', ...more }).identity.origin;
  const plain = origin({});
  expect(origin({ env: { TOKEN: 'other' } })).toBe(plain);
  expect(new Set([plain, origin({ args: ['-y', 'b'] }), origin({ cwd: '/v' }), origin({ id: 'a' })]).size).toBe(4);
  expect(commandServer({ command: '/usr/bin/npx', args: ['-y', '@x/server-y'], env: {}, cwd: '/' }).name).toBe(
    'server-y',
  );
});

test('fails only the request of a response that is too long, and keeps the process', async () => {
  const lost: [RpcId, ServerFault][] = [];
  const heard: RpcMessage[] = [];
  // Servers in Python write the id before the result.
  const script = `process.stdin.once('data', () => {
    process.stdout.write('{"jsonrpc":"2.0","id":"big","result":{"a":"' + 'x'.repeat(5e5) + '"}}\\n');
    process.stdout.write('{"jsonrpc":"2.0","id":"small","result":{}}\\n');
  })`;
  const options = { name: 's', command: process.execPath, args: ['-e', script], env: {}, messageBytesMax: 100_000 };
  const link = new ChildLink(options, {
    message: (message) => heard.push(message),
    lost: (id, fault) => lost.push([id, fault]),
    closed: () => undefined,
    warning: () => undefined,
  });
  await link.start();
  await link.send({ jsonrpc: '2.0', id: 'big', method: 'm' });
  await expect.poll(() => heard).toEqual([{ jsonrpc: '2.0', id: 'small', result: {} }]);
  expect(lost).toEqual([['big', expect.objectContaining({ effect: 'unknown' })]]);
  await link.close();
});

test('reports that nothing was executed by a process that ended before the first message', async () => {
  const faults: ServerFault[] = [];
  const upstream = new ServerConnection(
    {
      name: 's',
      open: (events) => new ChildLink({ name: 's', command: '/nowhere/at-all', args: [], env: {} }, events),
      clock: systemClock,
      log: { debug: () => {}, info: () => {}, warn: () => {} },
      initializeMs: 1_000,
    },
    {
      message: () => undefined,
      lost: () => undefined,
      down: () => undefined,
      renewed: () => undefined,
      failed: (fault) => faults.push(fault),
    },
  );
  const early = upstream.request('tools/call', {});
  await Promise.all([upstream.start(), expect(early).rejects.toMatchObject({ effect: 'not_executed' })]);
  await expect(upstream.request('tools/call', {})).rejects.toMatchObject({ effect: 'not_executed' });
  expect(faults).toHaveLength(1);
  await upstream.close();
});
