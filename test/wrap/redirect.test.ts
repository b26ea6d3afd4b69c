import { expect, test } from 'vitest';
import { serving } from './support/http.ts';
import { type Message, main, outcomeOf, RawClient, stage } from './support/wrap.ts';

/** Wraps a server that redirects each tool call. */
async function redirecting(status: number, where: (own: string) => string) {
  const { store } = stage();
  let effects = 0;
  const server = await serving(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const { id, method, params }: Message = JSON.parse(body);
    if (id === undefined) return void response.writeHead(202).end();
    if (method === 'tools/call' && request.url === '/mcp') {
      return void response.writeHead(status, { location: where(server.origin) }).end();
    }
    if (method === 'tools/call') effects += 1;
    const introduction = { capabilities: { tools: {} }, serverInfo: { name: 'r', version: '1' } };
    const results: Readonly<Record<string, unknown>> = {
      initialize: { protocolVersion: params?.protocolVersion, ...introduction },
      'tools/list': { tools: [{ name: 'effect', inputSchema: { type: 'object', properties: {} } }] },
    };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] ?? { content: [] } }));
  });
  const args = [main, 'wrap', '--store', store, '--header', 'X-Key: mine', `${server.origin}/mcp`];
  const client = new RawClient(args);
  await client.initialize();
  const told = outcomeOf((await client.call('effect', {})).result);
  return { code: told?.code, effects };
}

test.each([
  [307, 'succeeded', 1],
  [308, 'succeeded', 1],
  // The server may have executed the call before it responded.
  [303, 'outcome_unknown', 0],
])('follows a redirect within the server with %i: %s', async (status, code, effects) => {
  expect(await redirecting(status, (own) => `${own}/other`)).toEqual({ code, effects });
});

test.each([307, 308])('sends neither headers nor arguments to another server (%i)', async (status) => {
  let heard = 0;
  const other = await serving((_, response) => {
    heard += 1;
    response.writeHead(200).end();
  });
  expect((await redirecting(status, () => `${other.origin}/mcp`)).code).toBe('operation_failed');
  expect(heard).toBe(0);
});
