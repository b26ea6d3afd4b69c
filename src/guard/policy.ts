import { McpOnceError, NotExecuted } from '../core/errors.ts';
import { defined, isObject } from '../core/json.ts';
import { soundsLikeMoney } from '../core/tool/class-words.ts';
import { defaultClass, defaultWindowMs, recoveryList } from '../core/tool/define-tool.ts';
import { matchesGlob } from '../core/tool/glob.ts';
import type { Classification, Client, Effect, ParsedInput, Tool, Upstream } from '../core/tool/types.ts';
import { checkPolicy } from './options.ts';
import type { GuardedTool, GuardPolicies, GuardPolicy, ToolHints } from './types.ts';

/** How long an effect may take to appear in a lookup by default, in ms. */
const lookupLagDefaultMs = 60_000;

/** The description of a tool: its definition, and the policies that apply to it. */
export interface ToolSource {
  readonly name: string;
  readonly annotations?: ToolHints | undefined;
  readonly inputSchema?: Readonly<Record<string, unknown>> | undefined;
  readonly outputSchema?: Readonly<Record<string, unknown>> | undefined;
  readonly policies: readonly GuardPolicy[];
  readonly upstream: Upstream;
  /** The upstream by the rules of an earlier version. */
  readonly earlierUpstream?: Upstream | undefined;
  /** `content`: the tool returns whole MCP results. */
  readonly results: 'value' | 'content';
  parse?(value: unknown): ParsedInput;
}

/** Returns the policies that apply to a tool. A later one overrides an earlier one. */
export function policiesFor(name: string, ...lists: readonly (GuardPolicies | undefined)[]): GuardPolicy[] {
  return lists.flatMap((policies) =>
    Object.entries(policies ?? {})
      .filter(([pattern]) => matchesGlob(pattern, name))
      .map(([, policy]) => policy),
  );
}

/** Splits an author's description of a tool into its definition and its policy. */
export function splitTool(tool: string | GuardedTool): Pick<ToolSource, 'name' | 'annotations' | 'inputSchema'> & {
  readonly policy: GuardPolicy;
} {
  if (typeof tool === 'string') return { name: tool, policy: {} };
  if (typeof tool?.name !== 'string') {
    const message =
      'The call does not name its tool. Nothing was executed. Pass { tool: "name" } or { tool: { name: "name", ... } }.';
    throw new McpOnceError('configuration_invalid', message);
  }
  const { name, annotations, inputSchema, ...policy } = tool;
  return { name, annotations, inputSchema, policy };
}

/** A tool without the code that runs it: each call brings that code. */
export type UnboundTool = Omit<Tool, 'run'>;

/**
 * Builds a tool for the engine, without the code that runs it.
 *
 * @throws McpOnceError `configuration_invalid` for a policy that contradicts itself
 */
export function buildTool(source: ToolSource): UnboundTool {
  const { name, annotations = {}, upstream, results } = source;
  const policy = Object.assign({}, ...source.policies) as GuardPolicy;
  const checked = checkPolicy(name, policy);
  const effect = checked.effect ?? effectOf(annotations);
  const toolClass = checked.class ?? defaultClass(effect);
  const hasResource = policy.resource !== undefined;
  const isNatural = annotations.idempotentHint === true && checked.effect === undefined && effect === 'update';
  const recovery = recoveryList(checked.recovery ?? (isNatural ? 'natural' : undefined));
  const memoryMs = checked.keyMemory ?? 0;
  const tool: UnboundTool = {
    name,
    title: name,
    description: '',
    effect,
    input: {
      jsonSchema: source.inputSchema ?? anySchema,
      options: { tool: name, ...defined({ ignore: policy.ignore }) },
      parse: copying(source.parse ?? acceptAny),
    },
    results,
    readsErrorResults: true,
    acceptsOutput: () => true,
    client: clientOf(upstream, memoryMs, policy),
    class: toolClass,
    movesMoney: checked.movesMoney ?? soundsLikeMoney(name),
    windowMs: checked.window ?? defaultWindowMs(toolClass, hasResource),
    recovery,
    lookupLagMs: checked.lookupLag ?? lookupLagDefaultMs,
    ...(isObject(source.outputSchema) ? { outputSchema: source.outputSchema } : {}),
    ...defined({ earlierUpstream: source.earlierUpstream }),
    ...functionsOf(policy, results),
  };
  refuseContradictions(tool, { isNatural, memoryMs });
  return Object.freeze(tool);
}

