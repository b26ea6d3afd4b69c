import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { declaresProperty } from '../../../src/core/key/argument-place.ts';
import {
  differingFields,
  type InputSchema,
  prepareArguments,
  REPEAT_TOKEN_FIELD,
  type ValidArguments,
} from '../../../src/core/key/arguments.ts';
import { fingerprintOf } from '../../../src/core/key/canonical-json.ts';

const invoice = z.strictObject({
  customer: z.strictObject({ name: z.string(), email: z.string().optional() }),
  currency: z.string().default('usd'),
  lines: z.array(z.strictObject({ description: z.string(), amount: z.int(), quantity: z.int().default(1) })).min(1),
  memo: z.string().optional(),
  due: z.int().nullable().optional(),
});

const order = { customer: { name: 'Ada' }, lines: [{ description: 'Work', amount: 500 }] };

describe('prepareArguments', () => {
  it('sends the given arguments with defaults filled in, and hashes them without defaults', () => {
    const prepared = valid(order, fromZod(invoice));
    expect(prepared.arguments).toEqual({
      customer: { name: 'Ada' },
      currency: 'usd',
      lines: [{ description: 'Work', amount: 500, quantity: 1 }],
    });
    expect(prepared.forHash).toEqual(order);
    expect(prepared.repeatToken).toBeUndefined();
    expect(Object.isFrozen(prepared)).toBe(true);
  });

  it('keeps the Unicode form that the caller wrote', () => {
    const decomposed = { ...order, memo: 'cafe\u0301' };
    expect(valid(decomposed, fromZod(invoice)).arguments.memo).toBe('cafe\u0301');
    expect(hashOf(decomposed, fromZod(invoice))).toBe(hashOf({ ...order, memo: 'caf\u00e9' }, fromZod(invoice)));
  });

  it.each([
    ['names reordered', { lines: [{ amount: 500, description: 'Work' }], customer: { name: 'Ada' } }],
    ['null for optional fields', { ...order, memo: null, customer: { name: 'Ada', email: null } }],
    ['null for a field with a default', { ...order, currency: null }],
    ['defaults written out', { ...order, currency: 'usd', lines: [{ ...order.lines[0], quantity: 1 }] }],
    ['a repeat token', { ...order, repeat_token: 'r1.1.1.x.y' }],
    ['a repeat token of null', { ...order, repeat_token: null }],
  ])('hashes the same: %s', (_what, other) => {
    expect(hashOf(other, fromZod(invoice))).toBe(hashOf(order, fromZod(invoice)));
  });

  it.each([
    ['null where null is allowed', { ...order, due: null }],
    ['another amount', { ...order, lines: [{ description: 'Work', amount: 501 }] }],
    ['a quantity that is not the default', { ...order, lines: [{ ...order.lines[0], quantity: 2 }] }],
    ['one more line', { ...order, lines: [order.lines[0], order.lines[0]] }],
    ['another case', { ...order, customer: { name: 'ADA' } }],
    ['an empty memo', { ...order, memo: '' }],
  ])('hashes differently: %s', (_what, other) => {
    expect(hashOf(other, fromZod(invoice))).not.toBe(hashOf(order, fromZod(invoice)));
  });

  it('does not change the hash of old arguments when a schema gains optional fields with defaults', () => {
    const grown = invoice.extend({
      collection: z.enum(['send', 'charge']).default('send'),
      options: z.strictObject({ footer: z.string().default(''), tags: z.array(z.string()).default([]) }).prefault({}),
      note: z.string().optional(),
      lines: z.array(
        z.strictObject({
          description: z.string(),
          amount: z.int(),
          quantity: z.int().default(1),
          tax: z.strictObject({ rate: z.number() }).default({ rate: 0 }),
        }),
      ),
    });
    const before = hashOf(order, fromZod(invoice));
    expect(hashOf(order, fromZod(grown))).toBe(before);
    expect(valid(order, fromZod(grown)).arguments).toMatchObject({
      collection: 'send',
      options: { footer: '', tags: [] },
    });
    expect(hashOf({ ...order, collection: 'send', options: { footer: '' }, note: null }, fromZod(grown))).toBe(before);
    expect(hashOf({ ...order, collection: 'charge' }, fromZod(grown))).not.toBe(before);
    expect(hashOf({ ...order, options: { footer: 'x' } }, fromZod(grown))).not.toBe(before);
  });

  it.each([undefined, null])('treats the arguments %s as an empty object', (raw) => {
    expect(valid(raw, fromZod(z.strictObject({ a: z.string().optional() })))).toMatchObject({
      arguments: {},
      forHash: {},
    });
  });

  it.each([
    ['a list', [1], 'arguments are not valid: must be an object'],
    ['a string', '{}', 'must be an object'],
    ['an instance', new Date(0), 'must be an object'],
    ['an inexact integer', { ...order, due: 2 ** 53 }, '/due is an integer beyond'],
    ['a __proto__ key', JSON.parse('{"__proto__":{}}'), '/__proto__ is a property name that is not accepted'],
    ['too much', { ...order, memo: 'x'.repeat(1_048_577) }, '/memo brings the whole over the limit of 1048576 bytes'],
    ['an unknown field', { ...order, vip: true }, 'vip'],
    ['null for a required field', { ...order, lines: null }, 'lines'],
    ['null for an unknown field', { ...order, vip: null }, 'vip'],
    ['null for a list item', { ...order, lines: [null] }, 'lines.0'],
    ['a number for a string', { ...order, memo: 5 }, 'memo'],
    [
      'a repeat token that is no string',
      { ...order, repeat_token: 5 },
      '/repeat_token must be a string of at most 512',
    ],
    ['a repeat token that is too long', { ...order, repeat_token: 'r'.repeat(513) }, '/repeat_token must be a string'],
  ])('refuses %s', (_what, raw, message) => {
    const refused = prepareArguments(raw, fromZod(invoice));
    expect(refused).toMatchObject({ ok: false, message: expect.stringContaining(message) });
    expect(refused.ok === false && refused.issues.length).toBeGreaterThan(0);
  });

  it('names at most five issues in the message, and all in the list', () => {
    const many = {
      lines: Array.from({ length: 8 }, () => ({ description: 'x', amount: 'x' })),
      customer: { name: 'x' },
    };
    const refused = prepareArguments(many, fromZod(invoice));
    expect(refused).toMatchObject({ ok: false, message: expect.stringMatching(/; and 3 more$/) });
    expect(refused.ok === false && refused.issues).toHaveLength(8);
  });

  it('throws when a schema converts the arguments to something that is not JSON', () => {
    const dated = z.strictObject({ at: z.array(z.string().transform((text) => new Date(text))) });
    const schema: InputSchema = {
      ...fromZod(z.strictObject({ at: z.array(z.string()) })),
      parse: fromZod(dated, {}).parse,
    };
    expect(() => prepareArguments({ at: ['2026-01-01'] }, schema)).toThrow(
      expect.objectContaining({ code: 'tool_invalid', message: expect.stringContaining('/at/0') }),
    );
  });

  it('leaves members that a schema sets to undefined out of the hash', () => {
    const schema = z.strictObject({ a: z.string().optional() }).transform((value) => ({ a: value.a }));
    expect(valid({}, fromZod(schema)).forHash).toEqual({});
  });

  it('hashes every permutation of members the same', () => {
    const schema = fromZod(z.looseObject({}));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (raw) => {
        const prepared = prepareArguments(raw, schema);
        fc.pre(prepared.ok);
        const shuffled = Object.fromEntries(Object.entries(raw).reverse());
        expect(hashOf(shuffled, schema)).toBe(hashOf(raw, schema));
      }),
    );
  });
});

