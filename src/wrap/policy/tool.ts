import { classifyNodeError } from '../../core/tool/classify.ts';
import type { Client, ParsedInput, RunContext, Tool } from '../../core/tool/types.ts';
import { filled, filledIn, keptSchema } from './filled-arguments.ts';
import { lookUp } from './lookup.ts';
import { pointerOf, valueAt } from './path.ts';
import { isProxyResult, proxyResult, refusalOf } from './result.ts';
import type { GuardDecision, ListedTool, ProxyUpstream } from './types.ts';
import { validatorOf } from './validate.ts';

/** How long a server is taken to remember an idempotency key, in ms: as Stripe and most APIs do. */
const keyMemoryMs = 24 * 3_600_000;
/** What a proxied tool is made of. */
export interface ProxyToolParts {
  readonly listed: ListedTool;
  readonly decision: GuardDecision;
  readonly upstream: ProxyUpstream;
  /** Of `proxyClient(upstream)`: one for all tools of a server. */
  readonly client: Client;
  /** The tool's name in the catalog, if not the server's own. It is part of the key. */
  readonly name?: string;
  /** Told once, when the tool is first called, that its arguments cannot be judged here. */
  readonly warn?: (message: string) => void;
}

/** The client that stands for a server: where its effects happen, and what its errors say of them. */
export function proxyClient(upstream: ProxyUpstream): Client {
  return Object.freeze({
    name: upstream.name,
    variables: Object.freeze([]),
    memoryMs: keyMemoryMs,
    classify: (error: unknown) => upstream.classify?.(error) ?? classifyNodeError(error),
    configure: () => ({
      upstream: upstream.upstream,
      open: async () => upstream.ready?.(),
      close: async () => undefined,
    }),
  });
}

/**
 * Makes of a server's tool one of the engine. The model sees the server's own schema without what is filled in
 * here: the idempotency key, the marker. Arguments are judged by that schema and sent as they are; a result is
 * never judged, but kept and shown as it came.
 */
export function makeProxyTool(parts: ProxyToolParts): Tool {
  const { listed, decision, upstream, client } = parts;
  const { effect, match, windowMs, recovery, lookupLagMs, identity, lookup } = decision;
  const name = parts.name ?? listed.name;
  const needsResource = match === 'latest' || recovery.includes('natural');
  const resultOf = (item: unknown): unknown => foundResult(listed, item);
  const tool: Tool = {
    name,
    title: listed.title ?? listed.annotations?.title ?? listed.name,
    description: listed.description ?? '',
    effect,
    input: inputOf(parts, name),
    ...(listed.outputSchema ? { outputSchema: listed.outputSchema } : {}),
    results: 'content',
    acceptsOutput: isProxyResult,
    client,
    match,
    windowMs,
    recovery,
    lookupLagMs,
    ...(identity && match === 'identical' ? { identity: (input) => identityOf(decision, input) } : {}),
    ...(needsResource ? { resource: (input) => [listed.name, identityOf(decision, input) ?? input] } : {}),
    ...(lookup ? { lookup: (input, context) => lookUp({ lookup, upstream, resultOf }, input, context) } : {}),
    run: (input, context) => run(parts, input as Record<string, unknown>, context),
  };
  return Object.freeze(tool);
}

async function run(
  { listed, decision, upstream }: ProxyToolParts,
  input: Record<string, unknown>,
  context: RunContext,
) {
  const { key, errorsFail } = decision;
  const sent = filled(decision, input, context);
  const { signal } = context;
  const keyed = key !== undefined;
  const maySend = (): boolean => context.maySend();
  const call = { name: listed.name, arguments: sent, purpose: 'operation', keyed, signal, maySend } as const;
  const result = proxyResult(await upstream.send(call));
  if (errorsFail && result.isError === true) throw refusalOf(result);
  return result;
}

/** By place; undefined, which means all arguments, where none of the places is there. */
function identityOf({ identity = [] }: GuardDecision, input: unknown): Record<string, unknown> | undefined {
  const found = identity.map((path) => [pointerOf(path), valueAt(input, path)] as const);
  return found.some(([, value]) => value !== undefined) ? Object.fromEntries(found) : undefined;
}

/** What stands for the answer of a call whose effect was found; null, which is no result, where nothing fits. */
function foundResult({ outputSchema }: ListedTool, item: unknown): unknown {
  const content = [{ type: 'text', text: JSON.stringify(item) }];
  if (outputSchema === undefined) return { content };
  const fits = validatorOf(outputSchema, () => undefined)(item).length === 0;
  return fits ? { content, structuredContent: item } : null;
}

function inputOf({ listed, decision, warn }: ProxyToolParts, name: string): Tool['input'] {
  const sample = filledIn(decision);
  const validate = validatorOf(listed.inputSchema, (why) => {
    warn?.(`${name}: its input schema cannot be used (${why}): its arguments are judged by its server alone`);
  });
  return {
    jsonSchema: keptSchema(listed.inputSchema, sample),
    // With what will be filled in, so that the server's own schema judges: a branch of it may need the field. What
    // a model writes there is not taken.
    parse: (value): ParsedInput => {
      const whole = { ...(value as Record<string, unknown>), ...sample };
      const issues = validate(whole);
      return issues.length === 0 ? { ok: true, value: whole } : { ok: false, issues };
    },
  };
}
