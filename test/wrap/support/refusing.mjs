// An MCP server over stdio whose write tools answer as the file SCRIPT says: one JSON line per call, taken from its beginning.
// A line { "effect": true } adds a line to the file EFFECTS before the answer; { "die": true } ends the process.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { EFFECTS, SCRIPT } = process.env;
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const row = { type: 'object', properties: { name: { type: 'string' } } };
const names = 'create_note pay_invoice get_note list_notes search_notes find_note_history list_users get_invoice'.split(
  ' ',
);
const tools = names.map((name) => ({ name, inputSchema: row }));

function nextLine() {
  const [line = '{}', ...rest] = readFileSync(SCRIPT, 'utf8').split('\n');
  writeFileSync(SCRIPT, rest.join('\n'));
  return JSON.parse(line === '' ? '{}' : line);
}

function call(id, { name }) {
  if (!/^(?:create|pay)_/.test(name)) return send({ id, result: { content: [{ type: 'text', text: '[]' }] } });
  const { effect, die, error, result } = nextLine();
  const isPlain = error === undefined && result === undefined && !die;
  if (effect || isPlain) appendFileSync(EFFECTS, `${name}\n`);
  if (die) process.exit(7);
  if (error) return send({ id, error });
  return send({ id, result: result ?? { content: [{ type: 'text', text: 'done' }] } });
}

const handlers = {
  initialize: (id, { protocolVersion }) =>
    send({
      id,
      result: { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'refusing', version: '1' } },
    }),
  'tools/list': (id) => send({ id, result: { tools } }),
  'tools/call': call,
  ping: (id) => send({ id, result: {} }),
};
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id !== undefined) handlers[method]?.(id, params);
});
