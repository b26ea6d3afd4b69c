import { describe, expect, test } from 'vitest';
import { toolSchemas } from '../../../src/openapi/document/tool-schemas.ts';
import { bodySchemas, only, operationOf, parameterSchemas, read } from '../documents.ts';

const string = { type: 'string' };
const properties = (schemas: { readonly input: Readonly<Record<string, unknown>> }) =>
  schemas.input.properties as Readonly<Record<string, Readonly<Record<string, unknown>>>>;

describe('the arguments of a tool', () => {
  test('are its parameters and the properties of its body, with their places', async () => {
    const operation = await only({
      paths: {
        '/orders/{id}': {
          parameters: [{ name: 'id', in: 'path', required: true, schema: string }],
          put: {
            parameters: [
              { name: 'dry', in: 'query', description: 'Only try.', schema: { type: 'boolean', default: false } },
              { name: 'X-Rate', in: 'header', required: true, example: 3, schema: { type: 'integer' } },
            ],
            requestBody: {
              required: true,
              content: {
                'application/json': {
                  schema: { properties: { note: string, lines: { type: 'array' } }, required: ['lines'] },
                },
              },
            },
          },
        },
      },
    });
    const { input, places } = toolSchemas(operation);
    expect(input).toEqual({
      type: 'object',
      properties: {
        id: string,
        dry: { type: 'boolean', default: false, description: 'Only try.' },
        'X-Rate': { type: 'integer', examples: [3] },
        note: string,
        lines: { type: 'array', items: {} },
      },
      required: ['id', 'X-Rate', 'lines'],
      additionalProperties: false,
    });
    expect(Object.keys(places)).toEqual(Object.keys(input.properties as object));
    expect(places.note).toEqual({ in: 'body', property: 'note' });
    expect(places['X-Rate']).toMatchObject({ in: 'parameter', parameter: { name: 'X-Rate', in: 'header' } });
  });

  test('get their location as a prefix if they share a name, and their places keep the API’s names', async () => {
    const at = (place: string) => ({ name: 'id', in: place, required: true, schema: string });
    const body = { content: { 'application/json': { schema: { properties: { id: string, other: string } } } } };
    const operation = await only({
      paths: { '/a/{id}': { post: { parameters: ['path', 'query', 'header', 'cookie'].map(at), requestBody: body } } },
    });
    const { input, places } = toolSchemas(operation);
    expect(Object.keys(properties({ input }))).toEqual([
      'path_id',
      'query_id',
      'header_id',
      'cookie_id',
      'body_id',
      'other',
    ]);
    expect(places.query_id).toMatchObject({ parameter: { name: 'id', in: 'query' } });
    expect(places.body_id).toEqual({ in: 'body', property: 'id' });
  });

  test('have safe, unique names that differ from the engine’s own argument', async () => {
    const long = 'x'.repeat(80);
    const names = [
      'X-Rate',
      'a.b',
      'filter[name]',
      'filter(name)',
      'filter_name_',
      long,
      `${long}y`,
      'größe',
      'repeat_token',
    ];
    const schemas = await parameterSchemas(names.map((name) => ({ name, in: 'query', schema: string })));
    expect(Object.keys(properties(schemas))).toEqual([
      'X-Rate',
      'a.b',
      'filter_name__2',
      'filter_name__3',
      'filter_name_',
      'x'.repeat(64),
      `${'x'.repeat(62)}_2`,
      'gr__e',
      'query_repeat_token',
      'id',
    ]);
    const [first] = Object.values(schemas.places).slice(2);
    expect(first).toMatchObject({ parameter: { name: 'filter[name]' } });
  });

  test('leave out ignored headers, credentials, and path parameters that the template does not contain', async () => {
    const parameters = [
      ...['Accept', 'content-type', 'AUTHORIZATION', 'x-api-key', 'X-Other'].map((name) => ({ name, in: 'header' })),
      ...['session', 'theme'].map((name) => ({ name, in: 'cookie' })),
      { name: 'gone', in: 'path', required: true },
    ];
    const securitySchemes = {
      key: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
      cookie: { type: 'apiKey', in: 'cookie', name: 'session' },
    };
    const schemas = await parameterSchemas(parameters, { components: { securitySchemes } });
    expect(Object.keys(properties(schemas))).toEqual(['X-Other', 'theme', 'id']);
    expect(schemas.input.required).toEqual(['id']);
  });

  test('require each other in an optional body', async () => {
    const schema = { properties: { a: string, b: string, c: string }, required: ['a', 'b'] };
    const operation = await only({
      paths: { '/a': { post: { requestBody: { content: { 'application/json': { schema } } } } } },
    });
    expect(toolSchemas(operation).input).toMatchObject({ dependentRequired: { a: ['b'], b: ['a'], c: ['a', 'b'] } });
    expect(toolSchemas(operation).input.required).toBeUndefined();
  });
});

