import { describe, expect, onTestFinished, test } from 'vitest';
import type { Admit } from '../../src/http/access/types.ts';
import { type RunContext, z } from '../../src/index.ts';
import { eventually } from '../support/event.ts';
import {
  type Fields,
  httpServer,
  initialize,
  messageOf,
  openSession,
  post,
  postModern,
  toolCall,
} from '../support/http-server.ts';
import { createThing } from '../support/tools.ts';
import type { Upstream } from '../support/upstream.ts';

const outcomeOf = async (response: Response) => (await messageOf(response)).result._meta['mcp-once/outcome'];
const params = (item: string) => ({ name: 'create_thing', arguments: { item } });

describe('MCP 2026-07-28', () => {
  test('names the server and the cache time in server/discover and tools/list', async () => {
    const { url } = await httpServer();
    const { result: discovered } = await messageOf(await postModern(url, 'server/discover'));
    expect(discovered).toMatchObject({ supportedVersions: ['2026-07-28'], capabilities: { tools: {} } });
    const { result } = await messageOf(await postModern(url, 'tools/list'));
    expect(result).toMatchObject({ resultType: 'complete', ttlMs: 60_000, cacheScope: 'private' });
    expect(result._meta['io.modelcontextprotocol/serverInfo']).toMatchObject({ name: 'test', version: '1.2.3' });
    expect(result.tools.map(({ name }: { name: string }) => name)).toEqual(['create_thing', 'set_thing']);
  });

  test('marks a replay and returns the first result', async () => {
    const { url, upstream } = await httpServer();
    const first = (await messageOf(await postModern(url, 'tools/call', params('a')))).result;
    const again = (await messageOf(await postModern(url, 'tools/call', params('a')))).result;
    expect(again.resultType).toBe('complete');
    const { mcp_once: notice, ...stored } = again.structuredContent;
    expect(stored).toEqual(first.structuredContent);
    expect(notice.replayed).toBe(true);
    expect(again.content[0]).toEqual(first.content[0]);
    expect(again._meta['mcp-once/outcome'].replayed).toBe(true);
    expect(upstream.effects).toHaveLength(1);
  });

  test('returns the outcome to a caller that left after dispatch and calls again', async () => {
    const { url, upstream } = await httpServer();
    upstream.next('hang_after');
    const caller = new AbortController();
    const left = postModern(url, 'tools/call', params('a'), {}, caller.signal).catch(() => 'left');
    await upstream.arrived(1);
    caller.abort();
    expect(await left).toBe('left');
    const again = postModern(url, 'tools/call', params('a'));
    upstream.release();
    expect(await outcomeOf(await again)).toMatchObject({ code: 'succeeded', replayed: true });
    expect(upstream.effects).toHaveLength(1);
  });

  test('sends progress on a stream to a waiting caller that requested it', async () => {
    const { url, upstream } = await httpServer();
    upstream.next('hang_after');
    const first = postModern(url, 'tools/call', params('a'));
    await upstream.arrived(1);
    const second = postModern(url, 'tools/call', { ...params('a'), _meta: { progressToken: 'p' } });
    const { body } = await second;
    const reader = body?.getReader();
    await readUntil(reader, '"method":"notifications/progress"');
    upstream.release();
    await readUntil(reader, '"replayed":true');
    await first;
  });

  test('refuses a call whose headers differ from its arguments, and executes a correct one', async () => {
    const input = z.strictObject({ item: z.string().meta({ 'x-mcp-header': 'Item' }) });
    const run = (given: { item: string }, { step, client, marker }: RunContext<Upstream>) =>
      step('thing', (key) => client.send(key, given, marker)).then(({ id }) => ({ id }));
    const { url, upstream } = await httpServer({
      tools: (to) => [createThing(to, 'resend', { name: 'mirrored', input, run, identity: undefined } as object)],
    });
    const call = (headers: Fields) =>
      postModern(url, 'tools/call', { name: 'mirrored', arguments: { item: 'a' } }, headers);
    for (const headers of [{}, { 'mcp-param-item': 'b' }] as Fields[]) {
      const response = await call(headers);
      expect(response.status).toBe(400);
      expect(await messageOf(response)).toMatchObject({ id: 1, error: { code: -32_020 } });
    }
    // What comes first in the specification is told first.
    expect((await messageOf(await call({ 'mcp-name': 'other' }))).error.message).not.toContain('Mcp-Param');
    expect(upstream.effects).toHaveLength(0);
    expect(await outcomeOf(await call({ 'mcp-param-item': '=?base64?YQ==?=' }))).toMatchObject({ code: 'succeeded' });
    expect(upstream.effects).toHaveLength(1);
  });

  test.each([
    ['in total', { limits: { subscriptionsMax: 2 } }, 0],
    ['per subject', { limits: { subscriptionsMax: 4 }, subscriptionsPerSubjectMax: 2 }, 1],
  ])('limits open subscriptions %s, and lets a new one in after one has ended', async (_, options, others) => {
    const admit: Admit = async ({ authorization = ['me'] }) => ({
      type: 'admitted',
      principal: { tenant: 'acme', subject: String(authorization) },
    });
    const { url } = await httpServer({ ...options, admit });
    const listen = async (fields: Fields = {}) => {
      const notifications = { toolsListChanged: true };
      const left = new AbortController();
      onTestFinished(() => left.abort());
      const response = await postModern(url, 'subscriptions/listen', { notifications }, fields, left.signal);
      const chunk = await response.body?.getReader().read();
      return { text: Buffer.from(chunk?.value ?? []).toString(), leave: () => left.abort() };
    };
    const isOpen = ({ text }: { text: string }) => text.includes('notifications/subscriptions/acknowledged');
    const listening = await Promise.all([1, 2, 3, 4].map(() => listen()));
    expect(listening.filter(isOpen)).toHaveLength(2);
    expect(listening.filter(({ text }) => text.includes('too many subscriptions'))).toHaveLength(2);
    expect(isOpen(await listen({ authorization: 'another' }))).toBe(others > 0);
    listening.find(isOpen)?.leave();
    await eventually(async () => expect(isOpen(await listen())).toBe(true));
    expect(isOpen(await listen())).toBe(false);
  });

  test('returns an error of this revision for an unknown method', async () => {
    const { url } = await httpServer();
    const response = await postModern(url, 'resources/list');
    expect([response.status, (await messageOf(response)).error.code]).toEqual([404, -32_601]);
  });
});

