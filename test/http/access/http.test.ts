import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { accessSchema, accessSettings } from '../../../src/http/access/config.ts';
import { createLimits } from '../../../src/http/access/limits.ts';
import { resourceMetadata } from '../../../src/http/access/metadata.ts';
import { createToken } from '../../../src/http/access/static-tokens.ts';
import { HttpProcess } from '../../e2e/support/http.ts';
import { environmentIn } from '../../support/cli-process.ts';
import { eventually } from '../../support/event.ts';
import {
  connection,
  httpServer,
  initialize,
  messageOf,
  openSession,
  post,
  postModern,
  received,
  toolCall,
} from '../../support/http-server.ts';
import { admission, issuer, resource } from '../../support/issuer.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { program } from '../../support/program.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

function tokensOf(names: readonly { tenant: string; subject: string; tools?: string[] }[]) {
  const made = names.map((each) => ({ ...each, ...createToken() }));
  return { tokens: made.map(({ token, ...entry }) => entry), given: made.map(({ token }) => token) };
}

describe('a server that requires tokens', () => {
  async function stage() {
    const { tokens, given } = tokensOf([
      { tenant: 'one', subject: 'alice' },
      { tenant: 'two', subject: 'alice' },
      { tenant: 'one', subject: 'reader', tools: ['set_*'] },
    ]);
    const http = await httpServer({ admit: admission({ tokens }, new ManualClock()).admit });
    const [one = '', two = '', reader = ''] = given;
    return { ...http, one, two, reader };
  }

  const call = { name: 'create_thing', arguments: { item: 'a' } };

  test('responds 401 without executing anything to a missing or wrong token, in both revisions', async () => {
    const { url, upstream } = await stage();
    for (const headers of [{}, bearer('wrong'), { authorization: 'Basic YTpi' }]) {
      for (const response of [
        await post(url, initialize(), headers),
        await postModern(url, 'tools/call', call, headers),
      ]) {
        expect(response.status).toBe(401);
        expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm="mcp-once"/);
      }
    }
    expect(upstream.effects).toEqual([]);
  });

  test('ignores a token in the query', async () => {
    const { url, one } = await stage();
    expect((await postModern(`${url}?access_token=${one}`, 'tools/call', call)).status).toBe(401);
  });

  test('refuses a request with two Authorization headers, although Node shows only the first', async () => {
    const { port, one, upstream } = await stage();
    const body = JSON.stringify(initialize());
    const send = async (...more: string[]): Promise<string> => {
      const socket = await connection(port);
      const said = received(socket);
      const lines = [
        'POST /mcp HTTP/1.1',
        `host: 127.0.0.1:${port}`,
        'connection: close',
        'accept: application/json, text/event-stream',
        'content-type: application/json',
        `content-length: ${body.length}`,
        `authorization: Bearer ${one}`,
        ...more,
      ];
      socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
      return said;
    };
    expect(await send()).toMatch(/^HTTP\/1\.1 200 /);
    expect(await send('authorization: Bearer other')).toMatch(/^HTTP\/1\.1 400 .*error="invalid_request"/s);
    expect(upstream.effects).toEqual([]);
  });

  describe('with OAuth', () => {
    const scopeTools = { change: ['set_*'], create: ['create_*'], nothing: ['no_such_tool'] };
    const set = { name: 'set_thing', arguments: { id: 'a', value: 'b' } };

    async function oauthStage() {
      const clock = new ManualClock();
      const server = await issuer();
      const issuers = [{ issuer: server.origin, tenant: 'acme', jwt: { jwksUrl: `${server.origin}/jwks` } }];
      const { admit } = admission({ oauth: { resource, issuers, scopeTools, requiredScopes: ['mcp'] } }, clock);
      const http = await httpServer({ admit });
      const withScopes = async (scope: string) => bearer(await server.sign(clock, { scope }));
      return { ...http, withScopes };
    }

    test('refuses a tool that needs another scope with a 403 that names it, and serves other tools', async () => {
      const { url, upstream, withScopes } = await oauthStage();
      const fields = await withScopes('mcp change');
      const modern = await postModern(url, 'tools/call', call, fields);
      expect(modern.status).toBe(403);
      expect(modern.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
      expect(modern.headers.get('www-authenticate')).toContain('scope="mcp create"');
      expect((await messageOf(modern)).error.message).toContain('Nothing was executed');
      // A client of the earlier era asks for what it is told, and for nothing else.
      const earlier = await post(url, toolCall(1, { item: 'a' }), await openSession(url, fields));
      expect(earlier.status).toBe(403);
      expect(earlier.headers.get('www-authenticate')).toContain('scope="mcp change create"');
      expect(upstream.effects).toEqual([]);
      expect((await postModern(url, 'tools/call', set, fields)).status).toBe(200);
      // What does not exist, or is given by no scope, is not worth a login.
      for (const name of ['no_such_tool', 'other']) {
        const { result } = await messageOf(await postModern(url, 'tools/call', { ...call, name }, fields));
        expect(result._meta['mcp-once/outcome'].code).toBe('unknown_tool');
      }
    });

    test("continues a session with its caller's next token that allows more, and then not with the earlier one", async () => {
      const { url, upstream, withScopes } = await oauthStage();
      const session = await openSession(url, await withScopes('mcp change'));
      const more = { ...session, ...(await withScopes('mcp change create')) };
      expect((await messageOf(await post(url, toolCall(1, { item: 'a' }), more))).result.isError).toBeUndefined();
      expect(upstream.effects).toHaveLength(1);
      const listed = async (fields: Record<string, string>) => {
        const { result } = await messageOf(await post(url, { jsonrpc: '2.0', id: 2, method: 'tools/list' }, fields));
        return result.tools.map(({ name }: { name: string }) => name).sort();
      };
      expect(await listed(more)).toEqual(['create_thing', 'set_thing']);
      expect((await post(url, toolCall(3, { item: 'b' }), session)).status).toBe(403);
      expect((await post(url, toolCall(4, { id: 'a', value: 'b' }, 'set_thing'), session)).status).toBe(404);
      expect(upstream.effects).toHaveLength(1);
    });
  });

  test('separates operations of two tenants with equal subject and arguments, and recognises a repeat of one', async () => {
    const { url, one, two, upstream } = await stage();
    for (const token of [one, two, one, two]) {
      expect((await postModern(url, 'tools/call', call, bearer(token))).status).toBe(200);
    }
    expect(upstream.effects).toHaveLength(2);
  });

  test('separates equal idempotency keys of two tenants', async () => {
    const { url, one, two, upstream } = await stage();
    const key = { 'idempotency-key': 'same' };
    for (const token of [one, two]) await postModern(url, 'tools/call', call, { ...bearer(token), ...key });
    expect(upstream.effects).toHaveLength(2);
  });

  test('lets no other subject use a session', async () => {
    const { url, one, two, upstream } = await stage();
    const session = await openSession(url, bearer(one));
    const stolen = await post(url, toolCall(1, { item: 'a' }), { ...session, ...bearer(two) });
    expect(stolen.status).toBe(404);
    expect((await post(url, toolCall(1, { item: 'a' }), { ...session, authorization: '' })).status).toBe(401);
    expect(upstream.effects).toEqual([]);
  });

  test('lists and serves only the tools of the token', async () => {
    const { url, reader, upstream } = await stage();
    const { result } = await messageOf(await postModern(url, 'tools/list', {}, bearer(reader)));
    expect(result.tools.map(({ name }: { name: string }) => name)).toEqual(['set_thing']);
    await postModern(url, 'tools/call', call, bearer(reader));
    expect(upstream.effects).toEqual([]);
  });
});

