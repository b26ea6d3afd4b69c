import { createServer, request as httpRequest } from 'node:http';
import { describe, expect, test } from 'vitest';
import {
  connection,
  type Fields,
  httpServer,
  initialize,
  messageOf,
  openSession,
  post,
  postModern,
  received,
  toolCall,
} from '../support/http-server.ts';

const call = toolCall(1, { item: 'a' });

describe('the body of a POST', () => {
  const bodies: readonly (readonly [string, string | Uint8Array, number, number])[] = [
    ['empty', '', 400, -32_700],
    ['not JSON', '{"jsonrpc":', 400, -32_700],
    ['not UTF-8', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]), 400, -32_700],
    ['a batch', JSON.stringify([call, call]), 400, -32_600],
    ['a number', '7', 400, -32_600],
    ['null', 'null', 400, -32_600],
    ['a message without a method', '{"jsonrpc":"2.0","id":1}', 400, -32_600],
    ['a null id', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32_600],
    ['a null _meta', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":null}}', 400, -32_600],
    ['a list as _meta', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":[]}}', 400, -32_600],
    ['JSON-RPC 1', '{"id":1,"method":"ping"}', 400, -32_600],
    ['too large', JSON.stringify(toolCall(1, { item: 'x'.repeat(100_000) })), 413, -32_600],
  ];

  test.each(bodies)('is refused without executing anything: %s', async (_what, body, status, code) => {
    const { url, upstream } = await httpServer();
    const session = await openSession(url);
    for (const headers of [session, { 'mcp-protocol-version': '2026-07-28' }] as Fields[]) {
      const response = await post(url, body, headers);
      expect(response.status).toBe(status);
      // Each era says for itself what is wrong with what is JSON, and no message of its own.
      const { error } = await messageOf(response);
      if (headers === session) expect(error.code).toBe(code);
    }
    expect(upstream.requests).toEqual([]);
    expect((await post(url, call, session)).status).toBe(200);
  });

  test('is refused when it is too large and has no Content-Length', async () => {
    const { url, upstream, port } = await httpServer();
    const socket = await connection(port);
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    socket.write(
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`,
    );
    expect(await received(socket)).toMatch(/^HTTP\/1\.1 413 /);
    expect(upstream.requests).toEqual([]);
    await openSession(url);
  });
});

describe('the head of a request', () => {
  test.each([
    ['another content type', { 'content-type': 'text/plain' }, 415],
    ['a content type with the same beginning', { 'content-type': 'application/jsonp' }, 415],
    ['an Accept header that excludes the response', { accept: 'text/html' }, 406],
    ['an unknown version', { 'mcp-protocol-version': '1999-01-01' }, 400],
  ] as const)('is refused with %s', async (_what, headers, status) => {
    const { url, upstream } = await httpServer();
    const session = await openSession(url);
    expect((await post(url, call, { ...session, ...headers })).status).toBe(status);
    expect(upstream.requests).toEqual([]);
  });

  test('is refused when it is too large', async () => {
    const { port } = await httpServer({ limits: { headerBytesMax: 4_096 } });
    const socket = await connection(port);
    const answer = received(socket);
    socket.write(`GET /mcp HTTP/1.1\r\nHost: localhost\r\nX-Large: ${'x'.repeat(8_192)}\r\n\r\n`);
    expect(await answer).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('is refused in the 2026 revision when its method differs from that of the body', async () => {
    const { url, upstream } = await httpServer();
    const params = { name: 'create_thing', arguments: { item: 'a' } };
    for (const headers of [{ 'mcp-method': 'tools/list' }, { 'mcp-name': 'set_thing' }] as Fields[]) {
      const response = await postModern(url, 'tools/call', params, headers);
      expect(response.status).toBe(400);
      expect((await messageOf(response)).error.code).toBe(-32_020);
    }
    expect(upstream.requests).toEqual([]);
    expect((await messageOf(await postModern(url, 'tools/call', params))).result.isError).toBeUndefined();
  });

  test('is refused with another method, path or version', async () => {
    const { url } = await httpServer();
    expect((await fetch(url, { method: 'PUT', body: '{}' })).status).toBe(405);
    expect((await fetch(url, { method: 'OPTIONS' })).headers.get('access-control-allow-origin')).toBeNull();
    expect((await fetch(new URL('/other', url))).status).toBe(404);
    const modern = await postModern(url, 'initialize', {});
    expect(modern.status).toBeGreaterThanOrEqual(400);
  });
});

describe('sessions', () => {
  test('get 404 when they do not exist, and a request without a session id gets 400', async () => {
    const { url, upstream } = await httpServer();
    const session = { 'mcp-session-id': crypto.randomUUID() };
    expect((await post(url, call, session)).status).toBe(404);
    expect((await fetch(url, { headers: { accept: 'text/event-stream', ...session } })).status).toBe(404);
    expect((await fetch(url, { method: 'DELETE', headers: session })).status).toBe(404);
    expect((await post(url, call)).status).toBe(400);
    expect(upstream.requests).toEqual([]);
  });

  test('get 404 after they were deleted', async () => {
    const { url } = await httpServer();
    const session = await openSession(url);
    expect((await fetch(url, { method: 'DELETE', headers: session })).status).toBe(200);
    expect((await post(url, call, session)).status).toBe(404);
  });

  test('get 404 for another subject, as if they did not exist', async () => {
    const { url, upstream } = await httpServer({
      admit: async ({ authorization }) => ({
        type: 'admitted',
        principal: { tenant: 'acme', subject: String(authorization) },
      }),
    });
    const session = await openSession(url, { authorization: 'ada' });
    const theirs = await post(url, call, { ...session, authorization: 'eve' });
    const none = await post(url, call, { ...session, 'mcp-session-id': crypto.randomUUID() });
    expect([theirs.status, await theirs.text()]).toEqual([404, await none.text()]);
    expect(upstream.requests).toEqual([]);
    expect((await post(url, call, session)).status).toBe(200);
  });

  test("end their own subject's longest idle session and no other when they exceed the limit", async () => {
    const { url } = await httpServer({
      limits: { sessionsMax: 2 },
      admit: async ({ authorization }) => ({
        type: 'admitted',
        principal: { tenant: 'acme', subject: String(authorization) },
      }),
    });
    const [first, second] = [
      await openSession(url, { authorization: 'ada' }),
      await openSession(url, { authorization: 'ada' }),
    ];
    expect((await post(url, initialize(), { authorization: 'eve' })).status).toBe(503);
    const third = await openSession(url, { authorization: 'ada' });
    const statuses = [first, second, third].map(async (session) => (await post(url, call, session)).status);
    expect(await Promise.all(statuses)).toEqual([404, 200, 200]);
  });

  test('end when they are idle, unless a stream is open', async () => {
    const { url } = await httpServer({ limits: { sessionIdleMs: 300 } });
    const [idle, listening] = [await openSession(url), await openSession(url)];
    const stream = await fetch(url, { headers: { ...listening, accept: 'text/event-stream' } });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await post(url, call, idle)).status).toBe(404);
    expect((await post(url, call, listening)).status).toBe(200);
    await stream.body?.cancel();
  });

  test('execute one of two requests in flight under one id and respond to both', async () => {
    const { url, upstream } = await httpServer();
    const session = await openSession(url);
    upstream.next('hang_after');
    const first = post(url, toolCall(7, { item: 'first' }), session);
    await upstream.arrived(1);
    const second = await post(url, toolCall(7, { item: 'second' }), session);
    expect([second.status, (await messageOf(second)).id]).toEqual([400, 7]);
    upstream.release();
    expect((await messageOf(await first)).result._meta['mcp-once/outcome'].code).toBe('succeeded');
    expect(upstream.effects).toHaveLength(1);
    expect((await messageOf(await post(url, toolCall(7, { item: 'third' }), session))).result.isError).toBeUndefined();
  });

  test('refuse requests beyond their limit of requests in flight', async () => {
    const { url, upstream } = await httpServer({ limits: { inFlightMax: 1 } });
    const session = await openSession(url);
    upstream.next('hang_after');
    const first = post(url, toolCall(1, { item: 'first' }), session);
    await upstream.arrived(1);
    expect((await post(url, toolCall(2, { item: 'second' }), session)).status).toBe(429);
    upstream.release();
    expect((await first).status).toBe(200);
  });

  test('end the stream of a cancelled request and free its id', async () => {
    const { url, upstream } = await httpServer();
    const session = await openSession(url);
    upstream.next('hang_after');
    const first = post(url, toolCall(7, { item: 'first' }), session);
    await upstream.arrived(1);
    await post(url, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }, session);
    expect((await messageOf(await first)).error.message).toBe('The request was cancelled.');
    const again = post(url, toolCall(7, { item: 'first' }), session);
    upstream.release();
    expect((await messageOf(await again)).result._meta['mcp-once/outcome'].replayed).toBe(true);
    expect(upstream.effects).toHaveLength(1);
  });
});

describe('the Host and Origin headers', () => {
  /** Node's fetch sets Host itself. */
  const statusOf = (port: number, headers: Fields): Promise<number> => {
    return new Promise((resolve, reject) => {
      const body = JSON.stringify(initialize());
      const accept = 'application/json, text/event-stream';
      const sent = httpRequest(
        { port, path: '/mcp', method: 'POST', headers: { accept, 'content-type': 'application/json', ...headers } },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  };

  test.each([
    [{ host: 'evil.example' }, 403],
    [{ host: 'evil.example:80' }, 403],
    [{ host: 'localhost.evil.example' }, 403],
    [{ host: '10.0.0.1' }, 403],
    [{ host: 'localhost@evil.example' }, 403],
    [{ host: 'localhost', origin: 'https://evil.example' }, 403],
    [{ host: 'localhost', origin: 'null' }, 403],
    [{ host: 'localhost', origin: 'https://localhost.evil.example' }, 403],
    [{ host: 'localhost:1' }, 200],
    [{ host: '[::1]' }, 200],
    [{ host: 'localhost', origin: 'http://localhost:5173' }, 200],
    [{ host: 'once.example' }, 200],
    [{ host: 'localhost', origin: 'https://app.example' }, 200],
  ])('%j get status %i', async (headers, status) => {
    const { port } = await httpServer({ allowedHosts: ['once.example'], allowedOrigins: ['https://app.example'] });
    expect(await statusOf(port, headers as Fields)).toBe(status);
  });
});

describe('slow and half-closed connections', () => {
  test('are closed when a head or a body does not arrive', async () => {
    const { port, url } = await httpServer({ limits: { headersTimeoutMs: 200, requestTimeoutMs: 400 } });
    const [head, body] = [await connection(port), await connection(port)];
    const answers = [received(head), received(body)];
    head.write('POST /mcp HTTP/1.1\r\nHost: loc');
    body.write(
      'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
    );
    for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1\.1 408 |^$/);
    expect(head.destroyed || head.readableEnded).toBe(true);
    await openSession(url);
  });

  test('get their response when the caller closed its half after the request', async () => {
    const { port, url } = await httpServer();
    const session = await openSession(url);
    const socket = await connection(port);
    const body = JSON.stringify(call);
    const fields = Object.entries({ ...session, accept: 'application/json, text/event-stream' });
    const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const answer = received(socket);
    socket.end(
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${head}\r\n${body}`,
    );
    expect(await answer).toContain('"code":"succeeded"');
  });

  test('are closed with the response, also with a stream, when the caller asks for it', async () => {
    const { port } = await httpServer();
    for (const head of ['HTTP/1.1\r\nConnection: close', 'HTTP/1.0']) {
      const socket = await connection(port);
      const body = JSON.stringify(initialize());
      const fields = `Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
      const answer = received(socket);
      socket.write(`POST /mcp ${head}\r\nHost: localhost\r\n${fields}\r\n\r\n${body}`);
      expect(await answer).toContain('text/event-stream');
      expect(socket.destroyed || socket.readableEnded).toBe(true);
    }
  });

  test('are limited in number', async () => {
    const { port } = await httpServer({ limits: { connectionsMax: 2 } });
    const sockets = [await connection(port), await connection(port), await connection(port)];
    const third = sockets[2];
    if (third) expect(await received(third)).toBe('');
    expect(third?.destroyed || third?.readableEnded).toBe(true);
  });
});

test('the server does not start when its address is taken', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { startHttpServer } = await import('../../src/http/http-server.ts');
  const port = (taken.address() as { port: number }).port;
  const options = {
    host: '127.0.0.1',
    port,
    limits: { headerBytesMax: 16_384, headersTimeoutMs: 1_000, requestTimeoutMs: 1_000 },
  };
  await expect(startHttpServer(options as never)).rejects.toThrow(/EADDRINUSE/);
  taken.close();
});
