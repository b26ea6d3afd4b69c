import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { McpOnceError } from '../../../src/core/errors.ts';
import { canonicalize, fingerprintOf, sameJson, withoutUndefined } from '../../../src/core/key/canonical-json.ts';

interface Rfc8785 {
  numbers: [bits: string, text: string | null][];
  texts: { name: string; input: string; output?: string; hex?: string; values?: string[] }[];
}

const rfc: Rfc8785 = JSON.parse(readFileSync(new URL('./vectors/rfc8785.json', import.meta.url), 'utf8'));
const verbatim = { unicode: 'verbatim' } as const;

describe('RFC 8785', () => {
  it.each(rfc.numbers)('writes the number with the bits %s as %s', (bits, text) => {
    const number = Buffer.from(bits, 'hex').readDoubleBE();
    if (text === null) expect(() => canonicalize(number)).toThrow(McpOnceError);
    else expect(canonicalize(number)).toBe(text);
  });

  it.each(rfc.texts)('gives the canonical text: $name', ({ input, output, hex, values }) => {
    const text = canonicalize(JSON.parse(input), verbatim);
    if (output !== undefined) expect(text).toBe(output);
    if (hex !== undefined) expect(Buffer.from(text).toString('hex')).toBe(hex);
    if (values !== undefined) expect(Object.entries(JSON.parse(text)).map(([, value]) => value)).toHaveLength(7);
    if (values !== undefined) expect([...text.matchAll(/:"([^"]*)"/g)].map(([, value]) => value)).toEqual(values);
  });

  it('gives the same text for every order of names', () => {
    fc.assert(
      fc.property(json(), (value) => {
        expect(canonicalize(reordered(value))).toBe(canonicalize(value));
      }),
    );
  });

  it('gives different JSON different texts', () => {
    fc.assert(
      fc.property(json(), (value) => {
        const text = canonicalize(value, verbatim);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    fc.assert(
      fc.property(json(), json(), (a, b) => {
        const same = canonicalize(a, verbatim) === canonicalize(b, verbatim);
        expect(same).toBe(canonicalize(reordered(a), verbatim) === canonicalize(reordered(b), verbatim));
        if (same) expect(JSON.parse(JSON.stringify(a))).toEqual(JSON.parse(JSON.stringify(b)));
      }),
    );
  });

  it('gives a text whose own canonical text is the same, also in NFC', () => {
    fc.assert(
      fc.property(json(), (value) => {
        const text = canonicalize(value);
        expect(canonicalize(JSON.parse(text))).toBe(text);
      }),
    );
  });

  it.each([
    ['1 and "1"', 1, '1'],
    ['null and absent', { a: null }, {}],
    ['the order of a list', [1, 2], [2, 1]],
    ['case', 'A', 'a'],
    ['inner white space', 'a b', 'a  b'],
    ['an empty list and an empty object', [], {}],
    ['one list and two', [[1], [2]], [[1, 2]]],
  ])('tells apart %s', (_what, a, b) => {
    expect(canonicalize(a)).not.toBe(canonicalize(b));
    expect(sameJson(a, b)).toBe(false);
  });
});

describe('Unicode', () => {
  const composed = 'caf\u00e9';
  const decomposed = 'cafe\u0301';

  it('treats two encodings of one text as equal, in strings and names', () => {
    expect(canonicalize({ [decomposed]: decomposed })).toBe(canonicalize({ [composed]: composed }));
    expect(canonicalize(decomposed, verbatim)).not.toBe(canonicalize(composed, verbatim));
  });

  it('sorts names by their normal form', () => {
    // U+FB33 becomes U+05D3 U+05BC, which sorts before the euro sign.
    expect(canonicalize({ '\u20ac': 1, '\ufb33': 2 })).toBe('{"\u05d3\u05bc":2,"\u20ac":1}');
    expect(canonicalize({ '\u20ac': 1, '\ufb33': 2 }, verbatim)).toBe('{"\u20ac":1,"\ufb33":2}');
  });

  it('refuses two names that become equal', () => {
    const both = { within: [{ [composed]: 1, [decomposed]: 2 }] };
    expect(() => canonicalize(both)).toThrow(/^\/within\/0\/cafe?.* is the same property name as another one/);
    expect(() => canonicalize(both, verbatim)).not.toThrow();
  });

  it('keeps a string unchanged where keepString says so, and asks only about strings that NFC changes', () => {
    const asked: (string | number)[][] = [];
    const keepString = (path: readonly (string | number)[]) => {
      asked.push([...path]);
      return path[0] === 'path';
    };
    const text = canonicalize({ path: [decomposed], name: decomposed, plain: 'plain', fine: composed }, { keepString });
    expect(text).toBe(`{"fine":"${composed}","name":"${composed}","path":["${decomposed}"],"plain":"plain"}`);
    expect(asked).toEqual([['name'], ['path', 0]]);
  });
});

describe('a value without a canonical text', () => {
  it.each([
    ['undefined', { a: undefined }, '/a is undefined'],
    ['a function', [() => 1], '/0 is function'],
    ['a bigint', { a: { b: 1n } }, '/a/b is bigint'],
    ['a symbol', Symbol('s'), 'the value as a whole is symbol'],
    ['a date', { at: new Date(0) }, '/at is not a plain JSON object'],
    ['a map', new Map(), 'the value as a whole is not a plain JSON object'],
    ['NaN', [Number.NaN], '/0 is not a finite number'],
    ['half a pair', { a: 'x\ud800' }, '/a contains half a surrogate pair'],
    ['half a pair in a name', { '\udc00': 1 }, '/\ufffd contains half a surrogate pair'],
    ['half a pair that is kept', ['\ud800'], '/0 contains half a surrogate pair'],
  ])('is refused with its place: %s', (_what, value, message) => {
    const attempt = () => canonicalize(value);
    expect(attempt).toThrow(McpOnceError);
    expect(attempt).toThrow(message);
    expect(() => canonicalize(value, verbatim)).toThrow(message);
    expect(sameJson(value, {})).toBe(false);
  });

  it('is refused without exhausting the stack: cycles and deep nesting', () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => canonicalize(cycle)).toThrow('is nested deeper than 64');
    expect(() => canonicalize(nested(100_000))).toThrow('is nested deeper than 64');
    expect(canonicalize(nested(64))).toHaveLength(128);
  });
});

describe('fingerprintOf', () => {
  it('is SHA-256 of the canonical text', () => {
    // printf '{"a":1,"b":[true,null]}' | sha256sum
    expect(fingerprintOf({ b: [true, null], a: 1 })).toBe(
      '1cc69c7fa23616ca2ec3ee70d24390a6225c8832db8a4c814c7e0e7f942f8668',
    );
  });
});

describe('withoutUndefined', () => {
  it('removes only what JSON leaves out', () => {
    expect(withoutUndefined({ a: undefined, b: [{ c: undefined, d: null }], e: 0 })).toEqual({
      b: [{ d: null }],
      e: 0,
    });
    const date = new Date(0);
    expect(withoutUndefined(date)).toBe(date);
    expect(() => canonicalize(withoutUndefined(nested(1_000)))).toThrow('deeper');
  });
});

function json(): fc.Arbitrary<fc.JsonValue> {
  return fc
    .jsonValue({ stringUnit: 'binary', maxDepth: 5 })
    .filter((value) => !JSON.stringify(value).includes('"__proto__"') && hasCanonicalText(value));
}

/** Random names of one object may become equal in NFC. */
function hasCanonicalText(value: unknown): boolean {
  return sameJson(value, structuredClone(value));
}

function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, reordered(member)]),
  );
}

function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < depth; level++) value = [value];
  return value;
}
