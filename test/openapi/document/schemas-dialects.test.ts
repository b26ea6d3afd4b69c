import { describe, expect, test } from 'vitest';
import { bodySchemas } from '../documents.ts';

const string = { type: 'string' };
const properties = (schemas: { readonly input: Readonly<Record<string, unknown>> }) =>
  schemas.input.properties as Readonly<Record<string, Readonly<Record<string, unknown>>>>;

describe('a schema of any dialect', () => {
  test.each([
    [{ type: 'string', nullable: true }, { type: ['string', 'null'] }],
    [
      { type: 'string', nullable: true, enum: ['a'] },
      { type: ['string', 'null'], enum: ['a', null] },
    ],
    [{ type: ['string', 'null'] }, { type: ['string', 'null'] }],
    [
      { allOf: [{ type: 'object' }], nullable: true, description: 'd' },
      { description: 'd', anyOf: [{ allOf: [{ type: 'object' }] }, { type: 'null' }] },
    ],
    [{ nullable: true }, {}],
    [{ type: 'integer', 'x-nullable': true }, { type: ['integer', 'null'] }],
    [{ minimum: 1, exclusiveMinimum: true }, { exclusiveMinimum: 1 }],
    [{ maximum: 9, exclusiveMaximum: false }, { maximum: 9 }],
    [
      { exclusiveMinimum: 1, maximum: 3 },
      { exclusiveMinimum: 1, maximum: 3 },
    ],
    [
      { type: 'string', example: 'x' },
      { type: 'string', examples: ['x'] },
    ],
    [
      { type: 'string', format: 'date-time', deprecated: true },
      { type: 'string', format: 'date-time', deprecated: true },
    ],
    [
      { type: 'array', items: [string, {}] },
      { type: 'array', prefixItems: [string, {}] },
    ],
    [{ not: {}, oneOf: [], discriminator: { propertyName: 'k' }, xml: {}, externalDocs: {} }, { not: {} }],
    [{ type: 'any' }, {}],
    [{ type: 'string', pattern: '[', maxLength: -1, multipleOf: 0, enum: [], required: true }, string],
    [
      { type: 'string', pattern: '^\\d+$' },
      { type: 'string', pattern: '^\\d+$' },
    ],
    [
      { const: 'a', if: { const: 1 }, else: false },
      { const: 'a', if: { const: 1 }, else: false },
    ],
    [
      { type: 'string', enum: ['a', 'a'] },
      { type: 'string', enum: ['a'] },
    ],
  ])('becomes JSON Schema 2020-12: %j is %j', async (schema, expected) => {
    expect(properties(await bodySchemas({ properties: { x: schema } })).x).toEqual(expected);
  });

  test.each([
    [{ type: 'string', format: 'binary', description: 'A photo.' }, 'A photo. The content, as base64 text.'],
    [{ type: 'file' }, 'The content, as base64 text.'],
    [{ type: 'string', contentMediaType: 'image/png' }, 'The content, as base64 text.'],
  ])('describes bytes as base64: %j', async (schema, description) => {
    const { x } = properties(await bodySchemas({ properties: { x: schema } }));
    expect(x).toMatchObject({ type: 'string', contentEncoding: 'base64', description });
    expect(x?.format).toBeUndefined();
  });

  test('keeps the siblings of a reference since 3.1, and before that only annotations', async () => {
    const schema = { properties: { x: { $ref: '#/components/schemas/Long', maxLength: 3, description: 'd' } } };
    const components = { schemas: { Long: { type: 'string' } } };
    expect(properties(await bodySchemas(schema, { components })).x).toEqual({
      type: 'string',
      maxLength: 3,
      description: 'd',
    });
    const old = await bodySchemas(schema, { components, openapi: '3.0.3' });
    expect(properties(old).x).toEqual({ type: 'string', description: 'd' });
  });
});

describe('the size of a schema', () => {
  const text = 'word '.repeat(40);
  /** Definitions of five properties each that refer to one another. */
  const levels = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, level) => [
        `L${level}`,
        {
          type: 'object',
          description: `${text}${level}`,
          properties: Object.fromEntries(
            Array.from({ length: 5 }, (_, at) => [
              `p${at}`,
              { $ref: `#/components/schemas/L${(level * 5 + at + 1) % count}` },
            ]),
          ),
        },
      ]),
    );

  test('is limited by replacing the farthest definitions with a note', async () => {
    const { input } = await bodySchemas({ $ref: '#/components/schemas/L0' }, { components: { schemas: levels(1000) } });
    expect(JSON.stringify(input).length).toBeLessThan(61_000);
    const defs = input.$defs as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    expect(defs.L1?.properties).toBeDefined();
    expect(Object.values(defs).filter(({ properties: some }) => some === undefined).length).toBeGreaterThan(10);
    expect(Object.values(defs).at(-1)?.description).toMatch(/left out/);
  });

  test('is limited by cutting the deepest parts of a nested schema', async () => {
    const nest = (depth: number): unknown =>
      depth === 0
        ? string
        : {
            type: 'object',
            description: text,
            properties: Object.fromEntries([1, 2, 3, 4].map((at) => [`p${at}`, nest(depth - 1)])),
          };
    const { input } = await bodySchemas({ properties: { tree: nest(8) } });
    expect(JSON.stringify(input).length).toBeLessThan(61_000);
    expect(properties({ input }).tree).toMatchObject({ properties: { p1: { properties: { p1: {} } } } });
    expect(JSON.stringify(input)).toMatch(/left out/);
  });

  test('is limited for all arguments together', async () => {
    const wide = {
      type: 'object',
      properties: Object.fromEntries(
        Array.from({ length: 100 }, (_, at) => [`p${at}`, { ...string, description: text }]),
      ),
    };
    const { input } = await bodySchemas({ properties: { a: wide, b: wide, c: wide, d: wide } });
    expect(JSON.stringify(input).length).toBeLessThan(61_000);
    expect(Object.keys(properties({ input }))).toEqual(['a', 'b', 'c', 'd']);
  });

  test('rejects an operation whose arguments alone do not fit', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 3000 }, (_, at) => [`p${at}`, { ...string, description: text }]),
    );
    await expect(bodySchemas({ properties: many })).rejects.toMatchObject({
      code: 'tool_invalid',
      message: expect.stringContaining('/paths/~1things/post'),
    });
  });
});
