import { describe, expect, test, vi } from 'vitest';
import { McpOnceError } from '../../../src/core/errors.ts';
import type { ListedOperation } from '../../../src/openapi/document/types.ts';
import type { OperationTraits } from '../../../src/openapi/policy/traits.ts';
import { makeOperationTool, type OperationToolParts } from '../../../src/openapi/tools/make-tool.ts';
import { createSchemaCompiler } from '../../../src/openapi/tools/schema-compiler.ts';
import { read } from '../documents.ts';

const listed: ListedOperation = {
  method: 'DELETE',
  path: '/orders/{id}',
  pointer: '/paths/~1orders~1{id}/delete',
  tags: [],
  deprecated: true,
  extensions: {},
};

const traits: OperationTraits = {
  ...{ declaresKey: false, answersCreated: false, takesPage: false, hasItems: false, isItem: false },
  ...{ isOppositeByMethod: false, isChanged: false, isRestricted: false },
};

function parts(ready: OperationToolParts['ready'], warn = vi.fn()): OperationToolParts {
  const client = {
    name: 'api',
    variables: [],
    memoryMs: 1,
    classify: () => 'unknown' as const,
    configure: () => {
      throw new Error('not needed here');
    },
  };
  const traitsOf = (): OperationTraits => traits;
  return { name: 'delete_order', client, overrideOf: () => undefined, traitsOf, ready, find: () => undefined, warn };
}

