import { createHmac, generateKeyPairSync } from 'node:crypto';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import type { Admission } from '../../../src/http/access/types.ts';
import { admission, issuer, resource } from '../../support/issuer.ts';
import { ManualClock } from '../../support/manual-clock.ts';

type Issuer = Awaited<ReturnType<typeof issuer>>;

const metadata = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';

function jwtIssuer({ origin }: Issuer, more: Record<string, unknown> = {}, jwt: Record<string, unknown> = {}) {
  return { issuer: origin, tenant: 'acme', jwt: { jwksUrl: `${origin}/jwks`, ...jwt }, ...more };
}

async function jwtStage(more: Record<string, unknown> = {}, jwt: Record<string, unknown> = {}) {
  const clock = new ManualClock();
  const server = await issuer();
  const parts = admission({ oauth: { resource, issuers: [jwtIssuer(server, more, jwt)] } }, clock);
  return { clock, server, ...parts };
}

function refusal(admitted: Admission) {
  if (admitted.type !== 'refused') throw new Error('it was admitted');
  return { status: admitted.status, challenge: admitted.headers['www-authenticate'] ?? '', message: admitted.message };
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('checking a JWT', () => {
  test('admits a token of the issuer with its tenant and subject', async () => {
    const { server, clock, bearer } = await jwtStage();
    expect(await bearer(await server.sign(clock))).toEqual({
      type: 'admitted',
      principal: { tenant: 'acme', subject: 'alice' },
    });
  });

  test.each([
    ['for another audience', { aud: 'https://other.example.com/mcp' }],
    ['for no audience', { aud: undefined }],
    ['for a longer audience', { aud: `${resource}/admin` }],
    ['of an issuer that is not configured', { iss: 'https://evil.example.com' }],
    ['of no issuer', { iss: undefined }],
    ['of a list of issuers', { iss: ['https://evil.example.com'] as unknown as string }],
    ['without an expiry', { exp: undefined }],
    ['without a subject', { sub: undefined }],
    ['with a subject that is not a text', { sub: 7 as unknown as string }],
    ['with an empty subject', { sub: '' }],
    ['with a subject with a line break', { sub: 'alice\nadmin' }],
    ['with a subject of 256 characters', { sub: 'a'.repeat(256) }],
    ['bound to a key', { cnf: { jkt: 'x' } }],
  ] satisfies [string, Record<string, unknown>][])('refuses a token %s', async (_, claims) => {
    const { server, clock, bearer } = await jwtStage();
    const { status, challenge } = refusal(await bearer(await server.sign(clock, claims)));
    expect(status).toBe(401);
    expect(challenge).toMatch(/^Bearer .*error="invalid_token"/);
    expect(challenge).toContain(`resource_metadata="${metadata}"`);
  });

  test('gives the detailed reason of a refusal to the operator and not to the caller', async () => {
    const { server, clock, bearer } = await jwtStage();
    const answer = await bearer(await server.sign(clock, { aud: 'https://other.example.com/mcp' }));
    expect(answer).toMatchObject({
      message: 'The token is not valid here.',
      detail: `of ${server.origin}: unexpected "aud" claim value`,
    });
  });

  test("refuses an expired token, by the server's own clock", async () => {
    const { server, clock, bearer } = await jwtStage({ clockTolerance: '30s' });
    const token = await server.sign(clock);
    await clock.advance(329_000);
    expect((await bearer(token)).type).toBe('admitted');
    await clock.advance(2_000);
    const { status, message } = refusal(await bearer(token));
    expect({ status, message }).toEqual({ status: 401, message: 'The token has expired.' });
  });

  test('refuses a token before its nbf', async () => {
    const { server, clock, bearer } = await jwtStage();
    const token = await server.sign(clock, { nbf: Math.floor(clock.wallMs() / 1_000) + 60 });
    expect(refusal(await bearer(token)).status).toBe(401);
    await clock.advance(60_000);
    expect((await bearer(token)).type).toBe('admitted');
  });

  test('refuses a token signed with another key under the same key id', async () => {
    const { server, clock, bearer } = await jwtStage();
    const forger = await issuer();
    expect(refusal(await bearer(await forger.sign(clock, { iss: server.origin }))).status).toBe(401);
  });

  test('refuses a token whose claims were changed after signing', async () => {
    const { server, clock, bearer } = await jwtStage();
    const [header = '', payload = '', signature = ''] = (await server.sign(clock)).split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    expect(refusal(await bearer(`${header}.${encoded({ ...claims, sub: 'bob' })}.${signature}`)).status).toBe(401);
  });

  test.each(['none', 'None', 'NONE', ''])('refuses the algorithm "%s"', async (alg) => {
    const { server, clock, bearer } = await jwtStage();
    const [, payload = '', signature = ''] = (await server.sign(clock)).split('.');
    for (const last of ['', signature]) {
      const { status } = refusal(await bearer(`${encoded({ alg, kid: 'key-1' })}.${payload}.${last}`));
      expect([400, 401]).toContain(status);
    }
  });

  test('refuses HS256 with the public key as its secret, in every form of that key', async () => {
    const { server, clock, bearer } = await jwtStage();
    const [, payload = ''] = (await server.sign(clock)).split('.');
    const secrets = [
      await exportSPKI(server.pair.publicKey),
      JSON.stringify(server.jwk),
      server.jwk.x ?? '',
      Buffer.from(server.jwk.x ?? '', 'base64url'),
    ];
    for (const secret of secrets) {
      const body = `${encoded({ alg: 'HS256', kid: 'key-1' })}.${payload}`;
      const mac = createHmac('sha256', secret).update(body).digest('base64url');
      expect(refusal(await bearer(`${body}.${mac}`)).status).toBe(401);
    }
  });

  test('refuses HS256 with a secret that the key set holds by mistake', async () => {
    const { server, clock, bearer } = await jwtStage();
    const secret = Buffer.alloc(32, 7);
    server.keys.push({ kty: 'oct', k: secret.toString('base64url'), kid: 'shared', alg: 'HS256' });
    const [, payload = ''] = (await server.sign(clock)).split('.');
    const body = `${encoded({ alg: 'HS256', kid: 'shared' })}.${payload}`;
    const mac = createHmac('sha256', secret).update(body).digest('base64url');
    expect(refusal(await bearer(`${body}.${mac}`)).status).toBe(401);
  });

  test('refuses an algorithm that is not in the list, although the key set has its key', async () => {
    const { server, clock, bearer } = await jwtStage({}, { algorithms: ['ES256'] });
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    server.keys.push({ ...(await exportJWK(publicKey)), kid: 'rsa', use: 'sig' });
    const nowS = Math.floor(clock.wallMs() / 1_000);
    const token = await new SignJWT({ iss: server.origin, aud: resource, sub: 'alice', exp: nowS + 60 })
      .setProtectedHeader({ alg: 'RS256', kid: 'rsa' })
      .sign(privateKey);
    expect(refusal(await bearer(token)).status).toBe(401);
  });

  test('ignores a key that the token brings (jwk, jku)', async () => {
    const { server, clock, bearer } = await jwtStage();
    const own = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(own.publicKey);
    const nowS = Math.floor(clock.wallMs() / 1_000);
    const evil = await issuer();
    evil.keys.splice(0, 1, { ...jwk, kid: 'own' });
    const token = await new SignJWT({ iss: server.origin, aud: resource, sub: 'alice', exp: nowS + 60 })
      .setProtectedHeader({ alg: 'ES256', kid: 'own', jwk, jku: `${evil.origin}/jwks` })
      .sign(own.privateKey);
    expect(refusal(await bearer(token)).status).toBe(401);
    expect(evil.seen.jwks).toBe(0);
  });

  test('refuses a critical header that is not understood', async () => {
    const { server, clock, bearer } = await jwtStage();
    const [, payload = '', signature = ''] = (await server.sign(clock)).split('.');
    const header = encoded({ alg: 'ES256', kid: 'key-1', crit: ['evil'], evil: 1 });
    expect(refusal(await bearer(`${header}.${payload}.${signature}`)).status).toBe(401);
  });

  test('logs no words of a refused token, so that callers without a token cannot fill the log', async () => {
    const { server, clock, bearer } = await jwtStage();
    const [, payload = '', signature = ''] = (await server.sign(clock)).split('.');
    for (const forged of [{ crit: ['forged words'], 'forged words': 1 }, { alg: 'forged words' }, { b64: false }]) {
      const header = encoded({ alg: 'ES256', kid: 'key-1', ...forged });
      const answer = await bearer(`${header}.${payload}.${signature}`);
      expect(answer).toMatchObject({ status: 401, detail: expect.stringMatching(/^of http:\S+: ERR_[A-Z_]+$/) });
    }
  });

  test('refuses another type when a type is configured', async () => {
    const { server, clock, bearer } = await jwtStage({}, { tokenType: 'at+jwt' });
    expect(refusal(await bearer(await server.sign(clock, {}, { typ: 'JWT' }))).status).toBe(401);
    expect((await bearer(await server.sign(clock, {}, { typ: 'at+jwt' }))).type).toBe('admitted');
  });

  test('refuses a token of 100 kB unread', async () => {
    const { server, clock, bearer } = await jwtStage();
    const token = await server.sign(clock, { padding: 'x'.repeat(75_000) });
    expect(token.length).toBeGreaterThan(100_000);
    expect(refusal(await bearer(token)).status).toBe(400);
    expect(server.seen.jwks).toBe(0);
  });

  test('refuses any text without a fault', async () => {
    const { bearer, logged } = await jwtStage();
    for (const token of ['.', '..', 'a.b.c', 'e30.e30.', `${encoded([])}.${encoded([])}.x`, '=', '%00', 'é.é.é']) {
      expect([400, 401]).toContain(refusal(await bearer(token)).status);
    }
    expect(logged).toEqual([]);
  });
});

describe('the key set of an issuer', () => {
  test('is loaded once for many tokens', async () => {
    const { server, clock, bearer } = await jwtStage();
    const token = await server.sign(clock);
    await Promise.all(Array.from({ length: 50 }, () => bearer(token)));
    await bearer(token);
    expect(server.seen.jwks).toBe(1);
  });

  test('is loaded once per reloadMin during a storm of forged key ids', async () => {
    const { server, clock, bearer } = await jwtStage({}, { reloadMin: '10s' });
    const forged = await Promise.all(
      Array.from({ length: 200 }, (_, n) => server.sign(clock, {}, { kid: `forged-${n}` })),
    );
    for (const token of forged) expect(refusal(await bearer(token)).status).toBe(401);
    expect(server.seen.jwks).toBe(1);
    await clock.advance(10_000);
    await Promise.all(forged.map(bearer));
    expect(server.seen.jwks).toBe(2);
  });

  test('accepts a new key after reloadMin, and drops an old one with its age', async () => {
    const { server, clock, bearer } = await jwtStage({ clockTolerance: '5m' }, { keysMaxAge: '1m' });
    expect((await bearer(await server.sign(clock))).type).toBe('admitted');
    const other = await issuer();
    server.keys.splice(0, 1, { ...other.jwk, kid: 'key-2' });
    await clock.advance(10_000);
    const fresh = await other.sign(clock, { iss: server.origin }, { kid: 'key-2' });
    expect((await bearer(fresh)).type).toBe('admitted');
    expect(refusal(await bearer(await server.sign(clock))).status).toBe(401);
  });

  test.each(['down', 'garbage', 'redirects', 'huge'] as const)(
    'admits nobody when it cannot be loaded (%s): 503, at most one request a second',
    async (how) => {
      const { server, clock, bearer, logged } = await jwtStage();
      server.behaviour.jwks = how;
      const token = await server.sign(clock);
      for (let n = 0; n < 20; n += 1) {
        expect(await bearer(token)).toMatchObject({ type: 'refused', status: 503, headers: { 'retry-after': '5' } });
      }
      expect(server.seen.jwks).toBe(1);
      expect(logged).toHaveLength(1);
      server.behaviour.jwks = 'ok';
      await clock.advance(1_000);
      expect((await bearer(token)).type).toBe('admitted');
    },
  );

  test('admits nobody when it does not come in time', async () => {
    const { server, clock, bearer } = await jwtStage({ timeout: '1s' });
    server.behaviour.jwks = 'hangs';
    const asking = bearer(await server.sign(clock));
    await expect.poll(() => server.seen.jwks).toBe(1);
    await clock.advance(1_000);
    expect(refusal(await asking).status).toBe(503);
  });

  test('is not used when too old while its server is down, so that a revoked key ends', async () => {
    const { server, clock, bearer } = await jwtStage({}, { keysMaxAge: '1m' });
    const token = await server.sign(clock);
    expect((await bearer(token)).type).toBe('admitted');
    server.behaviour.jwks = 'down';
    await clock.advance(60_000);
    expect(refusal(await bearer(token)).status).toBe(503);
  });

  test('admits nobody when its server has gone', async () => {
    const { server, clock, bearer } = await jwtStage();
    const token = await server.sign(clock);
    server.server.closeAllConnections();
    await new Promise((resolve) => server.server.close(resolve));
    expect(refusal(await bearer(token)).status).toBe(503);
  });
});

describe('tenants', () => {
  test('separate equal subjects of two issuers, whatever their claims say', async () => {
    const clock = new ManualClock();
    const [one, two] = [await issuer(), await issuer()];
    const issuers = [jwtIssuer(one, { tenant: 'one' }), jwtIssuer(two, { tenant: 'two', tenantClaim: 'org' })];
    const { bearer } = admission({ oauth: { resource, issuers } }, clock);
    const principals = await Promise.all([
      bearer(await one.sign(clock, { org: 'one', tenant: 'two' })),
      bearer(await two.sign(clock, { org: 'one' })),
      bearer(await two.sign(clock, { org: '../one' })),
      bearer(await two.sign(clock, { org: 'other' })),
    ]);
    expect(principals.map((each) => each.type === 'admitted' && each.principal)).toEqual([
      { tenant: 'one', subject: 'alice' },
      { tenant: 'two/one', subject: 'alice' },
      { tenant: 'two/../one', subject: 'alice' },
      { tenant: 'two/other', subject: 'alice' },
    ]);
    expect(refusal(await bearer(await two.sign(clock))).status).toBe(401);
  });

  test("refuse a token that another issuer's key signed", async () => {
    const clock = new ManualClock();
    const [one, two] = [await issuer(), await issuer()];
    const issuers = [jwtIssuer(one, { tenant: 'one' }), jwtIssuer(two, { tenant: 'two' })];
    const { bearer } = admission({ oauth: { resource, issuers } }, clock);
    expect(refusal(await bearer(await two.sign(clock, { iss: one.origin }))).status).toBe(401);
  });

  test("come from the token's own claims, not from members of every object", async () => {
    const { server, clock, bearer } = await jwtStage({ subjectClaim: 'constructor' });
    expect(refusal(await bearer(await server.sign(clock))).status).toBe(401);
  });
});

describe('scopes', () => {
  const scopes = { requiredScopes: ['mcp'], scopeTools: { read: ['get_*'], write: ['create_invoice', 'get_*'] } };

  async function scopeStage() {
    const clock = new ManualClock();
    const server = await issuer();
    return { clock, server, ...admission({ oauth: { resource, issuers: [jwtIssuer(server)], ...scopes } }, clock) };
  }

  test('allow tools', async () => {
    const { server, clock, bearer } = await scopeStage();
    const granted = async (claims: Record<string, unknown>) => bearer(await server.sign(clock, claims));
    expect(await granted({ scope: 'mcp read' })).toMatchObject({ principal: { tools: ['get_*'] } });
    expect(await granted({ scope: 'write mcp read' })).toMatchObject({
      principal: { tools: ['get_*', 'create_invoice'] },
    });
    expect(await granted({ scp: ['mcp', 'read'] })).toMatchObject({ principal: { tools: ['get_*'] } });
  });

  test.each([
    ['none', {}, 'mcp read write'],
    ['one that gives no tool', { scope: 'mcp' }, 'mcp read write'],
    ['one, without the required one', { scope: 'read' }, 'mcp'],
    ['similar ones', { scope: 'mcp-read MCP readwrite' }, 'mcp read write'],
    ['members of every object', { scope: 'constructor __proto__' }, 'mcp read write'],
  ])('get a 403 that names the needed ones: %s', async (_, claims, needed) => {
    const { server, clock, bearer } = await scopeStage();
    const { status, challenge } = refusal(await bearer(await server.sign(clock, claims)));
    expect(status).toBe(403);
    expect(challenge).toContain('error="insufficient_scope"');
    expect(challenge).toContain(`scope="${needed}"`);
    expect(challenge).toContain(`resource_metadata="${metadata}"`);
  });

  test('are named in the challenge to a caller without a token', async () => {
    const { admit } = await scopeStage();
    const { status, challenge } = refusal(await admit({}));
    expect(status).toBe(401);
    expect(challenge).toBe(`Bearer resource_metadata="${metadata}", scope="mcp read write"`);
  });
});

describe('introspection', () => {
  const environment = { INTROSPECTION_SECRET: 'hunter2:&+ü' };

  async function stage(more: Record<string, unknown> = {}) {
    const clock = new ManualClock();
    const server = await issuer();
    const introspection = {
      url: `${server.origin}/introspect`,
      clientId: 'mcp once',
      clientSecretVariable: 'INTROSPECTION_SECRET',
      ...more,
    };
    const issuers = [{ issuer: server.origin, tenant: 'acme', introspection, clockTolerance: 0, timeout: '1s' }];
    const parts = admission({ oauth: { resource, issuers } }, clock, environment);
    const nowS = Math.floor(clock.wallMs() / 1_000);
    const good = { active: true, aud: resource, sub: 'alice', exp: nowS + 300, iss: server.origin };
    server.behaviour.tokens.set('opaque', good);
    return { clock, server, good, nowS, ...parts };
  }

  test("admits an active token, asking with the server's credentials form-encoded in a header", async () => {
    const { bearer, server } = await stage();
    expect(await bearer('opaque')).toEqual({ type: 'admitted', principal: { tenant: 'acme', subject: 'alice' } });
    const [asked] = server.seen.introspections;
    expect(asked?.form.get('token')).toBe('opaque');
    const credentials = Buffer.from(asked?.authorization?.replace('Basic ', '') ?? '', 'base64').toString();
    expect(credentials).toBe('mcp+once:hunter2%3A%26%2B%C3%BC');
  });

  test('leaves "-", "_" and "." of the credentials unescaped, which some servers do not decode', async () => {
    const { bearer, server } = await stage({ clientId: 'mcp-once_1.0' });
    await bearer('opaque');
    const credentials = server.seen.introspections[0]?.authorization?.replace('Basic ', '') ?? '';
    expect(Buffer.from(credentials, 'base64').toString()).toMatch(/^mcp-once_1\.0:/);
  });

  test('sends the credentials in the body with "post"', async () => {
    const { bearer, server } = await stage({ authentication: 'post' });
    await bearer('opaque');
    const [asked] = server.seen.introspections;
    expect(asked?.authorization).toBeUndefined();
    expect(asked?.form.get('client_secret')).toBe('hunter2:&+ü');
  });

  test.each([
    ['not active', { active: false }],
    ['for another audience', { aud: 'https://other.example.com' }],
    ['for no audience', { aud: undefined }],
    ['of another issuer', { iss: 'https://evil.example.com' }],
    ['expired', { exp: 1 }],
    ['with an expiry that is not a number', { exp: '9999999999' }],
    ['not valid yet', { nbf: 9_999_999_999 }],
    ['without a subject', { sub: undefined }],
  ])('refuses a token that is %s', async (_, claims) => {
    const { bearer, server, good } = await stage();
    server.behaviour.tokens.set('opaque', { ...good, ...claims });
    expect(refusal(await bearer('opaque')).status).toBe(401);
  });

  test('asks once for many requests, and again when the verdict is old', async () => {
    const { bearer, server, clock } = await stage({ cache: '30s' });
    await Promise.all(Array.from({ length: 50 }, () => bearer('opaque')));
    await bearer('opaque');
    expect(server.seen.introspections).toHaveLength(1);
    server.behaviour.tokens.set('opaque', { active: false });
    await clock.advance(30_000);
    expect(refusal(await bearer('opaque')).status).toBe(401);
  });

  test("caches no verdict beyond the token's expiry", async () => {
    const { bearer, server, good, clock, nowS } = await stage({ cache: '5m' });
    server.behaviour.tokens.set('opaque', { ...good, exp: nowS + 10 });
    expect((await bearer('opaque')).type).toBe('admitted');
    await clock.advance(9_000);
    expect((await bearer('opaque')).type).toBe('admitted');
    await clock.advance(1_000);
    expect(refusal(await bearer('opaque')).status).toBe(401);
  });

  test('asks again soon about a refused token', async () => {
    const { bearer, server, good, clock } = await stage({ cache: '5m' });
    expect(refusal(await bearer('late')).status).toBe(401);
    server.behaviour.tokens.set('late', good);
    await clock.advance(5_000);
    expect((await bearer('late')).type).toBe('admitted');
  });

  test.each(['down', 'garbage', 'unauthorized'] as const)('admits nobody when it fails (%s): 503', async (how) => {
    const { bearer, server, logged } = await stage();
    server.behaviour.introspection = how;
    for (let n = 0; n < 5; n += 1) expect(refusal(await bearer('opaque')).status).toBe(503);
    expect(logged).toHaveLength(1);
    expect(logged.join()).not.toMatch(/opaque|hunter2/);
  });

  test('admits nobody when the issuer does not respond in time, and opens a bounded number of requests', async () => {
    const { bearer, server, clock } = await stage();
    server.behaviour.introspection = 'hangs';
    const asking = Array.from({ length: 100 }, (_, n) => bearer(`token-${n}`));
    await expect.poll(() => server.seen.introspections.length).toBe(64);
    await clock.advance(1_000);
    for (const each of await Promise.all(asking)) expect(refusal(each).status).toBe(503);
    expect(server.seen.introspections).toHaveLength(64);
  });

  test('never gets a token of another issuer or one that this program made', async () => {
    const { bearer, server, clock } = await stage();
    const other = await issuer();
    expect(refusal(await bearer(await other.sign(clock))).status).toBe(401);
    expect(refusal(await bearer(`mcponce_${'a'.repeat(43)}`)).status).toBe(401);
    expect(server.seen.introspections).toEqual([]);
  });
});
