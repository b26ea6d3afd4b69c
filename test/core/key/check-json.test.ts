import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ARGUMENT_LIMITS, canonicalize, checkJson } from '../../../src/core/key/canonical-json.ts';
import { findJsonFault } from '../../../src/core/key/check-json.ts';

const SAFE = Number.MAX_SAFE_INTEGER;

describe('checkJson', () => {
  it.each([
    ['the largest integers', { a: SAFE, b: -SAFE }],
    ['fractions and exponents', [0.1, -1.5e-300, 5e-324]],
    ['minus zero', -0],
    ['paired surrogates, in strings and names', { '😀': '😀' }],
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 })],
    ['names of builtins', { constructor: 1, toString: 2, hasOwnProperty: 3 }],
    ['64 levels', nested(64)],
    ['the same object twice', repeated({ a: 1 })],
  ])('accepts %s', (_what, value) => {
    expect(() => checkJson(value)).not.toThrow();
  });

  it.each([
    ['an integer over 2^53 - 1', { a: [SAFE + 1] }, '/a/0 is an integer beyond 2^53 - 1'],
    ['an integer under -(2^53 - 1)', { a: -SAFE - 1 }, '/a is an integer beyond'],
    ['an integer in exponents', 1e30, 'the value as a whole is an integer beyond'],
    ['NaN', { a: Number.NaN }, '/a is not a finite number'],
    ['infinity', [Number.NEGATIVE_INFINITY], '/0 is not a finite number'],
    ['a high surrogate alone', { a: 'x\ud800y' }, '/a contains half a surrogate pair'],
    ['a low surrogate alone', { a: '\udc00' }, '/a contains half a surrogate pair'],
    ['a high surrogate at the end', ['\ud83d'], '/0 contains half a surrogate pair'],
    ['half a pair in a name', { '\ud800': 1 }, '/\ufffd is a property name with half a surrogate pair'],
    [
      'an own __proto__',
      JSON.parse('{"a":{"__proto__":{"admin":true}}}'),
      '/a/__proto__ is a property name that is not',
    ],
    ['65 levels', nested(65), 'is nested deeper than 64'],
    ['undefined', { a: undefined }, '/a is undefined'],
    ['a hole in a list', { a: new Array(3) }, '/a/0 is undefined'],
    ['a function', { toJSON: () => 1 }, '/toJSON is function'],
    ['a bigint', [1n], '/0 is bigint'],
    ['a symbol', [Symbol('s')], '/0 is symbol'],
    ['a date', { at: new Date(0) }, '/at is not a plain JSON object'],
    ['a boxed string', [new String('x')], '/0 is not a plain JSON object'],
    ['bytes', { a: new Uint8Array(2) }, '/a is not a plain JSON object'],
    ['names that are one in NFC', { 'e\u0301': 1, '\u00e9': 2 }, 'is the same property name as another one'],
  ])('refuses %s and names the place', (_what, value, message) => {
    expect(() => checkJson(value)).toThrow(expect.objectContaining({ code: 'invalid_input' }));
    expect(() => checkJson(value)).toThrow(message);
  });

  it('refuses a cycle because of its nesting', () => {
    const cycle: Record<string, unknown> = {};
    cycle.list = [cycle];
    expect(() => checkJson(cycle)).toThrow('is nested deeper than 64');
  });

  it('does not overflow the stack at any depth', () => {
    expect(() => checkJson(nested(1_000_000))).toThrow('is nested deeper than 64');
    expect(() => checkJson(JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`))).toThrow('is nested deeper than 64');
  });

  it('accepts exactly 1 MiB, and refuses one byte more', () => {
    const overhead = '{"a":""}'.length;
    expect(() => checkJson({ a: 'x'.repeat(1_048_576 - overhead) })).not.toThrow();
    expect(() => checkJson({ a: 'x'.repeat(1_048_576 - overhead + 1) })).toThrow(
      '/a brings the whole over the limit of 1048576 bytes',
    );
    expect(() => checkJson(['x'.repeat(2_000_000)])).toThrow('over the limit');
    expect(() => checkJson(new Array(2_000_000))).toThrow('over the limit');
    expect(() => checkJson({ ['é'.repeat(600_000)]: 1 })).toThrow('over the limit');
  });

  it('counts the bytes of the JSON in UTF-8', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const bytes = Buffer.byteLength(JSON.stringify(value));
        fc.pre(findJsonFault(value) === undefined);
        expect(findJsonFault(value, { depthMax: 64, bytesMax: bytes })).toBeUndefined();
        expect(findJsonFault(value, { depthMax: 64, bytesMax: bytes - 1 })?.reason).toMatch('over the limit');
      }),
    );
    const control = { a: Array.from({ length: 0x80 }, (_, code) => String.fromCharCode(code)).join('') };
    const bytes = Buffer.byteLength(JSON.stringify(control));
    expect(findJsonFault(control, { depthMax: 64, bytesMax: bytes })).toBeUndefined();
    expect(findJsonFault(control, { depthMax: 64, bytesMax: bytes - 1 })).toBeDefined();
  });

  it('stops early for a small value whose JSON is large', () => {
    let value: unknown = ['x'];
    for (let level = 0; level < 40; level++) value = [value, value];
    expect(() => checkJson(value)).toThrow('over the limit');
  });

  it('refuses every value that has no canonical text', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true }), (value) => {
        if (findJsonFault(value) === undefined) expect(typeof canonicalize(value)).toBe('string');
      }),
    );
  });

  it('names the place by an escaped, bounded JSON pointer without the value', () => {
    expect(() => checkJson({ 'a/b~c': [{ d: Number.NaN }] })).toThrow('/a~1b~0c/0/d is not');
    const fault = findJsonFault({ [`\n${'n'.repeat(5_000)}`]: 'secret\ud800' });
    expect(fault?.pointer).toHaveLength(203);
    expect(fault?.pointer.startsWith('/?nnn')).toBe(true);
    expect(JSON.stringify(fault)).not.toContain('secret');
  });

  it('has the limits of the design', () => {
    expect(ARGUMENT_LIMITS).toEqual({ depthMax: 64, bytesMax: 1_048_576 });
  });
});

function repeated(value: object): unknown {
  return [value, value, { value }];
}

function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < depth; level++) value = [value];
  return value;
}
