import { createGoogleGenerativeAI } from '@ai-sdk/google-v5';
import { loadMcpTools } from '@langchain/mcp-adapters';
import { mcpToFunctionTool } from '@openai/agents';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { convertJsonSchemaToZod } from 'zod-from-json-schema';
import { isObject, type JsonObject, type JsonSchema, objectOf } from '../../src/core/json.ts';
import type { Tool } from '../../src/core/tool/types.ts';
import { loadOpenApi } from '../../src/openapi/load.ts';
import { inputSchemaOf, toolList } from '../../src/server/tool-list.ts';
import { packageFile } from './support/packages.ts';

const documents = {
  github: '@octokit/openapi/generated/api.github.com.json',
  readme: '@readme/oas-examples/3.1/json/readme.json',
  'schema-types (3.0)': '@readme/oas-examples/3.0/json/schema-types.json',
  'schema-types (3.1)': '@readme/oas-examples/3.1/json/schema-types.json',
  'complex-nesting': '@readme/oas-examples/3.0/json/complex-nesting.json',
};

interface Listed {
  readonly name: string;
  readonly inputSchema: JsonSchema;
}

/** Returns the tools as they are listed, and with the schemas that validate. */
async function listsOf(document: string) {
  const { listed } = await loadOpenApi(
    {
      ...{
        document: packageFile(document),
        account: 'default',
        include: [],
        exclude: [],
        dynamic: false,
        refHosts: [],
      },
      ...{ allowPrivate: false, headers: {}, answerCharsMax: 50_000, timeoutMs: 5_000, credentials: {} },
      ...{ credentialOrigins: [], trust: true, operations: {}, serverVariables: {} },
    },
    { warn: () => undefined },
  );
  return { raw: listed.map(rawOf), published: publishedOf(listed) };
}

function rawOf(tool: Tool): Listed {
  return { name: tool.name, inputSchema: inputSchemaOf(tool) };
}

function publishedOf(tools: readonly Tool[]): Listed[] {
  const list = toolList({ tools, hidden: [], find: () => undefined });
  const all: Listed[] = [];
  for (let page = list.page(); page !== undefined; ) {
    all.push(...page.tools);
    page = page.nextCursor === undefined ? undefined : list.page(page.nextCursor);
  }
  return all;
}

/** The schemas that a model gets, by tool. Each framework converts in its own way. */
type Convert = (tools: readonly Listed[]) => Promise<ReadonlyMap<string, JsonSchema>>;

const frameworks: Readonly<Record<string, Convert>> = {
  // Claude Desktop, Cursor, VS Code, Windsurf, Zed, Codex, Goose and the AI SDK pass the schema on or check it as it is.
  'no conversion': async (tools) => new Map(tools.map(({ name, inputSchema }) => [name, inputSchema])),
  LangChain: async (tools) => {
    const client = { listTools: async () => ({ tools: structuredClone(tools) }) };
    const loaded = await loadMcpTools('server', client as never);
    return new Map(loaded.map((each) => [each.name, each.schema as JsonSchema]));
  },
  'OpenAI Agents': async (tools) => {
    const made = tools.map(
      (each) => [each.name, mcpToFunctionTool(each as never, { name: 'server' } as never, false)] as const,
    );
    return new Map(made.map(([name, each]) => [name, each.parameters as JsonSchema]));
  },
  Mastra: async (tools) =>
    new Map(
      tools.map(({ name, inputSchema }) => {
        const { $defs: _, ...own } = inputSchema;
        const zod = convertJsonSchemaToZod(JSON.stringify(own).includes('"$ref"') ? { type: 'object' } : own);
        return [name, z.toJSONSchema(zod as z.ZodType) as JsonSchema];
      }),
    ),
  'AI SDK with Gemini': async (tools) => {
    let sent = '';
    const fetch = async (_url: unknown, request?: { body?: unknown }): Promise<Response> => {
      sent = String(request?.body);
      const answer = { candidates: [{ content: { parts: [{ text: 'x' }] }, finishReason: 'STOP' }] };
      return Response.json(answer);
    };
    const model = createGoogleGenerativeAI({ apiKey: 'none', fetch: fetch as never })('gemini-2.5-flash');
    await model.doGenerate({
      prompt: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }],
      tools: tools.map(({ name, inputSchema }) => ({ type: 'function', name, inputSchema })),
    });
    const declared: { name: string; parameters?: JsonSchema }[] = JSON.parse(sent).tools.functionDeclarations;
    return new Map(declared.map(({ name, parameters = {} }) => [name, parameters]));
  },
};

interface Nullable {
  readonly at: string;
  readonly isRequired: boolean;
  /** The schema that the model gets. */
  readonly converted: JsonObject;
}

/** Finds the properties that may be null in the raw schemas, and what became of them. */
function nullables(raw: readonly Listed[], converted: ReadonlyMap<string, JsonSchema>): Nullable[] {
  return raw.flatMap(({ name, inputSchema }) => {
    const found: Nullable[] = [];
    collect(inputSchema, converted.get(name), name, found);
    return found;
  });
}

function collect(raw: JsonObject, converted: unknown, at: string, found: Nullable[]): void {
  if (!isObject(converted)) return;
  const properties = objectOf(converted.properties);
  for (const [name, property] of Object.entries(objectOf(raw.properties))) {
    const shown = properties[name];
    // A converter may leave out an object whose fields it does not know.
    if (!isObject(property) || !isObject(shown)) continue;
    const isRequired = Array.isArray(raw.required) && raw.required.includes(name);
    const types = [property.type].flat();
    if (Array.isArray(property.type) && types.includes('null')) {
      found.push({ at: `${at}/${name}`, isRequired, converted: shown });
    }
    collect(property, shown, `${at}/${name}`, found);
    if (isObject(property.items)) collect(property.items, shown.items, `${at}/${name}/*`, found);
  }
}

/** Whether every client knows the type: a single one, or alternatives of which one is null. */
function hasType({ type, anyOf }: JsonObject): boolean {
  if (type !== undefined) return typeof type === 'string';
  return Array.isArray(anyOf) && anyOf.some((each) => isObject(each) && hasType(each) && each.type !== 'null');
}

const frameworkNames = Object.keys(frameworks);

describe.each(Object.entries(documents))('the input schemas of %s', (_name, document) => {
  test.each(frameworkNames)('keep the type of each nullable property in %s', async (framework) => {
    const { raw, published } = await listsOf(document);
    const convert = frameworks[framework] as Convert;
    const all = nullables(raw, await convert(published));
    // A required property keeps null, so that no client has to make up a value. These convert it to a form of their own.
    const judged = ['LangChain', 'Mastra'].includes(framework) ? all.filter(({ isRequired }) => !isRequired) : all;
    expect(judged.filter(({ converted }) => !hasType(converted)).map(({ at }) => at)).toEqual([]);
  });
});

test('control: without the form for clients, properties of GitHub have a list of types or none', async () => {
  const { raw } = await listsOf(documents.github);
  const lost = new Map<string, number>();
  for (const [framework, convert] of Object.entries(frameworks)) {
    const all = nullables(raw, await convert(raw));
    lost.set(framework, all.filter(({ converted }) => !hasType(converted)).length);
    expect(all.length, framework).toBeGreaterThan(20);
  }
  for (const framework of ['no conversion', 'LangChain', 'OpenAI Agents']) {
    expect(lost.get(framework), framework).toBeGreaterThan(20);
  }
});
