import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type IntrospectionSlotSettings,
  introspectionSlots,
  peerGroup,
} from '../../../src/http/access/introspection-slots.ts';
import { httpServer } from '../../support/http-server.ts';
import { admission, issuer, resource } from '../../support/issuer.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const environment = { INTROSPECTION_SECRET: 'secret' };

/** An MCP server that asks a slow authorization server about each token, and users whose tokens that server knows. */
async function stage(slots: IntrospectionSlotSettings = introspectionSlots) {
  const server = await issuer();
  const introspection = {
    url: `${server.origin}/introspect`,
    clientId: 'mcp-once',
    clientSecretVariable: 'INTROSPECTION_SECRET',
    cache: 0,
  };
  const issuers = [{ issuer: server.origin, tenant: 'acme', introspection, timeout: '30s' }];
  const clock = new ManualClock();
  const { admit, logged } = admission({ oauth: { resource, issuers } }, clock, environment, { slots });
  const { url, upstream } = await httpServer({ admit });
  for (const sub of ['alice', 'bob']) server.behaviour.tokens.set(sub, { active: true, aud: resource, sub });

  /** Calls a tool from an address of this machine. */
  const call = async (token: string, localAddress: string): Promise<number | undefined> => {
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name: 'create_thing',
        arguments: { item: token },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    });
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'create_thing',
    };
    const sent = request(url, { method: 'POST', localAddress, headers, agent: false });
    onTestFinished(() => void sent.destroy());
    sent.on('error', () => undefined);
    sent.end(body);
    const [response]: [IncomingMessage] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };
  /** Sends random tokens from one address until the server refuses one without asking about it. */
  const flood = async (localAddress: string): Promise<void> => {
    let isRefused = false;
    for (let sent = 0; !isRefused; sent += 1) {
      const before = server.seen.introspections.length;
      const answered = call(`random-${localAddress}-${sent}`, localAddress).then((status) => {
        expect(status).toBe(503);
        isRefused = true;
      });
      answered.catch(() => undefined);
      await expect.poll(() => isRefused || server.seen.introspections.length > before, { interval: 2 }).toBe(true);
    }
  };
  /** Calls a tool as a user, whose token the authorization server is slow to confirm. */
  const callAs = async (user: string, address: string): Promise<number | undefined> => {
    const answer = call(user, address);
    const isAsked = server.release(user).then(() => answer);
    return Promise.race([answer, isAsked]);
  };
  return { clock, server, upstream, logged, call, callAs, flood };
}

describe('a flood of random tokens from one address', () => {
  test('leaves callers at other addresses working, whether or not their tokens were known before', async () => {
    const { server, upstream, callAs, flood, logged } = await stage();
    expect(await callAs('alice', '127.0.0.1')).toBe(200);
    server.behaviour.introspection = 'slow';
    await flood('127.0.0.2');
    expect(await callAs('alice', '127.0.0.1')).toBe(200);
    expect(await callAs('bob', '127.0.0.3')).toBe(200);
    expect(upstream.effects).toHaveLength(2);
    expect(logged).toEqual([expect.stringContaining('too many tokens wait')]);
    expect(logged.join()).not.toMatch(/random|alice/);
  });
});

describe('a flood of random tokens from many addresses', () => {
  /** Takes every shared slot: a user whose token is not known yet is refused from then on. */
  async function flooded(slots?: IntrospectionSlotSettings) {
    const parts = await stage(slots);
    expect(await parts.callAs('alice', '127.0.0.1')).toBe(200);
    parts.server.behaviour.introspection = 'slow';
    for (let peer = 1; peer <= 8; peer += 1) await parts.flood(`127.0.1.${peer}`);
    expect(await parts.callAs('bob', '127.0.0.3')).toBe(503);
    return parts;
  }

  test('leaves a caller working whose token was good before', async () => {
    const { callAs, upstream } = await flooded();
    expect(await callAs('alice', '127.0.0.1')).toBe(200);
    expect(upstream.effects).toHaveLength(1);
  });

  test('leaves that caller working at an address of the flood', async () => {
    const { callAs } = await flooded();
    expect(await callAs('alice', '127.0.1.1')).toBe(200);
  });

  test('would stop that caller too if no slots were reserved', async () => {
    const { callAs } = await flooded({ ...introspectionSlots, reservedMax: 0 });
    expect(await callAs('alice', '127.0.0.1')).toBe(503);
  });

  test('does not open more requests than there are slots', async () => {
    const { server } = await flooded();
    expect(server.seen.introspections.length).toBeLessThanOrEqual(1 + introspectionSlots.sharedMax);
  });
});

test('the tokens of one subject do not take all reserved slots', async () => {
  const { server, callAs, call } = await stage({ sharedMax: 2, reservedMax: 3, reservedPerSubjectMax: 2 });
  const own = ['eve-1', 'eve-2', 'eve-3', 'eve-4', 'eve-5'];
  for (const token of own) server.behaviour.tokens.set(token, { active: true, aud: resource, sub: 'eve' });
  for (const token of ['alice', ...own]) expect(await call(token, '127.0.0.1')).toBe(200);
  server.behaviour.introspection = 'slow';
  const before = server.seen.introspections.length;
  const answers = own.map((token) => call(token, '127.0.0.2'));
  expect(await Promise.race(answers)).toBe(503);
  await expect.poll(() => server.seen.introspections.length).toBe(before + 3);
  expect(await callAs('alice', '127.0.0.1')).toBe(200);
});

test('a token that the issuer has revoked loses its reserved slot', async () => {
  const { clock, server, call, callAs, flood } = await stage({
    sharedMax: 2,
    reservedMax: 1,
    reservedPerSubjectMax: 1,
  });
  for (const user of ['alice', 'bob']) expect(await call(user, '127.0.0.1')).toBe(200);
  server.behaviour.tokens.set('alice', { active: false });
  expect(await call('alice', '127.0.0.1')).toBe(401);
  server.behaviour.introspection = 'slow';
  for (const peer of ['127.0.1.1', '127.0.1.2']) await flood(peer);
  await clock.advance(1_000);
  expect(await callAs('alice', '127.0.0.1')).toBe(503);
  expect(await callAs('bob', '127.0.0.1')).toBe(200);
});

test('a refused token is not asked about again at once, even where good verdicts are not cached', async () => {
  const { server, call } = await stage();
  for (let n = 0; n < 3; n += 1) expect(await call('wrong', '127.0.0.1')).toBe(401);
  expect(server.seen.introspections).toHaveLength(1);
  for (let n = 0; n < 2; n += 1) expect(await call('alice', '127.0.0.1')).toBe(200);
  expect(server.seen.introspections).toHaveLength(3);
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:1:2:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  [undefined, ''],
])('counts the address %s as the peer %s', (address, peer) => {
  expect(peerGroup(address)).toBe(peer);
});
