import { once } from 'node:events';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLimits } from '../../src/http/access/limits.ts';
import type { Admit } from '../../src/http/access/types.ts';
import { BoundedEvents, EventPool } from '../../src/http/event-store.ts';
import {
  connection,
  type Fields,
  httpServer,
  initialize,
  messageOf,
  openSession,
  post,
  postModern,
  toolCall,
} from '../support/http-server.ts';
import { createThing } from '../support/tools.ts';

/** The id of the event that opens a stream, of one that is over. */
async function eventIdOf(response: Response): Promise<string> {
  return /^id: (.+)$/m.exec(await response.text())?.[1] ?? '';
}

const info = { name: 'test', version: '1.0.0' };
const call = (item: string) => ({ name: 'create_thing', arguments: { item } });

describe('call slots', () => {
  /** A call as bytes, for what no HTTP client sends. */
  const rawCall = (item: string): string => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...call(item), _meta } });
    const head = [
      'POST /mcp HTTP/1.1',
      'host: localhost',
      'accept: application/json, text/event-stream',
      'content-type: application/json',
      `content-length: ${body.length}`,
      'mcp-protocol-version: 2026-07-28',
      'mcp-method: tools/call',
      'mcp-name: create_thing',
    ];
    return `${head.join('\r\n')}\r\n\r\n${body}`;
  };

  test('are free again after a connection with pipelined calls broke', async () => {
    const calls = createLimits({ perSubject: 3, perTenant: 3, total: 3 });
    const { url, port, server, upstream } = await httpServer({ calls });
    upstream.next('hang_before');
    const socket = await connection(port);
    socket.write(rawCall('a'));
    await upstream.arrived(1);
    socket.write(rawCall('b') + rawCall('c'));
    await expect.poll(() => upstream.effects.length).toBe(2);
    expect((await postModern(url, 'tools/call', call('d'))).status).toBe(429);
    socket.destroy();
    const free = () => {
      const entries = [1, 2, 3].map(() => calls.enter({ tenant: 'default', subject: 'local' }));
      for (const entry of entries) if (entry.type === 'entered') entry.release();
      return entries.filter(({ type }) => type === 'entered').length;
    };
    await expect.poll(free).toBe(3);
    upstream.release();
    server.beginDrain();
    await server.settled();
  });

  test('are not needed to cut off a connection that pipelines endless unauthenticated requests', async () => {
    let asked = 0;
    const admit: Admit = () => {
      asked += 1;
      return new Promise(() => {});
    };
    const { port } = await httpServer({ admit });
    const socket = await connection(port);
    socket.on('error', () => undefined);
    const closed = once(socket, 'close');
    const some = rawCall('a').repeat(100);
    socket.write(some);
    await expect.poll(() => asked).toBe(100);
    while (!socket.destroyed && asked < 3_000) {
      socket.write(some);
      await new Promise(setImmediate);
    }
    await closed;
    expect(asked).toBeLessThan(1_000);
  });

  test('are not taken by replies to questions and by cancellations', async () => {
    const calls = createLimits({ perSubject: 1, perTenant: 1, total: 1 });
    const { url } = await httpServer({
      calls,
      tools: (upstream) => [createThing(upstream, 'resend', { onDuplicate: 'ask' })],
    });
    let asked = 0;
    const client = new Client(info, { capabilities: { elicitation: { form: {} } } });
    client.setRequestHandler(ElicitRequestSchema, async (_, { signal }) => {
      asked += 1;
      // The second question is left open.
      if (replies.length === 0) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return replies.shift() ?? { action: 'cancel' };
    });
    const replies: ElicitResult[] = [{ action: 'accept', content: {} }];
    await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Transport);
    onTestFinished(() => client.close());
    await client.callTool(call('x'));
    const second = await client.callTool(call('x'));
    expect(second._meta).toMatchObject({ 'mcp-once/outcome': { code: 'succeeded', replayed: false } });
    const leaving = new AbortController();
    const third = client.callTool(call('x'), undefined, { signal: leaving.signal }).catch(() => 'left');
    await expect.poll(() => asked).toBe(2);
    leaving.abort();
    expect(await third).toBe('left');
    await expect.poll(async () => (await postModern(url, 'tools/call', call('y'))).status).toBe(200);
  });
});

