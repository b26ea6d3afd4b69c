import { nearestNumbers } from '../../core/exact-json.ts';
import { arrayOf, defined, isObject } from '../../core/json.ts';
import { formOf } from '../../core/key/arguments.ts';
import { wordsOf } from '../../core/key/fold-text.ts';
import { guessByName } from '../../core/tool/class-words.ts';
import { classifyNodeError } from '../../core/tool/classify.ts';
import type { Client, ParsedInput, RunContext, Tool } from '../../core/tool/types.ts';
import { fillArguments, filledArguments, sampledAsCame, schemaWithSamples, withSamples } from './filled-arguments.ts';
import { runLookup } from './lookup.ts';
import { toPointer, valueAt } from './path.ts';
import { failureOfResult, isMcpResult, toMcpResult } from './result.ts';
import type { CallTarget, GuardDecision, McpTool } from './types.ts';
import { validatorOf } from './validate.ts';

/** Arguments may hold a file. The record of the operation keeps them, in bytes. */
const argumentBytesMax = 16 * 1024 * 1024;
/** How long a server is assumed to remember an idempotency key, as Stripe and most APIs do, in ms. */
const keyMemoryMs = 24 * 3_600_000;

/** The parts of a guarded tool. */
export interface GuardedToolParts {
  readonly listed: McpTool;
  readonly decision: GuardDecision;
  readonly upstream: CallTarget;
  /** Of `proxyClient(upstream)`: one for all tools of a server. */
  readonly client: Client;
  /**
   * The tool's name in the catalog, which is part of the idempotency key.
   *
   * @defaultValue the server's own name
   */
  readonly name?: string;
  /** Called when the input schema cannot be used, or takes too long. */
  readonly warn?: (message: string) => void;
}