const anySchema = Object.freeze({ type: 'object' });

function acceptAny(value: unknown): ParsedInput {
  return { ok: true, value: value as Record<string, unknown> };
}

/** Copies the arguments: the caller may change its object, and the arguments that run must be those that were hashed. */
function copying(parse: NonNullable<ToolSource['parse']>): NonNullable<ToolSource['parse']> {
  return (value) => {
    const parsed = parse(value);
    return parsed.ok ? { ok: true, value: structuredClone(parsed.value) } : parsed;
  };
}

function effectOf({ readOnlyHint, idempotentHint }: ToolHints): Effect {
  if (readOnlyHint === true) return 'read';
  return idempotentHint === true ? 'update' : 'create';
}

type Functions = Pick<Tool, 'identity' | 'resource' | 'lookup' | 'gone'>;

function functionsOf(policy: GuardPolicy, results: 'value' | 'content'): Functions {
  const { identity, resource, lookup, gone } = policy;
  const input = (value: unknown) => value as Record<string, unknown>;
  const result = (value: unknown): unknown => (results === 'content' ? toContent(value) : value);
  return defined({
    identity: identity && ((value: unknown) => identity(input(value))),
    resource: resource && ((value: unknown) => resource(input(value))),
    gone: gone && ((value: unknown) => result(gone(input(value)))),
    lookup: lookup && lookupOf(lookup, result),
  });
}

function lookupOf(
  lookup: NonNullable<GuardPolicy['lookup']>,
  resultOf: (value: unknown) => unknown,
): NonNullable<Tool['lookup']> {
  return async (value, { marker, sinceMs, steps, signal }) => {
    const found = await lookup(value as Record<string, unknown>, { marker, sinceMs, steps, signal });
    return found.status === 'found' ? { ...found, result: resultOf(found.result) } : found;
  };
}

/** Converts a handler's result to MCP content: text stays text, and any other value becomes JSON. */
export function toContent(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && 'content' in value && Array.isArray(value.content)) {
    return value as Record<string, unknown>;
  }
  if (typeof value === 'object' && value !== null && 'structuredContent' in value) return { ...value, content: [] };
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null');
  return { content: [{ type: 'text', text }] };
}

/** A client that opens nothing, since the handler has its own. It names the upstream for the engine. */
function clientOf(upstream: Upstream, memoryMs: number, { classify }: GuardPolicy): Client {
  return {
    name: upstream.account,
    variables: [],
    configure: () => ({ upstream, open: async () => undefined, close: async () => {} }),
    memoryMs,
    classify: (error): Classification => {
      if (error instanceof NotExecuted) return 'not_executed';
      // A handler may send several requests, and its error does not say which of them failed.
      return classify?.(error) ?? 'unknown';
    },
  };
}

function refuseContradictions(
  tool: UnboundTool,
  { isNatural, memoryMs }: { isNatural: boolean; memoryMs: number },
): void {
  const refuse = (why: string): never => {
    throw new McpOnceError('configuration_invalid', `Tool ${JSON.stringify(tool.name)}: ${why}. Nothing was executed.`);
  };
  const { recovery, effect } = tool;
  if (recovery.includes('reconcile') && !tool.lookup) refuse('recovery "reconcile" needs lookup(input, context)');
  if (recovery.includes('natural') && !tool.resource && !isNatural) {
    refuse('recovery "natural" needs resource(input), or a tool with idempotentHint');
  }
  if (recovery.includes('natural') && effect === 'delete' && !tool.gone) {
    refuse('recovery "natural" of a delete needs gone(input)');
  }
  if (recovery.includes('resend') && memoryMs === 0) refuse('recovery "resend" needs keyMemory');
}