describe('the repeat token', () => {
  it('is removed before validation and returned', () => {
    const raw = { ...order, [REPEAT_TOKEN_FIELD]: 'r1.1.1.x.y' };
    const prepared = valid(raw, fromZod(invoice));
    expect(prepared.repeatToken).toBe('r1.1.1.x.y');
    expect(prepared.arguments).not.toHaveProperty(REPEAT_TOKEN_FIELD);
    expect(raw).toHaveProperty(REPEAT_TOKEN_FIELD);
  });

  it.each([
    ['by itself', { type: 'object', properties: { repeat_token: { type: 'integer' } } }],
    [
      'in a branch',
      { anyOf: [{ type: 'object' }, { $ref: '#/$defs/A' }], $defs: { A: { properties: { repeat_token: {} } } } },
    ],
  ])('is an argument of the tool when its schema declares it %s', (_what, jsonSchema) => {
    const prepared = valid({ repeat_token: 7 }, anything(jsonSchema));
    expect(prepared).toMatchObject({ arguments: { repeat_token: 7 }, forHash: { repeat_token: 7 } });
    expect(prepared.repeatToken).toBeUndefined();
  });
});

describe('null', () => {
  const text = { type: 'string' };
  const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });

  it.each<[string, Record<string, unknown>]>([
    ['a plain optional property', object({ a: text })],
    ['an enumeration without null', object({ a: { enum: ['x'] } })],
    ['a constant', object({ a: { const: 'x' } })],
    ['a property that is required but has a default', object({ a: { ...text, default: 'x' } }, { required: ['a'] })],
    ['a reference', object({ a: { $ref: '#/$defs/text' } }, { $defs: { text } })],
    ['a reference with escapes', object({ a: { $ref: '#/$defs/a~1b%20c' } }, { $defs: { 'a/b c': text } })],
    ['allOf with one part that refuses', object({ a: { allOf: [text, { description: 'x' }] } })],
    ['anyOf where all refuse', object({ a: { anyOf: [text, { type: 'integer' }] } })],
    ['oneOf where all refuse', object({ a: { oneOf: [text, { const: 1 }] } })],
    ['a property of allOf', { allOf: [object({ a: text }), object({ b: text })] }],
    ['a property that all branches refuse', { oneOf: [object({ a: text }), object({ a: { type: 'integer' } })] }],
    [
      'a property that one branch has and the others shut out',
      { anyOf: [object({ a: text }), object({}, { additionalProperties: false })] },
    ],
    ['a property that one branch has and the other is no object', { anyOf: [object({ a: text }), { type: 'array' }] }],
    [
      'a property that is required in a branch',
      object({ a: text }, { anyOf: [{ required: ['a'] }, { required: ['b'] }] }),
    ],
    ['the schema false', object({ a: false })],
  ])('is removed: %s', (_what, jsonSchema) => {
    expect(valid({ a: null }, anything(jsonSchema)).arguments).toEqual({});
  });

  it.each<[string, Record<string, unknown>]>([
    ['a property that is not named', object({})],
    ['a value of a map', { type: 'object', additionalProperties: text }],
    ['a property that may be null', object({ a: { type: ['string', 'null'] } })],
    ['nullable of OpenAPI 3.0', object({ a: { ...text, nullable: true } })],
    ['an enumeration with null', object({ a: { enum: ['x', null] } })],
    ['a constant null', object({ a: { const: null } })],
    ['a default of null', object({ a: { ...text, default: null } })],
    ['any value', object({ a: {} })],
    ['the schema true', object({ a: true })],
    ['anyOf with null', object({ a: { anyOf: [text, { type: 'null' }] } })],
    ['a required property', object({ a: text }, { required: ['a'] })],
    ['a property that one branch lets be null', { anyOf: [object({ a: text }), object({ a: {} })] }],
    ['a property that an open branch does not name', { anyOf: [object({ a: text }), object({ b: text })] }],
    ['a property that holds under a condition', { if: {}, else: object({ a: text }) }],
    ['a property that holds with another', { dependentSchemas: { b: object({ a: text }) } }],
    ['a reference to nowhere', object({ a: { $ref: '#/$defs/none' } })],
    ['a reference to another document', object({ a: { $ref: 'https://example.com/a' } })],
    ['a reference that is no pointer', object({ a: { $ref: '#/%' } })],
    ['a dynamic reference', object({ a: { $dynamicRef: '#a' } })],
    ['a reference to itself', object({ a: { $ref: '#/properties/a' } })],
    ['alternatives of itself', object({ a: { anyOf: [text, { $ref: '#/properties/a' }] } })],
  ])('is kept: %s', (_what, jsonSchema) => {
    expect(valid({ a: null }, anything(jsonSchema)).arguments).toEqual({ a: null });
  });

  it('is removed inside of objects, lists, tuples, maps and references to the schema itself', () => {
    const tree = {
      type: 'object',
      properties: {
        note: text,
        child: { $ref: '#' },
        children: { type: 'array', items: { $ref: '#' } },
        pair: { type: 'array', prefixItems: [{ $ref: '#' }, object({ x: text })], items: { type: 'object' } },
        old: { type: 'array', items: [object({ x: text })], additionalItems: { $ref: '#' } },
        map: { type: 'object', additionalProperties: { $ref: '#' } },
        any: { anyOf: [{ $ref: '#' }, { type: 'string' }] },
      },
    };
    const raw = {
      note: null,
      child: { note: null, child: { child: { note: null } } },
      children: [{ note: 'x' }, { note: null }],
      pair: [{ note: null }, { x: null }, { x: null }],
      old: [{ x: null }, { note: null }],
      map: { k: { note: null }, n: null },
      any: { note: null, any: { note: null } },
    };
    const before = structuredClone(raw);
    expect(valid(raw, anything(tree)).arguments).toEqual({
      child: { child: { child: {} } },
      children: [{ note: 'x' }, {}],
      pair: [{}, {}, { x: null }],
      old: [{}, {}],
      map: { k: {}, n: null },
      any: { any: {} },
    });
    expect(raw).toEqual(before);
  });

  it('is handled in bounded time by schemas that refer to themselves in alternatives', () => {
    const knot = {
      anyOf: [{ $ref: '#' }, { $ref: '#/$defs/b' }, { $ref: '#/$defs/a' }],
      $defs: {
        a: { anyOf: [{ $ref: '#/$defs/b' }, object({ x: text, sub: { $ref: '#' } }), { items: { $ref: '#' } }] },
        b: { oneOf: [{ $ref: '#/$defs/a' }, { $ref: '#' }, object({ x: text, sub: { $ref: '#/$defs/a' } })] },
      },
    };
    const deep = { sub: { sub: { sub: { x: null, list: [[{ x: null }]] } } }, x: null };
    const prepared = valid(deep, anything(knot));
    expect(prepared.arguments).toEqual(deep);
    expect(fingerprintOf(prepared.forHash, { keepString: prepared.keepString })).toHaveLength(64);
  });

  it('is kept in alternatives that are nested too deep to be read', () => {
    const buried = (leaf: object, depth: number): Record<string, unknown> =>
      depth === 0 ? { ...leaf } : { anyOf: [buried(leaf, depth - 1), { type: 'integer' }] };
    const leaf = object({ a: { ...text, default: 'd' }, b: object({ c: text }), l: { items: object({ c: text }) } });
    const raw = { a: null, b: { c: null }, l: [{ c: null }] };
    expect(valid(raw, anything(buried(leaf, 4))).arguments).toEqual({ b: {}, l: [{}] });
    expect(valid(raw, anything(buried(leaf, 20))).arguments).toEqual(raw);
    expect(valid({ a: 'd' }, anything(buried(leaf, 4))).forHash).toEqual({});
    expect(valid({ a: 'd' }, anything(buried(leaf, 20))).forHash).toEqual({ a: 'd' });
    const path = buried(object({ a: { format: 'path' } }), 20);
    expect(valid({}, anything(path)).keepString?.(['a'])).toBe(true);
  });

  it('is kept below an unresolved reference, where strings are not normalised', () => {
    const jsonSchema = object({ a: { $ref: 'https://example.com/a', properties: { b: text } } });
    const { arguments: sent, keepString } = valid({ a: { c: null, d: [{ c: null }] } }, anything(jsonSchema));
    expect(sent).toEqual({ a: { c: null, d: [{ c: null }] } });
    expect(keepString?.(['a', 'd', 0, 'c'])).toBe(true);
    expect(keepString?.(['a'])).toBe(true);
    expect(keepString?.(['z'])).toBe(false);
  });

  it('is handled correctly beyond the cached places of a schema', () => {
    const names = Array.from({ length: 6_000 }, (_, index) => `p${index}`);
    const wide = object(Object.fromEntries(names.map((name) => [name, object({ x: { ...text, default: 'd' } })])));
    const raw = Object.fromEntries(names.map((name) => [name, { x: null }]));
    const prepared = valid(raw, anything(wide));
    expect(Object.values(prepared.arguments).every((value) => JSON.stringify(value) === '{}')).toBe(true);
    expect(valid({ p5999: { x: 'd' } }, anything(wide)).forHash).toEqual({ p5999: {} });
  });
});

