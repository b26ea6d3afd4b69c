import { McpOnceError, NotExecuted } from '../core/errors.ts';
import { defaultWindowMs, recoveryList } from '../core/tool/define-tool.ts';
import { matchesGlob } from '../core/tool/glob.ts';
import type { Classification, Client, Effect, Match, ParsedInput, Tool, Upstream } from '../core/tool/types.ts';
import { checkPolicy } from './options.ts';
import type { GuardedTool, GuardPolicies, GuardPolicy, ToolHints } from './types.ts';

/** How long an effect may take to show in a lookup where nothing else is said, in ms. */
const lookupLagMs = 60_000;

/** What a tool is made of, besides its policy. */
export interface ToolParts {
  readonly name: string;
  readonly annotations?: ToolHints | undefined;
  readonly inputSchema?: Readonly<Record<string, unknown>> | undefined;
  readonly policies: readonly GuardPolicy[];
  readonly upstream: Upstream;
  /** `content`: an MCP result, whole. */
  readonly results: 'value' | 'content';
  parse?(value: unknown): ParsedInput;
}

/** The policies that apply to a tool, the ones that win last. */
export function policiesFor(name: string, ...lists: readonly (GuardPolicies | undefined)[]): GuardPolicy[] {
  return lists.flatMap((policies) =>
    Object.entries(policies ?? {})
      .filter(([pattern]) => matchesGlob(pattern, name))
      .map(([, policy]) => policy),
  );
}

/** Splits what a caller says of a tool into its parts and its policy. */
export function describedTool(tool: string | GuardedTool): Pick<ToolParts, 'name' | 'annotations' | 'inputSchema'> & {
  readonly policy: GuardPolicy;
} {
  if (typeof tool === 'string') return { name: tool, policy: {} };
  if (typeof tool?.name !== 'string') {
    const message =
      'the call names no tool: pass { tool: "name" } or { tool: { name: "name", ... } }. Nothing was executed.';
    throw new McpOnceError('configuration_invalid', message);
  }
  const { name, annotations, inputSchema, ...policy } = tool;
  return { name, annotations, inputSchema, policy };
}

/** What runs for one call; a tool without it cannot be run. */
export type GuardTool = Omit<Tool, 'run'>;

/**
 * A tool for the engine, with everything but the code that runs.
 * @throws McpOnceError `configuration_invalid` for a policy that contradicts itself.
 */
export function guardTool(parts: ToolParts): GuardTool {
  const { name, annotations = {}, upstream, results } = parts;
  const said = Object.assign({}, ...parts.policies) as GuardPolicy;
  const checked = checkPolicy(name, said);
  const effect = checked.effect ?? effectOf(annotations);
  const match = checked.match ?? matchOf(effect, said.resource !== undefined);
  const isNatural = annotations.idempotentHint === true && checked.effect === undefined && effect === 'update';
  const recovery = recoveryList(checked.recovery ?? (isNatural ? 'natural' : undefined));
  const memoryMs = checked.keyMemory ?? 0;
  const tool: GuardTool = {
    name,
    title: name,
    description: '',
    effect,
    input: { jsonSchema: parts.inputSchema ?? anySchema, parse: ownedBy(parts.parse ?? acceptAny) },
    results,
    acceptsOutput: () => true,
    client: clientOf(upstream, memoryMs, said),
    match,
    windowMs: checked.window ?? defaultWindowMs(match),
    recovery,
    lookupLagMs: checked.lookupLag ?? lookupLagMs,
    ...functionsOf(said, results),
  };
  checkParts(tool, { isNatural, memoryMs });
  return Object.freeze(tool);
}

const anySchema = Object.freeze({ type: 'object' });

function acceptAny(value: unknown): ParsedInput {
  return { ok: true, value: value as Record<string, unknown> };
}

/** A copy: what is executed and kept is what was hashed, whatever becomes of the caller's own object meanwhile. */
function ownedBy(parse: NonNullable<ToolParts['parse']>): NonNullable<ToolParts['parse']> {
  return (value) => {
    const parsed = parse(value);
    return parsed.ok ? { ok: true, value: structuredClone(parsed.value) } : parsed;
  };
}

function effectOf({ readOnlyHint, idempotentHint }: ToolHints): Effect {
  if (readOnlyHint === true) return 'read';
  return idempotentHint === true ? 'update' : 'create';
}

function matchOf(effect: Effect, hasResource: boolean): Match {
  if (effect === 'read') return 'off';
  if (effect === 'create') return 'identical';
  return hasResource ? 'latest' : 'same-call';
}

type Functions = Pick<Tool, 'identity' | 'resource' | 'lookup' | 'gone'>;

function functionsOf(said: GuardPolicy, results: 'value' | 'content'): Functions {
  const { identity, resource, lookup, gone } = said;
  const input = (value: unknown) => value as Record<string, unknown>;
  const result = (value: unknown): unknown => (results === 'content' ? contentOf(value) : value);
  return {
    ...(identity ? { identity: (value: unknown) => identity(input(value)) } : {}),
    ...(resource ? { resource: (value: unknown) => resource(input(value)) } : {}),
    ...(gone ? { gone: (value: unknown) => result(gone(input(value))) } : {}),
    ...(lookup
      ? {
          lookup: async (value: unknown, { marker, sinceMs, steps, signal }) => {
            const found = await lookup(input(value), { marker, sinceMs, steps, signal });
            return found.status === 'found' ? { ...found, result: result(found.result) } : found;
          },
        }
      : {}),
  } satisfies Functions;
}

/** A result as MCP has it: content as it is, a text as text, anything else as JSON. */
export function contentOf(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && 'content' in value && Array.isArray(value.content)) {
    return value as Record<string, unknown>;
  }
  if (typeof value === 'object' && value !== null && 'structuredContent' in value) return { ...value, content: [] };
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null');
  return { content: [{ type: 'text', text }] };
}

/** The upstream, as the engine asks for it: the handler has its own client, so there is nothing to open. */
function clientOf(upstream: Upstream, memoryMs: number, { classify }: GuardPolicy): Client {
  return {
    name: upstream.account,
    variables: [],
    configure: () => ({ upstream, open: async () => undefined, close: async () => {} }),
    memoryMs,
    classify: (error): Classification => {
      if (error instanceof NotExecuted) return 'not_executed';
      // Of a handler's requests nobody knows which one an error speaks of.
      return classify?.(error) ?? 'unknown';
    },
  };
}

function checkParts(tool: GuardTool, { isNatural, memoryMs }: { isNatural: boolean; memoryMs: number }): void {
  const refuse = (why: string): never => {
    throw new McpOnceError('configuration_invalid', `Tool ${JSON.stringify(tool.name)}: ${why}. Nothing was executed.`);
  };
  const { recovery, match, effect } = tool;
  if (match === 'latest' && !tool.resource) refuse('match "latest" needs resource(input)');
  if (recovery.includes('reconcile') && !tool.lookup) refuse('recovery "reconcile" needs lookup(input, context)');
  if (recovery.includes('natural') && !tool.resource && !isNatural) {
    refuse('recovery "natural" needs resource(input), or a tool with idempotentHint');
  }
  if (recovery.includes('natural') && effect === 'delete' && !tool.gone)
    refuse('recovery "natural" of a delete needs gone(input)');
  if (recovery.includes('resend') && memoryMs === 0) refuse('recovery "resend" needs keyMemory');
}