test('the server limits calls in flight per subject, and frees the slot with the response', async () => {
  const { tokens, given } = tokensOf([
    { tenant: 'one', subject: 'alice' },
    { tenant: 'one', subject: 'bob' },
  ]);
  const [alice = '', bob = ''] = given;
  const { url, upstream } = await httpServer({
    admit: admission({ tokens }, new ManualClock()).admit,
    calls: createLimits({ perSubject: 1, perTenant: 10, total: 10 }),
  });
  upstream.next('hang_before');
  const call = (token: string, item: string) =>
    postModern(url, 'tools/call', { name: 'create_thing', arguments: { item } }, bearer(token));
  const held = call(alice, 'a');
  await upstream.arrived(1);
  const refused = await call(alice, 'b');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  expect((await call(bob, 'b')).status).toBe(200);
  upstream.release();
  await (await held).text();
  await expect.poll(async () => (await call(alice, 'b')).status).toBe(200);
});

test('the server keeps the slot of a call whose caller left until its operation has ended', async () => {
  const { tokens, given } = tokensOf([
    { tenant: 'one', subject: 'alice' },
    { tenant: 'one', subject: 'bob' },
  ]);
  const [alice = '', bob = ''] = given;
  const limits = () => createLimits({ perSubject: 1, perTenant: 10, total: 10 });
  const { url, upstream } = await httpServer({
    admit: admission({ tokens }, new ManualClock()).admit,
    calls: limits(),
    callSlots: { executions: limits(), questions: limits() },
  });
  const call = (token: string, item: string, signal?: AbortSignal) =>
    postModern(url, 'tools/call', { name: 'create_thing', arguments: { item } }, bearer(token), signal);
  const codeOf = async (response: Response) => {
    if (response.status !== 200) return response.status;
    return (await messageOf(response)).result._meta['mcp-once/outcome'].code;
  };
  upstream.next('hang_before');
  const caller = new AbortController();
  const left = call(alice, 'a', caller.signal).catch(() => 'left');
  await upstream.arrived(1);
  caller.abort();
  expect(await left).toBe('left');
  // The connection's place is free again; that of the operation is not.
  await expect.poll(async () => codeOf(await call(alice, 'b'))).toBe('too_many_calls');
  expect(await codeOf(await call(bob, 'b'))).toBe('succeeded');
  upstream.release();
  await expect.poll(async () => codeOf(await call(alice, 'b'))).toBe('succeeded');
  expect(upstream.effects).toHaveLength(3);
});

