import { McpOnceError } from '../errors.ts';
import { defined } from '../json.ts';
import { prepareArguments, type ValidArguments } from '../key/arguments.ts';
import { callIdOf, conversationIdOf } from '../key/call-ids.ts';
import { fingerprintOf } from '../key/canonical-json.ts';
import {
  callIdKeyOf,
  type DerivedKey,
  type DeriveKeyInput,
  deriveKey,
  familyKeyOf,
  keyOf,
  type LaterOccurrence,
  parseHostKey,
  type Scope,
} from '../key/derive-key.ts';
import { foldIdentity } from '../key/fold-identity.ts';
import { openRepeatToken } from '../key/repeat-token.ts';
import type { InputQuestion } from '../key/request-state.ts';
import { freeTextPlanOf, splitFreeText } from '../recognition/free-text.ts';
import { takeOccurrence } from '../recognition/occurrence.ts';
import { sketchOf, type TextSketch } from '../recognition/text-similarity.ts';
import type { Tool } from '../tool/types.ts';
import { canonicalFormOf } from './canonical.ts';
import { describeForCaller } from './faults.ts';
import { type RefusalOutcome, type RefusalReason, refusal } from './outcome.ts';
import { refusalOfInvalidReply } from './questions/input-question.ts';
import { repeatRequest } from './questions/repeat-question.ts';
import { replyTo } from './questions/reply.ts';
import { openState } from './questions/state.ts';
import type { EarlierKey, EngineParts, GuardedCall, ToolCall } from './types.ts';

const dayMs = 86_400_000;

export type Prepared =
  | { readonly type: 'refused'; readonly outcome: RefusalOutcome }
  | {
      readonly type: 'unguarded';
      readonly tool: Tool;
      readonly arguments: Record<string, unknown>;
      readonly dropped?: readonly string[] | undefined;
    }
  | { readonly type: 'guarded'; readonly guarded: GuardedCall }
  /** A person did not accept another operation, so nothing is executed. */
  | { readonly type: 'declined'; readonly guarded: GuardedCall };

/** Finds the tool, validates the arguments and derives the key, before anything else happens. */
export async function prepare(engine: EngineParts, received: ToolCall): Promise<Prepared> {
  const call = routed(engine, received);
  const tool = engine.catalog.find(call.tool);
  if (!tool) return refused(call.tool, { type: 'unknown_tool', known: engine.catalog.tools.map(({ name }) => name) });
  const taken = takeOccurrence(tool, call.arguments);
  if (!taken.ok) return refused(tool.name, { type: 'invalid_arguments', detail: taken.message });
  const valid = prepareArguments(taken.arguments, tool.input);
  if (!valid.ok) {
    const reason = { type: 'invalid_arguments', detail: valid.message } as const;
    return { type: 'refused', outcome: refusal(tool.name, reason, { issues: valid.issues }) };
  }
  const given = engine.settings.hostKeys && call.hostKey !== undefined ? parseHostKey(call.hostKey) : undefined;
  if (given?.ok === false) {
    return refused(tool.name, { type: 'invalid_host_key', detail: given.message });
  }
  const hostKey = given?.hostKey;
  if (tool.effect === 'read' || (tool.class === 'off' && hostKey === undefined)) {
    // Such a tool asks no question, so the state belongs to another tool, whose reply may have been no.
    if (call.input?.state !== undefined) return invalidState(tool.name);
    return { type: 'unguarded', tool, arguments: valid.arguments, dropped: valid.dropped };
  }
  const upstream = engine.clients.upstream(tool.client);
  const scope = scopeOf(engine, call);
  const canonical = tool.canonical
    ? await canonicalFormOf(engine, tool, call, scope, valid)
    : { form: valid.form, input: valid };
  if ('refused' in canonical) return { type: 'refused', outcome: canonical.refused };
  const { input } = canonical;
  const declared = declaredIdentityOf(tool, canonical.form);
  const identity = foldedIdentity(declared);
  const parts: DeriveKeyInput = {
    tool: tool.name,
    scope,
    upstream,
    fingerprint: fingerprintOf(input.forHash, input),
    identity: identity.identity,
    resource: identity.resource,
    occurrence: taken.occurrence,
    hostKey,
  };
  const base = deriveKey(parts);
  const of: Deriving = {
    engine,
    call,
    tool,
    input,
    parts,
    base,
    declared,
    wording: hostKey === undefined ? wordingOf(tool, identity, input, taken.occurrence) : undefined,
    isNumbered: taken.isNumbered,
    asksBeforeRepeat:
      tool.onDuplicate === 'ask' &&
      tool.class === 'create' &&
      base.source === 'identical' &&
      call.questionChannel !== undefined,
  };
  if (call.input !== undefined && call.input.state !== undefined) return continued(of, call.input, input.repeatToken);
  return withToken(of, input.repeatToken);
}

