import { describe, expect, test } from 'vitest';
import {
  makeRequestState,
  openRequestState,
  type Question,
  type QuestionedCall,
} from '../../../src/core/key/request-state.ts';

const secret = 'a secret that all processes of a store share';
const nowMs = 1_767_225_600_000;
const question: Question = {
  kind: 'again',
  key: '0f4c1d7e-1111-8222-9333-444455556666',
  generation: 3,
  occurrence: 2,
  round: 1,
  expiresAt: nowMs + 1,
};
const call: QuestionedCall = {
  scope: { tenant: 'acme', subject: 'ann' },
  upstream: { origin: 'o', mode: 'test', account: 'a' },
  tool: 'create_thing',
  fingerprint: 'f'.repeat(64),
};
const state = makeRequestState({ secret, call, question });
const open = (changes: Partial<Parameters<typeof openRequestState>[0]> = {}) =>
  openRequestState({ secret, call, state, nowMs, ...changes });

describe('a request state', () => {
  test('gives the question back to every process with the secret', () => {
    expect(open()).toEqual({ ok: true, question, expired: false });
    expect(open({ secret: Buffer.from(secret) })).toEqual(open());
    expect(makeRequestState({ secret, call, question })).toBe(state);
  });

  test('has a fixed form and a bounded length', () => {
    expect(state).toMatch(/^q1\.again\.2\.3\.1\.1767225600001\.D0wdfhERgiKTM0REVVVmZg\.[\w-]{43}$/);
    const long = {
      ...question,
      kind: 'input',
      attempt: 999_999_999,
      generation: 999_999_999,
      round: 999_999_999,
    } as const;
    expect(makeRequestState({ secret, call, question: long }).length).toBeLessThanOrEqual(150);
  });

  test.each<[string, Partial<QuestionedCall>]>([
    ['tenant', { scope: { tenant: 'other', subject: 'ann' } }],
    ['subject', { scope: { tenant: 'acme', subject: 'bob' } }],
    ['subject, shifted', { scope: { tenant: 'acmea', subject: 'nn' } }],
    ['conversation', { scope: { tenant: 'acme', subject: 'ann', conversation: 'c' } }],
    ['upstream', { upstream: { origin: 'o', mode: 'live', account: 'a' } }],
    ['tool', { tool: 'create_thing2' }],
    ['fingerprint', { fingerprint: 'e'.repeat(64) }],
  ])('is forged for another %s', (_what, other) => {
    expect(open({ call: { ...call, ...other } })).toEqual({ ok: false, reason: 'forged' });
  });

  test('is forged under another secret, and expires', () => {
    expect(open({ secret: 'another' })).toEqual({ ok: false, reason: 'forged' });
    expect(open({ nowMs: question.expiresAt })).toEqual({ ok: true, question, expired: true });
    // Whether it was ever ours is looked at first.
    expect(open({ secret: 'another', nowMs: question.expiresAt })).toEqual({ ok: false, reason: 'forged' });
  });

  test('is refused when any character of it was changed, added or taken away', () => {
    for (let index = 0; index < state.length; index += 1) {
      for (const replacement of ['A', 'B', '2', '.', '-', '']) {
        if (state[index] === replacement) continue;
        const altered = state.slice(0, index) + replacement + state.slice(index + 1);
        expect(open({ state: altered }).ok, altered).toBe(false);
      }
    }
    for (const other of ['', `${state}=`, `${state} `, ` ${state}`, state.toUpperCase(), 'r1.1.1.D0wd.zlyS']) {
      expect(open({ state: other })).toMatchObject({ ok: false });
    }
  });

  test('requires a key that is a UUID', () => {
    expect(() => makeRequestState({ secret, call, question: { ...question, key: 'x' } })).toThrow(RangeError);
  });
});
