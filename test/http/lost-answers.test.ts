import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../src/core/tool/define-tool.ts';
import { connection, httpServer, messageOf, openSession, post, postModern, toolCall } from '../support/http-server.ts';
import { type Upstream, upstreamClient } from '../support/upstream.ts';

const first = 'Your order has shipped and will arrive on Thursday. Thanks for shopping with us!';
const again = 'Thank you for your purchase! Your order is on its way and arrives Thursday.';
/** More than the buffers of a connection hold, so that the server cannot write it to a client that does not read. */
const answerChars = 12_000_000;

const sendNote = (upstream: Upstream, padding: string) =>
  defineTool({
    name: 'send_note',
    title: 'Send note',
    description: 'Sends a note.',
    effect: 'create',
    input: z.strictObject({ note: z.string() }),
    output: z.object({ id: z.string(), padding: z.string() }),
    client: upstreamClient(upstream),
    run: async (input, { client, step }) => {
      const { id } = await step('send', (key) => client.send(key, input));
      return { id, padding };
    },
  });

/** Lists the connections that servers of this process accept during a test. */
function accepted(): Socket[] {
  const sockets: Socket[] = [];
  const add = (message: unknown): void => void sockets.push((message as { socket: Socket }).socket);
  subscribe('net.server.socket', add);
  onTestFinished(() => void unsubscribe('net.server.socket', add));
  return sockets;
}

const conversation = { 'openai/session': 'one' };

describe.each(['2025', '2026'] as const)('an answer over HTTP, era %s', (era) => {
  async function started(padding: string) {
    const { url, port, upstream } = await httpServer({ tools: (each) => [sendNote(each, padding)] });
    const session = era === '2025' ? await openSession(url) : {};
    let ids = 0;
    const call = async (note: string, headers: Record<string, string> = {}) => {
      ids += 1;
      const params = { name: 'send_note', arguments: { note }, _meta: conversation };
      const response =
        era === '2025'
          ? await post(url, { ...toolCall(ids, {}), params }, { ...session, ...headers })
          : await postModern(url, 'tools/call', params, headers);
      return messageOf(response);
    };
    return { url, port, upstream, session, call };
  }

  test('that the client has not read is lost', async () => {
    const { port, upstream, session, call } = await started('x'.repeat(answerChars));
    const meta = {
      ...conversation,
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const params = { name: 'send_note', arguments: { note: first }, _meta: era === '2025' ? conversation : meta };
    const body = JSON.stringify({ ...toolCall('lost', {}), params });
    const modern = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'send_note' };
    const fields = {
      host: `127.0.0.1:${port}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      ...(era === '2025' ? session : modern),
    };
    const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    const sockets = accepted();
    const socket = await connection(port);
    socket.write(`POST /mcp HTTP/1.1\r\n${head.join('')}\r\n${body}`);
    // A stream of events may begin before the answer.
    for (let text = ''; !text.includes('structuredContent') && !text.includes('xxxx'); ) {
      const [chunk] = await once(socket, 'data');
      text += String(chunk);
    }
    const side = sockets.find(({ remotePort }) => remotePort === socket.localPort);
    const seen = new Promise((resolve) => side?.once('close', resolve));
    socket.destroy();
    await seen;
    expect(upstream.effects).toHaveLength(1);
    const { result } = await call(again);
    expect(result.isError).toBe(true);
    expect(upstream.effects).toHaveLength(1);
  });

  test('that the client has read is not lost, although the client closes the connection', async () => {
    const { upstream, call } = await started('');
    await call(first, { connection: 'close' });
    const { result } = await call(again, { connection: 'close' });
    expect(result.isError).toBeFalsy();
    expect(upstream.effects).toHaveLength(2);
  });
});