describe('defaults', () => {
  it.each<[string, Record<string, unknown>, unknown, unknown]>([
    ['of a list', { a: { default: [1, { b: 2 }] } }, [1, { b: 2 }], {}],
    ['in another order of names', { a: { default: { x: 1, y: 2 } } }, { y: 2, x: 1 }, {}],
    ['of null', { a: { default: null } }, null, {}],
    ['in another Unicode form', { a: { default: 'caf\u00e9' } }, 'cafe\u0301', {}],
    [
      'but not of a path in another form',
      { a: { format: 'path', default: 'caf\u00e9' } },
      'cafe\u0301',
      { a: 'cafe\u0301' },
    ],
    ['but not of another type', { a: { default: 1 } }, '1', { a: '1' }],
    ['but not null for absent', { a: { type: ['string', 'null'], default: '' } }, null, { a: null }],
    ['behind a reference', { a: { $ref: '#/properties/b' }, b: { default: 7 } }, 7, {}],
    ['that two parts agree on', { a: { allOf: [{ default: 1 }, { default: 1 }] } }, 1, {}],
    ['but not that two parts disagree on', { a: { allOf: [{ default: 1 }, { default: 2 }] } }, 1, { a: 1 }],
    ['but not of one alternative of the value', { a: { anyOf: [{ default: 1 }, { type: 'string' }] } }, 1, { a: 1 }],
    [
      'of which the inner ones are written out',
      { a: { default: {}, properties: { b: { default: 1 } } } },
      { b: 1 },
      {},
    ],
  ])('are dropped %s', (_what, properties, a, forHash) => {
    expect(valid({ a }, anything({ type: 'object', properties })).forHash).toEqual(forHash);
  });

  it('are dropped when all branches that allow the property agree', () => {
    const branch = (value: unknown, more: object = {}) => ({
      type: 'object',
      properties: { a: { default: value } },
      ...more,
    });
    const shut = { type: 'object', properties: { b: {} }, additionalProperties: false };
    const forHash = (jsonSchema: Record<string, unknown>) => valid({ a: 1 }, anything(jsonSchema)).forHash;
    expect(forHash({ oneOf: [branch(1), branch(1)] })).toEqual({});
    expect(forHash({ oneOf: [branch(1), shut] })).toEqual({});
    expect(forHash({ oneOf: [branch(1), branch(2)] })).toEqual({ a: 1 });
    expect(forHash({ oneOf: [branch(1), { type: 'object' }] })).toEqual({ a: 1 });
    expect(forHash({ oneOf: [branch(1), { $ref: '#' }] })).toEqual({ a: 1 });
    expect(forHash({ allOf: [branch(1), branch(2)], oneOf: [branch(1)] })).toEqual({ a: 1 });
    expect(forHash({ oneOf: [{ type: 'string' }], anyOf: [branch(1), branch(1)] })).toEqual({});
  });

  it('are never dropped as items of a list', () => {
    const jsonSchema = { type: 'object', properties: { a: { items: { default: 1 } } } };
    expect(valid({ a: [1, 1] }, anything(jsonSchema)).forHash).toEqual({ a: [1, 1] });
  });
});

