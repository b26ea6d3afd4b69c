import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { type Guard, z } from 'mcp-once';
import { createInvoice } from './shop.ts';

/**
 * An MCP server as anybody would write it, with one line more.
 * @param made told of each invoice, before the answer leaves.
 */
export function shopServer(once: Guard | undefined, made: () => void = () => {}): McpServer {
  const server = new McpServer({ name: 'shop', version: '1.0.0' });
  once?.protect(server);
  server.registerTool(
    'create_invoice',
    { description: 'Creates an invoice for a customer.', inputSchema: { customer: z.string() } },
    async ({ customer }) => {
      const invoice = await createInvoice(customer);
      made();
      return { content: [{ type: 'text', text: `invoice ${invoice.number} for ${invoice.customer}` }] };
    },
  );
  return server;
}
