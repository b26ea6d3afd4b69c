import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { McpOnceError } from '../../../src/core/errors.ts';
import { readDocument } from '../../../src/openapi/document/read-document.ts';
import { toolSchemas } from '../../../src/openapi/document/tool-schemas.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { operationOf, read, readSource, readText } from '../documents.ts';

const info = { title: 'Test', version: '1' };

async function faultOf(reading: Promise<unknown>): Promise<McpOnceError> {
  const error = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof McpOnceError) return error;
  throw new Error(`not a McpOnceError: ${String(error)}`);
}

describe('an unreadable document', () => {
  test.each([
    ['{"openapi": "3.1.0",\n  "info": }', /stdin: it is not valid JSON \(line 2, column 11\)\.$/],
    ['{"openapi": "3.1.0",\n', /it is not valid JSON \(line 2, column 1\)\.$/],
    ['openapi: 3.1.0\npaths:\n  a: [1, 2\n', /it is not valid YAML: .*\(line 4, column 1\)\.$/],
    ['openapi: 3.1.0\npaths:\n  a: 1\n b: 2\n', /it is not valid YAML: .*\(line 4, column/],
    ['openapi: 3.1.0\nopenapi: 3.1.0\n', /it is not valid YAML: duplicated mapping key \(line 2, column 1\)\.$/],
    ['', /stdin: it is empty: give the path or URL of an OpenAPI or Swagger document in JSON or YAML\.$/],
    ['  \n', /it is empty/],
    ['just text', /it is plain text, not an OpenAPI document: give the path/],
    ['<html><body>Not here</body></html>', /it is an HTML or XML page, not an OpenAPI document: give the path/],
    ['\n<!doctype html>\n<html lang="en">: x', /an HTML or XML page/],
    ['[1, 2]', /it is not an OpenAPI document \(its top level is not an object\)/],
    ['{"hello": "world"}', /neither "openapi" nor "swagger" at its top level\): give the path/],
    ['{"openapi": "3.1.0", "info": {}}', /it has no paths/],
    ['{"openapi": "3.1.0", "info": {}, "paths": {}}', /it has no paths/],
    ['{"openapi": "3.1.0", "paths": [1]}', /it has no paths/],
    ['{"openapi": "4.0.0", "paths": {"/a": {}}}', /version "4\.0\.0" is not supported: use 2\.0, 3\.0, 3\.1 or 3\.2/],
    ['{"swagger": "1.2", "paths": {"/a": {}}}', /version "1\.2" is not supported/],
  ])('is rejected in one sentence: %j', async (text, message) => {
    const fault = await faultOf(readText(text));
    expect(fault.message).toMatch(message);
    expect(fault.message).not.toMatch(/document\.(yaml|json)/);
    expect(fault.code).toBe('configuration_invalid');
  });

  test.each([
    [
      'ftp://ann:secret@a.example/api.json',
      /document ftp:\/\/a.example\/api.json: the scheme "ftp" .*http, https or file URL/,
    ],
    ['s3://bucket/api.json', /the scheme "s3" is not supported/],
    ['http://a.example:99999/api.json', /its URL is not valid/],
    ['http://a.example:x@/api.json', /its URL is not valid/],
    ['file://other.example/api.json', /its URL does not name a file on this machine/],
  ])('is rejected by its URL: %s', async (source, message) => {
    const fault = await faultOf(readSource(source));
    expect(fault.message).toMatch(message);
    expect(fault.message).not.toMatch(/secret/);
    expect(fault.code).toBe('configuration_invalid');
  });

  test('is rejected if its file is missing or a folder', async () => {
    const folder = temporaryFolder();
    const missing = await faultOf(readSource(join(folder, 'missing.json')));
    expect(missing.message).toBe(
      `Cannot read the API document ${join(folder, 'missing.json')}: it does not exist: check its path.`,
    );
    expect((await faultOf(readSource(folder))).message).toMatch(/it is a folder: give the path of a file\.$/);
  });

  test('is read no further than 64 MiB', async () => {
    let given = 0;
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        given += 1;
        yield chunk;
      }
    }
    const stdin = endless() as unknown as NodeJS.ReadableStream;
    const fault = await faultOf(readDocument({ source: '-', refHosts: [], allowPrivate: false, stdin }));
    expect(fault.message).toBe('Cannot read the API document stdin: it is larger than 64 MiB.');
    expect(given).toBe(65);
  });

  test('is rejected if its YAML aliases are circular or expand to a billion values', async () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (let letter = 1; letter < 10; letter += 1) {
      const [name, before] = [letter, letter - 1].map((at) => 'abcdefghij'[at]);
      lines.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(', ')}]`);
    }
    const bomb = `openapi: 3.1.0\npaths: {/a: {}}\n${lines.join('\n')}\n`;
    expect((await faultOf(readText(bomb))).message).toMatch(/its YAML aliases are circular or expand/);
    const circle = 'openapi: 3.1.0\npaths: &p\n  /a: *p\n';
    expect((await faultOf(readText(circle))).message).toMatch(/its YAML aliases are circular or expand/);
  });
});

describe('a readable document', () => {
  test('can have a byte order mark, unquoted versions, YAML merge keys and flow mappings', async () => {
    const marked = await readText(`\uFEFF${JSON.stringify({ openapi: '3.0.3', info, paths: { '/a': { get: {} } } })}`);
    expect(marked.listedOperations).toHaveLength(1);
    const unquoted = await readText(
      'openapi: 3.1\ninfo: {title: T, version: 1.5}\npaths:\n  /a: {get: {summary: s}}\n',
    );
    expect(unquoted).toMatchObject({ title: 'T', version: '1.5', listedOperations: [{ summary: 's' }] });
    expect((await readText('swagger: 2.0\npaths:\n  /a: {get: {}}\n')).listedOperations).toHaveLength(1);
    expect((await readText('{openapi: 3.1.0, paths: {/a: {get: {}}}}')).listedOperations).toHaveLength(1);
    const merged = await readText(
      'openapi: 3.1.0\nx-base: &base {summary: shared, deprecated: true}\npaths:\n  /a:\n    get:\n      <<: *base\n      summary: own\n',
    );
    expect(merged.listedOperations[0]).toMatchObject({ summary: 'own', deprecated: true });
  });

  test('can be given as a path or a file URL', async () => {
    const file = join(temporaryFolder(), 'api with space.json');
    writeFileSync(file, JSON.stringify({ openapi: '3.2.0', info, paths: { '/a': { query: {} } } }));
    const document = await readSource(file);
    expect(document.listedOperations[0]).toMatchObject({ method: 'QUERY', path: '/a', pointer: '/paths/~1a/query' });
    const { href } = pathToFileURL(file);
    expect((await readSource(href)).listedOperations).toHaveLength(1);
    expect((await readSource(href.replace('file:', 'FILE:'))).listedOperations).toHaveLength(1);
  });
});

describe('listed operations', () => {
  test('keep the order of the document, with tags and extensions, without webhooks', async () => {
    const document = await read({
      webhooks: { created: { post: {} } },
      paths: {
        '/z/{id}': { 'x-group': 'z', 'x-own': 1, delete: { 'x-own': 2, tags: ['a', 7] }, get: { operationId: 'getZ' } },
        '/a': { put: { deprecated: true, description: 'd' } },
        'x-other': { get: {} },
      },
    });
    expect(document.listedOperations.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'DELETE /z/{id}',
      'GET /z/{id}',
      'PUT /a',
    ]);
    expect(document.listedOperations[0]).toMatchObject({ tags: ['a'], extensions: { 'x-group': 'z', 'x-own': 2 } });
    expect(document.listedOperations[1]).toMatchObject({
      operationId: 'getZ',
      extensions: { 'x-group': 'z', 'x-own': 1 },
    });
    expect(document.listedOperations[2]).toMatchObject({ deprecated: true, description: 'd' });
    expect(document.problems).toEqual([]);
  });

  test('do not include malformed ones, which become problems', async () => {
    const document = await read({
      paths: {
        '/good': { get: {}, post: 'text', put: null, patch: { parameters: {} }, delete: { requestBody: [] } },
        '/bad': 7,
        'no-slash': { get: {} },
        '/q?x=1': { get: {} },
        '/elsewhere': { $ref: '#/components/pathItems/None' },
        '/shared': { $ref: '#/components/pathItems/Shared' },
        '/more': { additionalOperations: { COPY: {} } },
      },
      components: { pathItems: { Shared: { get: { operationId: 'shared' } } } },
    });
    expect(document.listedOperations.map(({ pointer }) => pointer)).toEqual([
      '/paths/~1good/get',
      '/paths/~1shared/get',
    ]);
    expect(document.problems.map(({ where }) => where)).toEqual([
      '/paths/~1good/post',
      '/paths/~1good/put',
      '/paths/~1good/patch',
      '/paths/~1good/delete',
      '/paths/~1bad',
      '/paths/no-slash',
      '/paths/~1q?x=1',
      '/paths/~1elsewhere',
      '/paths/~1more/additionalOperations/COPY',
    ]);
    for (const { reason } of document.problems) expect(reason).toMatch(/^\S.{10,}/);
  });

  test('are rejected with their pointer if a reference is broken, and the others are served', async () => {
    const broken = (ref: string) => ({ get: { parameters: [{ $ref: ref }] } });
    const document = await read({
      paths: {
        '/none': broken('#/components/parameters/None'),
        '/loop': broken('#/components/parameters/Loop'),
        '/anchor': broken('#anchor'),
        '/nameless': { get: { parameters: [{ in: 'query' }] } },
        '/placeless': { get: { parameters: [{ name: 'a', in: 'body' }] } },
        '/good': { get: {} },
      },
      components: { parameters: { Loop: { $ref: '#/components/parameters/Loop' } } },
    });
    const reasons = document.listedOperations.map((listed) => {
      try {
        document.resolve(listed);
        return 'served';
      } catch (error) {
        expect(error).toMatchObject({ code: 'tool_invalid' });
        expect(String(error)).toContain(listed.pointer);
        return String(error).replace(/^.*cannot be called: /, '');
      }
    });
    expect(reasons).toEqual([
      'the reference "#/components/parameters/None" points to nothing in the document.',
      'the reference "#/components/parameters/Loop" is circular or leads through more than 32 references.',
      'the reference "#anchor" is not a JSON pointer.',
      'one of its parameters has no name.',
      'its parameter "a" has an unknown "in".',
      'served',
    ]);
  });
});

test('references to files are loaded from the folder of the document, and from nowhere else', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'api'));
  const write = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value));
  const schema = (ref: string) => ({ get: { parameters: [{ name: 'q', in: 'query', schema: { $ref: ref } }] } });
  write('api/types.json', { Size: { $ref: 'more.json#/Size' }, Tree: { properties: { next: { $ref: '#/Tree' } } } });
  write('api/more.json', { Size: { type: 'integer' } });
  write('secret.json', { type: 'string' });
  const paths = {
    '/in': schema('types.json#/Size'),
    '/tree': schema('types.json#/Tree'),
    '/out': schema('../secret.json'),
    '/ok': { get: {} },
  };
  write('api/api.json', { openapi: '3.1.0', info, paths });

  const allowed = await readSource(join(folder, 'api/api.json'));
  expect(allowed.problems.map(({ where }) => where)).toEqual(['/paths/~1out/get/parameters/0/schema/$ref']);
  expect(allowed.problems[0]?.reason).toMatch(/outside the folder/);
  expect(operationOf(allowed, 'GET /in').parameters[0]?.schema).toEqual({ type: 'integer' });
  const tree = toolSchemas(operationOf(allowed, 'GET /tree')).input;
  const name = Object.keys(tree.$defs as object)[0];
  expect(tree.$defs).toEqual({ [`${name}`]: { properties: { next: { $ref: `#/$defs/${name}` } } } });
  expect(() => operationOf(allowed, 'GET /out')).toThrow(/\/paths\/~1out\/get.*outside the folder/);
  expect(operationOf(allowed, 'GET /ok').parameters).toEqual([]);
});

