import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { compactSchema, outputSchemaCharsMax } from '../../../src/openapi/http/compact-schema.ts';

const text = { type: 'string', description: 'A text. '.repeat(20) };
const wide = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`member_${at}`, text]));

function accepts(schema: unknown, value: unknown): boolean {
  return new Ajv2020({ strict: false }).compile(schema as object)(value) === true;
}

describe('an output schema', () => {
  test('stays as it is if it is short', () => {
    const schema = { type: 'object', properties: { a: text } };
    expect(compactSchema(schema)).toBe(schema);
  });

  test('loses its texts first', () => {
    const compact = compactSchema({ type: 'object', properties: { ...wide, description: text } });
    expect(compact).toMatchObject({ properties: { member_3: { type: 'string' }, description: { type: 'string' } } });
    expect(JSON.stringify(compact)).not.toContain('A text');
  });

  test('loses its deepest parts next, and accepts what it accepted', () => {
    const node = (name: string) => ({
      type: 'object',
      properties: {
        ...wide,
        next: { $ref: `#/$defs/${name}` },
        either: { oneOf: [{ $ref: `#/$defs/${name}` }, { type: 'null' }] },
      },
      required: ['member_1'],
      additionalProperties: false,
    });
    const schema = {
      type: 'object',
      properties: { root: { $ref: '#/$defs/A' } },
      required: ['root'],
      $defs: { A: node('B'), B: node('C'), C: { ...node('A'), not: { required: ['x'] } } },
    };
    const compact = compactSchema(schema);
    expect(JSON.stringify(compact).length).toBeLessThanOrEqual(outputSchemaCharsMax);
    const leaf = { member_1: 'm' };
    const good = { root: { ...leaf, next: { ...leaf, next: { ...leaf, next: leaf } }, either: null } };
    expect([accepts(schema, good), accepts(compact, good)]).toEqual([true, true]);
    expect(accepts(compact, {})).toBe(false);
  });

  test('is left out if its outermost parts are too long', () => {
    const names = Array.from({ length: 400 }, (_, at) => [`a_rather_long_member_name_${at}`, {}]);
    expect(compactSchema({ type: 'object', properties: Object.fromEntries(names) })).toBeUndefined();
  });
});