describe('session slots', () => {
  const admit: Admit = async ({ authorization }) => ({
    type: 'admitted',
    principal: { tenant: 'acme', subject: String(authorization) },
  });
  const statusOf = async (url: string, session: Fields) => {
    return (await post(url, { jsonrpc: '2.0', id: 1, method: 'ping' }, session)).status;
  };

  test('leave room for other subjects, however many sessions one subject keeps busy', async () => {
    const { url } = await httpServer({ admit, limits: { sessionsMax: 3 }, sessionsPerSubjectMax: 2 });
    const [eve, ada] = [{ authorization: 'eve' }, { authorization: 'ada' }];
    for (let count = 0; count < 2; count += 1) {
      const session = await openSession(url, eve);
      const stream = await fetch(url, { headers: { ...session, accept: 'text/event-stream' } });
      onTestFinished(() => stream.body?.cancel());
    }
    expect((await post(url, initialize(), eve)).status).toBe(429);
    expect(await statusOf(url, await openSession(url, ada))).toBe(200);
  });

  test('leave room for other subjects when one subject opens all its sessions at once', async () => {
    const { url } = await httpServer({ admit, limits: { sessionsMax: 3 }, sessionsPerSubjectMax: 2 });
    const [eve, ada] = [{ authorization: 'eve' }, { authorization: 'ada' }];
    const sessions = await Promise.all(Array.from({ length: 20 }, () => openSession(url, eve)));
    const statuses = await Promise.all(sessions.map((session) => statusOf(url, { ...session, ...eve })));
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(2);
    expect(await statusOf(url, await openSession(url, ada))).toBe(200);
  });

  test('are free again after a session was deleted or its initialize was refused', async () => {
    const { url } = await httpServer({ admit, limits: { sessionsMax: 2 }, sessionsPerSubjectMax: 1 });
    const eve = { authorization: 'eve' };
    for (let count = 0; count < 3; count += 1) {
      expect((await post(url, initialize(), { ...eve, accept: 'text/html' })).status).toBe(406);
      const session = await openSession(url, eve);
      const stream = await fetch(url, { headers: { ...session, accept: 'text/event-stream' } });
      expect((await fetch(url, { method: 'DELETE', headers: session })).status).toBe(200);
      await stream.text();
    }
  });
});

describe('events stored for resumed streams', () => {
  test('are bounded across sessions, and a repeated call gets the outcome of a dropped event', async () => {
    const { url, upstream } = await httpServer({ limits: { eventBytesTotalMax: 4_000 } });
    const session = await openSession(url);
    const opening = await eventIdOf(await post(url, toolCall(1, { item: 'x' }), session));
    const resumed = () =>
      fetch(url, { headers: { ...session, accept: 'text/event-stream', 'last-event-id': opening } });
    const kept = await resumed();
    expect(kept.status).toBe(200);
    await kept.body?.cancel();
    for (let count = 0; count < 10; count += 1) {
      const other = await openSession(url);
      await (await post(url, toolCall(1, { item: `${count}` }), other)).text();
    }
    expect((await resumed()).status).toBe(400);
    const again = await messageOf(await post(url, toolCall(2, { item: 'x' }), session));
    expect(again.result._meta['mcp-once/outcome']).toMatchObject({ code: 'succeeded', replayed: true });
    expect(upstream.effects).toHaveLength(11);
  });

  test('let a stream that is resumed after its response end with it', async () => {
    const { url } = await httpServer();
    const session = await openSession(url);
    const text = await (await post(url, toolCall(1, { item: 'x' }), session)).text();
    const [first = '', last = ''] = [...text.matchAll(/^id: (.+)$/gm)].map(([, id]) => id);
    const resumed = (from: string) =>
      fetch(url, { headers: { ...session, accept: 'text/event-stream', 'last-event-id': from } });
    const data = /^data: (.+)$/m.exec(text)?.[1];
    for (let count = 0; count < 2; count += 1) expect(await (await resumed(first)).text()).toContain(`data: ${data}`);
    expect((await resumed(last)).status).toBe(204);
  });

  test('keep no stream open for each call that the official client cancelled', async () => {
    const { url, upstream } = await httpServer();
    const resumed: number[] = [];
    const client = new Client(info);
    const transport = new StreamableHTTPClientTransport(new URL(url), {
      fetch: async (to, init) => {
        const response = await fetch(to, init);
        if (new Headers(init?.headers).has('last-event-id')) resumed.push(response.status);
        return response;
      },
    });
    await client.connect(transport as Transport);
    onTestFinished(() => client.close());
    upstream.next('hang_before');
    const leaving = new AbortController();
    const left = client.callTool(call('x'), undefined, { signal: leaving.signal }).catch(() => 'left');
    await upstream.arrived(1);
    leaving.abort();
    expect(await left).toBe('left');
    await expect.poll(() => resumed).toEqual([204]);
    upstream.release();
  });

  test('are freed when their session ends', async () => {
    const pool = new EventPool(250);
    const bounds = { eventsMax: 10, bytesMax: 1_000 };
    const [one, other] = [new BoundedEvents(bounds, pool), new BoundedEvents(bounds, pool)];
    const message = { jsonrpc: '2.0', method: 'x'.repeat(60) } as const;
    const first = await one.storeEvent('a', message);
    const second = await other.storeEvent('b', message);
    const third = await one.storeEvent('a', message);
    expect(pool.bytes).toBeLessThanOrEqual(250);
    expect(await one.getStreamIdForEventId(first)).toBeUndefined();
    expect([await other.getStreamIdForEventId(second), await one.getStreamIdForEventId(third)]).toEqual(['b', 'a']);
    one.clear();
    other.clear();
    expect(pool.bytes).toBe(0);
  });
});
