/**
 * The baseline of the HTTP bench: the same tools on the bare SDK of one era, without ledger and further checks.
 *
 * argv: `2025` (SDK 1, sessions) or `2026` (SDK 2, stateless), and a JSON file with the tools to serve. Prints its URL.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { bareInfo, servedIn } from './support/bare.ts';

type Handle = (request: IncomingMessage, response: ServerResponse, body: unknown) => Promise<void>;

const [, , era, file = ''] = process.argv;
const { tools, answer } = servedIn(file);

async function sessions(): Promise<Handle> {
  const { Server } = await import('@modelcontextprotocol/sdk/server/index.js');
  const { StreamableHTTPServerTransport } = await import('@modelcontextprotocol/sdk/server/streamableHttp.js');
  const { CallToolRequestSchema, ListToolsRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
  const open = new Map<string, InstanceType<typeof StreamableHTTPServerTransport>>();
  return async (request, response, body) => {
    const known = open.get(String(request.headers['mcp-session-id']));
    if (known) return known.handleRequest(request, response, body);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void open.set(id, transport),
    });
    const server = new Server(bareInfo, { capabilities: { tools: {} } });
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: tools }));
    server.setRequestHandler(CallToolRequestSchema, answer);
    await server.connect(transport as Parameters<typeof server.connect>[0]);
    await transport.handleRequest(request, response, body);
  };
}

async function stateless(): Promise<Handle> {
  const { createMcpHandler, Server } = await import('@modelcontextprotocol/server');
  const handler = createMcpHandler(
    () => {
      const server = new Server(bareInfo, { capabilities: { tools: {} } });
      server.setRequestHandler('tools/list', () => ({ tools: tools as never }));
      server.setRequestHandler('tools/call', () => answer() as never);
      return server;
    },
    { legacy: 'reject' },
  );
  return async ({ headers, method = 'POST' }, response, body) => {
    const fields = Object.entries(headers).filter((field): field is [string, string] => typeof field[1] === 'string');
    const told = await handler.fetch(new Request('http://localhost/mcp', { method, headers: fields }), {
      parsedBody: body,
    });
    response.writeHead(told.status, Object.fromEntries(told.headers));
    response.end(Buffer.from(await told.arrayBuffer()));
  };
}

const handle = await (era === '2025' ? sessions() : stateless());
const server = createServer((request, response) => {
  json(request)
    .then((body) => handle(request, response, body))
    .catch(() => response.destroy());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp\n`);
