// node digits.mjs EFFECTS [json | stream]: an MCP server that never parses a number. It finds the digits of `id` in the text,
// and gives them back. Over stdio, or over HTTP where PORT is set.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const schema =
  '{"type":"object","properties":{"id":{"type":"integer","maximum":9223372036854775807}},"required":["id"]}';
const tools = ['get_message', 'delete_message'].map((name) => `{"name":"${name}","inputSchema":${schema}}`);
const initialized =
  '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"digits","version":"1"}}';

function resultOf(text) {
  if (text.includes('"initialize"')) return initialized;
  if (text.includes('"tools/list"')) return `{"tools":[${tools.join(',')}]}`;
  if (!text.includes('"tools/call"')) return '{}';
  const name = /"name":"(\w+_message)"/.exec(text)?.[1];
  const digits = /"arguments":\{[^}]*?"id":("?[^,}]*)/.exec(text)?.[1];
  appendFileSync(process.argv[2], `${name} ${digits}\n`);
  const inner = JSON.stringify(`{"id":${digits}}`);
  return `{"content":[{"type":"text","text":${inner}}],"structuredContent":{"id":${digits},"next":[18446744073709551615]}}`;
}

function answerTo(text) {
  const { id } = JSON.parse(text);
  return id === undefined ? undefined : `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${resultOf(text)}}`;
}

if (process.env.PORT) {
  createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const answer = request.method === 'POST' ? answerTo(text) : undefined;
    if (answer === undefined) return response.writeHead(request.method === 'POST' ? 202 : 405).end();
    const isStream = process.argv[3] === 'stream';
    response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
    response.end(isStream ? `event: message\ndata: ${answer}\n\n` : answer);
  }).listen(Number(process.env.PORT), '127.0.0.1');
} else {
  createInterface({ input: process.stdin }).on('line', (text) => {
    const answer = answerTo(text);
    if (answer !== undefined) process.stdout.write(`${answer}\n`);
  });
}
