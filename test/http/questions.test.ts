import { EventEmitter, once } from 'node:events';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLimits } from '../../src/http/access/limits.ts';
import type { Admit } from '../../src/http/access/types.ts';
import { z } from '../../src/index.ts';
import { httpServer, messageOf, post, postModern } from '../support/http-server.ts';
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
    name: 'create_reserved',
    run: async (_given, context) => {
      const reserved = await context.step('reserve', (key) => context.client.send(key, 'reserve'));
      await context.ask('confirm', { message: 'Confirm?', schema: z.object({}) });
      return { id: reserved.id };
    },
  }),
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

/** No place is left for a second call: an answer, and what else is said meanwhile, needs none. */
async function start(era: keyof typeof clients, person: Person) {
  const limits = () => createLimits({ perSubject: 1, perTenant: 1, total: 1 });
  const { url, upstream } = await httpServer({
    tools,
    calls: limits(),
    callSlots: { executions: limits(), questions: limits() },
  });
  const client = await clients[era](url, person);
  onTestFinished(() => client.close());
  const call = async (name: string) => {
    const result = await client.callTool({ name, arguments: { item: 'x' } });
    return (result._meta as Record<string, { code: string; replayed: boolean }>)['mcp-once/outcome'];
  };
  return { call, upstream, url };
}

describe.each(['2025', '2026'] as const)('a person at the official client of %s', (era) => {
  test('decides whether a duplicate is meant', async () => {
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

  test('fills in the form of a tool', async () => {
    const { call, upstream } = await start(era, () => ({ action: 'accept', content: { account: 'ann' } }));
    expect(await call('create_asking')).toMatchObject({ code: 'succeeded', replayed: false });
    expect(await call('create_asking')).toMatchObject({ code: 'succeeded', replayed: true });
    expect(upstream.effects.map(({ body }) => body)).toEqual([['x', 'ann']]);
  });
});

test('a call that waits for a person blocks no other execution, and gets its slot back with the reply', async () => {
  const limits = () => createLimits({ perSubject: 1, perTenant: 1, total: 1 });
  const { url, upstream } = await httpServer({ tools, callSlots: { executions: limits(), questions: limits() } });
  const person = new EventEmitter();
  const asked = once(person, 'asked');
  const answer = once(person, 'answer');
  const client = new Client(info, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, async (): Promise<ElicitResult> => {
    person.emit('asked');
    return (await answer)[0];
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Transport);
  onTestFinished(() => client.close());
  const call = async (name: string, item: string) =>
    (await client.callTool({ name, arguments: { item } }))._meta as Record<string, { code: string }>;
  const first = call('create_asking', 'x');
  await asked;
  expect((await call('create_thing', 'y'))['mcp-once/outcome']?.code).toBe('succeeded');
  // A second question finds no place: nothing is executed, and the operation waits for the same call again.
  expect((await call('create_asking', 'z'))['mcp-once/outcome']?.code).toBe('input_required');
  expect(upstream.effects).toHaveLength(1);
  person.emit('answer', { action: 'accept', content: { account: 'ann' } });
  expect((await first)['mcp-once/outcome']?.code).toBe('succeeded');
  expect((await call('create_asking', 'z'))['mcp-once/outcome']?.code).toBe('succeeded');
  expect((await call('create_thing', 'w'))['mcp-once/outcome']?.code).toBe('succeeded');
  expect(upstream.effects).toHaveLength(4);
});

test('a question accepts a reply with a token that allows as much as that of the call, and refuses a lesser one of the same subject', async () => {
  const admit: Admit = async ({ authorization }) => {
    const who = { tenant: 'acme', subject: 'alice' };
    const given = String(authorization).split(' ');
    return { type: 'admitted', principal: given[0] === 'all' ? who : { ...who, tools: given } };
  };
  const { url, upstream } = await httpServer({ tools, admit });
  let ask = (_id: unknown): void => {};
  const asked = new Promise<unknown>((resolve) => {
    ask = resolve;
  });
  // A client that leaves its question to whoever answers for it.
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { authorization: 'create_asking' } },
  });
  const client = new Client(info, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, (_, { requestId }) => {
    ask(requestId);
    return new Promise<ElicitResult>(() => {});
  });
  await client.connect(transport as Transport);
  onTestFinished(() => client.close());
  const opened = { 'mcp-session-id': transport.sessionId ?? '', 'mcp-protocol-version': '2025-11-25' };
  const call = client.callTool({ name: 'create_asking', arguments: { item: 'x' } });
  const id = await asked;
  const answer = async (authorization: string, account: string, as = id) => {
    const result = { action: 'accept', content: { account } };
    return (await post(url, { jsonrpc: '2.0', id: as, result }, { ...opened, authorization })).status;
  };
  expect(await answer('create_thing', 'eve')).toBe(404);
  expect(await answer('create_thing', 'eve', `${id}`)).toBe(404);
  expect(await answer('create_thing create_asking', 'ann')).toBe(202);
  expect((await call)._meta).toMatchObject({ 'mcp-once/outcome': { code: 'succeeded' } });
  expect(upstream.effects.map(({ body }) => body)).toEqual([['x', 'ann']]);
  // What nobody asked is passed over, whoever sends it.
  expect(await answer('all', 'eve')).toBe(202);
});

