import { describe, expect, test } from 'vitest';
import { createLimits } from '../../src/access/limits.ts';
import { connection, httpServer, postModern } from '../support/http-server.ts';

const call = (item: string) => ({ name: 'create_thing', arguments: { item } });

describe('places of calls', () => {
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

  test('of calls that were sent one behind the other on a connection that broke are free again', async () => {
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
});
