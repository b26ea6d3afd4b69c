import { describe, expect, test } from 'vitest';
import type { ApiBody } from '../../../src/openapi/document/types.ts';
import { only, operationOf, read } from '../documents.ts';

const string = { type: 'string' };

async function bodyOf(content: Readonly<Record<string, unknown>>): Promise<ApiBody | undefined> {
  return (await only({ paths: { '/a': { post: { requestBody: { content } } } } })).body;
}

describe('parameters', () => {
  test('replace, in an operation, those of its path with the same name and location', async () => {
    const operation = await only({
      paths: {
        '/a': {
          parameters: [
            { name: 'x', in: 'query', schema: string },
            { name: 'y', in: 'query', required: true, schema: string },
            { name: 'X-Tag', in: 'header', schema: string },
          ],
          get: {
            parameters: [
              { $ref: '#/components/parameters/x' },
              { name: 'x', in: 'header', schema: string },
              { name: 'x-tag', in: 'header', required: true, schema: string },
            ],
          },
        },
      },
      components: { parameters: { x: { name: 'x', in: 'query', deprecated: true, schema: { type: 'integer' } } } },
    });
    expect(operation.parameters.map(({ name, in: place, required }) => [name, place, required])).toEqual([
      ['x', 'query', false],
      ['y', 'query', true],
      ['x-tag', 'header', true],
      ['x', 'header', false],
    ]);
    expect(operation.parameters[0]).toMatchObject({ deprecated: true, schema: { type: 'integer', deprecated: true } });
  });

  test.each([
    ['path', {}, 'simple', false],
    ['path', { style: 'matrix', explode: true }, 'matrix', true],
    ['path', { style: 'form' }, 'simple', false],
    ['query', {}, 'form', true],
    ['query', { explode: false }, 'form', false],
    ['query', { style: 'deepObject', explode: true }, 'deepObject', true],
    ['query', { style: 'pipeDelimited' }, 'pipeDelimited', false],
    ['header', { style: 'form' }, 'simple', false],
    ['cookie', {}, 'form', true],
  ])('have, in %s with %j, the style %s and explode %s', async (place, declared, style, explode) => {
    const parameters = [{ name: 'x', in: place, schema: string, ...declared }];
    const operation = await only({ paths: { '/a/{x}': { get: { parameters } } } });
    expect(operation.parameters.find((each) => each.in === place)).toMatchObject({ style, explode });
  });

  test('use the media type of their content, and are strings without a schema', async () => {
    const parameters = [
      { name: 'filter', in: 'query', content: { 'application/json': { schema: { type: 'object' } } } },
      {
        name: 'all',
        in: 'querystring',
        content: { 'application/x-www-form-urlencoded': { schema: { type: 'object' } } },
      },
      { name: 'bare', in: 'query', allowReserved: true, allowEmptyValue: true },
    ];
    const operation = await only({ openapi: '3.2.0', paths: { '/a': { get: { parameters } } } });
    expect(operation.parameters).toMatchObject([
      { contentType: 'application/json', schema: { type: 'object' } },
      { in: 'querystring', contentType: 'application/x-www-form-urlencoded' },
      { schema: string, allowReserved: true, allowEmptyValue: true },
    ]);
    expect(operation.parameters[2]?.contentType).toBeUndefined();
  });

  test('are strings if only the path template declares them', async () => {
    const operation = await only({ paths: { '/a/{b}/{c}.json': { get: {} } } });
    expect(operation.parameters).toMatchObject(
      ['b', 'c'].map((name) => ({ name, in: 'path', required: true, schema: string })),
    );
  });
});

describe('the media type of a body', () => {
  test.each([
    [['text/plain', 'application/json'], 'application/json'],
    [['multipart/form-data', 'application/vnd.a+json'], 'application/vnd.a+json'],
    [['application/json-patch+json', 'application/merge-patch+json'], 'application/merge-patch+json'],
    [['multipart/form-data', 'application/x-www-form-urlencoded'], 'application/x-www-form-urlencoded'],
    [['image/png', 'multipart/form-data'], 'multipart/form-data'],
    [['application/octet-stream', 'text/csv'], 'text/csv'],
    [['application/octet-stream', 'application/xml'], 'application/xml'],
    [['application/json; charset=utf-8', 'text/plain'], 'application/json; charset=utf-8'],
    [['*/*'], 'application/json'],
    [['image/*'], 'application/octet-stream'],
    [['text/*'], 'text/plain'],
  ])('is of %j %s', async (types, expected) => {
    const body = await bodyOf(Object.fromEntries(types.map((type) => [type, { schema: {} }])));
    expect(body?.contentType).toBe(expected);
  });

  test('is undefined without content', async () => {
    expect(await bodyOf({})).toBeUndefined();
  });
});

