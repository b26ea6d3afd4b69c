import { describe, expect, test } from 'vitest';
import { errorSchemaOf, toolSchemas } from '../../src/openapi/document/tool-schemas.ts';
import { readSource } from '../openapi/documents.ts';
import { packageFile } from './support/packages.ts';

describe('a readable document', () => {
  test.each([
    '2.0/{}/petstore',
    '2.0/{}/schema-circular',
    '3.0/{}/petstore',
    '3.0/{}/complex-nesting',
    '3.0/{}/parameters-style',
    '3.1/{}/petstore',
    '3.1/{}/schema-types',
  ])('is the same in JSON and in YAML: %s', async (path) => {
    const all = await Promise.all(
      ['json', 'yaml'].map(async (kind) => {
        const source = packageFile(`@readme/oas-examples/${path.replace('{}', kind)}.${kind}`);
        const document = await readSource(source);
        const operations = document.listedOperations.map((listed) => document.resolve(listed));
        const schemas = operations.map((operation) => toolSchemas(operation));
        const errors = operations.map((operation) => errorSchemaOf(operation));
        const plain = operations.map(({ errorSchema: _, ...operation }) => operation);
        return { title: document.title, problems: document.problems, operations: plain, schemas, errors };
      }),
    );
    expect(all[0]?.operations.length).toBeGreaterThan(0);
    expect(all[1]).toEqual(all[0]);
  });
});

test('circular references between path items are resolved', async () => {
  const document = await readSource(packageFile('@readme/oas-examples/3.0/json/circular-paths.json'));
  const served = document.listedOperations.map((listed) => document.resolve(listed).path);
  expect(served.length).toBeGreaterThan(0);
  expect(document.listedOperations.length + document.problems.length).toBeGreaterThanOrEqual(served.length);
});
