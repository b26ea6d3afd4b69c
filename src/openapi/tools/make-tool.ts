import { describeError, NotExecuted } from '../../core/errors.ts';
import { defined } from '../../core/json.ts';
import { pickPointers } from '../../core/key/pointers.ts';
import { soundsLikeMoney } from '../../core/tool/class-words.ts';
import { isContentResult } from '../../core/tool/content.ts';
import { defaultClass } from '../../core/tool/define-tool.ts';
import type { Client, ContentResult, LookupAnswer, LookupContext, RunContext, Tool } from '../../core/tool/types.ts';
import type { ListedOperation } from '../document/types.ts';
import { documentOverride, mergeOverrides } from '../policy/overrides.ts';
import { policyBasis } from '../policy/policy-basis.ts';
import type { OperationTraits } from '../policy/traits.ts';
import type { ApiConnection } from './client.ts';
import { alreadyGoneResult, lookUpByEtag } from './etag.ts';
import { usableMs } from './expiry.ts';
import { findEffect } from './find-effect.ts';
import { noteOperation } from './operation-notes.ts';
import { filledUrl, madeAndUndone, oppositeState } from './opposites.ts';
import type { ReadyOperation } from './ready-operation.ts';
import { runRead, runWrite, withoutFullStop } from './run-operation.ts';

/** The shared parts from which tools are made. */
export interface OperationToolParts {
  readonly name: string;
  readonly client: Client<ApiConnection>;
  /** Returns the configuration of an operation. */
  readonly overrideOf: (listed: ListedOperation) => Parameters<typeof mergeOverrides>[1];
  readonly traitsOf: (listed: ListedOperation) => OperationTraits;
  /** Resolves an operation once. @throws McpOnceError `tool_invalid` */
  readonly ready: (listed: ListedOperation) => ReadyOperation;
  /** Finds the operation that a lookup names. */
  readonly find: (name: string) => ListedOperation | undefined;
  /** Reports an operation that turns out not to be callable, once. */
  readonly warn: (message: string) => void;
}

type Arguments = Readonly<Record<string, unknown>>;
type Resolved =
  | { readonly ok: true; readonly ready: ReadyOperation }
  | { readonly ok: false; readonly message: string };

/** How long an effect may take to appear in a lookup, in ms. */
const lookupLagMs = 60_000;
const titleCharsMax = 200;
const descriptionCharsMax = 4_000;

/**
 * Creates the tool of one operation. This is cheap: schemas and recovery are resolved on first use. If the operation then
 * turns out not to be callable, the tool refuses every call before anything is sent, and says why.
 *
 * The methods work without `this`, because the engine calls them detached and configuration derives objects from a tool.
 * @throws McpOnceError `tool_invalid` for an invalid `x-mcp-once`
 */
