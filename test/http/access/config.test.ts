import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sections } from '../../../src/app.ts';
import { loadConfig, shownConfig } from '../../../src/config/config.ts';
import { unencryptedAddress } from '../../../src/http/access/check.ts';
import { accessSchema, accessSettings } from '../../../src/http/access/config.ts';
import { resourceMetadata } from '../../../src/http/access/metadata.ts';
import { createToken } from '../../../src/http/access/static-tokens.ts';
import { httpSchema } from '../../../src/http/config.ts';
import { accessSection } from '../../../src/http/sections.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const issuer = {
  issuer: 'https://auth.example.com',
  tenant: 'acme',
  jwt: { jwksUrl: 'https://auth.example.com/jwks' },
};
const oauth = { resource: 'https://mcp.example.com/mcp', issuers: [issuer] };
const introspection = { url: 'https://auth.example.com/i', clientId: 'c', clientSecretVariable: 'THE_SECRET' };
const asking = { issuer: 'https://asked.example.com', tenant: 'asked', introspection };

function load(access: unknown) {
  const file = join(temporaryFolder(), 'config.json');
  writeFileSync(file, JSON.stringify({ access }));
  return loadConfig({ environment: { HOME: tmpdir() }, overrides: { config: file }, sections });
}

async function problemOf(access: unknown): Promise<string> {
  return load(access).then(
    () => 'none',
    (error: Error) => error.message,
  );
}

describe('the access configuration', () => {
  test('has no tokens and no issuers by default', async () => {
    const access = accessSection.of(await loadConfig({ environment: { HOME: tmpdir() }, sections }));
    expect(access).toEqual(accessSchema.parse({}));
    expect(accessSettings(access, {})).toEqual({ tokens: [] });
  });

  test('fills in every default', async () => {
    const access = accessSection.of(await load({ oauth }));
    expect(accessSettings(access, {}).oauth?.issuers).toEqual([
      {
        issuer: 'https://auth.example.com',
        tenant: 'acme',
        subjectClaim: 'sub',
        audiences: ['https://mcp.example.com/mcp'],
        accessTokenTypes: [],
        clockToleranceMs: 30_000,
        timeoutMs: 5_000,
        verify: {
          type: 'jwt',
          jwksUrl: 'https://auth.example.com/jwks',
          algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
          keysMaxAgeMs: 600_000,
          reloadMinMs: 10_000,
        },
      },
    ]);
  });

  const token = { hash: createToken().hash, tenant: 'own', subject: 'alice' };
  test.each([
    [
      'two issuers of one tenant',
      { oauth: { ...oauth, issuers: [issuer, { ...issuer, issuer: 'https://b.example' }] } },
      'is that of another issuer',
    ],
    [
      'an issuer that is there twice',
      { oauth: { ...oauth, issuers: [issuer, { ...issuer, tenant: 'b' }] } },
      'is there twice',
    ],
    ['a token of the tenant of an issuer', { tokens: [{ ...token, tenant: 'acme' }], oauth }, 'is that of an issuer'],
    [
      'a tenant that looks like one by a claim',
      { oauth: { ...oauth, issuers: [{ ...issuer, tenant: 'acme/x' }] } },
      'tenant',
    ],
    ['a token whose tenant looks like one by a claim', { tokens: [{ ...token, tenant: 'acme/x' }], oauth }, 'tenant'],
    [
      'two that are asked',
      { oauth: { ...oauth, issuers: [asking, { ...asking, issuer: 'https://c.example', tenant: 'c' }] } },
      'at most one issuer with introspection',
    ],
    [
      'neither jwt nor introspection',
      { oauth: { ...oauth, issuers: [{ ...issuer, jwt: undefined }] } },
      'either jwt or introspection',
    ],
    [
      'HS256',
      { oauth: { ...oauth, issuers: [{ ...issuer, jwt: { ...issuer.jwt, algorithms: ['HS256'] } }] } },
      'public key',
    ],
    [
      'none',
      { oauth: { ...oauth, issuers: [{ ...issuer, jwt: { ...issuer.jwt, algorithms: ['none'] } }] } },
      'public key',
    ],
    [
      'keys over http',
      { oauth: { ...oauth, issuers: [{ ...issuer, jwt: { jwksUrl: 'http://auth.example.com/jwks' } }] } },
      'https',
    ],
    [
      'keys of a host that looks like loopback',
      { oauth: { ...oauth, issuers: [{ ...issuer, jwt: { jwksUrl: 'http://127.0.0.1.evil.example/jwks' } }] } },
      'https',
    ],
    [
      'keys in a file',
      { oauth: { ...oauth, issuers: [{ ...issuer, jwt: { jwksUrl: 'file:///etc/keys' } }] } },
      'https',
    ],
    [
      'a password in a URL',
      { oauth: { ...oauth, issuers: [{ ...issuer, jwt: { jwksUrl: 'https://a:hunter2@b.example/jwks' } }] } },
      'https',
    ],
    ['a scope that breaks the header', { oauth: { ...oauth, requiredScopes: ['a" evil="'] } }, 'scope'],
    ['a scope of refresh tokens', { oauth: { ...oauth, requiredScopes: ['offline_access'] } }, 'refresh'],
    ['a token in the clear', { tokens: [{ ...token, hash: 'hunter2' }] }, 'sha256'],
    ['one token twice', { tokens: [token, { ...token, subject: 'bob' }] }, 'is there twice'],
    [
      'an unknown word',
      { oauth: { ...oauth, issuers: [{ ...issuer, jwt: { ...issuer.jwt, algorithm: [] } }] } },
      'did you mean "algorithms"',
    ],
  ])('refuses %s', async (_, access, problem) => {
    const told = await problemOf(access);
    expect(told).toContain(problem);
    expect(told).not.toContain('hunter2');
  });

  test('names the variable of a secret, and reads the secret from the environment', async () => {
    const access = accessSection.of(await load({ oauth: { ...oauth, issuers: [asking] } }));
    expect(() => accessSettings(access, {})).toThrow('THE_SECRET is not set');
    const { oauth: settings } = accessSettings(access, { THE_SECRET: 'hunter2' });
    expect(settings?.issuers[0]?.verify).toMatchObject({ type: 'introspection', clientSecret: 'hunter2' });
  });

  test('is shown with the beginning of each hash only', async () => {
    const config = await load({ tokens: [token], oauth });
    const shown = shownConfig(config, sections);
    expect(JSON.stringify(shown)).not.toContain(token.hash.slice(7));
    expect(shown).toMatchObject({ access: { tokens: [{ hash: `${token.hash.slice(0, 15)}***`, subject: 'alice' }] } });
  });
});

