import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  holdsMarkedNumber,
  isMarkedNumber,
  nearestNumbers,
  parseJson,
  restoreNumbers,
  withoutMark,
  writeJson,
} from '../../src/core/exact-json.ts';

describe('numbers keep their text', () => {
  test.each([
    '{"id":1234567890123456789}',
    '[9007199254740993,-9223372036854775808,18446744073709551615]',
    '{"amount":0.12345678901234567891,"rate":1.2345678901234567890e-7}',
    '{"a":{"b":[{"c":340282366920938463463374607431768211456}]},"text":"1234567890123456789"}',
  ])('%s', (text) => {
    expect(writeJson(parseJson(text))).toBe(text);
    expect(holdsMarkedNumber(parseJson(text))).toBe(true);
  });

  test.each(['1', '-0.5', '9007199254740991', '0.1', '1e21x', '"9007199254740993"'])(
    'a number that a double carries stays one: %s',
    (text) => {
      if (text.endsWith('x')) expect(() => parseJson(text)).toThrow(SyntaxError);
      else expect(parseJson(text)).toStrictEqual(JSON.parse(text));
    },
  );

  test('a message inside of a text keeps its numbers, too', () => {
    const inner = JSON.stringify(parseJson('{"id":1234567890123456789}'));
    const outer = JSON.stringify({ text: JSON.stringify({ text: inner }) });
    expect(JSON.parse(JSON.parse(JSON.parse(restoreNumbers(outer)).text).text)).toStrictEqual(
      JSON.parse('{"id":1234567890123456789}'),
    );
  });

  test('what is not JSON is refused as JSON.parse refuses it', () => {
    for (const text of ['{1234567890123456789:1}', '[12345678901234567890', '01234567890123456789', '-', '"\uFDD0'])
      expect(() => parseJson(text)).toThrow(SyntaxError);
  });
});

test('a text that holds the mark passes unchanged and is no number', () => {
  for (const text of ['"\uFDD01"', '"\\ufdd01"', '"a\\\\ufdd0\uFDD0\uFDD0"', '{"\uFDD012":"\uFDD0"}']) {
    const value = parseJson(text);
    expect(isMarkedNumber(value)).toBe(false);
    expect(JSON.parse(writeJson(value))).toStrictEqual(JSON.parse(text));
  }
});

test('any JSON passes unchanged', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const text = JSON.stringify(value);
      expect(writeJson(parseJson(text))).toBe(text);
    }),
    { numRuns: 2_000 },
  );
  const integers = fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).map(String);
  fc.assert(
    fc.property(fc.array(integers), (numbers) => {
      const text = `{"numbers":[${numbers.join(',')}]}`;
      expect(writeJson(parseJson(text))).toBe(text);
    }),
  );
});

test('the nearest numbers stand in where only a number will do', () => {
  const value = parseJson('{"id":1234567890123456789,"list":[1,{"n":9007199254740993}],"text":"x"}');
  expect(nearestNumbers(value)).toStrictEqual({
    id: 1234567890123456800,
    list: [1, { n: 9007199254740992 }],
    text: 'x',
  });
  const plain = { a: [1, 'x', null, { b: true }] };
  expect(nearestNumbers(plain)).toBe(plain);
  expect(withoutMark(parseJson('12345678901234567890'))).toBe('12345678901234567890');
  expect(withoutMark('12')).toBe('12');
});