export function makeOperationTool(listed: ListedOperation, parts: OperationToolParts): Tool {
  const override = mergeOverrides(documentOverride(listed), parts.overrideOf(listed));
  const basis = policyBasis(listed, override, parts.traitsOf(listed));
  const { effect, class: toolClass, windowMs, byId } = basis;
  const movesMoney = override.movesMoney ?? soundsLikeMoney(`${parts.name} ${listed.path}`, listed.summary);
  const resolved = createResolver(listed, parts);
  const ready = (): ReadyOperation => {
    const found = resolved();
    if (found.ok) return found.ready;
    throw new NotExecuted(found.message);
  };
  const opposites = { listed, basis, traits: parts.traitsOf(listed), ready, readyOf: parts.ready };
  const tool = Object.freeze({
    name: parts.name,
    title: titleOf(listed, parts.name),
    description: describe(listed),
    effect,
    class: toolClass,
    movesMoney,
    destructive: basis.isDestructive,
    windowMs,
    lookupLagMs,
    results: 'content' as const,
    get client(): Client {
      const recovery: unknown = Object.getOwnPropertyDescriptor(this, 'recovery')?.value;
      return clientFor(parts, resolved, recovery) as Client;
    },
    get input() {
      return inputOf(resolved(), parts.name);
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
    resource: (input: unknown) =>
      byId ? filledUrl(ready(), listed.path, input as Arguments) : oppositeState(opposites, input as Arguments),
    ...madeAndUndone(opposites),
    usableMs: (result: unknown, nowMs: number) => usableMs(result as ContentResult, nowMs),
    gone: () => alreadyGoneResult(ready()),
    lookup: ((input, context) =>
      lookUp(ready(), parts, input as Arguments, context as LookupContext<ApiConnection>)) as NonNullable<
      Tool['lookup']
    >,
    run: createRun(effect, ready, parts) as Tool['run'],
  }) as Tool;
  noteOperation(tool, {
    method: listed.method,
    path: listed.path,
    rule: effect === 'read' || toolClass === defaultClass(effect) ? { effect } : { effect, class: toolClass },
    why: () => {
      const found = resolved();
      return found.ok ? found.ready.policy.why : basis.why;
    },
    problem: () => {
      const found = resolved();
      return found.ok ? undefined : found.message;
    },
    ...defined({ doubt: basis.doubt }),
  });
  return tool;
}

/** `this` is an object that configuration derived from the tool, which may have another recovery. */
function createRun(effect: Tool['effect'], ready: () => ReadyOperation, parts: OperationToolParts) {
  return function run(
    this: Tool | undefined,
    input: Arguments,
    context: RunContext<ApiConnection>,
  ): Promise<ContentResult> {
    const operation = ready();
    if (effect === 'read') return runRead(operation, input, context);
    const readyRead = (): ReadyOperation => readyLookup(parts, operation.policy.etag?.read);
    const find =
      operation.policy.lookup && ((about: LookupContext<ApiConnection>) => lookUp(operation, parts, input, about));
    const recovery = this?.recovery ?? operation.policy.recovery;
    return runWrite(operation, input, context, { readyRead, recovery, find });
  };
}

async function lookUp(
  ready: ReadyOperation,
  parts: OperationToolParts,
  input: Arguments,
  context: LookupContext<ApiConnection>,
): Promise<LookupAnswer> {
  const { lookup: rule, etag } = ready.policy;
  if (rule) return findEffect(ready, readyLookup(parts, parts.find(rule.operation)), rule, input, context);
  if (etag) return lookUpByEtag(ready, readyLookup(parts, etag.read), input, context);
  return { status: 'unclear', reason: 'the operation cannot be looked up' };
}

function readyLookup(parts: OperationToolParts, listed: ListedOperation | undefined): ReadyOperation {
  if (listed) return parts.ready(listed);
  throw new NotExecuted('the operation that looks up the effect does not exist');
}

/**
 * Returns a client without `memoryMs` if the configuration sets the recovery `resend` for an operation that takes no key.
 * The engine then refuses the configuration, because sending again would be a second effect.
 * @param configured the recovery of an object that configuration derived from the tool; undefined for the tool itself
 */
function clientFor(
  { client }: OperationToolParts,
  resolved: () => Resolved,
  configured: unknown,
): Client<ApiConnection> {
  if (!Array.isArray(configured) || !configured.includes('resend')) return client;
  const found = resolved();
  return found.ok && found.ready.policy.key ? client : Object.freeze({ ...client, memoryMs: 0 });
}

function createResolver(listed: ListedOperation, parts: OperationToolParts): () => Resolved {
  let found: Resolved | undefined;
  return () => {
    found ??= resolve(listed, parts);
    return found;
  };
}

function resolve(listed: ListedOperation, { ready, warn, name }: OperationToolParts): Resolved {
  try {
    const found = ready(listed);
    for (const warning of found.operation?.warnings ?? []) warn(`${name}: ${warning}`);
    return { ok: true, ready: found };
  } catch (error) {
    const reason = describeError(error);
    warn(`${name}: every call is refused: ${reason}`);
    const namesOperation = reason.startsWith(`${listed.method} ${listed.path} `);
    return {
      ok: false,
      message: withoutFullStop(namesOperation ? reason : `${listed.method} ${listed.path} cannot be called: ${reason}`),
    };
  }
}

const emptySchema: Readonly<Record<string, unknown>> = Object.freeze({ type: 'object', properties: {} });
const inputs = new WeakMap<Resolved, Tool['input']>();

/** Returns the same object each time, because the engine caches by this object what it knows about the schema. */
function inputOf(found: Resolved, name: string): Tool['input'] {
  const known = inputs.get(found);
  if (known) return known;
  const input: Tool['input'] = found.ok
    ? {
        jsonSchema: found.ready.modelInput.schema,
        options: {
          tool: name,
          ...defined({ ignore: found.ready.policy.ignore, undeclared: found.ready.policy.undeclared }),
        },
        parse: found.ready.parse,
      }
    : { jsonSchema: emptySchema, parse: () => ({ ok: false, issues: [{ path: '', message: found.message }] }) };
  inputs.set(found, input);
  return input;
}

/** Returns the arguments that the configuration names as identity, by name or JSON pointer. Undefined means all arguments. */
function identityOf({ policy, withDefaults }: ReadyOperation, input: Arguments): unknown {
  if (policy.identity === undefined) return undefined;
  const filled = withDefaults(input);
  return Object.fromEntries(
    policy.identity.map((name) => [name, name.startsWith('/') ? pickPointers(filled, [name])[name] : filled[name]]),
  );
}

/**
 * Returns a name for people: the summary, or else the first sentence of the description, or else the request. A summary
 * that only repeats the operationId says nothing.
 */
function titleOf({ method, path, operationId = '', summary, description }: ListedOperation, name: string): string {
  const plain = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
  const known = [plain(operationId), plain(name)];
  const [sentence = ''] = (description ?? '').split(/(?<=[.!?])\s|\n/, 1);
  const texts = [summary ?? '', sentence.replace(/\.$/, '')].map((text) => text.trim());
  const title = texts.find((text) => text !== '' && !known.includes(plain(text)));
  return (title ?? `${method} ${path}`).slice(0, titleCharsMax);
}

/** Returns the description for the model: the document's texts, and the request's method and path. */
function describe({ method, path, summary, description, deprecated }: ListedOperation): string {
  const texts = [description?.startsWith(summary ?? '\0') ? undefined : summary, description].filter((text) => text);
  const note = deprecated ? 'Deprecated: prefer another tool if there is one.' : undefined;
  const body = [...texts, note].filter((text) => text !== undefined).join('\n\n');
  const short = body.length > descriptionCharsMax ? `${body.slice(0, descriptionCharsMax)}…` : body;
  return short === '' ? `${method} ${path}` : `${short}\n\n(${method} ${path})`;
}
