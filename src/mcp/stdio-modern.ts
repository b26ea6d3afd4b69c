import type { Transport as EarlierTransport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Transport } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { describeError } from '../errors.ts';
import { createModernServer, type ModernServerOptions } from './modern-server.ts';
import { toolPages } from './tool-list.ts';

/** Serves MCP 2026-07-28, and nothing earlier, on a connection that is open already. Loaded when a client asks for it. */
export function serveModern(transport: EarlierTransport, options: Omit<ModernServerOptions, 'list'>): void {
  const list = toolPages(options.catalog);
  serveStdio(() => createModernServer({ ...options, list }), {
    legacy: 'reject',
    // Both SDKs mean the same by a transport; only their schemas of messages differ.
    transport: transport as unknown as Transport,
    onerror: (error) => options.log.debug(`mcp: ${describeError(error)}`),
  });
}
