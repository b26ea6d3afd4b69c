/**
 * The server that the proxy bench wraps: the SDK's low-level Server. Each tool takes the time its argument names.
 *
 * argv: `stdio`, or `http` (Streamable HTTP on a free port of the loopback interface; its first line on stdout is
 * the URL).
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CallToolRequestSchema, ListToolsRequestSchema, type Tool } from '@modelcontextprotocol/sdk/types.js';
import { orderResult } from './support/orders.ts';

const inputSchema: Tool['inputSchema'] = {
  type: 'object',
  properties: {
    customer: { type: 'string' },
    currency: { type: 'string' },
    lines: { type: 'array', items: { type: 'object' } },
    memo: { type: 'string' },
    takesMs: { type: 'number' },
  },
};
const tools: Tool[] = [
  { name: 'get_order', description: 'Reads an order.', inputSchema, annotations: { readOnlyHint: true } },
  { name: 'create_order', description: 'Creates an order.', inputSchema },
];
const result = { content: [{ type: 'text' as const, text: JSON.stringify(orderResult) }] };

async function serve(transport: Transport): Promise<void> {
  const server = new Server({ name: 'wrapped', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const takesMs = Number(params.arguments?.takesMs ?? 0);
    if (takesMs > 0) await pause(takesMs);
    return result;
  });
  await server.connect(transport);
}

async function serveHttp(): Promise<void> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const http = createServer(async (request, response) => {
    const id = request.headers['mcp-session-id'];
    let transport = typeof id === 'string' ? sessions.get(id) : undefined;
    if (!transport) {
      const opened = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (sessionId) => {
          sessions.set(sessionId, opened);
        },
      });
      await serve(opened as Transport);
      transport = opened;
    }
    await transport.handleRequest(request, response);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  process.stdout.write(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp\n`);
}

await (process.argv[2] === 'http' ? serveHttp() : serve(new StdioServerTransport()));
