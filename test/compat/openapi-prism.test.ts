import { createRequire } from 'node:module';
import jsf from 'json-schema-faker';
import { afterAll, describe, expect, test } from 'vitest';
import type { Arguments } from '../e2e/support/server.ts';
import { useStage } from '../e2e/support/stage.ts';
import { FaultProxy, startPrism } from './support/api-servers.ts';

const { resolve: find } = createRequire(import.meta.url);
const stage = useStage();
const started: { stop(): Promise<void> }[] = [];
afterAll(() => Promise.all(started.map((each) => each.stop())));

// A fixed seed generates the same arguments in every run.
let seed = 7;
const random = (): number => {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed / 2_147_483_647;
};
jsf.option({
  random,
  alwaysFakeOptionals: true,
  maxItems: 2,
  minLength: 1,
  failOnInvalidFormat: false,
  useDefaultValue: true,
});

/** Prism reads a number in the path as a string, too, and then finds that both schemas of `oneOf` match. */
const inPath: Readonly<Record<string, object>> = { actions_get_workflow: { workflow_id: 'main.yaml' } };

/** Calls tools of a document with generated arguments. Prism checks each request against the document. */
async function refusedBy(document: string, variables: Record<string, string>, choose: (names: string[]) => string[]) {
  const prism = await startPrism(document);
  const proxy = await FaultProxy.start(prism.url);
  started.push(prism, proxy);
  const server = await stage.server({
    config: { bundledTools: false, openapi: [{ document, baseUrl: proxy.url, operations: { '*': { class: 'off' } } }] },
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
  const refused: string[] = [];
  for (const { name, inputSchema } of tools) {
    if (!chosen.has(name)) continue;
    const args = { ...(jsf.generate(inputSchema as never) as object), ...inPath[name] };
    const { text } = await server.call(name, args as Arguments);
    if (/arguments are not valid/.test(text)) refused.push(`${name}: ${text}`);
  }
  refused.push(...proxy.violations);
  return { called: chosen.size, all: tools.length, refused };
}

describe('the requests of OpenAPI tools', () => {
  test('are checked by Prism, which finds a violation (control)', async () => {
    const prism = await startPrism(find('@readme/oas-examples/3.0/json/petstore.json'));
    const proxy = await FaultProxy.start(prism.url);
    started.push(prism, proxy);
    const headers = { 'content-type': 'application/json', authorization: 'Bearer a-token' };
    await fetch(`${proxy.url}/pet`, { method: 'POST', headers, body: '{"name":1}' });
    expect(proxy.violations.join()).toMatch(/photoUrls|name/);
  });

  test('conform to the document for every operation of the pet store', async () => {
    const document = find('@readme/oas-examples/3.0/json/petstore.json');
    const variables = { PETSTORE_AUTH: 'a-token', API_KEY: 'a-key' };
    const { called, all, refused } = await refusedBy(document, variables, (names) => names);
    expect(refused).toEqual([]);
    expect(called).toBe(all);
    expect(called).toBeGreaterThanOrEqual(19);
  });

  test('conform to the document for a hundred operations of GitHub', { timeout: 300_000 }, async () => {
    const document = find('@octokit/openapi/generated/api.github.com.json');
    const every = (names: string[]) =>
      names.filter((_, index) => index % Math.floor(names.length / 100) === 0).slice(0, 100);
    const { called, all, refused } = await refusedBy(document, {}, every);
    expect(refused).toEqual([]);
    expect(called).toBe(100);
    expect(all).toBeGreaterThanOrEqual(1_200);
  });
});