describe('strings that are not normalised', () => {
  const nfd = 'cafe\u0301';
  const nfc = 'caf\u00e9';
  const same = (property: object) => {
    const schema = anything({ type: 'object', properties: { a: property } });
    return hashOf({ a: nfd }, schema) === hashOf({ a: nfc }, schema);
  };

  it.each([
    [{ format: 'binary' }],
    [{ format: 'byte' }],
    [{ format: 'path' }],
    [{ format: 'uri' }],
    [{ format: 'uri-reference' }],
    [{ contentEncoding: 'base64' }],
    [{ 'x-mcp-once-verbatim': true }],
    [{ anyOf: [{ format: 'path' }, { type: 'null' }] }],
    [{ $ref: 'https://example.com/unknown' }],
    [{ $dynamicRef: '#unknown' }],
  ])('are those of a property with %j', (property) => {
    expect(same({ type: 'string', ...property })).toBe(false);
  });

  it('are not those without a mark', () => {
    expect(same({ type: 'string' })).toBe(true);
    expect(same({ type: 'string', format: 'email' })).toBe(true);
    expect(same({ type: 'string', 'x-mcp-once-verbatim': false })).toBe(true);
    expect(valid({}, anything({ type: 'object' })).keepString).toBeUndefined();
  });

  it('are found at any depth, and below a marked container', () => {
    const jsonSchema = {
      type: 'object',
      properties: {
        files: { type: 'array', items: { type: 'object', properties: { path: { format: 'path' }, title: {} } } },
        tree: { 'x-mcp-once-verbatim': true, type: 'object' },
      },
    };
    const { keepString } = valid({}, anything(jsonSchema));
    expect(keepString?.(['files', 3, 'path'])).toBe(true);
    expect(keepString?.(['files', 3, 'title'])).toBe(false);
    expect(keepString?.(['tree', 'any', 0])).toBe(true);
    expect(keepString?.([])).toBe(false);
  });
});

