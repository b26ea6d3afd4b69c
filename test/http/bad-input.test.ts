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

describe('a body that is no message is refused, and nothing is executed', () => {
  const bodies: readonly (readonly [string, string | Uint8Array, number, number])[] = [
    ['that is empty', '', 400, -32_700],
    ['that is not JSON', '{"jsonrpc":', 400, -32_700],
    ['that is not UTF-8', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]), 400, -32_700],
    ['that is a batch', JSON.stringify([call, call]), 400, -32_600],
    ['that is a number', '7', 400, -32_600],
    ['that is null', 'null', 400, -32_600],
    ['without a method', '{"jsonrpc":"2.0","id":1}', 400, -32_600],
    ['with an id that is null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32_600],
    ['with a _meta that is null', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":null}}', 400, -32_600],
    ['with a _meta that is a list', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":[]}}', 400, -32_600],
    ['of JSON-RPC 1', '{"id":1,"method":"ping"}', 400, -32_600],
    ['that is too large', JSON.stringify(toolCall(1, { item: 'x'.repeat(100_000) })), 413, -32_600],
  ];

  test.each(bodies)('one %s', async (_what, body, status, code) => {
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

  test('one that is too large and says nothing of its length', async () => {
    const { url, upstream, port } = await httpServer();
    const socket = await connection(port);
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    socket.write(
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`,
    );
    expect(await received(socket, 2_000)).toMatch(/^HTTP\/1\.1 413 /);
    expect(upstream.requests).toEqual([]);
    await openSession(url);
  });
});

describe('a head that is not right is refused', () => {
  test.each([
    ['another content type', { 'content-type': 'text/plain' }, 415],
    ['a content type that only begins so', { 'content-type': 'application/jsonp' }, 415],
    ['no wish for what may come', { accept: 'text/html' }, 406],
    ['a version that is none', { 'mcp-protocol-version': '1999-01-01' }, 400],
  ] as const)('with %s', async (_what, headers, status) => {
    const { url, upstream } = await httpServer();
    const session = await openSession(url);
    expect((await post(url, call, { ...session, ...headers })).status).toBe(status);
    expect(upstream.requests).toEqual([]);
  });

  test('that is too large', async () => {
    const { port } = await httpServer({ limits: { headerBytesMax: 4_096 } });
    const socket = await connection(port);
    const answer = received(socket);
    socket.write(`GET /mcp HTTP/1.1\r\nHost: localhost\r\nX-Large: ${'x'.repeat(8_192)}\r\n\r\n`);
    expect(await answer).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('of the newer era that says another method than its body', async () => {
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

  test('of another method, path or version', async () => {
    const { url } = await httpServer();
    expect((await fetch(url, { method: 'PUT', body: '{}' })).status).toBe(405);
    expect((await fetch(url, { method: 'OPTIONS' })).headers.get('access-control-allow-origin')).toBeNull();
    expect((await fetch(new URL('/other', url))).status).toBe(404);
    const modern = await postModern(url, 'initialize', {});
    expect(modern.status).toBeGreaterThanOrEqual(400);
  });
});

describe('sessions', () => {
  test('one that is not there is 404, and a request without one is 400', async () => {
    const { url, upstream } = await httpServer();
    const session = { 'mcp-session-id': crypto.randomUUID() };
    expect((await post(url, call, session)).status).toBe(404);
    expect((await fetch(url, { headers: { accept: 'text/event-stream', ...session } })).status).toBe(404);
    expect((await fetch(url, { method: 'DELETE', headers: session })).status).toBe(404);
    expect((await post(url, call)).status).toBe(400);
    expect(upstream.requests).toEqual([]);
  });

  test('one that was deleted is 404 from then on', async () => {
    const { url } = await httpServer();
    const session = await openSession(url);
    expect((await fetch(url, { method: 'DELETE', headers: session })).status).toBe(200);
    expect((await post(url, call, session)).status).toBe(404);
  });

  test('one of somebody else is 404, as one that is not there', async () => {
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

  test('whoever opens one too many loses its own that was idle for longest, and nobody else one', async () => {
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

  test('one that is idle ends; one with a stream does not', async () => {
    const { url } = await httpServer({ limits: { sessionIdleMs: 300 } });
    const [idle, listening] = [await openSession(url), await openSession(url)];
    const stream = await fetch(url, { headers: { ...listening, accept: 'text/event-stream' } });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await post(url, call, idle)).status).toBe(404);
    expect((await post(url, call, listening)).status).toBe(200);
    await stream.body?.cancel();
  });

  test('two requests in flight under one id: both get an answer, and one is executed', async () => {
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

  test('more in flight than one session may have are refused', async () => {
    const { url, upstream } = await httpServer({ limits: { inFlightMax: 1 } });
    const session = await openSession(url);
    upstream.next('hang_after');
    const first = post(url, toolCall(1, { item: 'first' }), session);
    await upstream.arrived(1);
    expect((await post(url, toolCall(2, { item: 'second' }), session)).status).toBe(429);
    upstream.release();
    expect((await first).status).toBe(200);
  });

  test('a request that was cancelled ends its stream, and its id is free', async () => {
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

describe('names that a page could have rebound', () => {
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
  ])('%j: %i', async (headers, status) => {
    const { port } = await httpServer({ allowedHosts: ['once.example'], allowedOrigins: ['https://app.example'] });
    expect(await statusOf(port, headers as Fields)).toBe(status);
  });
});

describe('slow and half-closed connections', () => {
  test('a head that does not come, and a body that does not, end the connection', async () => {
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

  test('one whose other half was closed after the request still gets its answer', async () => {
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

  test('one that its caller wants closed is closed with the answer, a stream, too', async () => {
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

  test('no more connections than are allowed', async () => {
    const { port } = await httpServer({ limits: { connectionsMax: 2 } });
    const sockets = [await connection(port), await connection(port), await connection(port)];
    const third = sockets[2];
    if (third) expect(await received(third)).toBe('');
    expect(third?.destroyed || third?.readableEnded).toBe(true);
  });
});

test('an address that is taken is an error, and no server', async () => {
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
