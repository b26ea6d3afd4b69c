import { NotExecuted } from '../../core/errors.ts';
import { isObject, type JsonSchema } from '../../core/json.ts';
import { REPEAT_TOKEN_FIELD } from '../../core/key/arguments.ts';
import { nearest } from '../../core/suggest.ts';
import type { ContentResult, InputIssue, ParsedInput, RoutedCall, Tool } from '../../core/tool/types.ts';
import { inputSchemaOf } from '../../server/tool-list.ts';
import type { SearchOperations } from '../document/search-operations.ts';
import type { ListedOperation } from '../document/types.ts';
import { createSchemaCompiler } from './schema-compiler.ts';

/** The API that the three tools give access to. */
export interface DynamicParts {
  readonly prefix: string | undefined;
  readonly title: string;
  readonly tools: ReadonlyMap<ListedOperation, Tool>;
  readonly search: SearchOperations;
}

/** The operations that a caller may use, and what the three tools are called. */
interface ShownParts extends DynamicParts {
  /** Finds the tool of an operation by the tool's name, the operationId, or method and path. */
  readonly find: (operation: string) => Tool | undefined;
  /** The names that `find` knows. */
  readonly known: () => readonly string[];
  readonly isShown: (tool: Tool) => boolean;
  readonly names: Names;
}

const resultsDefault = 10;
const resultsMax = 50;
/** The longest summary in search results, in characters. */
const summaryCharsMax = 200;

/**
 * Creates three tools (search, describe, call) that give access to any number of operations. The engine routes a call to
 * the operation's own tool, so it is guarded in the same way as a listed tool. For a caller that may use some operations
 * only, the others do not exist.
 */
export function dynamicTools(parts: DynamicParts): Tool[] {
  const tools = [...parts.tools.values()];
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  for (const [listed, tool] of parts.tools) {
    for (const alias of [listed.operationId, `${listed.method} ${listed.path}`]) {
      if (alias !== undefined && !byName.has(alias)) byName.set(alias, tool);
    }
  }
  const taken = new Set(tools.map(({ name }) => name));
  const uniqueName = (name: string): string => {
    const prefixed = parts.prefix === undefined ? name : `${parts.prefix}_${name}`;
    return taken.has(prefixed) ? `${prefixed}_by_name` : prefixed;
  };
  const names = {
    search: uniqueName('search_operations'),
    describe: uniqueName('describe_operation'),
    call: uniqueName('call_operation'),
  };
  const create = (isShown: (tool: Tool) => boolean): Tool[] => {
    const find = (operation: string): Tool | undefined => {
      const tool = byName.get(operation);
      return tool && isShown(tool) ? tool : undefined;
    };
    const known = (): string[] => [...byName.keys()].filter((name) => find(name) !== undefined);
    const shown: ShownParts = { ...parts, names, isShown, find, known };
    return [searchTool(shown), describeTool(shown), callTool(shown)];
  };
  return create(() => true).map((tool, index) =>
    Object.freeze({
      ...tool,
      restrictedTo: (isAllowed: (name: string) => boolean) => create(({ name }) => isAllowed(name))[index] ?? tool,
    }),
  );
}

interface Names {
  readonly search: string;
  readonly describe: string;
  readonly call: string;
}

function searchTool({ names, title, tools, search, isShown }: ShownParts): Tool {
  const isListed = (listed: ListedOperation): boolean => {
    const tool = tools.get(listed);
    return tool !== undefined && isShown(tool);
  };
  const count = [...tools.values()].filter(isShown).length;
  const schema: JsonSchema = {
    type: 'object',
    properties: {
      query: { type: 'string', minLength: 1, maxLength: 500, description: 'What the operation should do, in words.' },
      limit: { type: 'integer', minimum: 1, maximum: resultsMax, default: resultsDefault },
    },
    required: ['query'],
    additionalProperties: false,
  };
  return localTool({
    name: names.search,
    title: `Search the operations of ${title}`,
    description: `Finds operations of ${title} (${count} of them) by words. Then use ${names.describe} to get an operation's arguments, and ${names.call} to call it.`,
    effect: 'read',
    schema,
    run: (input) => {
      const found = search(String(input.query), Number(input.limit ?? resultsDefault), isListed);
      const operations = found.flatMap((listed) => {
        const tool = tools.get(listed);
        if (!tool) return [];
        const summary = (listed.summary ?? listed.description ?? '').replace(/\s+/g, ' ').slice(0, summaryCharsMax);
        return [{ operation: tool.name, request: `${listed.method} ${listed.path}`, effect: tool.effect, summary }];
      });
      return jsonContent({ operations });
    },
  });
}

