import { describe, expect, it } from 'vitest';
import { deriveKey } from '../../../src/core/key/derive-key.ts';
import { makeRepeatToken, openRepeatToken } from '../../../src/core/key/repeat-token.ts';

const secret = 'a secret that all processes of a store share';
const baseKey = '0f4c1d7e-1111-8222-9333-444455556666';
const handedOut = { secret, baseKey, key: baseKey, generation: 1, occurrence: 1, kind: 'repeat' } as const;
const token = makeRepeatToken(handedOut);
const forged = { ok: false, reason: 'forged' };
const malformed = { ok: false, reason: 'malformed' };

describe('a repeat token', () => {
  it('leads to the same next occurrence each time', () => {
    const later = { occurrence: 2, after: baseKey, generation: 1 };
    expect(openRepeatToken({ secret, baseKey, token })).toEqual({ ok: true, kind: 'repeat', later });
    expect(openRepeatToken({ secret, baseKey, token })).toEqual({ ok: true, kind: 'repeat', later });
    expect(makeRepeatToken(handedOut)).toBe(token);
  });

  it('has a fixed, short form that is readable up to its MAC', () => {
    expect(token).toMatch(/^r1\.1\.1\.[\w-]{22}\.[\w-]{22}$/);
    expect(token).toBe('r1.1.1.D0wdfhERgiKTM0REVVVmZg.zlySSIs4-5ro1JuzZdWEZQ');
    expect(makeRepeatToken({ ...handedOut, generation: 999_999_999, occurrence: 999_999_999 })).toHaveLength(68);
    expect(makeRepeatToken({ ...handedOut, secret: Buffer.from(secret) })).toBe(token);
  });

  it('is of another kind for an unknown outcome, and one kind is not valid as the other', () => {
    const unknown = makeRepeatToken({ ...handedOut, kind: 'unknown' });
    expect(unknown).toMatch(/^u1\.1\.1\./);
    expect(openRepeatToken({ secret, baseKey, token: unknown })).toMatchObject({ ok: true, kind: 'unknown' });
    expect(openRepeatToken({ secret, baseKey, token: unknown.replace('u1', 'r1') })).toEqual(forged);
    expect(openRepeatToken({ secret, baseKey, token: token.replace('r1', 'u1') })).toEqual(forged);
  });

  it.each([
    ['another operation', { baseKey: '1f4c1d7e-1111-8222-9333-444455556666' }],
    ['another secret', { secret: 'another' }],
  ])('is refused for %s', (_what, other) => {
    expect(openRepeatToken({ secret, baseKey, token, ...other })).toEqual(forged);
  });

  it('is refused when any character of it was changed', () => {
    for (let index = 0; index < token.length; index++) {
      for (const replacement of ['A', 'B', '2', '.', '-']) {
        if (token[index] === replacement) continue;
        const altered = token.slice(0, index) + replacement + token.slice(index + 1);
        expect(openRepeatToken({ secret, baseKey, token: altered }).ok).toBe(false);
      }
    }
  });

  it.each([
    ['another generation', 'r1.1.2'],
    ['another occurrence', 'r1.2.1'],
  ])('is refused when it claims %s', (_what, head) => {
    expect(openRepeatToken({ secret, baseKey, token: token.replace('r1.1.1', head) })).toEqual(forged);
  });

  it.each([
    ['nothing', ''],
    ['a cut one', token.slice(0, -1)],
    ['one that goes on', `${token}A`],
    ['one with a line break', `${token}\n`],
    ['another format', token.replace('r1', 'r2')],
    ['counts with zeros before', token.replace('r1.1.', 'r1.01.')],
    ['counts that are too large', token.replace('r1.1.', 'r1.1000000000.')],
    ['a negative count', token.replace('r1.1.', 'r1.-1.')],
    ['free text', 'yes, another one'],
    ['another spelling of the same bytes', respelled(token)],
  ])('is malformed: %s', (_what, text) => {
    expect(openRepeatToken({ secret, baseKey, token: text })).toEqual(malformed);
  });

  it('cannot be made from an invalid key or number', () => {
    expect(() => makeRepeatToken({ ...handedOut, key: 'key' })).toThrow(RangeError);
    expect(() => makeRepeatToken({ ...handedOut, generation: -1 })).toThrow(RangeError);
    expect(() => makeRepeatToken({ ...handedOut, occurrence: 1.5 })).toThrow(RangeError);
    expect(() => makeRepeatToken({ ...handedOut, occurrence: 1e9 })).toThrow(RangeError);
  });
});

describe('a chain of repeats', () => {
  const derive = (later?: { occurrence: number; after: string; generation: number }) =>
    deriveKey({
      tool: 'create_invoice',
      scope: { tenant: 't', subject: 's' },
      upstream: { origin: 'https://api.example.com', mode: 'test', account: 'a' },
      fingerprint: 'f'.repeat(64),
      later,
    }).key;
  const base = derive();
  const next = (key: string, generation: number, occurrence: number) => {
    const opened = openRepeatToken({
      secret,
      baseKey: base,
      token: makeRepeatToken({ secret, baseKey: base, key, generation, occurrence, kind: 'repeat' }),
    });
    if (!opened.ok) throw new Error(opened.reason);
    return derive(opened.later);
  };

  it('gives every operation its own key', () => {
    const second = next(base, 1, 1);
    const third = next(second, 1, 2);
    expect(new Set([base, second, third]).size).toBe(3);
    expect(next(base, 1, 1)).toBe(second);
  });

  it('leads from a later generation to other keys than from an earlier one', () => {
    const ofFirst = next(base, 1, 1);
    const ofSecond = next(base, 2, 1);
    expect(ofSecond).not.toBe(ofFirst);
    expect(next(ofFirst, 1, 2)).not.toBe(next(ofSecond, 1, 2));
  });
});

/** The last character of 16 bytes in base64url has four unused bits. */
function respelled(text: string): string {
  const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.indexOf(text.slice(-1));
  return text.slice(0, -1) + 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'[last ^ 1];
}
