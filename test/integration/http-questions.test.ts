import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from '../../src/index.ts';
import { httpServer, messageOf, postModern } from '../support/http-server.ts';
import { createThing } from '../support/tools.ts';
import type { Upstream } from '../support/upstream.ts';

const info = { name: 'a client', version: '1.0.0' };
const capabilities = { elicitation: { form: {} } };
type Asked = { readonly message: string };
type Person = (asked: Asked) => ElicitResult;

/** The official client of each era, with a person before it. */
const clients = {
  '2025': async (url: string, person: Person) => {
    const client = new Client(info, { capabilities });
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => person(params));
    await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Transport);
    return client;
  },
  '2026': async (url: string, person: Person) => {
    const client = new ModernClient(info, { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } });
    client.setRequestHandler('elicitation/create', ({ params }) => person(params));
    await client.connect(new ModernTransport(new URL(url)));
    return client;
  },
};

const tools = (upstream: Upstream) => [
  createThing(upstream, 'resend', { onDuplicate: 'ask' }),
  createThing(upstream, 'resend', {
    name: 'create_asking',
    run: async (given, context) => {
      const schema = z.object({ account: z.string() });
      const reply = await context.ask('account', { message: 'Which account?', schema });
      const sent = [given.item, reply.action === 'accept' ? reply.content.account : reply.action];
      return { id: (await context.step('thing', (key) => context.client.send(key, sent))).id };
    },
  }),
];

async function start(era: keyof typeof clients, person: Person) {
  const { url, upstream } = await httpServer({ tools });
  const client = await clients[era](url, person);
  onTestFinished(() => client.close());
  const call = async (name: string) => {
    const result = await client.callTool({ name, arguments: { item: 'x' } });
    return (result._meta as Record<string, { code: string; replayed: boolean }>)['mcp-once/outcome'];
  };
  return { call, upstream, url };
}

describe.each(['2025', '2026'] as const)('a person before the official client of %s', (era) => {
  test('says whether a duplicate is meant', async () => {
    const replies: ElicitResult[] = [{ action: 'decline' }, { action: 'accept', content: {} }];
    const asked: string[] = [];
    const { call, upstream } = await start(era, ({ message }) => {
      asked.push(message);
      return replies.shift() ?? { action: 'cancel' };
    });
    const replayed = [];
    for (let count = 0; count < 4; count += 1) replayed.push((await call('create_thing'))?.replayed);
    expect(replayed).toEqual([false, true, false, true]);
    expect(asked).toHaveLength(3);
    expect(upstream.effects).toHaveLength(2);
  });

  test('fills in what a tool asks for', async () => {
    const { call, upstream } = await start(era, () => ({ action: 'accept', content: { account: 'ann' } }));
    expect(await call('create_asking')).toMatchObject({ code: 'succeeded', replayed: false });
    expect(await call('create_asking')).toMatchObject({ code: 'succeeded', replayed: true });
    expect(upstream.effects.map(({ body }) => body)).toEqual([['x', 'ann']]);
  });
});

describe('MCP 2026-07-28, on the wire', () => {
  const _meta = { 'io.modelcontextprotocol/clientCapabilities': capabilities };
  const params = { name: 'create_asking', arguments: { item: 'x' } };
  const respond = { account: { action: 'accept', content: { account: 'ann' } } };

  test('a question is an InputRequiredResult, and the retry with its state is the same operation', async () => {
    const { url, upstream } = await httpServer({ tools });
    const send = async (more: object) =>
      (await messageOf(await postModern(url, 'tools/call', { ...params, ...more, _meta }))).result;
    const asked = await send({});
    expect(asked).toMatchObject({
      resultType: 'input_required',
      inputRequests: { account: { method: 'elicitation/create', params: { message: 'Which account?' } } },
      requestState: expect.stringMatching(/^q1\.input\./),
    });
    expect(asked.content).toBeUndefined();
    const { requestState } = asked;
    const wrapped = { account: { method: 'elicitation/create', result: respond.account } };
    expect((await send({ requestState, inputResponses: wrapped })).resultType).toBe('input_required');
    const first = await send({ requestState, inputResponses: respond });
    expect(first).toMatchObject({ resultType: 'complete', structuredContent: { id: expect.any(String) } });
    const again = await send({ requestState, inputResponses: respond });
    expect(again._meta['mcp-once/outcome'].replayed).toBe(true);
    const forged = await send({ requestState: `${requestState.slice(0, -2)}AA`, inputResponses: respond });
    expect(forged).toMatchObject({ isError: true, _meta: { 'mcp-once/outcome': { code: 'invalid_request_state' } } });
    expect(upstream.effects).toHaveLength(1);
  });

  test('a client that has declared no forms is asked nothing', async () => {
    const { url, upstream } = await httpServer({ tools });
    for (const declared of [{}, { elicitation: { url: {} } }]) {
      const mute = { 'io.modelcontextprotocol/clientCapabilities': declared };
      const { result } = await messageOf(await postModern(url, 'tools/call', { ...params, _meta: mute }));
      expect(result).toMatchObject({ isError: true, resultType: 'complete' });
    }
    expect(upstream.requests).toEqual([]);
  });
});
