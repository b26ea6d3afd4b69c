import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { CheckBounds, type SlowPart } from '../../../src/core/schema/check-bounds.ts';
import { PatternTrials } from '../../../src/core/schema/pattern-trials.ts';
import { uniqueItemsKeyword } from '../../../src/core/schema/unique-items.ts';
import { boundedCpuMs, cpuTimer } from '../../support/cpu-time.ts';

function bounded(schema: Record<string, unknown>) {
  const time = { nowMs: 0 };
  const given: SlowPart[] = [];
  // A busy machine may suspend this process for longer than the 40 ms of the product.
  const bounds = new CheckBounds({ monotonicMs: () => time.nowMs, runMsMax: 400 });
  const pattern = Object.assign((source: string, flags: string) => bounds.pattern(source, flags), { code: 'pattern' });
  const ajv = new Ajv2020({ strict: false, allErrors: true, code: { regExp: pattern } });
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword(uniqueItemsKeyword);
  const validate = ajv.compile(schema);
  const check = bounds.check(
    schema,
    (value) => validate(value),
    (part) => given.push(part),
  );
  return { check, given, time };
}

/** Runs work, and fails where it blocks the process for long. */
function inTime<T>(work: () => T): T {
  const usedCpuMs = cpuTimer();
  const result = work();
  expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
  return result;
}

const slow = '^([a-z0-9]+-?)+$';
const slowText = `${'a'.repeat(48)}!`;

describe('a slow pattern', () => {
  const schema = {
    type: 'object',
    properties: { slow: { type: 'string', pattern: slow }, count: { type: 'integer' } },
  };

  test('is given up for 10 minutes, while the rest of its schema is still checked', () => {
    const { check, given, time } = bounded(schema);
    expect(inTime(() => check({ slow: slowText }))).toBe('valid');
    expect(given).toEqual(['pattern']);
    expect(check({ slow: slowText, count: 'many' })).toBe('invalid');
    expect(check({ slow: '!' })).toBe('valid');
    time.nowMs += 10 * 60_000;
    expect(check({ slow: '!' })).toBe('invalid');
    expect(inTime(() => check({ slow: slowText }))).toBe('valid');
    expect(given).toEqual(['pattern', 'pattern']);
  });

  test('of one schema does not affect another schema with the same pattern', () => {
    const { check } = bounded(schema);
    inTime(() => check({ slow: slowText }));
    expect(bounded(schema).check({ slow: '!' })).toBe('invalid');
  });

  test.each([
    ['(a|a|a|a|a|a|a|a|a|a)*b', 'a'.repeat(16)],
    [`^${'(a|a|a|a)'.repeat(30)}b$`, 'a'.repeat(31)],
    ['^(?:a|a)+$', `${'a'.repeat(60)}!`],
    ['^(\\w+\\s?)*$', `${'a'.repeat(60)}!`],
    ['(?=(a+)+b)', 'a'.repeat(60)],
    ['^(a+)\\1*(a+)+!$', 'a'.repeat(60)],
  ])('ends in time: %.30s', (pattern, text) => {
    const { check } = bounded({ type: 'string', pattern });
    expect(inTime(() => check(text))).not.toBe('invalid');
  });

  test('of property names ends in time', () => {
    const { check } = bounded({ type: 'object', patternProperties: { [slow]: { type: 'integer' } } });
    expect(inTime(() => check({ [slowText]: 1 }))).toBe('valid');
  });

  test('does not multiply with the items of a list, nor with other slow patterns', () => {
    const { check, given } = bounded({ type: 'array', items: { type: 'string', pattern: '^a*a*a*b$' } });
    expect(inTime(() => check(Array.from({ length: 500 }, () => 'a'.repeat(1_000))))).not.toBe('invalid');
    const alternatives = Array.from({ length: 50 }, (_, index) => ({ pattern: `^([a-z${index}]+-?)+$` }));
    const many = bounded({ type: 'string', allOf: alternatives });
    expect(inTime(() => many.check(slowText))).toBe('given_up');
    expect(many.given).toEqual(['pattern', 'pattern', 'schema']);
    expect(given.length).toBeGreaterThan(0);
  });

  test('of thousands of fields shares one time limit', () => {
    const trials = new PatternTrials();
    inTime(() => {
      for (let index = 0; index < 5_000; index += 1) {
        expect(trials.matches(`^([a-z${index}]+-?)+$`, slowText)).toBeUndefined();
      }
    });
  });
});

describe('a slow schema', () => {
  test('whose alternatives multiply with the depth is given up, and costs nothing for 10 minutes', () => {
    const self = Array.from({ length: 8 }, () => ({ properties: { a: { $ref: '#/$defs/n' } }, required: ['b'] }));
    const { check, given, time } = bounded({ $ref: '#/$defs/n', $defs: { n: { type: 'object', anyOf: self } } });
    let value = {};
    for (let depth = 0; depth < 40; depth += 1) value = { a: value };
    expect(inTime(() => check(value))).toBe('given_up');
    expect(given).toEqual(['schema']);
    for (let count = 0; count < 1_000; count += 1) check(value);
    expect(given).toEqual(['schema']);
    time.nowMs += 10 * 60_000;
    expect(inTime(() => check({ b: 1 }))).not.toBe('given_up');
  });

  test('whose reference has siblings that repeat it is given up', () => {
    const again = { properties: { a: { $ref: '#/$defs/n' } } };
    const { check } = bounded({ $ref: '#/$defs/n', $defs: { n: { $ref: '#/$defs/m', ...again }, m: again } });
    let value = {};
    for (let depth = 0; depth < 60; depth += 1) value = { a: value };
    expect(inTime(() => check(value))).toBe('given_up');
  });

  test('with a huge list of values ends in time', () => {
    const values = Array.from({ length: 50_000 }, (_, index) => ({ index }));
    const { check } = bounded({ type: 'array', items: { enum: values } });
    expect(inTime(() => check(Array.from({ length: 20_000 }, () => ({ index: -1 }))))).toBe('given_up');
  });
});

describe('uniqueItems', () => {
  test('compares 3,000 objects in time', () => {
    const { check } = bounded({ type: 'array', uniqueItems: true });
    const items = Array.from({ length: 3_000 }, (_, index) => ({ name: 'x'.repeat(20), index }));
    expect(inTime(() => check(items))).toBe('valid');
    expect(inTime(() => check([...items, { index: 7, name: 'x'.repeat(20) }]))).toBe('invalid');
  });

  test.each([
    [[1, '1', true, 'true', null, 'null', [], {}, '{}'], 'valid'],
    [
      [
        { a: 1, b: [1, 2] },
        { b: [1, 2], a: 1 },
      ],
      'invalid',
    ],
    [[{ a: 1 }, { a: '1' }], 'valid'],
    [
      [
        [1, 2],
        [2, 1],
      ],
      'valid',
    ],
    [[0, -0], 'invalid'],
    [['json:{}', {}], 'valid'],
  ])('finds %j %s', (items, verdict) => {
    expect(bounded({ type: 'array', uniqueItems: true }).check(items)).toBe(verdict);
  });
});
