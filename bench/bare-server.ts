/**
 * The other side of the stdio benches: the same tools on the SDK alone, with no ledger.
 *
 * argv: `low` (its low-level Server, which checks nothing) or `high` (its McpServer, which validates arguments
 * and results with zod, as most servers do), and a JSON file of what is served.
 */
import { readFileSync } from 'node:fs';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js';

interface Served {
  readonly tools: Tool[];
  readonly result: unknown;
}

const [, , kind, file = ''] = process.argv;
const served = JSON.parse(readFileSync(file, 'utf8')) as Served;
const info = { name: 'bare', version: '1.0.0' };

function answer(): CallToolResult {
  const { result } = served;
  return {
    content: [{ type: 'text', text: JSON.stringify(result) }],
    structuredContent: result as Record<string, unknown>,
  };
}

async function connectLow(): Promise<void> {
  const { Server } = await import('@modelcontextprotocol/sdk/server/index.js');
  const { CallToolRequestSchema, ListToolsRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
  const server = new Server(info, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: served.tools }));
  server.setRequestHandler(CallToolRequestSchema, answer);
  await server.connect(new StdioServerTransport());
}

async function connectHigh(): Promise<void> {
  const { McpServer } = await import('@modelcontextprotocol/sdk/server/mcp.js');
  const { z } = await import('zod');
  const server = new McpServer(info);
  for (const { name, title, description, inputSchema, outputSchema } of served.tools) {
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
