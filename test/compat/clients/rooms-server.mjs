// The guarded MCP server that the clients use, over stdio: one tool with structured output.
import { readFile, writeFile } from 'node:fs/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { guard, NotExecuted, z } from '../../../dist/src/index.js';
import { toolName } from './conversation.mjs';

const bookings = process.env.ROOMS_FILE;
const once = await guard({ name: 'rooms', tools: { [toolName]: { identity: ({ room }) => room } } });
const server = new McpServer({ name: 'rooms', version: '1.0.0' });
once.protect(server);
server.registerTool(
  toolName,
  {
    description: 'Books a room.',
    inputSchema: { room: z.string(), memo: z.string() },
    outputSchema: { booking: z.string(), room: z.string() },
  },
  async ({ room }) => {
    if (room === 'refused') throw new NotExecuted('no such room');
    if (room === 'lost') throw new Error('socket hang up');
    const count = 1 + Number(await readFile(bookings, 'utf8').catch(() => '0'));
    await writeFile(bookings, String(count));
    const booked = { booking: `booking-${count}`, room };
    return { content: [{ type: 'text', text: JSON.stringify(booked) }], structuredContent: booked };
  },
);
await server.connect(new StdioServerTransport());