describe('a body', () => {
  const components = {
    schemas: {
      Base: {
        type: 'object',
        properties: { id: { ...string, readOnly: true }, name: string },
        required: ['id', 'name'],
      },
      Sub: {
        allOf: [
          { $ref: '#/components/schemas/Base' },
          { properties: { size: { type: 'integer' } }, required: ['size'] },
        ],
      },
    },
  };

  test('becomes separate arguments through references and allOf', async () => {
    const schemas = await bodySchemas({ $ref: '#/components/schemas/Sub' }, { components });
    expect(properties(schemas)).toEqual({ name: string, size: { type: 'integer' } });
    expect(schemas.input.required).toEqual(['name', 'size']);
  });

  test('becomes separate arguments unless its alternatives add properties', async () => {
    const schema = { properties: { a: string, b: string }, anyOf: [{ required: ['a'] }, { required: ['b'] }] };
    expect(Object.keys(properties(await bodySchemas(schema)))).toEqual(['a', 'b']);
    const differing = {
      properties: { a: string },
      oneOf: [{ properties: { b: string } }, { properties: { c: string } }],
    };
    const whole = await bodySchemas(differing);
    expect(whole.places).toEqual({ body: { in: 'whole-body' } });
    expect(whole.input).toMatchObject({ required: ['body'], properties: { body: differing } });
  });

  test.each([
    [{ type: 'array', items: string }],
    [string],
    [{ type: 'object', additionalProperties: { type: 'integer' } }],
    [{ type: ['object', 'array'], properties: { a: string }, items: {} }],
    [true],
  ])('is one argument if it is not an object with properties: %j', async (schema) => {
    const { places, input } = await bodySchemas(schema);
    expect(places).toEqual({ body: { in: 'whole-body' } });
    expect(input.properties).toEqual({ body: schema === true ? {} : schema });
  });

  test('puts recursive definitions into $defs, and only those that are used', async () => {
    const Node = {
      type: 'object',
      properties: { name: string, children: { type: 'array', items: { $ref: '#/components/schemas/Node' } } },
    };
    const { input } = await bodySchemas(
      { $ref: '#/components/schemas/Node' },
      { components: { schemas: { Node, Other: Node } } },
    );
    const children = { type: 'array', items: { $ref: '#/$defs/Node' } };
    expect(input.properties).toEqual({ name: string, children });
    expect(input.$defs).toEqual({ Node: { type: 'object', properties: { name: string, children } } });
  });

  test('inlines small definitions', async () => {
    const { input } = await bodySchemas(
      { properties: { size: { $ref: '#/components/schemas/Size', description: 'How large.' } } },
      { components: { schemas: { Size: { type: 'string', enum: ['s', 'm'], description: 'A size.' } } } },
    );
    expect(input.properties).toEqual({ size: { type: 'string', enum: ['s', 'm'], description: 'How large.' } });
    expect(input.$defs).toBeUndefined();
  });
});

describe('read-only and write-only properties', () => {
  const Account = {
    type: 'object',
    properties: {
      id: { ...string, readOnly: true },
      secret: { ...string, writeOnly: true },
      owner: {
        type: 'object',
        properties: { id: { $ref: '#/components/schemas/Id' }, name: string },
        required: ['id', 'name'],
      },
    },
    required: ['id', 'secret', 'owner'],
  };
  const components = { schemas: { Account, Id: { type: 'integer', readOnly: true } } };

  test('are left out of input and output, also if nested, referenced or required', async () => {
    const content = { 'application/json': { schema: { $ref: '#/components/schemas/Account' } } };
    const operation = await only({
      components,
      paths: { '/a': { post: { requestBody: { required: true, content }, responses: { 404: {}, 201: { content } } } } },
    });
    const { input, answer } = toolSchemas(operation);
    expect(input).toMatchObject({
      properties: { secret: string, owner: { properties: { name: string }, required: ['name'] } },
      required: ['secret', 'owner'],
    });
    expect(JSON.stringify(input)).not.toMatch(/"id"/);
    expect(answer).toEqual({
      type: 'object',
      properties: {
        id: string,
        owner: { type: 'object', properties: { id: { type: 'integer' }, name: string }, required: ['id', 'name'] },
      },
      required: ['id', 'owner'],
    });
  });

  test('are left out if one part of an allOf declares and another requires them', async () => {
    const schema = {
      properties: { x: { allOf: [{ properties: { id: { readOnly: true }, a: string } }, { required: ['id', 'a'] }] } },
    };
    expect(properties(await bodySchemas(schema)).x).toEqual({
      allOf: [{ properties: { a: string } }, { required: ['a'] }],
    });
  });
});

test('a copy of an operation with fewer parameters gets the schemas of the remaining ones', async () => {
  const Tree = { type: 'object', properties: { next: { $ref: '#/components/schemas/Tree' } } };
  const schema = { $ref: '#/components/schemas/Tree' };
  const document = await read({
    components: { schemas: { Tree } },
    paths: { '/a': { get: { parameters: ['x', 'y'].map((name) => ({ name, in: 'query', schema })) } } },
  });
  const operation = operationOf(document, 'GET /a');
  const { input } = toolSchemas({ ...operation, parameters: operation.parameters.slice(1) });
  expect(Object.keys(properties({ input }))).toEqual(['y']);
  expect(input.$defs).toEqual({ Tree: { type: 'object', properties: { next: { $ref: '#/$defs/Tree' } } } });
});
