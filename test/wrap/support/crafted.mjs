// An MCP server over stdio that serves what its tests put into the JSON file CRAFTED: the answers by method, as raw JSON
// text. Each call of a tool adds its name to the file EFFECTS.
import { appendFileSync, readFileSync } from 'node:fs';

const { EFFECTS = '', CRAFTED = '' } = process.env;
const {
  answers = {},
  flood = 0,
  capabilities = { tools: {} },
  changesWithList = false,
} = JSON.parse(readFileSync(CRAFTED, 'utf8'));
const write = (line) => process.stdout.write(`${line}\n`);
const answer = (id, text) => write(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${text}}`);
const deep = (levels, text) => text.replace('"NESTED"', `${'['.repeat(levels)}${']'.repeat(levels)}`);

function call(id, { name, arguments: args = {} }) {
  appendFileSync(EFFECTS, `${name}${args.idempotency_key === undefined ? '' : ' with a key'}\n`);
  if (args.flood) {
    const lines = Array.from({ length: flood }, () =>
      JSON.stringify({ jsonrpc: '2.0', method: `notifications/${args.flood}/list_changed` }),
    );
    write(lines.join('\n'));
  }
  answer(id, deep(args.levels ?? 0, answers['tools/call'] ?? '{"content":[{"type":"text","text":"done"}]}'));
}

let held = '';
process.stdin.setEncoding('utf8').on('data', (chunk) => {
  const lines = (held + chunk).split('\n');
  held = lines.pop() ?? '';
  for (const line of lines) {
    const { id, method, params } = JSON.parse(line);
    if (id === undefined || method === undefined) continue;
    if (changesWithList && method === 'tools/list')
      write('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}');
    if (method === 'initialize') {
      const serverInfo = answers.serverInfo ?? { name: 'crafted', version: '1' };
      const { protocolVersion } = params;
      answer(id, JSON.stringify({ protocolVersion, capabilities, serverInfo, ...answers.initialize }));
    } else if (method === 'tools/call') call(id, params);
    else if (answers[method] !== undefined) answer(id, answers[method]);
    else if (method === 'ping') answer(id, '{}');
    else write(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32601, message: `no ${method}` } }));
  }
});
process.stdin.on('end', () => process.exit(0));
