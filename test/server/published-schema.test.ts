import { describe, expect, test } from 'vitest';
import { publishedSchema } from '../../src/server/published-schema.ts';

/** Returns the published schema of one property. */
function published(property: object, required: readonly string[] = []): unknown {
  const schema = publishedSchema({ type: 'object', properties: { a: property }, required });
  return (schema.properties as { a: unknown }).a;
}

const note = { description: 'Accepts null.' };

describe('publishedSchema', () => {
  test.each<[string, object, object]>([
    ['a list of types', { type: ['string', 'null'], maxLength: 5 }, { type: 'string', maxLength: 5, ...note }],
    ['an enumeration', { type: ['string', 'null'], enum: ['x', null] }, { type: 'string', enum: ['x'], ...note }],
    ['a default of null', { type: ['string', 'null'], default: null }, { type: 'string', ...note }],
    ['another default', { type: ['string', 'null'], default: 'x' }, { type: 'string', default: 'x', ...note }],
    [
      'alternatives',
      { anyOf: [{ type: 'integer' }, { type: 'null' }], title: 'T' },
      { type: 'integer', title: 'T', ...note },
    ],
    ['oneOf', { oneOf: [{ type: 'null' }, { $ref: '#/$defs/x' }] }, { $ref: '#/$defs/x', ...note }],
    [
      'several types',
      { type: ['string', 'integer', 'null'], description: 'An id' },
      { anyOf: [{ type: 'string' }, { type: 'integer' }], description: 'An id. Accepts null.' },
    ],
    [
      'a description that says so',
      { type: ['string', 'null'], description: 'Send null to clear it.' },
      { type: 'string', description: 'Send null to clear it.' },
    ],
    [
      'items and their properties',
      { type: 'array', items: { type: 'object', properties: { b: { type: ['number', 'null'] } } } },
      { type: 'array', items: { type: 'object', properties: { b: { type: 'number', ...note } } } },
    ],
  ])('publishes %s with one type, and says that null is accepted', (_what, given, wanted) => {
    expect(published(given)).toEqual(wanted);
  });

  test('keeps null for a required property, as an alternative', () => {
    const wanted = { description: 'D', anyOf: [{ type: 'string', enum: ['x'] }, { type: 'null' }] };
    expect(published({ type: ['string', 'null'], enum: ['x', null], description: 'D' }, ['a'])).toEqual(wanted);
    expect(published({ anyOf: [{ type: 'string', enum: ['x'] }, { type: 'null' }], description: 'D' }, ['a'])).toEqual(
      wanted,
    );
    const $defs = { x: { type: ['object', 'null'] } };
    const referring = publishedSchema({
      type: 'object',
      properties: { a: { $ref: '#/$defs/x' }, b: { $ref: '#/$defs/x' } },
      required: ['a'],
      $defs,
    });
    expect(referring).toMatchObject({
      properties: { a: { anyOf: [{ $ref: '#/$defs/x' }, { type: 'null' }] }, b: { $ref: '#/$defs/x' } },
      $defs: { x: { type: 'object' } },
    });
  });

  const $defs = {
    n: { type: ['string', 'null'] },
    m: { $ref: '#/$defs/n' },
    loop: { anyOf: [{ $ref: '#/$defs/loop' }] },
  };
  const nothing = { type: 'null' };
  test.each<[string, object, object]>([
    [
      'alternatives',
      { anyOf: [{ type: ['string', 'null'] }, { type: 'number' }] },
      { anyOf: [{ type: 'string' }, { type: 'number' }, nothing] },
    ],
    ['allOf', { allOf: [{ type: ['string', 'null'] }] }, { anyOf: [{ allOf: [{ type: 'string' }] }, nothing] }],
    [
      'a reference in alternatives',
      { anyOf: [{ $ref: '#/$defs/n' }, { type: 'number' }] },
      { anyOf: [{ $ref: '#/$defs/n' }, { type: 'number' }, nothing] },
    ],
    ['a reference to a reference', { $ref: '#/$defs/m' }, { anyOf: [{ $ref: '#/$defs/m' }, nothing] }],
    ['a reference to itself', { $ref: '#/$defs/loop' }, { $ref: '#/$defs/loop' }],
    ['a constant null', { type: ['string', 'null'], const: null }, { type: 'null', const: null }],
    ['one type in a list', { type: ['string'] }, { type: 'string' }],
    ['an enumeration without null', { type: ['string', 'null'], enum: ['x'] }, { type: 'string', enum: ['x'] }],
  ])('publishes a required value by %s with null where null is valid', (_what, given, wanted) => {
    const schema = publishedSchema({ type: 'object', properties: { a: given }, required: ['a'], $defs });
    expect(schema.properties).toEqual({ a: wanted });
  });

  test.each<[string, object, object]>([
    ['items', { items: { type: ['string', 'null'] } }, { items: { anyOf: [{ type: 'string' }, nothing] } }],
    [
      'a tuple',
      { prefixItems: [{ type: ['string', 'null'] }, {}] },
      { prefixItems: [{ anyOf: [{ type: 'string' }, nothing] }, {}] },
    ],
    [
      'a map',
      { additionalProperties: { type: ['number', 'null'] } },
      { additionalProperties: { anyOf: [{ type: 'number' }, nothing] } },
    ],
    [
      'a field that allOf requires',
      { properties: { b: { type: ['number', 'null'] } }, allOf: [{ required: ['b'] }] },
      { properties: { b: { anyOf: [{ type: 'number' }, nothing] } }, allOf: [{ required: ['b'] }] },
    ],
  ])('keeps null in %s', (_what, given, wanted) => {
    expect(published(given)).toEqual(wanted);
  });

  test.each<[string, object, object]>([
    ['one type', { type: ['string'] }, { type: 'string' }],
    ['null', { type: ['null'] }, nothing],
    ['a constant null', { type: ['string', 'null'], const: null }, { type: 'null', const: null }],
    ['two types', { type: ['string', 'integer'] }, { anyOf: [{ type: 'string' }, { type: 'integer' }] }],
    [
      'types and alternatives',
      { type: ['string', 'integer'], anyOf: [{ minLength: 1 }, { minimum: 1 }] },
      { anyOf: [{ type: 'string' }, { type: 'integer' }], allOf: [{ anyOf: [{ minLength: 1 }, { minimum: 1 }] }] },
    ],
  ])('publishes a list of %s as single types', (_what, given, wanted) => {
    expect(published(given)).toEqual(wanted);
  });

  test('returns the schema itself where no part allows null, and changes no schema that it gets', () => {
    const plain = { type: 'object', properties: { type: { type: 'string' }, b: { anyOf: [{}, { type: 'string' }] } } };
    expect(publishedSchema(plain)).toBe(plain);
    const frozen = Object.freeze({
      type: 'object',
      properties: Object.freeze({ a: Object.freeze({ type: ['string', 'null'] }) }),
    });
    publishedSchema(frozen);
    expect(frozen.properties.a.type).toEqual(['string', 'null']);
  });

  test('ends for schemas without end', () => {
    const endless: Record<string, unknown> = { type: ['object', 'null'] };
    endless.properties = { a: endless };
    expect(published(endless)).toMatchObject({ type: 'object' });
    for (const odd of [{ anyOf: [{ type: 'null' }] }, { type: ['null'] }, { type: [] }, { items: true }]) {
      expect(published(odd)).toBeDefined();
    }
  });
});
