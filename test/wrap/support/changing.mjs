// An MCP server over stdio that lists the tools in the file LISTED. Each call adds a line to the file EFFECTS.
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { EFFECTS, LISTED } = process.env;
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const listed = () => JSON.parse(readFileSync(LISTED, 'utf8'));

const handlers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: { listChanged: true } },
    serverInfo: { name: 'changing', version: '1' },
  }),
  'tools/list': () => ({ tools: listed() }),
  'tools/call': ({ name, arguments: args }) => {
    if (!listed().some((tool) => tool.name === name)) throw new Error(`no tool ${name}`);
    appendFileSync(EFFECTS, `${JSON.stringify({ name, ...args })}\n`);
    // Ends once, after the effect. The next process lists the tools in this file.
    if (existsSync(`${EFFECTS}.dies`)) {
      writeFileSync(LISTED, readFileSync(`${EFFECTS}.dies`));
      rmSync(`${EFFECTS}.dies`);
      process.exit(1);
    }
    return { content: [{ type: 'text', text: `done ${name}` }] };
  },
  'x/changed': () => {
    send({ method: 'notifications/tools/list_changed' });
    return {};
  },
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  try {
    send({ id, result: handlers[method](params ?? {}) });
  } catch (error) {
    send({ id, error: { code: -32602, message: error.message } });
  }
});