describe('the tool of an operation', () => {
  test('is created without resolving the operation', async () => {
    const operations = Array.from({ length: 1_000 }, (_, at) => [`/things${at}`, { post: { summary: `Thing ${at}` } }]);
    const document = await read({ paths: Object.fromEntries(operations) });
    const ready = vi.fn(() => {
      throw new McpOnceError('tool_invalid', 'not needed here');
    });
    const tools = document.listedOperations.map((each) => makeOperationTool(each, parts(ready)));
    expect(tools).toHaveLength(1_000);
    for (const { name, title, description, effect, class: toolClass, windowMs, client } of tools) {
      expect([name, title, description, effect, toolClass, windowMs, client]).not.toContain(undefined);
    }
    expect(ready).not.toHaveBeenCalled();
  });

  test('refuses every call with the reason if the operation cannot be resolved, and warns once', () => {
    const warn = vi.fn();
    const tool = makeOperationTool(
      listed,
      parts(() => {
        throw new McpOnceError('tool_invalid', 'its parameter "id" is nowhere.');
      }, warn),
    );
    expect(tool.input.parse({ id: '7' })).toEqual({
      ok: false,
      issues: [{ path: '', message: expect.stringMatching(/DELETE \/orders\/\{id\} cannot be called: .*nowhere/) }],
    });
    expect([tool.input.jsonSchema.type, tool.outputSchema, tool.recovery]).toEqual(['object', undefined, ['refuse']]);
    expect(tool.input).toBe(tool.input);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test('keeps its lazy members in an object that is derived from it', () => {
    const tool = makeOperationTool(
      listed,
      parts(() => {
        throw new McpOnceError('tool_invalid', 'gone');
      }),
    );
    const over = Object.create(tool, { class: { value: 'off' } }) as typeof tool;
    expect([over.class, over.effect, over.recovery]).toEqual(['off', 'delete', ['refuse']]);
    expect(over.input).toBe(tool.input);
  });

  test('names the request and its deprecation in the description', () => {
    const tool = makeOperationTool(
      { ...listed, summary: 'Delete it' },
      parts(() => Promise.reject() as never),
    );
    expect(tool.description).toBe(
      'Delete it\n\nDeprecated: prefer another tool if there is one.\n\n(DELETE /orders/{id})',
    );
  });
});

describe('arguments by JSON Schema', () => {
  const parser = (schema: Record<string, unknown>) => createSchemaCompiler().parser({ type: 'object', ...schema });
  const issuesOf = (schema: Record<string, unknown>, value: unknown) => {
    const parsed = parser(schema)(value);
    return parsed.ok ? [] : parsed.issues;
  };

  const withDefaults = {
    properties: {
      count: { type: 'integer', default: 1 },
      lines: { items: { $ref: '#/$defs/line' } },
      default: { type: 'string', default: 'a name like any other' },
    },
    $defs: {
      line: { type: 'object', required: ['unit'], properties: { quantity: { default: 2 }, unit: { default: 'g' } } },
    },
  };

  test('get the defaults of required properties only, in a copy', () => {
    const given = { lines: [{}] };
    expect(parser(withDefaults)(given)).toEqual({ ok: true, value: { lines: [{ unit: 'g' }] } });
    expect(given).toEqual({ lines: [{}] });
    const optionalBody = { properties: { a: {}, b: { default: 2 } }, dependentRequired: { a: ['b'] } };
    expect(parser(optionalBody)({})).toEqual({ ok: true, value: {} });
    expect(parser(optionalBody)({ a: 1 })).toEqual({ ok: true, value: { a: 1, b: 2 } });
  });

  test('get all defaults for the comparison of calls', () => {
    const { filler } = createSchemaCompiler();
    const filled = { count: 1, lines: [{ quantity: 2, unit: 'g' }], default: 'a name like any other' };
    expect(filler(withDefaults)({ lines: [{}] })).toEqual(filled);
  });

  test.each([
    [{ properties: { a: { type: 'string' } } }, { a: 'secret'.length }, 'a', 'must be string'],
    [{ required: ['a'] }, {}, 'a', 'is missing'],
    [
      { properties: { lines: { items: { required: ['sku'], type: 'object' } } } },
      { lines: [{ sku: 1 }, {}] },
      'lines[1].sku',
      'is missing',
    ],
    [
      { properties: { state: { enum: ['open', 'closed'] } } },
      { state: 'opne' },
      'state',
      'must be one of "open", "closed"',
    ],
    [{ properties: { v: { const: 2 } } }, { v: 'secret' }, 'v', 'must be 2'],
    [{ properties: { when: { format: 'date-time' } } }, { when: 'secret' }, 'when', 'must match format "date-time"'],
    [
      { properties: { name: {} }, additionalProperties: false },
      { nmae: 1 },
      '',
      '"nmae" is not known (did you mean "name"?)',
    ],
    [{ properties: { 'a/b': { minLength: 3 } } }, { 'a/b': 'x' }, 'a/b', 'must NOT have fewer than 3 characters'],
  ])('fail with field and reason but without the value: %j', (schema, value, path, message) => {
    expect(issuesOf(schema, value)).toEqual([{ path, message }]);
    expect(JSON.stringify(issuesOf(schema, value))).not.toMatch(/secret|opne/);
  });

  test('pass a pattern that JavaScript cannot compile, and must match one with Unicode classes', () => {
    expect(issuesOf({ properties: { a: { type: 'string', pattern: '(?<!' } } }, { a: 'x' })).toEqual([]);
    expect(issuesOf({ properties: { a: { type: 'string', pattern: '^\\p{L}+$' } } }, { a: 'é' })).toEqual([]);
    expect(issuesOf({ properties: { a: { type: 'string', pattern: '^\\p{L}+$' } } }, { a: '1' })).toHaveLength(1);
    expect(issuesOf({ properties: { a: { type: 'string', pattern: '^[\\w-.]+$' } } }, { a: 'a.b' })).toEqual([]);
  });

  test('are validated by each of two schemas with the same $id', () => {
    const compiler = createSchemaCompiler();
    const one = { type: 'object', properties: { a: { $id: 'urn:same', type: 'string' } } };
    const other = { type: 'object', properties: { a: { $id: 'urn:same', type: 'integer' } } };
    expect(compiler.parser(one)({ a: 'x' }).ok).toBe(true);
    expect(compiler.parser(other)({ a: 1 }).ok).toBe(true);
    expect(compiler.parser(other)({ a: 'x' }).ok).toBe(false);
  });

  test('cannot be validated by a schema with a dangling reference', () => {
    expect(() => parser({ properties: { a: { $ref: '#/$defs/none' } } })).toThrow(/cannot be used for validation/);
  });
});
