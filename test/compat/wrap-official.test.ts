import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ElicitRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, test } from 'vitest';
import { listening } from '../wrap/support/http.ts';
import { connect, type Message, main, outcomeOf, RawClient, stage, textOf } from '../wrap/support/wrap.ts';
import { serverOf } from './support/packages.ts';

const outcome = (message: Message) => message.result?._meta?.['mcp-once/outcome'];

function wrapUrl(store: string, url: string): RawClient {
  return new RawClient([main, 'wrap', '--store', store, '--log-level', 'warn', url]);
}

test('executes nothing while the server is down, and runs the call when it is back', async () => {
  const { store } = stage();
  const everything = serverOf('everything');
  const server = await listening([everything, 'streamableHttp']);
  const client = wrapUrl(store, `${server.origin}/mcp`);
  await client.initialize();
  await client.ask('tools/list', {});
  await server.kill();
  const args = { name: 'a.gz', data: 'data:text/plain,a', outputType: 'resource' };
  expect(outcome(await client.call('gzip-file-as-resource', args))).toMatchObject({ code: 'operation_failed' });
  const read = await client.call('echo', { message: 'm' });
  expect(read.error.message).toMatch(/Nothing was executed/);
  await listening([everything, 'streamableHttp'], server.port);
  expect(outcome(await client.call('gzip-file-as-resource', args))).toMatchObject({ code: 'succeeded', attempt: 2 });
});

test('fails calls in flight when an SSE stream of the older transport breaks, and opens a new one', async () => {
  const { store } = stage();
  const everything = serverOf('everything');
  const server = await listening([everything, 'sse']);
  const client = wrapUrl(store, `${server.origin}/sse`);
  await client.initialize();
  await client.ask('tools/list', {});
  const args = { duration: 30, steps: 30 };
  const inFlight = client.call('trigger-long-running-operation', args, { _meta: { progressToken: 'p' } });
  await client.until(({ method }) => method === 'notifications/progress');
  await server.kill();
  expect((await inFlight).error.message).toMatch(/the event stream broke off before it responded/);
  await listening([everything, 'sse'], server.port);
  expect((await client.call('echo', { message: 'm' })).result.content[0].text).toBe('Echo: m');
});

test('passes resources, templates, prompts, completions, logging and requests of two real servers', async () => {
  const { folder, store } = stage();
  const file = join(folder, 'config.json');
  const server = (name: string) => ({ command: process.execPath, args: [serverOf(name)] });
  const env = { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') };
  const mcpServers = { every: server('everything'), memory: { ...server('memory'), env } };
  writeFileSync(file, JSON.stringify({ store, logLevel: 'warn', mcpServers }));
  const args = [main, 'wrap', '--config', file];
  const prepare = (client: Client): void => {
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [] }));
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'n' } }));
  };
  const client = await connect(args, {
    capabilities: { roots: { listChanged: true }, elicitation: {} },
    prepare,
  });
  const { prompts } = await client.listPrompts();
  expect(prompts.map(({ name }) => name)).toContain('every_args-prompt');
  const { messages } = await client.getPrompt({ name: 'every_args-prompt', arguments: { city: 'Bern' } });
  expect(JSON.stringify(messages)).toMatch(/Bern/);
  const { contents } = await client.readResource({ uri: 'demo://resource/dynamic/text/7' });
  expect(contents[0]?.uri).toBe('demo://resource/dynamic/text/7');
  const { resources } = await client.listResources();
  expect(resources.length).toBeGreaterThan(0);
  const completed = await client.complete({
    ref: { type: 'ref/prompt', name: 'every_completable-prompt' },
    argument: { name: 'department', value: 'S' },
  });
  expect(completed.completion.values.length).toBeGreaterThan(0);
  await client.setLoggingLevel('debug');
  const long = { name: 'every_trigger-long-running-operation', arguments: { duration: 0.2, steps: 2 } };
  const progress: number[] = [];
  await client.callTool(long, undefined, { onprogress: (each) => void progress.push(each.progress) });
  expect(progress[0]).toBe(1);
  await expect
    .poll(async () => (await client.listTools()).tools.map(({ name }) => name))
    .toContain('every_trigger-elicitation-request');
  const elicited = await client.callTool({ name: 'every_trigger-elicitation-request', arguments: {} });
  expect(JSON.stringify(elicited)).toMatch(/provided/);
  const entities = { entities: [{ name: 'A', entityType: 't', observations: [] }] };
  const create = { name: 'memory_create_entities', arguments: entities };
  await client.callTool(create);
  const again = await client.callTool(create);
  expect(outcomeOf(again)).toMatchObject({ replayed: true });
  expect(JSON.parse(textOf(again))).toHaveLength(1);
});