describe('a body', () => {
  test('is a string if it is text and base64 if it is binary, regardless of its schema', async () => {
    expect((await bodyOf({ 'text/csv': { schema: { type: 'object' } } }))?.schema).toEqual({
      type: 'string',
      description: 'The text, as text/csv.',
    });
    expect((await bodyOf({ 'text/plain': { schema: { ...string, maxLength: 9 } } }))?.schema).toEqual({
      ...string,
      maxLength: 9,
    });
    const bytes = { type: 'string', contentEncoding: 'base64', description: 'The content, as base64 text.' };
    expect((await bodyOf({ 'image/png': {} }))?.schema).toEqual(bytes);
    expect((await bodyOf({ 'application/octet-stream': { schema: { ...string, format: 'binary' } } }))?.schema).toEqual(
      bytes,
    );
  });

  test('has the encodings and binary properties of a form', async () => {
    const body = await bodyOf({
      'multipart/form-data': {
        schema: {
          type: 'object',
          properties: {
            meta: { type: 'object' },
            old: { ...string, format: 'binary' },
            photo: {},
            tags: { type: 'array' },
          },
        },
        encoding: {
          meta: { contentType: 'application/json' },
          photo: { contentType: 'image/png, image/jpeg' },
          tags: { style: 'form', explode: false, headers: {} },
        },
      },
    });
    expect(body?.encoding).toEqual({
      meta: { contentType: 'application/json' },
      photo: { contentType: 'image/png, image/jpeg' },
      tags: { style: 'form', explode: false },
    });
    const bytes = { type: 'string', contentEncoding: 'base64' };
    expect(body?.schema.properties).toMatchObject({ old: bytes, photo: bytes, meta: { type: 'object' } });
  });

  test('can be shared, like responses and the media types of OpenAPI 3.2', async () => {
    const schema = { type: 'object', properties: { a: string } };
    const operation = await only({
      openapi: '3.2.0',
      paths: {
        '/a': {
          post: {
            requestBody: { $ref: '#/components/requestBodies/A' },
            responses: { 200: { $ref: '#/components/responses/A' } },
          },
        },
      },
      components: {
        mediaTypes: { A: { schema } },
        requestBodies: {
          A: { required: true, content: { 'application/json': { $ref: '#/components/mediaTypes/A' } } },
        },
        responses: { A: { description: 'd', content: { 'application/json': { $ref: '#/components/mediaTypes/A' } } } },
      },
    });
    expect(operation.body).toMatchObject({ required: true, schema });
    expect(operation.responses).toEqual({ 200: { description: 'd', contentType: 'application/json', schema } });
  });
});

test('only the first successful JSON response has a schema, and malformed error responses are tolerated', async () => {
  const json = (type: string) => ({ content: { 'text/html': {}, 'application/json': { schema: { type } } } });
  const responses = {
    '201': { description: 'made', content: { 'text/plain': { schema: string } } },
    '202': json('array'),
    '2XX': json('object'),
    '404': { $ref: '#/components/responses/None' },
    default: json('string'),
    'x-note': 1,
  };
  const operation = await only({ paths: { '/a': { post: { responses } } } });
  expect(operation.responses).toEqual({
    '201': { description: 'made', contentType: 'text/plain' },
    '202': { contentType: 'application/json', schema: { type: 'array', items: {} } },
    '2XX': { contentType: 'application/json' },
    '404': {},
    default: { contentType: 'application/json' },
  });
  const broken = await read({
    paths: { '/a': { get: { responses: { 200: { $ref: '#/components/responses/None' } } } } },
  });
  const { responses: none, warnings } = operationOf(broken, 'GET /a');
  expect(none).toEqual({ 200: {} });
  expect(warnings).toEqual([expect.stringMatching(/response 200 counts as any value: .*points to nothing/)]);
});

test('a broken reference rejects every operation that leads to it, in any order', async () => {
  const to = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  const using = (name: string) => ({ get: { parameters: [{ name: 'q', in: 'query', schema: to(name) }] } });
  // More references in a row than are converted at once.
  const chain = Array.from({ length: 200 }, (_, at) => [`C${at}`, { properties: { next: to(`C${at + 1}`) } }]);
  const schemas = {
    A: { properties: { b: to('B') } },
    B: { properties: { a: to('A'), none: to('None') } },
    Good: { properties: { good: to('Good') } },
    ...Object.fromEntries(chain),
  };
  const paths = { '/b': using('B'), '/a': using('A'), '/chain': using('C0'), '/good': using('Good') };
  const document = await read({ paths, components: { schemas } });
  for (const path of ['/b', '/a', '/chain', '/a', '/b']) {
    expect(() => operationOf(document, `GET ${path}`)).toThrow(/points to nothing in the document/);
  }
  expect(operationOf(document, 'GET /good').parameters).toHaveLength(1);
});
