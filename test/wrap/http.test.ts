import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serving } from './support/http.ts';
import { type Message, main, RawClient, stage } from './support/wrap.ts';

const outcome = (message: Message) => message.result?._meta?.['mcp-once/outcome'];
const tool = (name: string) => ({ name, inputSchema: { type: 'object', properties: {} } });

/** Starts a Streamable HTTP server that exposes its sessions and effects, and fails on demand. */
async function scriptedHttp() {
  const effects: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const sessions = new Set<string>();
  let count = 0;
  let held = Promise.resolve();
  let release = (): void => {};
  /** Blocks new sessions until `release`. */
  const hold = (): void => {
    held = new Promise((resolve) => {
      release = resolve;
    });
  };
  const json = (response: ServerResponse, value: unknown, more: Record<string, string> = {}): void => {
    response.writeHead(200, { 'content-type': 'application/json', ...more });
    response.end(JSON.stringify(value));
  };
  const answer = (message: Message, response: ServerResponse): void => {
    const { id, method, params } = message;
    const result = (value: unknown): void => json(response, { jsonrpc: '2.0', id, result: value });
    if (method === 'tools/list') result({ tools: [tool('effect'), tool('stop'), tool('fail')] });
    else if (method !== 'tools/call') result({ method });
    else {
      effects.push(params.name);
      if (params.name === 'effect') result({ content: [{ type: 'text', text: 'done' }] });
      else if (params.name === 'fail') response.writeHead(502).end();
      else {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(': nothing yet\n\n');
        response.destroy();
      }
    }
  };
  const { origin } = await serving(async (request, response) => {
    headers.push(request.headers);
    if (request.method !== 'POST') {
      response.writeHead(405).end();
      return;
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    const message: Message = JSON.parse(body);
    if (message.method === 'initialize') {
      await held;
      count += 1;
      sessions.add(`s${count}`);
      const { protocolVersion } = message.params;
      const result = { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'h', version: '1' } };
      json(response, { jsonrpc: '2.0', id: message.id, result }, { 'mcp-session-id': `s${count}` });
    } else if (!sessions.has(String(request.headers['mcp-session-id']))) response.writeHead(404).end();
    else if (message.id === undefined) response.writeHead(202).end();
    else answer(message, response);
  });
  return { url: `${origin}/mcp`, effects, headers, sessions, opened: () => count, hold, release: () => release() };
}

function wrapUrl(
  store: string,
  url: string,
  options: readonly string[] = [],
  env: Record<string, string> = {},
): RawClient {
  return new RawClient([main, 'wrap', '--store', store, '--log-level', 'warn', ...options, url], env);
}

test('opens a new session after 404, and sends the rejected message again', async () => {
  const { store } = stage();
  const server = await scriptedHttp();
  const client = wrapUrl(store, server.url);
  await client.initialize();
  server.sessions.clear();
  expect((await client.ask('x/read')).result).toEqual({ method: 'x/read' });
  server.sessions.clear();
  expect(outcome(await client.call('effect', {}))).toMatchObject({ code: 'succeeded' });
  expect(outcome(await client.call('effect', {}))).toMatchObject({ replayed: true });
  expect(server.effects).toEqual(['effect']);
  expect(server.opened()).toBe(3);
});

test('does not send a call that waited too long for a new session, and executes its repeat once', async () => {
  const { folder, store } = stage();
  const server = await scriptedHttp();
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify({ store, maxRun: '1s', logLevel: 'warn' }));
  const client = new RawClient([main, 'wrap', '--config', file, server.url]);
  await client.initialize();
  await client.ask('tools/list', {});
  server.sessions.clear();
  server.hold();
  expect(outcome(await client.call('effect', {}))).toMatchObject({ code: 'outcome_unknown' });
  server.release();
  // This request waited for the session behind the call.
  expect((await client.ask('x/read')).result).toEqual({ method: 'x/read' });
  expect(server.effects).toEqual([]);
  await expect.poll(async () => outcome(await client.call('effect', {})).code).toBe('succeeded');
  expect(server.effects).toEqual(['effect']);
});

test.each([
  ['a stream that breaks before the response', 'stop'],
  ['HTTP 502', 'fail'],
])('reports %s as unknown, and executes nothing for a repeat', async (_, name) => {
  const { store } = stage();
  const server = await scriptedHttp();
  const client = wrapUrl(store, server.url);
  await client.initialize();
  expect(outcome(await client.call(name, {}))).toMatchObject({ code: 'outcome_unknown' });
  expect(outcome(await client.call(name, {}))).toMatchObject({ code: 'outcome_unknown' });
  expect(server.effects).toEqual([name]);
});

test('sends --bearer-env and --header to the server, and logs neither', async () => {
  const { store } = stage();
  const server = await scriptedHttp();
  const options = ['--bearer-env', 'TOKEN', '--header', 'X-Mine: of mine'];
  const client = wrapUrl(store, server.url, [...options, '--log-level', 'debug'], { TOKEN: 'sesame' });
  await client.initialize();
  expect(server.headers[0]).toMatchObject({ authorization: 'Bearer sesame', 'x-mine': 'of mine' });
  await client.ask('tools/list', {});
  client.end();
  await client.exited;
  expect(client.stderr).not.toMatch(/sesame|of mine/);
});

test('refuses --bearer-env with an unset variable', async () => {
  const { store } = stage();
  const client = wrapUrl(store, 'http://127.0.0.1:1/mcp', ['--bearer-env', 'TOKEN']);
  expect(await client.exited).toBe(2);
  expect(client.stderr).toMatch(/TOKEN is not set/);
});
