import { createRequire } from 'node:module';
import jsf from 'json-schema-faker';
import { afterAll, describe, expect, test } from 'vitest';
import { type ApiServer, startPrism } from '../support/api-servers.ts';
import { useStage } from '../support/e2e-stage.ts';

const { resolve: find } = createRequire(import.meta.url);
const stage = useStage();
const started: ApiServer[] = [];
afterAll(() => Promise.all(started.map((prism) => prism.stop())));

// The same arguments in every run.
let seed = 7;
const random = (): number => {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed / 2_147_483_647;
};
jsf.option({
  random,
  alwaysFakeOptionals: true,
  maxItems: 2,
  maxLength: 20,
  failOnInvalidFormat: false,
  useDefaultValue: true,
});

interface Refused {
  readonly tool: string;
  readonly text: string;
}

/** Calls tools of a document with generated arguments, as Prism, which holds them against the document, answers. */
async function refusedBy(document: string, variables: Record<string, string>, choose: (names: string[]) => string[]) {
  const prism = await startPrism(document);
  started.push(prism);
  const server = await stage.server({
    config: { bundledTools: false, openapi: [{ document, baseUrl: prism.url, operations: { '*': { match: 'off' } } }] },
    env: variables,
  });
  const tools = [];
  let cursor: string | undefined;
  do {
    const page = await server.client.listTools(cursor === undefined ? {} : { cursor });
    tools.push(...page.tools);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  const chosen = new Set(choose(tools.map(({ name }) => name)));
  const refused: Refused[] = [];
  for (const { name, inputSchema } of tools) {
    if (!chosen.has(name)) continue;
    const args = jsf.generate(inputSchema as never) as Record<string, unknown>;
    const { text } = await server.call(name, args);
    // Prism's own refusals are problem documents of its error types.
    if (/prism\/errors|sl-violations|UNPROCESSABLE|422|arguments are not valid/i.test(text))
      refused.push({ tool: name, text });
  }
  return { called: chosen.size, all: tools.length, refused };
}

describe('what is sent obeys the document, as Prism judges', () => {
  test('every operation of the pet store', async () => {
    const document = find('@readme/oas-examples/3.0/json/petstore.json');
    const variables = { PETSTORE_AUTH: 'a-token', API_KEY: 'a-key' };
    const { called, all, refused } = await refusedBy(document, variables, (names) => names);
    expect(refused).toEqual([]);
    expect(called).toBe(all);
    expect(called).toBeGreaterThanOrEqual(19);
  });

  test("a hundred operations of GitHub's", { timeout: 120_000 }, async () => {
    const document = find('@octokit/openapi/generated/api.github.com.json');
    const every = (names: string[]) =>
      names.filter((_, index) => index % Math.floor(names.length / 100) === 0).slice(0, 100);
    const { called, all, refused } = await refusedBy(document, {}, every);
    expect(refused).toEqual([]);
    expect(called).toBe(100);
    expect(all).toBeGreaterThanOrEqual(1_200);
  });
});