function describeTool({ names, title, find, known }: ShownParts): Tool {
  return localTool({
    name: names.describe,
    title: `Describe an operation of ${title}`,
    description: `Describes an operation of ${title} and its arguments. ${names.search} finds the operation's name.`,
    effect: 'read',
    schema: {
      type: 'object',
      properties: { operation: operationSchema },
      required: ['operation'],
      additionalProperties: false,
    },
    check: (input) => checkOperation(input, find, known),
    run: (input) => {
      const tool = find(String(input.operation));
      if (!tool) throw new NotExecuted('the operation does not exist');
      const { name, description, effect, class: toolClass, windowMs } = tool;
      return jsonContent({
        operation: name,
        title: tool.title,
        description,
        effect,
        class: toolClass,
        windowMs,
        arguments: inputSchemaOf(tool),
      });
    },
  });
}

function callTool({ names, title, find, known }: ShownParts): Tool {
  const tool = localTool({
    name: names.call,
    title: `Call an operation of ${title}`,
    description: `Calls an operation of ${title} that ${names.search} found, with the arguments that ${names.describe} lists. A repeated call returns the first call's result. If that result has a repeat_token and you really want a second, identical operation, put the token into "arguments".`,
    // It can do everything that its operations do. Each operation has its own guard.
    effect: 'update',
    schema: {
      type: 'object',
      properties: {
        operation: operationSchema,
        arguments: {
          type: 'object',
          description: `The operation's arguments, as ${names.describe} lists them.`,
          default: {},
        },
      },
      required: ['operation'],
      additionalProperties: false,
    },
    check: (input) => checkOperation(input, find, known),
    run: () => {
      throw new NotExecuted('the operation was not found');
    },
  });
  const route = (input: unknown): RoutedCall | undefined => {
    if (typeof input !== 'object' || input === null || !('operation' in input)) return undefined;
    // This tool's own validation reports unknown arguments.
    if (Object.keys(input).some((name) => !routedArguments.has(name))) return undefined;
    const target = typeof input.operation === 'string' ? find(input.operation) : undefined;
    if (!target) return undefined;
    const args = 'arguments' in input ? (input.arguments ?? {}) : {};
    if (!(REPEAT_TOKEN_FIELD in input) || !isObject(args)) return { tool: target.name, arguments: args };
    // A model may write the token beside the arguments instead of among them.
    return { tool: target.name, arguments: { [REPEAT_TOKEN_FIELD]: input[REPEAT_TOKEN_FIELD], ...args } };
  };
  return Object.freeze({ ...tool, route });
}

const routedArguments: ReadonlySet<string> = new Set(['operation', 'arguments', REPEAT_TOKEN_FIELD]);

const operationSchema: JsonSchema = Object.freeze({
  type: 'string',
  minLength: 1,
  maxLength: 500,
  description: 'The operation\'s name, its operationId, or its method and path, such as "GET /orders/{id}".',
});

interface LocalTool extends Pick<Tool, 'name' | 'title' | 'description' | 'effect'> {
  readonly schema: JsonSchema;
  readonly check?: (input: Readonly<Record<string, unknown>>) => readonly InputIssue[];
  readonly run: (input: Readonly<Record<string, unknown>>) => ContentResult;
}

/** Creates a tool that answers locally and sends no request. */
function localTool({ schema, check, run, ...description }: LocalTool): Tool {
  const parse = createSchemaCompiler().parser(schema);
  return {
    ...description,
    input: {
      jsonSchema: schema,
      parse: (value): ParsedInput => {
        const parsed = parse(value);
        const issues = parsed.ok ? (check?.(parsed.value) ?? []) : [];
        return issues.length > 0 ? { ok: false, issues } : parsed;
      },
    },
    results: 'content',
    acceptsOutput: () => true,
    class: 'off',
    windowMs: 0,
    recovery: ['refuse'],
    lookupLagMs: 0,
    run: async (input) => run(input as Readonly<Record<string, unknown>>),
  };
}

function checkOperation(
  input: Readonly<Record<string, unknown>>,
  find: ShownParts['find'],
  known: ShownParts['known'],
): InputIssue[] {
  const name = String(input.operation);
  if (find(name)) return [];
  const meant = nearest(name, known());
  const advice = meant === undefined ? ': search for it first' : ` (did you mean ${JSON.stringify(meant)}?)`;
  return [{ path: 'operation', message: `does not exist${advice}` }];
}

function jsonContent(value: unknown): ContentResult {
  return { content: [{ type: 'text', text: JSON.stringify(value) }] };
}
