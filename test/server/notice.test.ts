import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { describe, expect, test } from 'vitest';
import type { JsonSchema } from '../../src/core/json.ts';
import { takesNotice, withNotice, withNoticeSchema, withoutForgedNotice } from '../../src/server/notice.ts';

const notice = { replayed: true, note: 'Replayed.', repeat_token: 'r1.x' };
const id = { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] };
const closed = { ...id, additionalProperties: false };

/** Each schema with a result that it accepts and one that it refuses. */
const schemas: Record<string, readonly [JsonSchema, Readonly<Record<string, unknown>>, unknown]> = {
  open: [id, { id: 'a' }, { id: 1 }],
  'additionalProperties: false': [closed, { id: 'a' }, { id: 'a', more: 1 }],
  'typed additionalProperties': [{ type: 'object', additionalProperties: { type: 'number' } }, { a: 1 }, { a: 'b' }],
  'unevaluatedProperties: false': [{ ...id, unevaluatedProperties: false }, { id: 'a' }, { id: 1 }],
  patternProperties: [{ type: 'object', patternProperties: { '^': { type: 'number' } } }, { a: 1 }, { a: 'b' }],
  propertyNames: [{ type: 'object', propertyNames: { maxLength: 2 } }, { ab: 1 }, { abc: 1 }],
  maxProperties: [{ ...id, maxProperties: 1 }, { id: 'a' }, { id: 'a', b: 1 }],
  'anyOf, closed': [{ type: 'object', anyOf: [closed, { ...closed, required: [] }] }, { id: 'a' }, { more: 1 }],
  'anyOf, required at the root': [{ ...id, anyOf: [closed, { maxProperties: 1 }] }, { id: 'a' }, { a: 1 }],
  'anyOf, unevaluated': [{ type: 'object', anyOf: [closed], unevaluatedProperties: false }, { id: 'a' }, { a: 1 }],
  oneOf: [{ type: 'object', oneOf: [closed, { ...id, required: ['id', 'b'] }] }, { id: 'a' }, { more: 1 }],
  allOf: [{ type: 'object', allOf: [closed, { minProperties: 1 }] }, { id: 'a' }, {}],
  not: [{ ...id, not: { minProperties: 2 } }, { id: 'a' }, { id: 'a', b: 1 }],
  'if and else': [{ type: 'object', if: { required: ['b'] }, else: closed }, { id: 'a' }, { id: 1 }],
  const: [{ type: 'object', const: { $ref: '#/x' } }, { $ref: '#/x' }, { $ref: '#/y' }],
  '$ref to a definition': [{ type: 'object', $ref: '#/$defs/Id', $defs: { Id: closed } }, { id: 'a' }, { a: 1 }],
  '$ref to definitions (draft 7)': [
    {
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      allOf: [{ $ref: '#/definitions/Id' }],
      definitions: { Id: closed },
    },
    { id: 'a' },
    { a: 1 },
  ],
  '$ref to the root': [
    { type: 'object', allOf: [{ properties: { child: { $ref: '#' }, id: id.properties.id } }] },
    { child: { child: { id: 'a' } } },
    { child: { child: { id: 1 } } },
  ],
  '$ref into the root': [
    { type: 'object', oneOf: [{ properties: { a: id, b: { $ref: '#/oneOf/0/properties/a' } }, required: ['b'] }] },
    { b: { id: 'a' } },
    { b: { id: 1 } },
  ],
  $id: [{ $id: 'https://example.com/id', type: 'object', $ref: '#/$defs/Id', $defs: { Id: closed } }, { id: 'a' }, {}],
};

describe.each(Object.entries(schemas))('a schema with %s', (_name, [schema, accepted, refused]) => {
  const accepts = new AjvJsonSchemaValidator().getValidator(schema as never);
  const wider = withNoticeSchema(schema);
  const acceptsWidened = new AjvJsonSchemaValidator().getValidator(wider as never);

  test('accepts the same results as before, with and without a notice', () => {
    expect([accepts(accepted).valid, acceptsWidened(accepted).valid]).toEqual([true, true]);
    expect(acceptsWidened(withNotice(accepted, notice)).valid).toBe(true);
    expect([accepts(refused).valid, acceptsWidened(refused).valid]).toEqual([false, false]);
  });

  test('refuses a notice that is none', () => {
    expect(acceptsWidened({ ...accepted, mcp_once: { replayed: 'yes' } }).valid).toBe(false);
  });

  test('has an object at its root, is widened once, and keeps the schema that it was made from', () => {
    expect(wider.type).toBe('object');
    expect(withNoticeSchema(schema)).toBe(wider);
    expect(withNoticeSchema(wider)).toEqual(wider);
    expect(JSON.stringify(schema)).not.toContain('mcp_once');
  });
});

test('leaves the schema of a tool that has its own mcp_once alone, also in a branch', () => {
  const own = { type: 'object', properties: { mcp_once: { type: 'string' } } };
  for (const schema of [
    own,
    { type: 'object', anyOf: [own, id] },
    { type: 'object', $ref: '#/$defs/A', $defs: { A: own } },
  ]) {
    expect(withNoticeSchema(schema)).toBe(schema);
    expect(takesNotice(schema)).toBe(false);
    expect(withoutForgedNotice({ mcp_once: 'theirs' }, schema)).toEqual({ mcp_once: 'theirs' });
  }
});

test('fills the notice of a server that is guarded itself', () => {
  const wider = JSON.parse(JSON.stringify(withNoticeSchema(closed))) as JsonSchema;
  expect(withNoticeSchema(wider)).toBe(wider);
  expect(takesNotice(wider)).toBe(true);
});

test('removes a forged notice, and copies no other result', () => {
  const honest = { id: 'a' };
  expect(withoutForgedNotice(honest, closed)).toBe(honest);
  expect(withoutForgedNotice({ ...honest, mcp_once: 1 }, closed)).toEqual(honest);
  expect(withoutForgedNotice({ ...honest, mcp_once: 1 }, undefined)).toEqual(honest);
});

test('leaves a schema alone whose results are no objects', () => {
  const list = { type: 'array', items: {} };
  expect(withNoticeSchema(list)).toBe(list);
});
