import { describeError, NotExecuted } from '../../core/errors.ts';
import { isContentResult } from '../../core/tool/content.ts';
import type { Client, LookupContext, RunContext, Tool } from '../../core/tool/types.ts';
import type { ArgumentPlace } from '../document/schemas.ts';
import type { OperationHead } from '../document/types.ts';
import { headPolicy } from '../policy/effect.ts';
import { documentOverride, mergeOverrides } from '../policy/extensions.ts';
import { withoutStop } from '../texts.ts';
import type { Connection } from './connection.ts';
import { goneResult, settleByEtag } from './etag.ts';
import { findEffect } from './find-effect.ts';
import type { ReadyOperation } from './operations.ts';
import { runRead, runWrite } from './run.ts';

/** What a tool is made of besides its operation. */
export interface ToolParts {
  readonly name: string;
  readonly client: Client<Connection>;
  /** What the configuration says of it. */
  readonly overrideOf: (head: OperationHead) => Parameters<typeof mergeOverrides>[1];
  /** Resolves an operation, once. @throws McpOnceError `tool_invalid` */
  readonly ready: (head: OperationHead) => ReadyOperation;
  /** Finds the operation that a lookup names. */
  readonly find: (name: string) => OperationHead | undefined;
  /** Told once of an operation that turns out not to be callable. */
  readonly warn: (message: string) => void;
}

type Arguments = Readonly<Record<string, unknown>>;
type Resolved =
  | { readonly ok: true; readonly ready: ReadyOperation }
  | { readonly ok: false; readonly message: string };

/** How long an effect may take to show in a lookup, in ms. */
const lookupLagMs = 60_000;
const titleCharsMax = 200;
const descriptionCharsMax = 4_000;

/**
 * One operation as a tool. Making it costs next to nothing: what needs the operation resolved (its schemas, its
 * recovery) is resolved when somebody first asks. An operation that then turns out not to be callable is
 * a tool that refuses every call, before anything is sent, and says why.
 *
 * Methods work without `this`: the engine calls them by themselves, and configuration lays itself over a tool.
 * @throws McpOnceError `tool_invalid` for an `x-mcp-once` that is not as it has to be.
 */
export function makeTool(head: OperationHead, parts: ToolParts): Tool {
  const said = mergeOverrides(documentOverride(head), parts.overrideOf(head));
  const { effect, match, windowMs, byId } = headPolicy(head, said);
  const hasResource = byId || match === 'latest';
  const resolved = resolver(head, parts);
  const ready = (): ReadyOperation => {
    const found = resolved();
    if (found.ok) return found.ready;
    throw new NotExecuted(found.message);
  };
  const readOf = (other: OperationHead | undefined): ReadyOperation => {
    if (other) return parts.ready(other);
    throw new NotExecuted('the operation that it would be looked up by is not there');
  };
  // Of an object over the tool, whose recovery may be another; by itself it is the operation's own.
  function run(this: Tool | undefined, input: Arguments, context: RunContext<Connection>): Promise<unknown> {
    const own = ready();
    if (effect === 'read') return runRead(own, input, context);
    const readyRead = (): ReadyOperation => readOf(own.policy.etag?.read);
    return runWrite(own, input, context, { readyRead, recovery: this?.recovery ?? own.policy.recovery });
  }
  const lookup = async (input: Arguments, context: LookupContext<Connection>) => {
    const own = ready();
    const { lookup: rule, etag } = own.policy;
    if (rule) return findEffect(own, readOf(parts.find(rule.operation)), rule, input, context);
    if (etag) return settleByEtag(own, readOf(etag.read), input, context);
    return { status: 'unclear' as const, reason: 'it cannot be looked up' };
  };
  return Object.freeze({
    name: parts.name,
    title: (head.summary ?? parts.name).slice(0, titleCharsMax),
    description: describe(head),
    effect,
    match,
    windowMs,
    lookupLagMs,
    results: 'content' as const,
    get client(): Client {
      const recovery: unknown = Object.getOwnPropertyDescriptor(this, 'recovery')?.value;
      return clientFor(parts, resolved, recovery) as Client;
    },
    get input() {
      return inputOf(resolved());
    },
    get outputSchema() {
      const found = resolved();
      return found.ok ? found.ready.outputSchema : undefined;
    },
    get recovery() {
      const found = resolved();
      return found.ok ? found.ready.policy.recovery : (['refuse'] as const);
    },
    acceptsOutput: isContentResult,
    identity: (input: unknown) => identityOf(ready(), input as Arguments),
    resource: (input: unknown) => (hasResource ? resourceOf(ready(), input as Arguments) : undefined),
    gone: () => goneResult(ready()),
    lookup: lookup as NonNullable<Tool['lookup']>,
    run: run as Tool['run'],
  }) as Tool;
}