describe('differingFields', () => {
  it('names differing fields without their values', () => {
    const a = {
      memo: 'one',
      lines: [{ description: 'x', amount: 1 }, { amount: 2 }],
      same: { deep: [1, null] },
      gone: 1,
    };
    const b = {
      memo: 'two',
      lines: [{ description: 'y', amount: 1 }],
      same: { deep: [1, null] },
      'new field': 'secret',
    };
    expect(differingFields(a, b)).toEqual(['memo', 'lines[0].description', 'lines[1]', 'gone', '["new field"]']);
    expect(differingFields(a, structuredClone(a))).toEqual([]);
  });

  it('distinguishes a list from an object, null from absent, and an own name from an inherited one', () => {
    expect(differingFields({ a: [], b: null, c: '1' }, { a: {}, c: 1 })).toEqual(['a', 'b', 'c']);
    expect(differingFields({ toString: 1 }, {})).toEqual(['toString']);
  });

  it('ignores differences in Unicode form, unless the string is kept', () => {
    const a = { name: 'cafe\u0301', path: 'cafe\u0301' };
    const b = { name: 'caf\u00e9', path: 'caf\u00e9' };
    expect(differingFields(a, b)).toEqual([]);
    expect(differingFields(a, b, (path) => path[0] === 'path')).toEqual(['path']);
  });

  it('names at most 20 fields in bounded length, at any depth', () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, index]));
    expect(differingFields(many, {})).toHaveLength(20);
    expect(differingFields({ list: Array(50).fill(1) }, { list: Array(50).fill(2) })).toHaveLength(20);
    expect(differingFields({ ['n'.repeat(500)]: 1 }, {})[0]).toHaveLength(123);
    const deep = (leaf: unknown) => ({ a: JSON.parse(`${'['.repeat(100)}${JSON.stringify(leaf)}${']'.repeat(100)}`) });
    expect(differingFields(deep(1), deep(2))).toHaveLength(1);
  });

  it('is empty only when the hash is the same', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), (a, b) => {
        const [first, second] = [prepareArguments(a, anything({})), prepareArguments(b, anything({}))];
        fc.pre(first.ok && second.ok);
        const isSame = hashOf(a, anything({})) === hashOf(b, anything({}));
        expect(differingFields(a, b).length > 0 || isSame).toBe(true);
      }),
    );
  });
});

