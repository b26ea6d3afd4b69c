import { NotExecuted } from '../../core/errors.ts';
import type { JsonSchema } from '../../core/json.ts';
import { nearest } from '../../core/suggest.ts';
import type { ContentResult, InputIssue, ParsedInput, RoutedCall, Tool } from '../../core/tool/types.ts';
import type { OperationHead } from '../document/types.ts';
import { createCompiler } from './input.ts';

/** What the three tools stand for. */
export interface DynamicParts {
  readonly prefix: string | undefined;
  readonly title: string;
  readonly tools: ReadonlyMap<OperationHead, Tool>;
  /** Finds operations by words, the best first. */
  readonly search: (query: string, limit: number) => readonly OperationHead[];
}

const resultsDefault = 10;
const resultsMax = 50;
/** Characters of a description that a search shows. */
const lineCharsMax = 200;

/**
 * Three tools that stand for thousands: search, describe, call. A call goes its own way as the operation that it
 * names, under that operation's name, so that its idempotency is the same as if it were listed.
 */
export function dynamicTools(parts: DynamicParts): Tool[] {
  const tools = [...parts.tools.values()];
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  for (const [head, tool] of parts.tools) {
    for (const alias of [head.operationId, `${head.method} ${head.path}`]) {
      if (alias !== undefined && !byName.has(alias)) byName.set(alias, tool);
    }
  }
  const taken = new Set(tools.map(({ name }) => name));
  const named = (name: string): string => {
    const own = parts.prefix === undefined ? name : `${parts.prefix}_${name}`;
    return taken.has(own) ? `${own}_by_name` : own;
  };
  const names = {
    search: named('search_operations'),
    describe: named('describe_operation'),
    call: named('call_operation'),
  };
  return [searchTool(parts, names), describeTool(parts, byName, names), callTool(parts, byName, names)];
}

interface Names {
  readonly search: string;
  readonly describe: string;
  readonly call: string;
}

function searchTool(parts: DynamicParts, names: Names): Tool {
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
    title: `Search the operations of ${parts.title}`,
    description: `Finds operations of ${parts.title} (${parts.tools.size} of them) by words. Then ask ${names.describe} for the arguments of one, and call it by ${names.call}.`,
    effect: 'read',
    schema,
    run: (input) => {
      const found = parts.search(String(input.query), Number(input.limit ?? resultsDefault));
      const operations = found.flatMap((head) => {
        const tool = parts.tools.get(head);
        if (!tool) return [];
        const summary = (head.summary ?? head.description ?? '').replace(/\s+/g, ' ').slice(0, lineCharsMax);
        return [{ operation: tool.name, request: `${head.method} ${head.path}`, effect: tool.effect, summary }];
      });
      return shown({ operations });
    },
  });
}

function describeTool(parts: DynamicParts, byName: ReadonlyMap<string, Tool>, names: Names): Tool {
  return localTool({
    name: names.describe,
    title: `Describe an operation of ${parts.title}`,
    description: `Tells what an operation of ${parts.title} does and which arguments it takes, as ${names.search} names it.`,
    effect: 'read',
    schema: {
      type: 'object',
      properties: { operation: operationSchema },
      required: ['operation'],
      additionalProperties: false,
    },
    check: (input) => checkOperation(input, byName),
    run: (input) => {
      const tool = byName.get(String(input.operation));
      if (!tool) throw new NotExecuted('there is no such operation');
      const { name, title, description, effect, match, windowMs } = tool;
      return shown({ operation: name, title, description, effect, match, windowMs, arguments: tool.input.jsonSchema });
    },
  });
}

function callTool(parts: DynamicParts, byName: ReadonlyMap<string, Tool>, names: Names): Tool {
  const tool = localTool({
    name: names.call,
    title: `Call an operation of ${parts.title}`,
    description: `Calls an operation of ${parts.title}, as ${names.search} names it, with the arguments that ${names.describe} tells. A repeated call is answered by the first one's result; where that result comes with a repeat_token and a second, identical operation is really wanted, put it into "arguments".`,
    // It may do whatever the operations do; what is called is guarded as itself.
    effect: 'update',
    schema: {
      type: 'object',
      properties: {
        operation: operationSchema,
        arguments: { type: 'object', description: `As ${names.describe} tells them.`, default: {} },
      },
      required: ['operation'],
      additionalProperties: false,
    },
    check: (input) => checkOperation(input, byName),
    run: () => {
      throw new NotExecuted('the operation was not found');
    },
  });
  const route = (input: unknown): RoutedCall | undefined => {
    if (typeof input !== 'object' || input === null || !('operation' in input)) return undefined;
    // Whatever else is wrong with the call is told of this tool's own arguments.
    if (Object.keys(input).some((name) => name !== 'operation' && name !== 'arguments')) return undefined;
    const target = typeof input.operation === 'string' ? byName.get(input.operation) : undefined;
    if (!target) return undefined;
    return { tool: target.name, arguments: 'arguments' in input ? (input.arguments ?? {}) : {} };
  };
  return Object.freeze({ ...tool, route });
}

const operationSchema: JsonSchema = Object.freeze({
  type: 'string',
  minLength: 1,
  maxLength: 500,
  description: 'Its name, its operationId, or its method and path such as "GET /orders/{id}".',
});

interface LocalTool extends Pick<Tool, 'name' | 'title' | 'description' | 'effect'> {
  readonly schema: JsonSchema;
  readonly check?: (input: Readonly<Record<string, unknown>>) => readonly InputIssue[];
  readonly run: (input: Readonly<Record<string, unknown>>) => ContentResult;
}

/** A tool that answers by itself: nothing of it is sent anywhere. */
function localTool({ schema, check, run, ...told }: LocalTool): Tool {
  const parse = createCompiler().parser(schema);
  return {
    ...told,
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
    match: 'off',
    windowMs: 0,
    recovery: ['refuse'],
    lookupLagMs: 0,
    run: async (input) => run(input as Readonly<Record<string, unknown>>),
  };
}

function checkOperation(input: Readonly<Record<string, unknown>>, byName: ReadonlyMap<string, Tool>): InputIssue[] {
  const asked = String(input.operation);
  if (byName.has(asked)) return [];
  const meant = nearest(asked, [...byName.keys()]);
  const advice = meant === undefined ? ': search for it first' : ` (did you mean ${JSON.stringify(meant)}?)`;
  return [{ path: 'operation', message: `is none that there is${advice}` }];
}

function shown(value: unknown): ContentResult {
  return { content: [{ type: 'text', text: JSON.stringify(value) }] };
}
