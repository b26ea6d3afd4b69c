import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Guard } from 'mcp-once';
import { settings } from './shop.ts';
import { shopServer } from './shop-server.ts';

/** The shop over Streamable HTTP: a server a request, one guard for all of them. */
export async function startShop(once: Guard | undefined): Promise<{ url: string; close(): void }> {
  let made = 0;
  const server = createServer(async (request, response) => {
    const mcp = shopServer(once, () => {
      made += 1;
      if (made === 1) loseAnswer(response);
    });
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    response.on('close', () => void mcp.close());
    await mcp.connect(transport as Parameters<typeof mcp.connect>[0]);
    await transport.handleRequest(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/mcp`, close: () => server.close().closeAllConnections() };
}

/** What a gateway or a network does to the answer of a call that took effect. */
function loseAnswer(response: ServerResponse): void {
  if (settings.fault === 'drop') response.destroy();
  if (settings.fault === '503') {
    const writeHead = response.writeHead.bind(response);
    response.writeHead = () => writeHead(503);
  }
}