test('an operation that is a reference is read from its file, with the parameters of its path item', async () => {
  const folder = temporaryFolder();
  const write = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value));
  mkdirSync(join(folder, 'parts'));
  const size = { name: 'size', in: 'query', required: true, schema: { $ref: '#/Size' } };
  write('parts/list.json', { operationId: 'list', parameters: [size], Size: { type: 'integer' } });
  const id = { name: 'id', in: 'path', required: true, schema: { $ref: '#/components/schemas/Id' } };
  const paths = {
    '/a/{id}': { parameters: [id], get: { $ref: 'parts/list.json' }, post: { $ref: 'parts/none.json' } },
    '/b': { $ref: 'parts/item.json' },
  };
  write('parts/item.json', { get: { $ref: 'list.json' } });
  const components = { schemas: { Id: { type: 'string', maxLength: 5 } } };
  write('api.json', { openapi: '3.1.0', info, paths, components });
  const document = await readSource(join(folder, 'api.json'));
  const parameters = operationOf(document, 'GET /a/{id}').parameters.map(({ name, schema }) => [name, schema]);
  expect(parameters).toEqual([
    ['id', { type: 'string', maxLength: 5 }],
    ['size', { type: 'integer' }],
  ]);
  expect(operationOf(document, 'GET /b').operationId).toBe('list');
  expect(() => operationOf(document, 'POST /a/{id}')).toThrow(/cannot be called: .*none\.json.*not loaded/);
});

test('more files than any document needs are read, as long as their bytes fit', async () => {
  const folder = temporaryFolder();
  const write = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value));
  const names = Array.from({ length: 150 }, (_, at) => `part${at}.json`);
  for (const name of names) write(name, { operationId: name });
  write('api.json', {
    openapi: '3.1.0',
    info,
    paths: Object.fromEntries(names.map((name) => [`/${name}`, { get: { $ref: name } }])),
  });
  const document = await readSource(join(folder, 'api.json'));
  expect(document.problems).toEqual([]);
  expect(operationOf(document, 'GET /part149.json').operationId).toBe('part149.json');
});
