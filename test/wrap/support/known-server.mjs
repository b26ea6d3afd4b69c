// An MCP server over stdio with the name and the tools of the file KNOWN. Each call adds its tool to the file EFFECTS.
import { appendFileSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { EFFECTS, KNOWN } = process.env;
const { name, tools, pageSize } = JSON.parse(readFileSync(KNOWN, 'utf8'));
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

const handlers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name, version: '1' },
  }),
  'tools/list': ({ cursor = '0' }) => {
    const from = Number(cursor);
    const next = from + pageSize;
    return { tools: tools.slice(from, next), ...(next < tools.length ? { nextCursor: String(next) } : {}) };
  },
  'tools/call': (call) => {
    appendFileSync(EFFECTS, `${call.name}\n`);
    return { content: [{ type: 'text', text: `done ${call.name}` }] };
  },
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const handler = handlers[method];
  send({ id, ...(handler ? { result: handler(params ?? {}) } : { error: { code: -32601, message: `no ${method}` } }) });
});
