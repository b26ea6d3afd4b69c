import { describe, expect, onTestFinished, test } from 'vitest';
import type { Admit } from '../../src/http/access/types.ts';
import { type Fields, httpServer, initialize, messageOf, openSession, post, toolCall } from '../support/http-server.ts';

/** `authorization: TENANT SUBJECT [PATTERN ...]` */
const admit: Admit = async ({ authorization }) => {
  const [tenant = '', subject = '', ...tools] = String(authorization).split(' ');
  return { type: 'admitted', principal: { tenant, subject, ...(tools.length === 0 ? {} : { tools }) } };
};
const as = (authorization: string): Fields => ({ authorization });

const broad = as('acme alice create_* set_*');
const narrow = as('acme alice set_*');
const lesser = [
  ['allows fewer tools', narrow],
  ['allows other tools', as('acme alice other_* set_*')],
  ['allows no tool', as('acme alice nothing')],
  ['belongs to the same subject of another tenant', as('other alice')],
  ['belongs to another subject of the tenant', as('acme bob')],
] as const;

async function stage(more: Parameters<typeof httpServer>[0] = {}) {
  const http = await httpServer({ admit, ...more });
  const { url } = http;
  const stream = async (session: Fields, lastEventId?: string) => {
    const response = await fetch(url, {
      headers: {
        ...session,
        accept: 'text/event-stream',
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
    });
    onTestFinished(() => response.body?.cancel().catch(() => undefined));
    return response;
  };
  const end = async (session: Fields) => (await fetch(url, { method: 'DELETE', headers: session })).status;
  const ping = async (session: Fields) =>
    (await post(url, { jsonrpc: '2.0', id: 'p', method: 'ping' }, session)).status;
  return { ...http, stream, end, ping };
}

describe('a session', () => {
  test.each(lesser)('is neither ended, read, resumed nor used by a token that %s', async (_, token) => {
    const { url, upstream, stream, end, ping } = await stage();
    const own = await openSession(url, broad);
    const stolen = { ...own, ...token };
    const text = await (await post(url, toolCall(1, { item: 'secret' }), own)).text();
    const [first = ''] = [...text.matchAll(/^id: (.+)$/gm)].map(([, id]) => id);
    expect(text).toContain('mcp-once/outcome');
    for (const lastEventId of [undefined, first]) {
      const answer = await stream(stolen, lastEventId);
      expect(answer.status).toBe(404);
      expect(await answer.text()).not.toContain('secret');
    }
    expect(await ping(stolen)).toBe(404);
    expect((await post(url, toolCall(2, { id: 'x', value: 'y' }, 'set_thing'), stolen)).status).toBe(404);
    expect(await end(stolen)).toBe(404);
    expect(upstream.effects).toHaveLength(1);
    // The owner has noticed nothing.
    expect(await ping(own)).toBe(200);
    expect((await stream(own, first)).status).toBe(200);
    expect(await end(own)).toBe(200);
    expect(await ping(own)).toBe(404);
  });

  test('is used by a token that allows the same in another order, or more', async () => {
    const { url, ping } = await stage();
    const own = await openSession(url, narrow);
    for (const token of ['acme alice set_*', 'acme alice get_* set_*', 'acme alice *', 'acme alice']) {
      expect(await ping({ ...own, ...as(token) })).toBe(200);
    }
  });

  test('whose call is in flight is not disturbed by a cancellation with a token that allows less', async () => {
    const { url, upstream } = await stage();
    const own = await openSession(url, broad);
    upstream.next('hang_before');
    const held = post(url, toolCall(7, { item: 'a' }), own);
    await upstream.arrived(1);
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
    expect((await post(url, cancel, { ...own, ...narrow })).status).toBe(404);
    upstream.release();
    expect((await messageOf(await held)).result._meta['mcp-once/outcome'].code).toBe('succeeded');
  });

  test('that was opened with a lesser token shows that token nothing of what a later one did', async () => {
    const { url, stream, end } = await stage();
    const opened = await openSession(url, narrow);
    const listening = await stream(opened);
    expect(listening.status).toBe(200);
    const more = { ...opened, ...broad };
    const text = await (await post(url, toolCall(1, { item: 'secret' }), more)).text();
    const [first = ''] = [...text.matchAll(/^id: (.+)$/gm)].map(([, id]) => id);
    // The stream that the lesser token opened is over, and it opens no other one.
    expect(await listening.text()).not.toContain('secret');
    expect((await stream(opened, first)).status).toBe(404);
    expect((await stream(opened)).status).toBe(404);
    expect(await end(opened)).toBe(404);
    expect((await stream(more, first)).status).toBe(200);
  });

  test('is not ended to make room for one of a token that allows less, and is ended for one that allows more', async () => {
    const { url, ping } = await stage({ sessionsPerSubjectMax: 2 });
    const own = [await openSession(url, broad), await openSession(url, broad)];
    for (let n = 0; n < 3; n += 1) expect((await post(url, initialize(), narrow)).status).toBe(429);
    expect(await Promise.all(own.map(ping))).toEqual([200, 200]);
    const next = await openSession(url, as('acme alice'));
    expect(await ping(next)).toBe(200);
    expect((await Promise.all(own.map(ping))).sort()).toEqual([200, 404]);
  });
});

test('a token that may call any name gets no suggestion of a tool that it may not call', async () => {
  const { url } = await stage();
  // The pattern matches a tool that does not exist, besides one that does.
  const session = await openSession(url, as('acme alice create_thin set_*'));
  const { result } = await messageOf(await post(url, toolCall(1, {}, 'create_thin'), session));
  const said = JSON.stringify(result);
  expect(result._meta['mcp-once/outcome'].code).toBe('unknown_tool');
  expect(said).toContain('set_thing');
  expect(said).not.toContain('create_thing');
});
