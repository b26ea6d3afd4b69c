import { describe, expect, test } from 'vitest';
import { duration, durationOf, parseDuration } from '../../src/core/duration.ts';

describe('parseDuration', () => {
  test.each([
    [0, 0],
    [1.5, 1.5],
    ['500ms', 500],
    ['90s', 90_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    ['0.0004s', undefined],
    ['0.001ms', 0],
    ['', undefined],
    ['24', undefined],
    ['24 h', undefined],
    ['-1s', undefined],
    ['1h30m', undefined],
    ['1w', undefined],
    [-1, undefined],
    [Number.NaN, undefined],
    [Infinity, undefined],
    [undefined, undefined],
    [null, undefined],
  ])('reads %j as %j ms', (value, expected) => {
    expect(parseDuration(value)).toBe(expected);
  });
});

describe('durationOf', () => {
  test.each([
    [0, '0ms'],
    [1, '1ms'],
    [1_500, '1500ms'],
    [90_000, '90s'],
    [5_400_000, '90m'],
    [86_400_000, '1d'],
  ])('shows %j ms as %j', (ms, expected) => {
    expect(durationOf(ms)).toBe(expected);
    expect(parseDuration(expected)).toBe(ms);
  });
});

describe('duration', () => {
  const schema = duration({ minMs: 1_000, maxMs: 60_000 });

  test('accepts whole milliseconds and texts within the bounds', () => {
    expect([1_000, '1s', '1m'].map((value) => schema.parse(value))).toEqual([1_000, 1_000, 60_000]);
  });

  test.each([999, 1_000.5, '999ms', '61s', '1 m', null])('refuses %j and names the bounds', (value) => {
    expect(schema.safeParse(value).error?.issues[0]?.message).toContain('from 1s to 1m');
  });
});
