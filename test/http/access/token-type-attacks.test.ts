import { describe, expect, test } from 'vitest';
import { admission, issuer, resource } from '../../support/issuer.ts';
import { ManualClock } from '../../support/manual-clock.ts';

type Fields = Record<string, unknown>;

async function jwtStage(more: Fields = {}, jwt: Fields = {}) {
  const clock = new ManualClock();
  const server = await issuer();
  const issuers = [
    { issuer: server.origin, tenant: 'acme', jwt: { jwksUrl: `${server.origin}/jwks`, ...jwt }, ...more },
  ];
  const { bearer } = admission({ oauth: { resource, issuers } }, clock);
  return { send: async (header: Fields, claims: Fields) => bearer(await server.sign(clock, claims, header)) };
}

async function introspectionStage(more: Fields = {}) {
  const clock = new ManualClock();
  const server = await issuer();
  const introspection = { url: `${server.origin}/introspect`, clientId: 'mcp', clientSecretVariable: 'SECRET' };
  const issuers = [{ issuer: server.origin, tenant: 'acme', introspection, ...more }];
  const { bearer } = admission({ oauth: { resource, issuers } }, clock, { SECRET: 'secret' });
  const send = async (claims: Fields, header?: Fields) => {
    const token = header === undefined ? 'opaque' : await server.sign(clock, {}, header);
    server.behaviour.tokens.set(token, { active: true, aud: resource, sub: 'alice', iss: server.origin, ...claims });
    return bearer(token);
  };
  return { send };
}

// Each token has the issuer's signature, this server's audience, a subject and a time to live.
describe('a JWT of the issuer that is no access token', () => {
  test.each([
    ['an ID token with a nonce', { typ: 'JWT' }, { nonce: 'n' }],
    ['an ID token with a nonce and no type', {}, { nonce: 'n' }],
    ['an ID token with the hash of its access token', { typ: 'JWT' }, { at_hash: 'h' }],
    ['an ID token with the hash of its code', {}, { c_hash: 'h' }],
    ['an ID token with the hash of its state', {}, { s_hash: 'h' }],
    ['an ID token of Keycloak', { typ: 'JWT' }, { typ: 'ID' }],
    ['a refresh token of Keycloak', { typ: 'JWT' }, { typ: 'Refresh' }],
    ['an offline token of Keycloak', { typ: 'JWT' }, { typ: 'Offline' }],
    ['an ID token of Cognito', {}, { token_use: 'id' }],
    ['a refresh token by its token_use', {}, { token_use: 'refresh_token' }],
    ['a refresh token by its token_type', {}, { token_type: 'refresh' }],
    ['a token whose token_type is a list', {}, { token_type: ['access', 'refresh'] }],
    ['a logout token', { typ: 'logout+jwt' }, {}],
    ['a logout token without a type', {}, { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }],
    ['a security event', { typ: 'secevent+jwt' }, {}],
    ['an introspection response', { typ: 'token-introspection+jwt' }, { token_introspection: { active: true } }],
    ['an introspection response without a type', {}, { token_introspection: { active: true } }],
    ['a proof of possession', { typ: 'dpop+jwt' }, { htm: 'POST' }],
    ['a refresh token by its header', { typ: 'refresh+jwt' }, {}],
    ['a token whose header has a type that is no text', { typ: 7 }, {}],
    ['an ID token in the type of an access token', { typ: 'at+jwt' }, { token_use: 'id' }],
  ] satisfies [string, Fields, Fields][])('is refused: %s', async (_, header, claims) => {
    const { send } = await jwtStage();
    const answer = await send(header, claims);
    expect(answer).toMatchObject({
      type: 'refused',
      status: 401,
      message: expect.stringMatching(/^The token is not /),
    });
  });

  test('is refused with a reason that quotes nothing of the token and names the option to the operator', async () => {
    const { send } = await jwtStage();
    expect(await send({}, { token_use: 'forged words' })).toMatchObject({
      message: 'The token is not an access token.',
      detail: expect.stringMatching(
        /^of http:\S+: the token is not an access token, by the claim "token_use" \(access\.oauth\.issuers\[\]\.accessTokenTypes\)$/,
      ),
    });
  });
});

describe('an access token as a JWT', () => {
  test.each([
    ['of RFC 9068', { typ: 'at+jwt' }, {}],
    ['of RFC 9068, in full and in capitals', { typ: 'application/AT+JWT' }, {}],
    ['without a type', {}, {}],
    ['of the type JWT', { typ: 'JWT' }, {}],
    ['of Keycloak', { typ: 'JWT' }, { typ: 'Bearer' }],
    ['of an earlier Keycloak, with a nonce', { typ: 'JWT' }, { typ: 'Bearer', nonce: 'n' }],
    ['of RFC 9068 with a nonce', { typ: 'at+jwt' }, { nonce: 'n' }],
    ['of Cognito', {}, { token_use: 'access' }],
    ['of Hydra', {}, { token_use: 'access_token', token_type: 'Bearer' }],
  ] satisfies [string, Fields, Fields][])('is admitted: %s', async (_, header, claims) => {
    const { send } = await jwtStage();
    expect(await send(header, claims)).toMatchObject({ type: 'admitted' });
  });

  test('is admitted with a type that the configuration names', async () => {
    const listed = await jwtStage({ accessTokenTypes: ['okta-internal-at+jwt', 'user'] });
    expect(await listed.send({ typ: 'application/okta-internal-at+jwt' }, { typ: 'user' })).toMatchObject({
      type: 'admitted',
    });
    const only = await jwtStage({}, { tokenType: 'acme+jwt' });
    expect(await only.send({ typ: 'acme+jwt' }, {})).toMatchObject({ type: 'admitted' });
    expect(await only.send({ typ: 'at+jwt' }, {})).toMatchObject({ type: 'refused', status: 401 });
    expect(await only.send({ typ: 'acme+jwt' }, { token_use: 'id' })).toMatchObject({ type: 'refused', status: 401 });
  });
});

describe('a token that the issuer is asked about', () => {
  test.each([
    ['a refresh token by its token_type', { token_type: 'refresh_token' }],
    ['a refresh token by its token_use', { token_use: 'refresh_token', token_type: 'Bearer' }],
    ['a refresh token of Keycloak', { typ: 'Refresh' }],
    ['an ID token', { typ: 'ID' }],
    ['an ID token with a nonce', { nonce: 'n' }],
    ['a token that its holder must prove', { token_type: 'DPoP' }],
  ] satisfies [string, Fields][])('is refused although it is active: %s', async (_, claims) => {
    const { send } = await introspectionStage();
    expect(await send(claims)).toMatchObject({ type: 'refused', status: 401 });
  });

  test('is refused when it is a JWT whose header names another type', async () => {
    const { send } = await introspectionStage();
    expect(await send({}, { typ: 'logout+jwt' })).toMatchObject({ type: 'refused', status: 401 });
    expect(await send({}, { typ: 'JWT' })).toMatchObject({ type: 'admitted' });
  });

  test.each([{}, { token_type: 'Bearer' }, { token_type: 'bearer', token_use: 'access_token' }, { typ: 'Bearer' }])(
    'is admitted with %j',
    async (claims) => {
      const { send } = await introspectionStage();
      expect(await send(claims)).toMatchObject({ type: 'admitted' });
    },
  );
});
