import { describe, expect, test } from 'vitest';
import { visibleText, withVisibleTexts } from '../../src/core/visible-text.ts';

describe('a text', () => {
  test.each([
    ['control characters', 'Reads\x1b[2J a\x00 file\x07.\x9b31m', 'Reads[2J a file.31m'],
    ['bidirectional controls', 'a\u202eb\u202c \u2066c\u2069 \u200ed\u200f \u061ce', 'ab c d e'],
    ['tag characters', `x${[...'secret'].map((c) => String.fromCodePoint(0xe0000 + c.charCodeAt(0))).join('')}y`, 'xy'],
    ['zero-width characters', 'pass\u200bword \u2060and\ufeff \u00admore', 'password and more'],
    ['joiners in a Latin word', 'pass\u200dword o\u200cr', 'password or'],
    ['a run of variation selectors', 'a\u{1f600}\ufe0f\ufe01\ufe02\u{e0101}', 'a\u{1f600}\ufe0f'],
    ['invisible fillers', 'a\u3164b\uffa0c', 'abc'],
    ['carriage returns', 'one\r\ntwo\rthree\u2028four', 'one\ntwo\nthree\nfour'],
  ])('loses %s', (_name, text, visible) => {
    expect(visibleText(text)).toBe(visible);
  });

  test.each(['Line one\n\tline two', 'Grüße, 日本語, Ελληνικά, עברית', '👩‍👩‍👧 👍🏽 ❤️ 🏳️‍🌈', 'می‌خواهم', 'क्‍ष'])(
    'keeps %j',
    (text) => {
      expect(visibleText(text)).toBe(text);
    },
  );
});

test('a schema loses hidden characters in titles and descriptions, but in no value and no name', () => {
  const bad = 'a\u202eb';
  const schema = {
    description: bad,
    default: { title: bad },
    enum: [bad],
    properties: { title: { title: bad, const: bad, items: [{ description: bad }] }, description: { type: 'string' } },
    anyOf: [{ $defs: { default: { description: bad } } }],
  };
  expect(withVisibleTexts(schema)).toEqual({
    description: 'ab',
    default: { title: bad },
    enum: [bad],
    properties: { title: { title: 'ab', const: bad, items: [{ description: 'ab' }] }, description: { type: 'string' } },
    anyOf: [{ $defs: { default: { description: 'ab' } } }],
  });
  const plain = { description: 'x', properties: { a: { title: 'é' } } };
  expect(withVisibleTexts(plain)).toBe(plain);
});
