import { describe, expect, test } from 'vitest';
import { operationOf, read, readText } from '../documents.ts';

const info = { title: 'Test', version: '1' };

describe('servers', () => {
  const paths = { '/a': { get: {} } };
  const serversOf = async (document: Readonly<Record<string, unknown>>) => {
    const result = await read({ paths, ...document });
    return { servers: operationOf(result, 'GET /a').servers, problems: result.problems };
  };

  test('are those of the operation, else those of the path, else those of the document', async () => {
    const [root, path, own] = ['root', 'path', 'own'].map((name) => [{ url: `https://${name}.example/v1/` }]);
    const at = async (item: object) => (await serversOf({ servers: root, paths: { '/a': item } })).servers;
    expect(await at({ get: {} })).toEqual(['https://root.example/v1']);
    expect(await at({ servers: path, get: {} })).toEqual(['https://path.example/v1']);
    expect(await at({ servers: path, get: { servers: own } })).toEqual(['https://own.example/v1']);
  });

  test('use the defaults of their variables, which must be in the enum', async () => {
    const url = 'https://{region}.example:{port}/{base}';
    const variables = {
      region: { default: 'eu', enum: ['eu', 'us'] },
      port: { default: 8443 },
      base: { default: 'v2' },
    };
    expect((await serversOf({ servers: [{ url, variables }] })).servers).toEqual(['https://eu.example:8443/v2']);
    const wrong = { ...variables, region: { default: 'mars', enum: ['eu'] } };
    const found = await serversOf({ servers: [{ url, variables: wrong }, { url: 'https://b.example' }] });
    expect(found).toMatchObject({ servers: ['https://b.example'], problems: [{ where: '/servers/0' }] });
    expect(found.problems[0]?.reason).toMatch(/the default of its variable "region" is not in its enum/);
    expect((await serversOf({ servers: [{ url: 'https://{x}.example' }] })).problems[0]?.reason).toMatch(
      /"x" has no default/,
    );
  });

  test('become problems with an unsupported scheme or a URL relative to nothing', async () => {
    const found = await serversOf({ servers: [{ url: 'ftp://a.example' }, { url: '/v1' }, {}] });
    expect(found.servers).toEqual([]);
    expect(found.problems.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('"ftp:" is not supported'),
      expect.stringContaining('give the base URL'),
      expect.stringContaining('it has no "url"'),
    ]);
    expect((await serversOf({})).servers).toEqual([]);
  });
});

test('security schemes are read by what the client has to send', async () => {
  const flow = {
    authorizationUrl: 'https://a.example',
    tokenUrl: 'https://t.example/token',
    scopes: { read: '', write: '' },
  };
  const document = await read({
    paths: { '/a': { get: { security: [{ key: [] }, { gone: [] }, {}] } }, '/b': { get: {} } },
    security: [{ machine: ['read'] }],
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'Bearer' },
        basic: { type: 'http', scheme: 'basic' },
        digest: { type: 'http', scheme: 'digest' },
        key: { type: 'apiKey', in: 'header', name: 'X-Key' },
        machine: { type: 'oauth2', flows: { clientCredentials: flow, implicit: flow } },
        person: { type: 'oauth2', flows: { authorizationCode: flow } },
        connect: { type: 'openIdConnect', openIdConnectUrl: 'https://o.example' },
        certificate: { type: 'mutualTLS' },
        alias: { $ref: '#/components/securitySchemes/token' },
        wrong: { type: 'magic' },
      },
    },
  });
  expect(document.securitySchemes).toEqual({
    token: { type: 'bearer' },
    basic: { type: 'basic' },
    digest: { type: 'unsupported', what: 'HTTP authentication "digest"' },
    key: { type: 'apiKey', in: 'header', name: 'X-Key' },
    machine: { type: 'oauth2', tokenUrl: 'https://t.example/token', scopes: ['read', 'write'] },
    person: { type: 'bearer' },
    connect: { type: 'bearer' },
    certificate: { type: 'unsupported', what: 'mutual TLS' },
    alias: { type: 'bearer' },
  });
  expect(document.problems.map(({ where }) => where)).toEqual([
    '/components/securitySchemes/wrong',
    '/components/securitySchemes/gone',
  ]);
  expect(operationOf(document, 'GET /a').security).toEqual([{ key: [] }, {}]);
  expect(operationOf(document, 'GET /b').security).toEqual([{ machine: ['read'] }]);
});

describe('a Swagger 2.0 document', () => {
  const swagger = (document: object) => readText(JSON.stringify({ swagger: '2.0', info, ...document }));

  test('has servers made of host, base path and schemes, https first', async () => {
    const document = await swagger({
      host: 'a.example',
      basePath: '/v1',
      schemes: ['http', 'https'],
      paths: { '/a': { get: {} } },
    });
    expect(operationOf(document, 'GET /a').servers).toEqual(['https://a.example/v1', 'http://a.example/v1']);
  });

  test('gets request bodies from body and form parameters, also shared and path-level ones', async () => {
    const thing = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
    const document = await swagger({
      consumes: ['application/json'],
      definitions: { Thing: thing },
      parameters: { Shared: { name: 'x', in: 'body', required: true, schema: { $ref: '#/definitions/Thing' } } },
      paths: {
        '/shared': { post: { parameters: [{ $ref: '#/parameters/Shared' }] } },
        '/path': { post: {}, parameters: [{ name: 'x', in: 'body', schema: { $ref: '#/definitions/Thing' } }] },
        '/form': {
          post: {
            parameters: [
              {
                name: 'kinds',
                in: 'formData',
                type: 'array',
                items: { type: 'string', enum: ['a'] },
                collectionFormat: 'multi',
                required: true,
              },
              { name: 'size', in: 'formData', type: 'integer', default: 3 },
            ],
          },
        },
        '/file': {
          post: { consumes: ['multipart/form-data'], parameters: [{ name: 'f', in: 'formData', type: 'file' }] },
        },
      },
    });
    expect(document.problems).toEqual([]);
    expect(operationOf(document, 'POST /shared').body).toMatchObject({
      required: true,
      contentType: 'application/json',
      schema: thing,
    });
    expect(operationOf(document, 'POST /path').body).toMatchObject({ required: false, schema: thing });
    expect(operationOf(document, 'POST /form').body).toEqual({
      required: true,
      contentType: 'application/x-www-form-urlencoded',
      encoding: { kinds: { style: 'form', explode: true } },
      schema: {
        type: 'object',
        properties: {
          kinds: { type: 'array', items: { type: 'string', enum: ['a'] } },
          size: { type: 'integer', default: 3 },
        },
        required: ['kinds'],
      },
    });
    const file = operationOf(document, 'POST /file').body;
    expect(file).toMatchObject({
      contentType: 'multipart/form-data',
      schema: { properties: { f: { contentEncoding: 'base64' } } },
    });
  });

  test('reports malformed operations and serves the others', async () => {
    const document = await swagger({
      paths: {
        '/a': { get: { parameters: [{ name: 'x' }] }, post: 'text', put: {} },
        '/b': null,
        '/c': { get: { responses: { 200: 1 } } },
      },
    });
    expect(document.listedOperations.map(({ pointer }) => pointer)).toEqual(['/paths/~1a/put']);
    expect(document.problems.map(({ where }) => where)).toEqual([
      '/paths/~1a/get/parameters/0',
      '/paths/~1a/post',
      '/paths/~1b',
      '/paths/~1c/get',
    ]);
  });
});