describe("the host program's key", () => {
  const headers: Fields = { 'idempotency-key': 'order-1' };

  test.each(['2025', '2026'])('is read from the header Idempotency-Key (%s)', async (era) => {
    const { url, upstream } = await httpServer();
    const session = await openSession(url);
    const send = (item: string, fields: Fields) =>
      era === '2026'
        ? postModern(url, 'tools/call', params(item), fields)
        : post(url, toolCall(1, { item }), { ...session, ...fields });
    expect(await outcomeOf(await send('a', headers))).toMatchObject({ replayed: false });
    expect(await outcomeOf(await send('a', headers))).toMatchObject({ replayed: true });
    expect(await outcomeOf(await send('b', headers))).toMatchObject({ code: 'idempotency_conflict' });
    expect(await outcomeOf(await send('a', { 'idempotency-key': 'order-2' }))).toMatchObject({ replayed: false });
    expect(await outcomeOf(await send('a', { 'idempotency-key': 'x'.repeat(256) }))).toMatchObject({
      code: 'invalid_input',
    });
    expect(upstream.effects).toHaveLength(2);
  });

  test.each(['2025', '2026'])('is read from the message before the header (%s)', async (era) => {
    const { url, upstream } = await httpServer();
    const session = await openSession(url);
    const _meta = { 'mcp-once/idempotency-key': 'of-the-message' };
    const send = (fields: Fields) => {
      if (era === '2026') return postModern(url, 'tools/call', { ...params('a'), _meta }, fields);
      const message = toolCall(1, { item: 'a' });
      return post(url, { ...message, params: { ...(message.params as object), _meta } }, { ...session, ...fields });
    };
    await outcomeOf(await send(headers));
    expect(await outcomeOf(await send({ 'idempotency-key': 'order-2' }))).toMatchObject({ replayed: true });
    expect(upstream.effects).toHaveLength(1);
  });

  test('is read from params (SEP-3182) in the 2026 revision too', async () => {
    const { url, upstream } = await httpServer();
    await outcomeOf(await postModern(url, 'tools/call', { ...params('a'), idempotencyKey: 'one' }));
    await outcomeOf(await postModern(url, 'tools/call', { ...params('a'), idempotencyKey: 'two' }));
    expect(upstream.effects).toHaveLength(2);
  });
});

