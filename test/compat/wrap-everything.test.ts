import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  CreateTaskResultSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { listening } from '../wrap/support/http.ts';
import { connect, type Message, main, stage, wrapArgs } from '../wrap/support/wrap.ts';
import { serverOf } from './support/packages.ts';

const capabilities = {
  roots: { listChanged: true },
  sampling: {},
  elicitation: { form: {}, url: {} },
  tasks: { requests: { elicitation: { create: {} }, sampling: { createMessage: {} } } },
};

interface Surveyed {
  readonly client: Client;
  readonly asked: string[];
  readonly updated: string[];
  readonly progress: unknown[];
}

async function surveyed(args: readonly string[] | Transport): Promise<Surveyed> {
  const asked: string[] = [];
  const updated: string[] = [];
  const prepare = (client: Client): void => {
    client.setRequestHandler(ListRootsRequestSchema, () => {
      asked.push('roots');
      return { roots: [{ uri: 'file:///a', name: 'a' }] };
    });
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
      asked.push(`sampling ${JSON.stringify(params)}`);
      return { role: 'assistant', model: 'mine', content: { type: 'text', text: 'sampled' } };
    });
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      asked.push(`elicitation ${JSON.stringify(params).replace(/[0-9a-f-]{36}/g, 'ID')}`);
      return { action: 'accept', content: { name: 'me', check: true } };
    });
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
  };
  const client = await connect(args, { capabilities, prepare });
  return { client, asked, updated, progress: progressOf(client) };
}

/**
 * Collects the distinct progress notifications. The client drops one that arrives after the response. Over HTTP, a
 * resumed stream repeats some.
 */
function progressOf(client: Client): unknown[] {
  const progress: unknown[] = [];
  const seen = new Set<string>();
  const { transport } = client;
  const receive = transport?.onmessage;
  if (!transport || !receive) throw new Error('the client is not connected');
  transport.onmessage = (message, extra) => {
    if ('method' in message && message.method === 'notifications/progress') {
      const { progressToken: _, ...rest } = message.params ?? {};
      if (!seen.has(JSON.stringify(message.params))) progress.push(rest);
      seen.add(JSON.stringify(message.params));
    }
    receive(message, extra);
  };
  return progress;
}

/**
 * The distinct requests of the server, in order. It may request the roots at any time. Over HTTP, a stream that is
 * resumed repeats requests, and when that happens depends on timing.
 */
function questionsOf(asked: readonly string[]): readonly string[] {
  return [...new Set(asked)];
}

