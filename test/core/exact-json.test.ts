import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  foldedNumbers,
  holdsMarkedNumber,
  isMarkedNumber,
  markNumbers,
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

const numberText = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9]\d{0,20}$/)),
    fc.oneof(fc.constant(''), fc.stringMatching(/^\.\d{1,20}$/), fc.stringMatching(/^\.\d{0,3}0{1,8}$/)),
    fc.oneof(fc.constant(''), fc.stringMatching(/^[eE][+-]?\d{1,3}$/)),
  )
  .map((parts) => parts.join(''));

test('each number of any text keeps its text where all of them do', () => {
  fc.assert(
    fc.property(fc.array(numberText), (numbers) => {
      const text = `{"list":[${numbers}],"in":{"n":${numbers[0] ?? '1.0'}}}`;
      expect(writeJson(parseJson(text, 0))).toBe(text);
      expect(nearestNumbers(parseJson(text, 0))).toStrictEqual(JSON.parse(text));
    }),
  );
});

test('a number in the envelope of a message stays a number, unless none carries it', () => {
  const text = '{"jsonrpc":"2.0","id":1.0,"result":{"ttl":60.0,"content":[{"n":1.0}],"id":12345678901234567890}}';
  expect(parseJson(text, 3)).toMatchObject({ id: 1, result: { ttl: 60, content: [{ n: expect.any(String) }] } });
  expect(withoutMark((parseJson(text, 3) as { result: { id: unknown } }).result.id)).toBe('12345678901234567890');
});

test('a text without such numbers is not parsed again', () => {
  const text = '{"version":"1.10, 2.0","when":"2026-12-01T10:00:00.000Z","id":"3e4","n":[1,0.5,-1,10,100.25]}';
  expect(markNumbers(text, 0)).toBe(text);
});

test.each([
  ['backslashes', `["${'\\'.repeat(200_000)}",1.10]`],
  ['zeros within a number', `[1${'0'.repeat(200_000)}1,0.${'0'.repeat(200_000)}10]`],
  ['white space', `[1.10,"${', 1.0 '.repeat(50_000)}"${' '.repeat(200_000)},2]`],
])('many %s take linear time', (_, text) => {
  const before = process.cpuUsage();
  expect(writeJson(parseJson(text, 0)).replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
  foldedNumbers(parseJson(text, 0));
  expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
});

test('texts of one number get one form', () => {
  const folded = (text: string): unknown => foldedNumbers(parseJson(text, 0));
  fc.assert(
    fc.property(numberText, fc.integer({ min: -30, max: 30 }), (text, shift) => {
      const [, number = '', power = '0'] = /^(.*?)(?:[eE](.*))?$/.exec(text) ?? [];
      const longer = number.includes('.') ? `${number}0` : `${number}.0`;
      expect(folded(`[${longer}e${power}]`)).toStrictEqual(folded(`[${text}]`));
      const [whole = '', fraction = ''] = number.split('.');
      const zeros = shift > 0 ? '0'.repeat(shift) : '';
      const moved = `${whole}${fraction}${zeros}`.replace(/^(-?)0+(?=\d)/, '$1');
      expect(folded(`[${moved}e${Number(power) - fraction.length - zeros.length}]`)).toStrictEqual(folded(`[${text}]`));
    }),
  );
  expect(folded('[1.10,-0.0,1e2,1E+2]')).toStrictEqual([1.1, 0, 100, 100]);
  expect(folded('[1e20]')).toStrictEqual(folded('[100000000000000000000]'));
  expect(folded('[1e9007199254740993]')).not.toStrictEqual(folded('[1e9007199254740992]'));
});