/** Makes the engine's client for a server: where its effects happen, and how its errors are classified. */
export function clientFor(upstream: CallTarget): Client {
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
 * Makes a tool of the engine from a server's tool. The model sees the server's schema without the filled-in arguments:
 * idempotency key and marker. Arguments are sent unchanged, and the server validates them. The key is computed from the form
 * that fits the schema, so that a repeat in another form is recognised. Results are stored and returned unchanged, without
 * validation.
 */
export function makeGuardedTool(parts: GuardedToolParts): Tool {
  const { listed, decision, upstream, client } = parts;
  const { effect, class: toolClass, movesMoney, windowMs, recovery, lookupLagMs, identity, lookup } = decision;
  const name = parts.name ?? listed.name;
  const hasResource = recovery.includes('natural') || (toolClass === 'state' && identity !== undefined);
  const resultOf = (item: unknown): unknown => foundResult(listed, item);
  const input = inputOf(parts, name);
  const tool: Tool = {
    name,
    title: listed.title ?? listed.annotations?.title ?? listed.name,
    description: listed.description ?? '',
    effect,
    input,
    ...(isObject(listed.outputSchema) ? { outputSchema: listed.outputSchema } : {}),
    results: 'content',
    acceptsOutput: isMcpResult,
    client,
    class: toolClass,
    movesMoney,
    windowMs,
    recovery,
    lookupLagMs,
    ...(identity && !hasResource ? { identity: (form) => identityOf(decision, form) } : {}),
    ...(hasResource ? { resource: (form) => [listed.name, identityOf(decision, form) ?? form] } : {}),
    ...(decision.reads ? { reads: decision.reads.test } : {}),
    ...(upstream.readers ? { readers: () => upstream.readers?.() ?? [] } : {}),
    ...(lookup && {
      lookup: (given, context) => {
        const inputs = [given, formOf(given as Record<string, unknown>, input)];
        return runLookup({ lookup, upstream, resultOf }, inputs, context);
      },
    }),
    run: (given, context) => run(parts, given as Record<string, unknown>, context),
  };
  return Object.freeze(tool);
}

async function run(
  { listed, decision, upstream }: GuardedToolParts,
  input: Record<string, unknown>,
  context: RunContext,
) {
  const { key, errorsFail } = decision;
  const sent = fillArguments(decision, input, context);
  const { signal } = context;
  const keyed = key !== undefined;
  const maySend = (): boolean => context.maySend();
  const errors = errorsFail === undefined ? 'judge' : 'keep';
  const call = {
    name: listed.name,
    arguments: sent,
    purpose: 'operation',
    keyed,
    upstreamKey: context.upstreamKey,
    errors,
    signal,
    maySend,
    readyToSend: () => context.readyToSend(),
  } as const;
  const result = toMcpResult(await upstream.send(call));
  if (errorsFail && result.isError === true) throw failureOfResult(result);
  return result;
}

/** Returns the identifying arguments by path; undefined when none exists, so that all arguments count. */
function identityOf({ identity = [] }: GuardDecision, input: unknown): Record<string, unknown> | undefined {
  const found = identity.map((path) => [toPointer(path), valueAt(input, path)] as const);
  return found.some(([, value]) => value !== undefined) ? Object.fromEntries(found) : undefined;
}

/** Makes the result of a call whose effect was found; null, which is not a result, for an item that does not fit. */
function foundResult({ outputSchema }: McpTool, item: unknown): unknown {
  const content = [{ type: 'text', text: JSON.stringify(item) }];
  if (outputSchema === undefined) return { content };
  const fits = validatorOf(outputSchema)(nearestNumbers(item)).length === 0;
  return fits ? { content, structuredContent: item } : null;
}

function inputOf({ listed, decision, warn }: GuardedToolParts, name: string): Tool['input'] {
  const filled = filledArguments(decision);
  const validate = validatorOf(listed.inputSchema, {
    invalid: (why) => {
      warn?.(`${name}: the input schema cannot be used (${why}). Only the server validates the arguments`);
    },
    gaveUp: (part) => {
      const what = part === 'pattern' ? 'a pattern of the input schema' : 'the input schema';
      warn?.(`${name}: ${what} takes too long. For 10 minutes only the server validates it`);
    },
  });
  return {
    jsonSchema: schemaWithSamples(listed.inputSchema, filled),
    options: {
      undeclared: decision.undeclared,
      tool: listed.name,
      bytesMax: argumentBytesMax,
      ...defined({ ignore: decision.ignore, clears: clearsOf(listed, decision) }),
    },
    // Validated with the samples, because a branch of the schema may require them. They replace what a model wrote.
    parse: (value): ParsedInput => {
      const made = withSamples(value as Record<string, unknown>, filled);
      if ('blocked' in made) {
        const path = made.blocked.join('.');
        return {
          ok: false,
          issues: [{ path, message: 'must be an object: mcp-once puts the idempotency key into it' }],
        };
      }
      const whole = made.value;
      const issues = validate(nearestNumbers(whole));
      // Whether it can be called is for the server to say: its schema may forbid what it takes.
      return issues.length === 0 ? { ok: true, value: whole } : { ok: false, issues, judgedLater: whole };
    },
    sent: (given) => sampledAsCame(given, filled),
  };
}

/** Verbs that can only make something new, even where the caller chooses its id. */
const makingVerbs = /^(?:create|new|add|insert|make|register|open|copy|clone|duplicate|import|upload|generate)$/;

/** Whether each call names a thing that exists: `schedule_post` requires `post_id`. */
function worksOnThing({ name, inputSchema }: McpTool): boolean {
  const words = new Set(wordsOf(name));
  return arrayOf(inputSchema.required).some((each) => {
    const [thing = '', ...more] = wordsOf(String(each));
    return more.length === 0 ? thing === 'id' : more.length === 1 && more[0] === 'id' && words.has(thing);
  });
}

/**
 * Whether an empty value may remove what was there: unless the tool only makes something. Undefined for money, where the verb
 * must say so, because a second payment is worse than a replay.
 */
function clearsOf(listed: McpTool, { class: toolClass, movesMoney }: GuardDecision): boolean | undefined {
  if (movesMoney) return undefined;
  if (toolClass !== 'create') return true;
  const { act, isUnclear, word } = guessByName(listed.name);
  if (isUnclear === true) return false;
  return act === 'state' || act === 'delete' || (!makingVerbs.test(word) && worksOnThing(listed));
}
