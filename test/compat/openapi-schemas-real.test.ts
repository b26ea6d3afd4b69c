import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import type { JsonSchema } from '../../src/core/json.ts';
import { searchIndex } from '../../src/openapi/document/search-operations.ts';
import { toolNames } from '../../src/openapi/document/tool-names.ts';
import { toolSchemas } from '../../src/openapi/document/tool-schemas.ts';
import type { ApiDocument } from '../../src/openapi/document/types.ts';
import { readSource, readText } from '../openapi/documents.ts';
import { packageFile } from './support/packages.ts';

const schemaCharsMax = 61_000;
/** A compiler caches what it compiles. A new one after this many schemas limits the memory. */
const schemasPerCompiler = 50;

interface Checked {
  readonly served: number;
  readonly answers: number;
  readonly longest: number;
}

/** Checks that every operation has a name and schemas that a validator compiles. Errors name the operation. */
function check(document: ApiDocument): Checked {
  const names = toolNames(document.listedOperations);
  expect(new Set(names.values()).size).toBe(document.listedOperations.length);
  expect([...names.values()].filter((name) => !/^[A-Za-z0-9_-]{1,64}$/.test(name))).toEqual([]);
  const compile = createCompiler();
  let answers = 0;
  let longest = 0;
  for (const listed of document.listedOperations) {
    const operation = document.resolve(listed);
    const { input, places, answer } = toolSchemas(operation);
    expect(input).toMatchObject({ type: 'object', additionalProperties: false });
    expect(Object.keys(places)).toEqual(Object.keys(input.properties as object));
    expect(Object.keys(places).filter((name) => !/^[A-Za-z0-9_.-]{1,64}$/.test(name))).toEqual([]);
    const filled = operation.parameters.length;
    expect(Object.values(places).filter((place) => place.in === 'parameter')).toHaveLength(filled);
    for (const schema of [input, ...(answer ? [answer] : [])]) {
      longest = Math.max(longest, compile(listed.pointer, schema));
    }
    if (answer) answers += 1;
  }
  return { served: document.listedOperations.length, answers, longest };
}

/** Creates a function that compiles each new schema and returns its length. */
function createCompiler(): (pointer: string, schema: JsonSchema) => number {
  const seen = new Set<string>();
  let ajv = new Ajv2020();
  return (pointer, schema) => {
    const text = JSON.stringify(schema);
    if (seen.has(text)) return text.length;
    const options = { strict: false, logger: false, code: { optimize: false } } as const;
    if (seen.size % schemasPerCompiler === 0) ajv = new Ajv2020(options);
    seen.add(text);
    try {
      ajv.compile(schema);
    } catch (error) {
      throw new Error(`${pointer}: ${String(error)}`, { cause: error });
    }
    return text.length;
  };
}

test('all 1,223 operations of GitHub (3.0) have valid schemas', async () => {
  const document = await readSource(packageFile('@octokit/openapi/generated/api.github.com.json'));
  expect(document.problems).toEqual([]);
  const { served, answers, longest } = check(document);
  expect(served).toBe(1223);
  expect(answers).toBeGreaterThan(900);
  expect(longest).toBeLessThan(schemaCharsMax);
  const names = toolNames(document.listedOperations);
  const search = searchIndex(document.listedOperations, names);
  const first = (query: string) => search(query, 3).map((listed) => names.get(listed));
  expect(first('create an issue in a repository')).toContain('issues_create');
  expect(first('list workflow runs')).toContain('actions_list_workflow_runs');
});

test('all 1,014 operations of Kubernetes (Swagger 2.0 with circular schemas) have valid schemas', async () => {
  const text = gunzipSync(readFileSync(packageFile('kubernetes-client/lib/specs/swagger-1.13.json.gz')));
  const document = await readText(text.toString());
  expect(document.problems).toEqual([]);
  const { served, longest } = check(document);
  expect(served).toBe(1014);
  expect(longest).toBeLessThan(schemaCharsMax);
});

test('all operations of Figma (3.1 in YAML) have valid schemas', async () => {
  const document = await readSource(packageFile('@figma/rest-api-spec/openapi/openapi.yaml'));
  expect(document.problems).toEqual([]);
  const { served, longest } = check(document);
  expect(served).toBe(54);
  expect(longest).toBeLessThan(schemaCharsMax);
});

test('all operations of Netlify (Swagger 2.0) have valid schemas', async () => {
  const document = await readSource(packageFile('@netlify/open-api/dist/swagger.json'));
  expect(document.problems).toEqual([]);
  expect(check(document)).toMatchObject({ served: 181, answers: 132 });
});

test('all examples of @readme/oas-examples with paths have valid schemas or name their problems', async () => {
  const files = ['2.0', '3.0', '3.1'].flatMap((version) =>
    ['json', 'yaml'].flatMap((kind) => {
      const folder = packageFile(`@readme/oas-examples/${version}/${kind}`);
      return readdirSync(folder)
        .filter((name) => name.endsWith(`.${kind}`))
        .map((name) => `${folder}/${name}`);
    }),
  );
  expect(files.length).toBeGreaterThan(100);
  const problems = new Set<string>();
  let served = 0;
  for (const file of files) {
    if (/\/webhooks\.\w+$/.test(file)) {
      await expect(readSource(file)).rejects.toThrow(/it has no paths/);
      continue;
    }
    const document = await readSource(file);
    served += check(document).served;
    for (const { where } of document.problems) problems.add(where);
  }
  expect(served).toBeGreaterThan(900);
  expect([...problems].sort()).toEqual([
    '/components/securitySchemes/api_key',
    '/paths/~1cookies#formExploded',
    '/paths/~1cookies#formNonExploded',
  ]);
});
