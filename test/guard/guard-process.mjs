// An MCP server over stdio with a guard (or, with GUARD=off, none) from the built package. Its one tool appends a
// line to a file; with HANG=1 it then never answers, so that the process can be killed in the middle.
import { appendFileSync, readFileSync } from 'node:fs';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { guard, z } from 'mcp-once';

// The bundle of the tests holds this file as CommonJS, which cannot wait at its top.
async function serve() {
  const { EFFECTS, GUARD, HANG, RECOVERY } = process.env;
  const server = new McpServer({ name: 'shop', version: '1.0.0' });
  let once;
  if (GUARD !== 'off') {
    const reconcile = {
      recovery: 'reconcile',
      lookup: async (_input, { marker }) =>
        readFileSync(EFFECTS, 'utf8').includes(marker) ? { status: 'found', result: 'found' } : { status: 'absent' },
    };
    once = await guard({
      // A busy machine must be able to renew it: a claim that was not renewed within half of it sends nothing.
      lease: '3s',
      wait: '10s',
      logLevel: 'silent',
      tools: RECOVERY === 'reconcile' ? { create: reconcile } : {},
    });
    once.protect(server);
  }
  server.registerTool('create', { inputSchema: { customer: z.string() } }, async ({ customer }, extra) => {
    appendFileSync(EFFECTS, `${customer} ${once ? once.operation(extra).marker : ''}\n`);
    if (HANG === '1') await new Promise(() => {});
    return { content: [{ type: 'text', text: `created by ${process.pid}` }] };
  });
  await server.connect(new StdioServerTransport());
}
void serve();
