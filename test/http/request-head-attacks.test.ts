import { expect, test } from 'vitest';
import { connection, httpServer, initialize, received } from '../support/http-server.ts';

/** Sends a request head as it is written. @returns the status */
async function statusOf(
  port: number,
  more: readonly string[],
  target = '/mcp',
  host: readonly string[] = ['localhost'],
) {
  const body = JSON.stringify(initialize());
  const socket = await connection(port);
  const answer = received(socket);
  const lines = [
    `POST ${target} HTTP/1.1`,
    ...host.map((each) => `Host: ${each}`),
    'Connection: close',
    'Accept: application/json, text/event-stream',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    ...more,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  const text = await answer;
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]), text };
}

test('a plain head is accepted', async () => {
  const { port } = await httpServer();
  expect((await statusOf(port, [])).status).toBe(200);
});

test.each([
  ['the same Host twice', ['localhost', 'localhost']],
  ['an allowed Host before another', ['localhost', 'evil.example']],
  ['an allowed Host after another', ['evil.example', 'localhost']],
  ['two hosts in one Host header', ['localhost, evil.example']],
  ['two hosts in one Host header without a space', ['localhost,localhost']],
  ['no Host', []],
] satisfies [string, string[]][])('a head with %s gets 400', async (_, host) => {
  const { port } = await httpServer();
  expect((await statusOf(port, [], '/mcp', host)).status).toBe(400);
});

test.each([
  ['Origin', ['Origin: http://localhost', 'Origin: https://evil.example']],
  ['Content-Type', ['Content-Type: text/plain']],
  ['Content-Length', ['Content-Length: 1']],
  ['Content-Length and Transfer-Encoding', ['Transfer-Encoding: chunked']],
  ['Mcp-Session-Id', ['Mcp-Session-Id: a', 'Mcp-Session-Id: b']],
  ['Mcp-Protocol-Version', ['Mcp-Protocol-Version: 2025-11-25', 'Mcp-Protocol-Version: 2026-07-28']],
  ['Mcp-Method', ['Mcp-Method: initialize', 'Mcp-Method: tools/call']],
  ['Mcp-Name', ['Mcp-Name: a', 'Mcp-Name: b']],
  ['Mcp-Param', ['Mcp-Param-Item: a', 'mcp-param-item: b']],
  ['Idempotency-Key', ['Idempotency-Key: a', 'Idempotency-Key: b']],
  ['Last-Event-ID', ['Last-Event-ID: a', 'Last-Event-ID: b']],
] satisfies [string, string[]][])('a head with two values of %s gets 400', async (_, more) => {
  const { port } = await httpServer();
  expect((await statusOf(port, more)).status).toBe(400);
});

test.each([
  ['of another host', 'http://evil.example/mcp'],
  ['of the host in Host', 'http://localhost/mcp'],
  ['of another scheme', 'file:///mcp'],
])('a request target with a URL %s gets 400', async (_, target) => {
  const { port } = await httpServer();
  const { status, text } = await statusOf(port, [], target);
  expect(status).toBe(400);
  expect(text).toContain('The request target must be a path');
});

test('a probe with two Host headers gets 400 too', async () => {
  const { port } = await httpServer();
  expect((await statusOf(port, [], '/healthz', ['localhost', 'evil.example'])).status).toBe(400);
});