describe('MCP 2026-07-28, on the wire', () => {
  const _meta = { 'io.modelcontextprotocol/clientCapabilities': capabilities };
  const params = { name: 'create_asking', arguments: { item: 'x' } };
  const respond = { account: { action: 'accept', content: { account: 'ann' } } };

  test('asks with an InputRequiredResult, and continues the operation when the retry carries its state', async () => {
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
    const again = await send({ requestState, inputResponses: { ...respond, more: respond.account } });
    expect(again._meta['mcp-once/outcome'].replayed).toBe(true);
    expect(upstream.effects).toHaveLength(1);
  });

  test('ignores a reply without the state of its question', async () => {
    const { url, upstream } = await httpServer({ tools });
    for (let count = 0; count < 2; count += 1) {
      const answer = await postModern(url, 'tools/call', { ...params, inputResponses: respond, _meta });
      expect((await messageOf(answer)).result.resultType).toBe('input_required');
    }
    expect(upstream.requests).toEqual([]);
  });

  test('returns an error and executes nothing for an invalid state or reply', async () => {
    const { url, upstream } = await httpServer({ tools });
    const send = async (more: object) => messageOf(await postModern(url, 'tools/call', { ...params, ...more, _meta }));
    const { requestState } = (await send({})).result;
    const forged = `${requestState.slice(0, -2)}AA`;
    for (const [code, more] of [
      ['invalid_request_state', { requestState: forged, inputResponses: respond }],
      ['invalid_request_state', { requestState: 7, inputResponses: respond }],
      ['invalid_request_state', { requestState, arguments: { item: 'y' }, inputResponses: respond }],
      ['invalid_input', { requestState, inputResponses: { account: { action: 'yes' } } }],
    ] as const) {
      const { error } = await send(more);
      expect(error).toMatchObject({ code: -32_602, data: { 'mcp-once/outcome': { code, replayed: false } } });
      expect(error.message).toContain('Nothing was executed');
    }
    expect(upstream.requests).toEqual([]);
    // Control: the state itself is good.
    expect((await send({ requestState, inputResponses: respond })).result.resultType).toBe('complete');
  });

  describe('a client that has declared no forms', () => {
    const mute = (declared: object) => ({ 'io.modelcontextprotocol/clientCapabilities': declared });
    const missing = { code: -32_021, data: { requiredCapabilities: { elicitation: { form: {} } } } };
    const lacking = [{}, { sampling: {} }, { elicitation: { url: {} } }];

    test.for(lacking)('gets HTTP 400 naming the capability, and no question: %j', async (declared) => {
      const { url, upstream } = await httpServer({ tools });
      const send = (declares: object) => postModern(url, 'tools/call', { ...params, _meta: mute(declares) });
      const first = await send(declared);
      expect(first.status).toBe(400);
      const { error } = await messageOf(first);
      expect(error).toMatchObject({ ...missing, message: expect.stringContaining('had no effect') });
      expect(error.data['mcp-once/outcome']).toMatchObject({ code: 'input_required', attempt: 1 });
      // Nor while another one is asked.
      expect((await messageOf(await send(capabilities))).result.resultType).toBe('input_required');
      const second = await send(declared);
      expect(second.status).toBe(400);
      expect((await messageOf(second)).error).toMatchObject({
        ...missing,
        message: expect.stringContaining('account'),
      });
      expect(upstream.requests).toEqual([]);
    });

    test('learns which steps took effect, and continues from them with the capability declared', async () => {
      const { url, upstream } = await httpServer({ tools });
      const send = async (declares: object, more = {}) =>
        messageOf(
          await postModern(url, 'tools/call', { ...params, name: 'create_reserved', ...more, _meta: mute(declares) }),
        );
      const { error } = await send({});
      expect(error).toMatchObject(missing);
      expect(error.message).toContain('reserve took effect');
      expect(error.data['mcp-once/outcome']).toMatchObject({ code: 'input_required', steps: ['reserve'] });
      const { requestState } = (await send(capabilities)).result;
      const inputResponses = { confirm: { action: 'accept', content: {} } };
      expect((await send(capabilities, { requestState, inputResponses })).result.resultType).toBe('complete');
      expect(upstream.effects).toHaveLength(1);
    });
  });
});

describe('the official client without a person', () => {
  test('gets the error of the protocol in 2026-07-28', async () => {
    const { url } = await httpServer({ tools });
    const client = new ModernClient(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    await client.connect(new ModernTransport(new URL(url)));
    onTestFinished(() => client.close());
    await expect(client.callTool({ name: 'create_asking', arguments: { item: 'x' } })).rejects.toMatchObject({
      code: -32_021,
      requiredCapabilities: { elicitation: { form: {} } },
    });
  });

  test('gets a result in 2025-11-25, which has no such error', async () => {
    const { url } = await httpServer({ tools });
    const client = new Client(info);
    await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Transport);
    onTestFinished(() => client.close());
    const result = await client.callTool({ name: 'create_asking', arguments: { item: 'x' } });
    expect(result).toMatchObject({ isError: true, _meta: { 'mcp-once/outcome': { code: 'input_required' } } });
  });
});