test('the server tells a client without a token where to get one, and admits it with that token', async () => {
  const clock = new ManualClock();
  const server = await issuer();
  const issuers = [{ issuer: server.origin, tenant: 'acme', jwt: { jwksUrl: `${server.origin}/jwks` } }];
  const access = { oauth: { resource, issuers, scopeTools: { write: ['create_*'] } } };
  const { oauth } = accessSettings(accessSchema.parse(access), {});
  if (oauth === undefined) throw new Error('no settings');
  const { admit } = admission(access, clock);
  const { url } = await httpServer({ admit, metadata: resourceMetadata(oauth) });
  const refused = await postModern(url, 'tools/list');
  const [, address = ''] = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '') ?? [];
  const document = await fetch(new URL(new URL(address).pathname, url));
  expect(await document.json()).toMatchObject({ resource, authorization_servers: [server.origin] });
  const token = await server.sign(clock, { scope: 'write' });
  const { result } = await messageOf(await postModern(url, 'tools/list', {}, bearer(token)));
  expect(result.tools.map(({ name }: { name: string }) => name)).toEqual(['create_thing']);
  const none = await postModern(url, 'tools/list', {}, bearer(await server.sign(clock)));
  expect(none.status).toBe(403);
});

describe('serve --http', () => {
  const start = async (access: unknown, listen: string) => {
    const folder = temporaryFolder();
    const file = join(folder, 'c.json');
    writeFileSync(file, JSON.stringify({ store: 'memory:', access }));
    const server = await HttpProcess.start(
      [program, 'serve', '--http', listen, '--config', file],
      environmentIn(folder),
    );
    onTestFinished(async () => void (await server.kill()));
    return server;
  };

  test('refuses an address of other machines without configured callers, and requires the token with them', async () => {
    await expect(start({}, '0.0.0.0:0')).rejects.toThrow('without authentication');
    const { tokens, given } = tokensOf([{ tenant: 'one', subject: 'alice' }]);
    const server = await start({ tokens }, '127.0.0.1:0');
    const { url } = server;
    expect((await postModern(url, 'tools/list')).status).toBe(401);
    await eventually(() =>
      expect(server.stderr).toContain('"status":401,"why":"A bearer token is required. Nothing was executed."'),
    );
    expect((await postModern(url, 'tools/list', {}, bearer(given[0] ?? ''))).status).toBe(200);
    const open = await start({ tokens }, '0.0.0.0:0');
    await eventually(() => expect(open.stderr).toContain('tokens travel unencrypted'));
    expect(server.stderr).not.toContain('unencrypted');
  });

  test('accepts the host name in its metadata and no other', async () => {
    const issuers = [
      { issuer: 'https://auth.example.com', tenant: 'acme', jwt: { jwksUrl: 'http://127.0.0.1:9/jwks' } },
    ];
    const { url } = await start({ oauth: { resource: 'https://mcp.example.com/mcp', issuers } }, '127.0.0.1:0');
    const statusFor = async (host: string) => {
      const socket = await connection(Number(new URL(url).port));
      socket.write(`GET /mcp HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      return (await received(socket)).slice(0, 'HTTP/1.1 200'.length);
    };
    expect(await statusFor('mcp.example.com')).toBe('HTTP/1.1 401');
    expect(await statusFor('other.example.com')).toBe('HTTP/1.1 403');
  });
});