/** Prepares a call that answers no question. A repeat token says which of the identical operations it means. */
async function withToken(of: Deriving, repeatToken: string | undefined): Promise<Prepared> {
  const { engine, tool, base } = of;
  if (repeatToken === undefined || base.source === 'host') return guarded(of);
  const secret = await engine.repeatSecret();
  const opened = openRepeatToken({ secret, baseKey: tokenKeyOf(of), token: repeatToken });
  if (!opened.ok) return refused(tool.name, { type: 'invalid_repeat_token', problem: opened.reason });
  const { kind, later } = opened;
  if (kind === 'repeat' && tool.class !== 'state') {
    const follows = Object.freeze({ key: later.after, generation: later.generation });
    return { type: 'guarded', guarded: Object.freeze({ ...guardedCall(of, later), follows }) };
  }
  // The operation itself runs once more, as its next generation.
  const first = guardedCall(of);
  const request = Object.freeze({ ...first.request, key: later.after, occurrence: later.occurrence - 1 });
  const again = Object.freeze({ generation: later.generation, kind });
  return { type: 'guarded', guarded: Object.freeze({ ...first, request, again, family: meant(first.family) }) };
}

/** Prepares a call that answers a question. The question says which operation the call means. */
async function continued(
  of: Deriving,
  input: NonNullable<ToolCall['input']>,
  repeatToken: string | undefined,
): Promise<Prepared> {
  const { engine, tool, base, parts } = of;
  const call = { scope: base.scope, upstream: parts.upstream, tool: tool.name, fingerprint: base.fingerprint };
  const opened = await openState(engine, input.state, call);
  if (!opened.ok) return invalidState(tool.name);
  const { question, expired } = opened;
  // A host's key says which operation is meant, so a state for another operation is not valid for this call.
  if (base.source === 'host' && base.key !== question.key) return invalidState(tool.name);
  if (question.kind === 'input') {
    const { responses } = input;
    return expired ? withToken(of, repeatToken) : { type: 'guarded', guarded: answeringCall(of, question, responses) };
  }
  // Only a tool that recognises repeats by arguments asks this. Another tool would execute once more for each acceptance.
  const recognises = tool.class === 'create' && base.source === 'identical';
  if (repeatToken !== undefined || !recognises) return invalidState(tool.name);
  const reply = replyTo(input.responses, repeatRequest);
  if (reply === 'missing') return guarded(of);
  if (reply === 'invalid') return { type: 'refused', outcome: refusalOfInvalidReply(tool.name, [repeatRequest]) };
  if (reply.action !== 'accept') return { type: 'declined', guarded: guardedCall(of) };
  // An expired acceptance does not count: the question is put again.
  if (expired) return guarded(of);
  return guarded(of, { after: question.key, generation: question.generation, occurrence: question.occurrence + 1 });
}

/** Returns the call that a routing tool (such as `call_operation`) stands for. */
function routed(engine: EngineParts, call: ToolCall): ToolCall {
  const target = engine.catalog.find(call.tool)?.route?.(call.arguments);
  return target === undefined ? call : { ...call, tool: target.tool, arguments: target.arguments };
}

/** The identity that a tool declares: the resource of a `state` tool, or its business key. */
type DeclaredIdentity = Pick<DeriveKeyInput, 'identity' | 'resource'>;

function declaredIdentityOf(tool: Tool, args: Record<string, unknown>): DeclaredIdentity {
  if (tool.class === 'state') {
    const resource = declaredPart(tool, 'resource', args);
    if (resource !== undefined) return { resource };
  }
  const identity = declaredPart(tool, 'identity', args);
  return identity === undefined ? {} : { identity };
}

/** Folds an identity as arguments are folded. */
function foldedIdentity(declared: DeclaredIdentity): DeclaredIdentity {
  const { identity, resource } = declared;
  if (resource !== undefined) return { resource: foldIdentity(resource) };
  return identity === undefined ? declared : { identity: foldIdentity(identity) };
}

