// node recorder.mjs FILE [json | stream | sse]: an MCP server that writes down the text of each call's arguments as it came, one line
// each: `NAME TEXT`, and answers with that text. Over stdio, or over HTTP where PORT is set. The first call of a tool that holds "hang" is not answered.
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [, , file, way] = process.argv;
const integer = { type: 'integer' };
const inner = { type: 'object', properties: { note: { type: 'string' }, id: integer } };
const properties = {
  cents: integer,
  amount: { type: 'number' },
  list: { type: 'array', items: integer },
  note: { type: 'string' },
  in: inner,
};
const keyIn = { ...inner.properties, idempotency_key: { type: 'string' } };
const closed = { type: 'object', properties, additionalProperties: false };
const keyed = { type: 'object', properties: { ...properties, idempotency_key: { type: 'string' } } };
const tools = [
  { name: 'send_money', inputSchema: closed },
  { name: 'send_keyed_money', inputSchema: keyed },
  { name: 'update_keyed_thing', inputSchema: keyed },
  { name: 'get_money', inputSchema: closed },
  {
    name: 'send_nested_money',
    inputSchema: { type: 'object', properties: { ...properties, options: { ...inner, properties: keyIn } } },
  },
];
const initialized = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {} },
  serverInfo: { name: 'recorder', version: '1' },
};

/** Returns the text of an object that begins at a place, by its braces outside of strings. */
function objectAt(text, start) {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === '"') {
      for (at += 1; text[at] !== '"'; at += 1) if (text[at] === '\\') at += 1;
    } else if (text[at] === '{') depth += 1;
    else if (text[at] === '}') {
      depth -= 1;
      if (depth === 0) return text.slice(start, at + 1);
    }
  }
  return '';
}

function answerTo(text) {
  const { id, method, params } = JSON.parse(text);
  if (id === undefined) return undefined;
  const results = { initialize: initialized, 'tools/list': { tools } };
  const result = results[method] ?? {};
  if (method === 'tools/call') {
    const came = objectAt(text, text.indexOf('{', text.indexOf('"arguments":')));
    appendFileSync(file, `${params.name} ${came}\n`);
    const hung = `${file}.${params.name}.hung`;
    if (came.includes('hang') && !existsSync(hung)) {
      writeFileSync(hung, '');
      return undefined;
    }
    const content = JSON.stringify([{ type: 'text', text: `done ${params.name} ${came}` }]);
    return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":${content},"structuredContent":{"came":${came}}}}`;
  }
  return JSON.stringify({ jsonrpc: '2.0', id, result });
}

let stream;

/** The transport of MCP 2024-11-05: a GET opens the stream of all responses. */
function overOldTransport(request, response, text) {
  if (request.method === 'GET') {
    stream = response.writeHead(200, { 'content-type': 'text/event-stream' });
    stream.write('event: endpoint\ndata: /messages\n\n');
  } else if (request.url !== '/messages') response.writeHead(405).end();
  else {
    response.writeHead(202).end('Accepted');
    const answer = answerTo(text);
    if (answer !== undefined) stream.write(`event: message\ndata: ${answer}\n\n`);
  }
}

if (process.env.PORT) {
  createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    if (way === 'sse') return overOldTransport(request, response, text);
    if (request.method !== 'POST') return response.writeHead(405).end();
    const { id } = JSON.parse(text);
    const answer = answerTo(text);
    if (answer === undefined) return id === undefined ? response.writeHead(202).end() : undefined;
    const isStream = way === 'stream';
    response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
    response.end(isStream ? `event: message\ndata: ${answer}\n\n` : answer);
  }).listen(Number(process.env.PORT), '127.0.0.1');
} else {
  createInterface({ input: process.stdin }).on('line', (text) => {
    const answer = answerTo(text);
    if (answer !== undefined) process.stdout.write(`${answer}\n`);
  });
}