/** Removes the differences between two runs, and what a proxy may add. */
function plain(value: unknown): Message {
  const text = JSON.stringify(value, (key, each) => (key === 'repeat_token' ? undefined : each));
  const ids = /[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{32}\b/g;
  const copy = JSON.parse(text.replace(/\d{1,2}:\d{2}:\d{2}( [AP]M)?/g, 'TIME').replace(ids, 'ID'));
  strip(copy);
  return copy;
}

function strip(value: Message): void {
  if (typeof value !== 'object' || value === null) return;
  delete value['mcp-once/outcome'];
  for (const each of Object.values(value)) strip(each);
  if (value._meta && Object.keys(value._meta).length === 0) delete value._meta;
}

/** Uses every feature of the server, in the order of a typical client. */
async function survey({ client, asked, updated, progress }: Surveyed) {
  const call = (name: string, args: Record<string, unknown> = {}) =>
    client
      .callTool({ name, arguments: args })
      .catch((error: { code?: number; message: string }) => [error.code, error.message]);
  const found: Record<string, unknown> = {
    version: client.getServerVersion(),
    capabilities: client.getServerCapabilities(),
    instructions: client.getInstructions(),
    ping: await client.ping(),
  };
  // The server registers some tools after it has received the client's roots.
  await expect.poll(() => asked).toContain('roots');
  await expect.poll(async () => (await client.listTools()).tools.length).toBeGreaterThan(16);
  // A tool that may be meant several times takes a number.
  const { tools, ...page } = await client.listTools();
  for (const { inputSchema } of tools) delete inputSchema.properties?.occurrence;
  found.tools = { ...page, tools };
  found.resources = await client.listResources();
  found.templates = await client.listResourceTemplates();
  found.text = await client.readResource({ uri: 'demo://resource/dynamic/text/1' });
  const { contents } = await client.readResource({ uri: 'demo://resource/dynamic/blob/2' });
  found.blob = contents.map((each) => Buffer.from('blob' in each ? each.blob : '', 'base64').toString());
  found.missing = await client.readResource({ uri: 'demo://resource/none' }).catch((e: Error) => e.message);
  found.subscribe = await client.subscribeResource({ uri: 'demo://resource/dynamic/text/1' });
  found.toggled = await call('toggle-subscriber-updates');
  await expect.poll(() => updated).toContain('demo://resource/dynamic/text/1');
  found.unsubscribe = await client.unsubscribeResource({ uri: 'demo://resource/dynamic/text/1' });
  found.prompts = await client.listPrompts();
  found.prompt = await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Bern', state: 'BE' } });
  found.promptMissing = await client.getPrompt({ name: 'none' }).catch((e: Error) => e.message);
  found.completion = await client.complete({
    ref: { type: 'ref/prompt', name: 'completable-prompt' },
    argument: { name: 'department', value: 'S' },
  });
  found.level = await client.setLoggingLevel('debug');
  found.echo = await call('echo', { message: 'grüezi' });
  found.invalid = await call('echo', { message: 1 });
  // mcp-once says below an error whether it had an effect.
  const { content: [unknown] = [] } = (await call('nope')) as { content?: unknown[] };
  found.unknown = unknown;
  found.sum = await call('get-sum', { a: 1, b: 2 });
  found.structured = await call('get-structured-content', { location: 'Chicago' });
  found.image = await call('get-tiny-image');
  found.links = await call('get-resource-links', { count: 2 });
  found.annotated = await call('get-annotated-message', { messageType: 'error', includeImage: true });
  found.gzip = await call('gzip-file-as-resource', {
    name: 'a.gz',
    data: 'data:text/plain,hello',
    outputType: 'resource',
  });
  found.sampling = await call('trigger-sampling-request', { prompt: 'p', maxTokens: 5 });
  found.elicitation = await call('trigger-elicitation-request');
  found.rootsList = await call('get-roots-list');
  found.url = await call('trigger-url-elicitation', { url: 'https://example.com/', errorPath: true });
  found.long = await client.callTool(
    { name: 'trigger-long-running-operation', arguments: { duration: 0.3, steps: 3 } },
    undefined,
    { onprogress: () => undefined },
  );
  // Over HTTP, a notification and the response use different streams, so either may arrive first.
  await expect.poll(() => progress.length).toBeGreaterThanOrEqual(3);
  found.task = await aTask(client);
  expect(progress).toHaveLength(3);
  return plain({ ...found, asked: questionsOf(asked), progress });
}

/** Calls a tool as a task, and requests the result of the task later. */
async function aTask(client: Client) {
  const params = { name: 'simulate-research-query', arguments: { topic: 'proxies' }, task: { ttl: 60_000 } };
  const { task } = await client.request({ method: 'tools/call', params }, CreateTaskResultSchema);
  const got = await client.request({ method: 'tasks/get', params: { taskId: task.taskId } }, z.looseObject({}));
  const result = await client.request(
    { method: 'tasks/result', params: { taskId: task.taskId } },
    CallToolResultSchema,
  );
  return { keys: Object.keys(task), gotKeys: Object.keys(got), result };
}

const everything = serverOf('everything');

describe('server-everything', () => {
  test('behaves the same through the proxy over stdio', async () => {
    const { store } = stage();
    const [straight, through] = await Promise.all([surveyed([everything]), surveyed(wrapArgs(store, [everything]))]);
    const [expected, found] = await Promise.all([survey(straight), survey(through)]);
    expect(found).toEqual(expected);
  });

  test.each([
    ['Streamable HTTP', 'streamableHttp', '/mcp'],
    ['the older SSE', 'sse', '/sse'],
  ])('behaves the same through the proxy over %s', async (_, kind, path) => {
    const { store } = stage();
    const { origin } = await listening([everything, kind]);
    const wrapUrl = [main, 'wrap', '--store', store, '--log-level', 'warn', `${origin}${path}`];
    const url = new URL(`${origin}${path}`);
    const transport = kind === 'sse' ? new SSEClientTransport(url) : new StreamableHTTPClientTransport(url);
    const [straight, through] = await Promise.all([surveyed(transport as Transport), surveyed(wrapUrl)]);
    const [expected, found] = await Promise.all([survey(straight), survey(through)]);
    expect(found).toEqual(expected);
  });
});