/** Calls the tool with a copy of the arguments, so that a tool's code cannot change what is sent. */
function declaredPart(tool: Tool, part: 'identity' | 'resource', args: Record<string, unknown>): unknown {
  if (tool[part] === undefined) return undefined;
  try {
    return tool[part](JSON.parse(JSON.stringify(args)));
  } catch (cause) {
    throw new McpOnceError('tool_invalid', `${tool.name}: its ${part}(input) failed: ${describeForCaller(cause)}`, {
      cause,
    });
  }
}

/** A call's free text, and the rest of its arguments. Computed at the first use, since a replay needs little of it. */
interface Wording {
  /** Returns the SHA-256 of the skeleton. Calls with different numbers are never reworded repeats of each other. */
  family(): string;
  sketch(): TextSketch;
}

/** Returns undefined where words cannot matter: another identity decides, or the latest write counts. */
function wordingOf(
  tool: Tool,
  { identity }: DeclaredIdentity,
  input: ValidArguments,
  occurrence: number,
): Wording | undefined {
  if (identity !== undefined || tool.class === 'state' || tool.class === 'off') return undefined;
  const plan = freeTextPlanOf(tool.input.jsonSchema);
  if (plan === undefined) return undefined;
  const split = lazy(() => splitFreeText(input.forHash, plan));
  return {
    family: lazy(() => {
      const skeleton = fingerprintOf(split().skeleton, input);
      return occurrence === 1 ? skeleton : `${skeleton}/${occurrence}`;
    }),
    sketch: lazy(() => sketchOf(split().texts)),
  };
}

function scopeOf(engine: EngineParts, call: ToolCall): Scope {
  const conversation = engine.settings.conversationScope ? conversationIdOf(call.meta) : undefined;
  return conversation === undefined ? call.scope : Object.freeze({ ...call.scope, conversation });
}

/** The parts that the keys of a call are derived from. */
interface Deriving {
  readonly engine: EngineParts;
  readonly call: ToolCall;
  readonly tool: Tool;
  readonly input: ValidArguments;
  readonly parts: DeriveKeyInput;
  readonly base: DerivedKey;
  /** The identity as the tool declares it, before it is folded. */
  readonly declared: DeclaredIdentity;
  readonly wording: Wording | undefined;
  /** Whether the caller gave the number of its occurrence. */
  readonly isNumbered: boolean;
  readonly asksBeforeRepeat: boolean;
}

/** One token leads each value that may name a thing to an operation of its own, and a retry to that operation. */
function derivedAs({ parts, wording, input }: Deriving, later: LaterOccurrence): DerivedKey {
  return deriveKey({ ...parts, family: wording?.family(), later: { ...later, among: input.leftOutThings } });
}

function guarded(of: Deriving, later?: LaterOccurrence): Prepared {
  return { type: 'guarded', guarded: guardedCall(of, later) };
}

function guardedCall(of: Deriving, later?: LaterOccurrence): GuardedCall {
  const { engine, call, tool, parts, base, asksBeforeRepeat } = of;
  const derived = later ? derivedAs(of, later) : base;
  const memoryMs = tool.client?.memoryMs ?? 0;
  const windowMs = windowOf(tool, derived);
  const request = Object.freeze({
    key: derived.key,
    tool: tool.name,
    scope: derived.scope,
    upstream: parts.upstream,
    source: derived.source,
    fingerprint: derived.fingerprint,
    arguments: of.input.arguments,
    ...(tool.canonical ? { form: of.input.forHash as Record<string, unknown> } : {}),
    occurrence: later?.occurrence ?? parts.occurrence ?? 1,
    windowMs,
    ...defined({ pending: probableStep(engine, tool) }),
    retentionMs: Math.max(engine.settings.recordRetentionMs, windowMs + dayMs, memoryMs + dayMs),
    supersedes: tool.class === 'state' && derived.source !== 'host',
  });
  const prepared: GuardedCall = {
    tool,
    derived,
    baseKey: lazy(() => tokenKeyOf(of)),
    memory: call.session?.of(conversationIdOf(call.meta)),
    family: later ? meant(familyOf(of)) : familyOf(of),
    // The earlier version may have kept the first operation, and the token means another one.
    earlierKeys: later === undefined && mayHaveEarlierKeys(of) ? () => earlierKeysOf(of) : undefined,
    // A token names one occurrence, as a number does.
    isNumbered: of.isNumbered || later !== undefined,
    ownKey: base.key,
    request,
    call,
    dropped: of.input.dropped,
    leftOut: of.input.leftOut,
    asksBeforeRepeat: asksBeforeRepeat && !later,
    keyAfter: ({ key, generation, occurrence }) =>
      derivedAs(of, { after: key, generation, occurrence: occurrence + 1 }).key,
  };
  return Object.freeze(prepared);
}