/**
 * A configuration that lays `resend` over a tool whose operation takes no key meets a client that remembers none, and
 * is refused for it: sending again would be a second effect.
 * @param laidOver the recovery of an object over the tool; undefined for the tool itself.
 */
function clientFor({ client }: ToolParts, resolved: () => Resolved, laidOver: unknown): Client<Connection> {
  if (!Array.isArray(laidOver) || !laidOver.includes('resend')) return client;
  const found = resolved();
  return found.ok && found.ready.policy.key ? client : Object.freeze({ ...client, memoryMs: 0 });
}

function resolver(head: OperationHead, parts: ToolParts): () => Resolved {
  let found: Resolved | undefined;
  return () => {
    found ??= resolve(head, parts);
    return found;
  };
}

function resolve(head: OperationHead, { ready, warn, name }: ToolParts): Resolved {
  try {
    return { ok: true, ready: ready(head) };
  } catch (error) {
    const reason = describeError(error);
    warn(`${name}: every call of it is refused: ${reason}`);
    const isTold = reason.startsWith(`${head.method} ${head.path} `);
    // The sentence goes on from here.
    return {
      ok: false,
      message: withoutStop(isTold ? reason : `${head.method} ${head.path} cannot be called: ${reason}`),
    };
  }
}

const nothing: Readonly<Record<string, unknown>> = Object.freeze({ type: 'object', properties: {} });
const inputs = new WeakMap<Resolved, Tool['input']>();

/** The same object each time: what is known of a schema is kept by it. */
function inputOf(found: Resolved): Tool['input'] {
  const known = inputs.get(found);
  if (known) return known;
  const input: Tool['input'] = found.ok
    ? { jsonSchema: found.ready.shown.input, parse: found.ready.parse }
    : { jsonSchema: nothing, parse: () => ({ ok: false, issues: [{ path: '', message: found.message }] }) };
  inputs.set(found, input);
  return input;
}

/** Only what the configuration names as the business key; undefined for all arguments. */
function identityOf({ policy, withDefaults }: ReadyOperation, input: Arguments): unknown {
  if (policy.identity === undefined) return undefined;
  const filled = withDefaults(input);
  return Object.fromEntries(policy.identity.map((name) => [name, filled[name]]));
}

/**
 * The thing that is written: the server and the path with its parameters filled in, without the method, so that
 * PUT and DELETE of one thing write one resource.
 */
function resourceOf({ operation, shown, baseUrl }: ReadyOperation, input: Arguments): string {
  const places: readonly (readonly [string, ArgumentPlace])[] = Object.entries(shown.schemas.places);
  const filled = operation.path.replace(/\{([^{}/]+)\}/g, (template, name: string) => {
    const argument = places.find(([, place]) => {
      return place.in === 'parameter' && place.parameter.in === 'path' && place.parameter.name === name;
    })?.[0];
    const value = argument === undefined ? undefined : input[argument];
    return value === undefined ? template : encodeURIComponent(textOf(value));
  });
  return `${baseUrl}${filled}`.replace(/\/+$/, '');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** For the model: what the document says, and which request it is. */
function describe({ method, path, summary, description, deprecated }: OperationHead): string {
  const texts = [summary, description === summary ? undefined : description].filter((text) => text);
  const note = deprecated ? 'Deprecated: prefer another tool where there is one.' : undefined;
  const body = [...texts, note].filter((text) => text !== undefined).join('\n\n');
  const short = body.length > descriptionCharsMax ? `${body.slice(0, descriptionCharsMax)}…` : body;
  return short === '' ? `${method} ${path}` : `${short}\n\n(${method} ${path})`;
}
