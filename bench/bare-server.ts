/**
 * The baseline of the stdio benches: the same tools on the SDK alone, without a ledger.
 *
 * argv: `low` (its low-level Server, which checks nothing) or `high` (its McpServer, which validates arguments
 * and results with zod, as most servers do), and a JSON file with the tools to serve.
 */
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { bareInfo, servedIn } from './support/bare.ts';

const [, , kind, file = ''] = process.argv;
const { tools, answer } = servedIn(file);

async function connectLow(): Promise<void> {
  const { Server } = await import('@modelcontextprotocol/sdk/server/index.js');
  const { CallToolRequestSchema, ListToolsRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
  const server = new Server(bareInfo, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: tools }));
  server.setRequestHandler(CallToolRequestSchema, answer);
  await server.connect(new StdioServerTransport());
}

async function connectHigh(): Promise<void> {
  const { McpServer } = await import('@modelcontextprotocol/sdk/server/mcp.js');
  const { z } = await import('zod');
  const server = new McpServer(bareInfo);
  for (const { name, title, description, inputSchema, outputSchema } of tools) {
    const config = {
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
      inputSchema: z.fromJSONSchema(inputSchema as never) as never,
      ...(outputSchema ? { outputSchema: z.fromJSONSchema(outputSchema as never) as never } : {}),
    };
    server.registerTool(name, config, answer as never);
  }
  await server.connect(new StdioServerTransport());
}

await (kind === 'low' ? connectLow() : connectHigh());