function probableStep({ firstSteps }: EngineParts, { name }: Tool): string[] | undefined {
  const first = firstSteps.get(name);
  return first === undefined ? undefined : [first];
}

/** Returns the key that the repeat tokens of a call belong to: reworded calls share it. */
function tokenKeyOf({ tool, parts, base, wording }: Deriving): string {
  if (wording === undefined) return base.key;
  const identity = ['family', wording.family()];
  return keyOf({ scope: base.scope, upstream: parts.upstream, tool: tool.name, identity });
}

function familyOf({ tool, parts, base, wording }: Deriving): GuardedCall['family'] {
  if (wording === undefined) return undefined;
  const { family, sketch } = wording;
  const key = () => familyKeyOf({ tool: tool.name, scope: base.scope, upstream: parts.upstream, family: family() });
  return { key: lazy(key), sketch, isMeant: false };
}

function meant(family: GuardedCall['family']): GuardedCall['family'] {
  return family && { ...family, isMeant: true };
}

function mayHaveEarlierKeys({ tool, call, parts, declared, base, input }: Deriving): boolean {
  if (tool.earlierUpstream !== undefined) return true;
  if (base.source === 'host') return false;
  if (input.unfolded !== undefined || !isAsDeclared(parts, declared)) return true;
  return base.source === 'identical' && tool.class !== 'create' && callIdOf(call.meta) !== undefined;
}

/** Whether folding changes nothing in the declared identity. */
function isAsDeclared(parts: DeriveKeyInput, { identity, resource }: DeclaredIdentity): boolean {
  return parts.identity === identity && parts.resource === resource;
}

/** Returns the keys that earlier versions gave to this call. */
function earlierKeysOf(of: Deriving): readonly EarlierKey[] {
  const { parts, tool } = of;
  const { earlierUpstream: upstream } = tool;
  if (upstream === undefined) return keysWithoutFolding(of);
  const before = { ...parts, upstream };
  return [deriveKey(before), ...keysWithoutFolding({ ...of, parts: before })];
}

function keysWithoutFolding({ tool, call, parts, declared, base, input }: Deriving): readonly EarlierKey[] {
  if (base.source === 'host') return [];
  const unfolded = input.unfolded?.();
  const fingerprint = unfolded === undefined ? parts.fingerprint : fingerprintOf(unfolded, input);
  const before = { ...parts, ...declared, fingerprint, occurrence: undefined };
  const byArguments = unfolded === undefined && isAsDeclared(parts, declared) ? [] : [deriveKey(before)];
  const callId = callIdOf(call.meta);
  if (base.source === 'latest' || tool.class === 'create' || callId === undefined) return byArguments;
  const conversation = conversationIdOf(call.meta);
  return [...byArguments, { key: callIdKeyOf({ ...before, callId, conversation }), fingerprint }];
}

/** Returns a function that computes its value at its first call. */
function lazy<T extends string | object>(compute: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= compute();
    return value;
  };
}

/** Takes the key of the operation that asked. The call's own key may differ: for some tools it is new each time. */
function answeringCall(of: Deriving, question: InputQuestion, responses: unknown): GuardedCall {
  const guarded = guardedCall({ ...of, asksBeforeRepeat: false });
  const request = Object.freeze({ ...guarded.request, key: question.key });
  return Object.freeze({ ...guarded, request, answers: Object.freeze({ question, responses }) });
}

/** A host's key means one operation for at least a day, even when the tool's window is shorter. */
function windowOf(tool: Tool, derived: DerivedKey): number {
  return derived.source === 'host' ? Math.max(tool.windowMs, dayMs) : tool.windowMs;
}

function refused(tool: string, reason: RefusalReason): Prepared {
  return { type: 'refused', outcome: refusal(tool, reason) };
}

function invalidState(tool: string): Prepared {
  return { type: 'refused', outcome: refusal(tool, { type: 'invalid_request_state' }, { fault: 'input' }) };
}