describe('protected resource metadata', () => {
  const { oauth: settings } = accessSettings(
    accessSchema.parse({ oauth: { ...oauth, requiredScopes: ['mcp'], scopeTools: { read: ['get_*'], mcp: ['x'] } } }),
    {},
  );
  if (settings === undefined) throw new Error('no settings');

  test('names the issuers and scopes at the path of RFC 9728', () => {
    expect(resourceMetadata(settings)).toEqual({
      path: '/.well-known/oauth-protected-resource/mcp',
      url: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
      document: {
        resource: 'https://mcp.example.com/mcp',
        authorization_servers: ['https://auth.example.com'],
        scopes_supported: ['mcp', 'read'],
        bearer_methods_supported: ['header'],
        resource_name: 'mcp-once',
      },
    });
  });

  test.each([
    ['https://mcp.example.com', '/.well-known/oauth-protected-resource'],
    ['https://mcp.example.com/', '/.well-known/oauth-protected-resource'],
    ['http://127.0.0.1:3000/a/b', '/.well-known/oauth-protected-resource/a/b'],
  ])('is served for %s at %s', (resource, path) => {
    expect(resourceMetadata({ ...settings, resource }).path).toBe(path);
  });
});

describe('the warning of unencrypted tokens', () => {
  const tokens = [{ hash: createToken().hash, tenant: 'one', subject: 'alice' }];
  test.each([
    ['comes on an address of other machines', { tokens }, {}, '0.0.0.0', true],
    ['comes on a single address of other machines', { tokens }, {}, '10.0.0.7', true],
    ['comes where the configuration says that no proxy takes TLS', { oauth }, { tlsInFront: false }, '::', true],
    ['does not come where it says that one does', { tokens }, { tlsInFront: true }, '0.0.0.0', false],
    ['does not come where clients know an https URL', { tokens, oauth }, {}, '0.0.0.0', false],
    ['does not come on a loopback address', { tokens }, {}, '127.0.0.1', false],
    ['does not come where no tokens are sent', {}, {}, '0.0.0.0', false],
  ] as const)('%s', (_, access, http, host, comes) => {
    const warning = unencryptedAddress(accessSchema.parse(access), httpSchema.parse(http), host);
    expect(warning?.includes('set http.tlsInFront to true') ?? false).toBe(comes);
  });
});
