import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foldIdentity } from '../../../src/core/key/fold-identity.ts';
import { refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { createThing, setThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

describe('a declared identity', () => {
  test.each([
    ['outer white space and line ends', { item: ' a\r\nb ' }, { item: 'a\nb' }],
    ['the case of an e-mail address, with any name', { who: 'Ann@Example.com' }, { who: 'ann@example.com' }],
    ['the case of a UUID', ['0198A1B2-0000-4000-8000-00000000000F'], ['0198a1b2-0000-4000-8000-00000000000f']],
    ['a time, by its name', { '/due_at': '2026-01-01T01:00:00+01:00' }, { '/due_at': '2026-01-01T00:00:00Z' }],
    ['a currency, by its name', { currency: 'USD' }, { currency: 'usd' }],
  ])('folds %s', (_what, given, folded) => {
    expect(foldIdentity(given)).toEqual(folded);
  });

  test.each([
    ['the case of a name', { name: 'Ann' }],
    ['the order of a list', ['b', 'a']],
    ['a time without a telling name', { item: '2026-01-01T01:00:00+01:00' }],
    ['white space in code', { code: ' a ' }],
    ['numbers and null', [1, null, true]],
  ])('keeps %s', (_what, given) => {
    expect(foldIdentity(given)).toBe(given);
  });

  test('is folded once: folding again changes nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const once = foldIdentity(value);
        expect(foldIdentity(once)).toEqual(once);
      }),
    );
  });
});

test('calls whose identity is written in another way are one operation', async () => {
  const upstream = new Upstream();
  const { call } = testEngine({ tools: [createThing(upstream, 'refuse')] });
  const first = resultOf(await call('create_thing', { item: 'Ann@Example.com', count: 2 }));
  expect(resultOf(await call('create_thing', { item: ' Ann@Example.com\r\n', count: 2 })).replayed).toBe(true);
  const other = refusalOf(await call('create_thing', { item: 'ann@example.com', count: 2 }));
  expect(other).toMatchObject({ code: 'idempotency_conflict', fields: ['item'], firstResult: first.result });
  expect(upstream.effects).toHaveLength(1);
  await call('create_thing', { item: 'ann@example.com', count: 3 });
  expect(upstream.effects).toHaveLength(2);
});

test('writes of one resource find each other, however its name is written', async () => {
  const upstream = new Upstream();
  const { call } = testEngine({ tools: [setThing(upstream)] });
  for (const item of ['a', ' a', 'a\n']) await call('set_thing', { item, count: 1 });
  expect(upstream.effects).toHaveLength(1);
});
