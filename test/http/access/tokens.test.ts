import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createToken, createTokenLookup } from '../../../src/http/access/static-tokens.ts';
import { admission } from '../../support/issuer.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const hashOf = (token: string) => `sha256:${createHash('sha256').update(token).digest('hex')}`;

function stage() {
  const [alice, bob] = [createToken(), createToken()];
  const tokens = [
    { hash: alice.hash, tenant: 'acme', subject: 'alice' },
    { hash: bob.hash, tenant: 'other', subject: 'bob', tools: ['get_*'] },
  ];
  return { alice: alice.token, bob: bob.token, aliceHash: alice.hash, ...admission({ tokens }, new ManualClock()) };
}

describe('a configured token', () => {
  test('admits its subject, first or last in the list', async () => {
    const { bearer, alice, bob } = stage();
    expect(await bearer(alice)).toEqual({ type: 'admitted', principal: { tenant: 'acme', subject: 'alice' } });
    expect(await bearer(bob)).toEqual({
      type: 'admitted',
      principal: { tenant: 'other', subject: 'bob', tools: ['get_*'] },
    });
  });

  test('is compared with every entry, also after a match, so that timing reveals nothing', () => {
    const { token, hash } = createToken();
    const entries = ['first', 'last'].map((subject) => ({ hash, tenant: 'acme', subject }));
    // A lookup that ended with the first one that fits would say so.
    expect(createTokenLookup(entries)(token)?.subject).toBe('last');
  });

  test('has 256 random bits, and the configuration holds its hash', () => {
    const { token, hash } = createToken();
    expect(token).toMatch(/^mcponce_[\w-]{43}$/);
    expect(hash).toBe(hashOf(token));
    expect(createToken().token).not.toBe(token);
  });

  test('is refused when it is another token, cut, longer, or the hash itself', async () => {
    const { bearer, alice, aliceHash, logged } = stage();
    const wrong = [createToken().token, alice.slice(0, -1), `${alice}a`, alice.toUpperCase(), aliceHash.slice(7)];
    for (const token of wrong) {
      const refused = await bearer(token);
      expect(refused).toMatchObject({ type: 'refused', status: 401 });
      expect(JSON.stringify([refused, logged])).not.toContain(token);
    }
  });

  test('is refused when neither tokens nor OAuth are configured', async () => {
    const { bearer, admit } = admission({}, new ManualClock());
    expect(await bearer(createToken().token)).toMatchObject({ type: 'refused', status: 401 });
    expect(await admit({})).toMatchObject({ type: 'refused', status: 401 });
  });
});

describe('the Authorization header', () => {
  test('is the only source of a token', async () => {
    const { admit, alice } = stage();
    const elsewhere = [
      {},
      { authorization: undefined },
      { cookie: `access_token=${alice}` },
      { 'x-api-key': alice },
      { 'proxy-authorization': `Bearer ${alice}` },
      { ':path': `/mcp?access_token=${alice}`, url: `/mcp?access_token=${alice}` },
    ];
    for (const headers of elsewhere) {
      const refused = await admit(headers);
      expect(refused).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer realm="mcp-once"' } });
    }
  });

  test.each([['Bearer'], ['bearer'], ['BEARER']])('accepts the scheme %s', async (scheme) => {
    const { admit, alice } = stage();
    expect((await admit({ Authorization: `${scheme} ${alice}` })).type).toBe('admitted');
    expect((await admit({ authorization: [`${scheme} ${alice}`] })).type).toBe('admitted');
  });

  test('is refused when present twice, wherever the valid token is', async () => {
    const { admit, alice } = stage();
    const good = `Bearer ${alice}`;
    const twice = [
      { authorization: [good, 'Bearer evil'] },
      { authorization: ['Bearer evil', good] },
      { authorization: [good, good] },
      { authorization: good, Authorization: 'Bearer evil' },
      { authorization: `${good}, Bearer evil` },
    ];
    for (const headers of twice) expect(await admit(headers)).toMatchObject({ type: 'refused', status: 400 });
  });

  test.each([
    ['another scheme', 'Basic YTpi', 401],
    ['a scheme alone', 'Bearer', 400],
    ['an empty text', '', 401],
    ['a text without a scheme', 'abc', 401],
    ['two tokens', 'Bearer a b', 400],
    ['a quoted token', 'Bearer "a"', 400],
    ['a line break', 'Bearer a\r\nx: y', 400],
    ['100 kB', `Bearer ${'a'.repeat(100_000)}`, 400],
    ['100 kB of spaces', `Bearer ${' '.repeat(100_000)}a`, 400],
  ])('that holds %s is refused', async (_, authorization, status) => {
    const refused = await stage().admit({ authorization });
    expect(refused).toMatchObject({ type: 'refused', status });
    expect(JSON.stringify(refused)).not.toMatch(/aaa|YTpi|x: y/);
  });
});