describe('the principal of a request', () => {
  const admit = async ({ authorization }: Readonly<Record<string, string | readonly string[] | undefined>>) => {
    if (authorization === undefined) {
      return {
        type: 'refused',
        status: 401,
        headers: { 'www-authenticate': 'Bearer' },
        message: 'Who are you?',
      } as const;
    }
    const name = String(authorization);
    const tools = name === 'reader' ? ['set_*'] : undefined;
    return {
      type: 'admitted',
      principal: { tenant: 'acme', subject: name, ...(tools ? { tools } : {}) },
    } as const;
  };

  test('gets the response of admission when it is refused, in both revisions', async () => {
    const { url, upstream } = await httpServer({ admit });
    const answers = [await post(url, toolCall(1, { item: 'a' })), await postModern(url, 'tools/call', params('a'))];
    for (const answer of answers) {
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    }
    expect(upstream.requests).toEqual([]);
  });

  test('separates the operations of two subjects in both revisions', async () => {
    const { url, upstream } = await httpServer({ admit });
    const ada = await openSession(url, { authorization: 'ada' });
    expect(await outcomeOf(await post(url, toolCall(1, { item: 'a' }), ada))).toMatchObject({ replayed: false });
    const grace = { authorization: 'grace' };
    expect(await outcomeOf(await postModern(url, 'tools/call', params('a'), grace))).toMatchObject({ replayed: false });
    const again = await postModern(url, 'tools/call', params('a'), { authorization: 'ada' });
    expect(await outcomeOf(again)).toMatchObject({ replayed: true });
    expect(upstream.effects).toHaveLength(2);
  });

  test('gets instructions without tools that it may not call', async () => {
    const { url } = await httpServer({
      admit,
      tools: (upstream) => [createThing(upstream, 'refuse', { name: 'log_thing', class: 'off' })],
    });
    for (const [authorization, isNamed] of [
      ['reader', false],
      ['ada', true],
    ] as const) {
      const opened = await messageOf(await post(url, initialize(), { authorization }));
      const discovered = await messageOf(await postModern(url, 'server/discover', {}, { authorization }));
      for (const { result } of [opened, discovered]) {
        expect(result.instructions).toContain('take effect once');
        expect(result.instructions.includes('log_thing')).toBe(isNamed);
      }
    }
  });

  test('sees no tool that it may not call', async () => {
    const { url, upstream } = await httpServer({ admit });
    const reader = { authorization: 'reader' };
    const session = await openSession(url, reader);
    const lists = [
      await post(url, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, session),
      await postModern(url, 'tools/list', {}, reader),
    ];
    for (const list of lists) expect((await messageOf(list)).result.tools).toMatchObject([{ name: 'set_thing' }]);
    const calls = [
      await post(url, toolCall(2, { item: 'a' }), session),
      await postModern(url, 'tools/call', params('a'), reader),
    ];
    for (const each of calls) expect(await outcomeOf(each)).toMatchObject({ code: 'unknown_tool' });
    expect(upstream.requests).toEqual([]);
  });
});

describe('streams of MCP 2025-11-25', () => {
  test('continue from the last event after they broke', async () => {
    const { url, upstream } = await httpServer();
    const session = await openSession(url);
    upstream.next('hang_after');
    const response = await post(url, toolCall(5, { item: 'a' }), session);
    const reader = response.body?.getReader();
    const opening = Buffer.from((await reader?.read())?.value ?? []).toString();
    const lastEventId = /^id: (.+)$/m.exec(opening)?.[1] ?? '';
    expect(opening).toMatch(/^retry: 1000$/m);
    await upstream.arrived(1);
    await reader?.cancel();
    upstream.release();
    // The repeat is answered as soon as the first call is settled.
    expect(await (await post(url, toolCall(6, { item: 'a' }), session)).text()).toContain('"replayed":true');
    const resumed = await fetch(url, {
      headers: { ...session, accept: 'text/event-stream', 'last-event-id': lastEventId },
    });
    const replayed = resumed.body?.getReader();
    await readUntil(replayed, '"id":5');
    await replayed?.cancel();
    expect(upstream.effects).toHaveLength(1);
  });

  test('do not continue from an event that is not stored or belongs to another session', async () => {
    const { url } = await httpServer({ limits: { eventsMax: 1 } });
    const [session, other] = [await openSession(url), await openSession(url)];
    const text = await (await post(url, toolCall(5, { item: 'a' }), session)).text();
    const [first = '', last = ''] = [...text.matchAll(/^id: (.+)$/gm)].map(([, id]) => id);
    const resume = async (headers: Fields, lastEventId: string) =>
      (await fetch(url, { headers: { ...headers, accept: 'text/event-stream', 'last-event-id': lastEventId } })).status;
    expect(await resume(session, first)).toBe(400);
    expect(await resume(other, last)).toBe(400);
  });
});

describe('probes', () => {
  test('report alive and ready', async () => {
    const { url } = await httpServer();
    const statuses = ['/healthz', '/readyz'].map(async (path) => (await fetch(new URL(path, url))).status);
    expect(await Promise.all(statuses)).toEqual([200, 200]);
  });

  test('report alive but not ready while the ledger is unreachable', async () => {
    const { url } = await httpServer({ store: 'sqlite:/nowhere/at/all/ledger.sqlite' });
    const statuses = ['/healthz', '/readyz'].map(async (path) => (await fetch(new URL(path, url))).status);
    expect(await Promise.all(statuses)).toEqual([200, 503]);
    // Nor is a caller, who is on another machine, told where it is.
    const { result } = await messageOf(await postModern(url, 'tools/call', params('a')));
    expect(result._meta['mcp-once/outcome'].code).toBe('ledger_unavailable');
    expect(result.content[0].text).toMatch(/the ledger is not available\. Nothing was executed/);
    expect(result.content[0].text).not.toContain('nowhere');
  });

  test('report not ready while draining, when every request is refused', async () => {
    const { url, server } = await httpServer();
    const session = await openSession(url);
    server.beginDrain();
    const later = await post(url, toolCall(1, { item: 'a' }), session).then(
      ({ status }) => status,
      () => 'refused',
    );
    expect([503, 'refused']).toContain(later);
  });
});

/** Reads a stream until the text has come. @throws Error when the stream ends without it */
async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array> | undefined, text: string): Promise<void> {
  let heard = '';
  while (!heard.includes(text)) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) throw new Error(`the stream ended without ${text}: ${heard}`);
    heard += Buffer.from(value ?? []).toString();
  }
}
