import type { Transport as EarlierTransport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Transport } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { describeError } from '../core/errors.ts';
import { createServer2026, type Server2026Options } from './server-2026.ts';
import type { ServedTools } from './tool-requests.ts';

/** Serves MCP 2026-07-28, and nothing earlier, on a connection that is open already. Loaded when a client asks for it. */
export function serveStdio2026(
  transport: EarlierTransport,
  tools: ServedTools,
  scope: Server2026Options['scope'],
): void {
  const { list, log } = tools;
  const connect = (): ReturnType<typeof createServer2026> => {
    const server = createServer2026(tools, { scope });
    // The SDK hands it to those who listen, and to nobody else.
    list.onChange(() => {
      server.sendToolListChanged().catch((error: unknown) => log.debug(`list_changed: ${describeError(error)}`));
    });
    return server;
  };
  serveStdio(connect, {
    legacy: 'reject',
    // Both SDKs mean the same by a transport; only their schemas of messages differ.
    transport: transport as unknown as Transport,
    onerror: (error) => log.debug(`mcp: ${describeError(error)}`),
  });
}
