import { PassThrough } from 'node:stream';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { guard } from '../../src/index.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

/** Serves `set_status` over the stdio transport of the SDK, and calls it line by line. */
async function served() {
  const once = await guard({ store: 'memory:', name: 'shop' });
  const server = new McpServer({ name: 'shop', version: '1.0.0' });
  once.protect(server);
  const statuses: string[] = [];
  server.registerTool(
    'set_status',
    { inputSchema: { status: z.string() }, annotations: { idempotentHint: true } },
    async ({ status }) => {
      statuses.push(status);
      return { content: [{ type: 'text' as const, text: status }] };
    },
  );
  const [input, output] = [new PassThrough(), new PassThrough()];
  await server.connect(new StdioServerTransport(input, output));
  opened.push(server, once);
  let nextId = 0;
  const ask = (method: string, params: object): Promise<string> => {
    nextId += 1;
    const answer = new Promise<string>((resolve) => output.once('data', (data: Buffer) => resolve(data.toString())));
    input.write(`${JSON.stringify({ jsonrpc: '2.0', id: nextId, method, params })}\n`);
    return answer;
  };
  const clientInfo = { name: 'test', version: '1' };
  await ask('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
  return { statuses, set: (status: string) => ask('tools/call', { name: 'set_status', arguments: { status } }) };
}

test('a library server over stdio executes each of A, B, A, and replays a repeat of the last one', async () => {
  const { statuses, set } = await served();
  for (const status of ['a', 'b', 'a']) await set(status);
  expect(await set('a')).toContain('Replayed from');
  expect(statuses).toEqual(['a', 'b', 'a']);
});