function valid(raw: unknown, schema: InputSchema): ValidArguments {
  const prepared = prepareArguments(raw, schema);
  if (!prepared.ok) throw new Error(prepared.message);
  return prepared;
}

function hashOf(raw: unknown, schema: InputSchema): string {
  const prepared = valid(raw, schema);
  return fingerprintOf(prepared.forHash, { keepString: prepared.keepString });
}

/** Accepts everything, so that a test sees the effect of the JSON Schema alone. */
function anything(jsonSchema: Record<string, unknown>): InputSchema {
  return { jsonSchema, parse: (value) => ({ ok: true, value: value as Record<string, unknown> }) };
}

function fromZod(
  type: z.ZodType,
  jsonSchema: Record<string, unknown> = z.toJSONSchema(type, { io: 'input' }) as Record<string, unknown>,
): InputSchema {
  return {
    jsonSchema,
    parse(value) {
      const parsed = type.safeParse(value);
      if (parsed.success) return { ok: true, value: parsed.data as Record<string, unknown> };
      const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
      return { ok: false, issues };
    },
  };
}

describe('declaresProperty', () => {
  const of = (schema: Record<string, unknown>) => declaresProperty({ type: 'object', ...schema }, 'x');
  const x = { properties: { x: {} } };

  it.each<[string, Record<string, unknown>, boolean]>([
    ['at the root', x, true],
    ['in an alternative', { anyOf: [{ type: 'null' }, x] }, true],
    ['in an alternative of an alternative', { anyOf: [{ oneOf: [{ anyOf: [{ anyOf: [x] }] }] }] }, true],
    ['in a part', { allOf: [x] }, true],
    ['behind a reference', { anyOf: [{ $ref: '#/$defs/x' }], $defs: { x } }, true],
    ['in a condition', { if: {}, else: x }, true],
    ['nowhere', { anyOf: [{ properties: { y: {} } }, true] }, false],
    ['in a definition that nothing refers to', { $defs: { x } }, false],
    ['by the name of a method of objects', { properties: { toString: {} } }, false],
  ])('finds a property %s', (_where, schema, isDeclared) => {
    expect(of(schema)).toBe(isDeclared);
  });
});
