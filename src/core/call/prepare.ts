import { describeError, McpOnceError } from '../errors.ts';
import { prepareArguments } from '../key/arguments.ts';
import { callIdOf, conversationIdOf } from '../key/call-ids.ts';
import { fingerprintOf } from '../key/canonical-json.ts';
import { type DerivedKey, deriveKey, type LaterOccurrence, parseHostKey, type Scope } from '../key/derive-key.ts';
import { openRepeatToken } from '../key/repeat-token.ts';
import type { InputQuestion } from '../key/request-state.ts';
import type { Tool, Upstream } from '../tool/types.ts';
import { type RefusalOutcome, type RefusalReason, refusal } from './outcome.ts';
import { refusalOfInvalidReply } from './questions/input-question.ts';
import { repeatRequest } from './questions/repeat-question.ts';
import { replyTo } from './questions/reply.ts';
import { openState } from './questions/state.ts';
import type { EngineParts, GuardedCall, ToolCall } from './types.ts';

const dayMs = 86_400_000;

export type Prepared =
  | { readonly type: 'refused'; readonly outcome: RefusalOutcome }
  | { readonly type: 'unguarded'; readonly tool: Tool; readonly arguments: Record<string, unknown> }
  | { readonly type: 'guarded'; readonly guarded: GuardedCall }
  /** A person did not accept another operation, so nothing is executed. */
  | { readonly type: 'declined'; readonly guarded: GuardedCall };

/** Finds the tool, validates the arguments and derives the key, before anything else happens. */
export async function prepare(engine: EngineParts, received: ToolCall): Promise<Prepared> {
  const call = routed(engine, received);
  const tool = engine.catalog.find(call.tool);
  if (!tool) return refused(call.tool, { type: 'unknown_tool', known: engine.catalog.tools.map(({ name }) => name) });
  const input = prepareArguments(call.arguments, tool.input);
  if (!input.ok) {
    const reason = { type: 'invalid_arguments', detail: input.message } as const;
    return { type: 'refused', outcome: refusal(tool.name, reason, { issues: input.issues }) };
  }
  const given = engine.settings.hostKeys && call.hostKey !== undefined ? parseHostKey(call.hostKey) : undefined;
  if (given?.ok === false) {
    return refused(tool.name, { type: 'invalid_host_key', detail: given.message });
  }
  const hostKey = given?.hostKey;
  if (tool.effect === 'read' || (tool.match === 'off' && hostKey === undefined)) {
    // Such a tool asks no question, so the state belongs to another tool, whose reply may have been no.
    if (call.input?.state !== undefined) return invalidState(tool.name);
    return { type: 'unguarded', tool, arguments: input.arguments };
  }
  const upstream = engine.clients.upstream(tool.client);
  const scope = scopeOf(engine, call);
  const fingerprint = fingerprintOf(input.forHash, input.keepString ? { keepString: input.keepString } : {});
  const derive = (later?: LaterOccurrence): DerivedKey =>
    deriveKey({
      tool: tool.name,
      scope,
      upstream,
      match: tool.match === 'off' ? 'identical' : tool.match,
      identity: identityOf(tool, input.arguments),
      hostKey,
      callId: callIdOf(call.meta),
      conversation: conversationIdOf(call.meta),
      uniqueId: engine.randomId(),
      fingerprint,
      ...(later ? { later } : {}),
    });
  const base = derive();
  const asksBeforeRepeat =
    tool.onDuplicate === 'ask' && base.source === 'identical' && call.questionChannel !== undefined;
  const of = { engine, call, tool, upstream, base, arguments: input.arguments, derive, asksBeforeRepeat };
  if (call.input !== undefined && call.input.state !== undefined) return continued(of, call.input, input.repeatToken);
  return withToken(of, input.repeatToken);
}

/** Prepares a call that answers no question. A repeat token says which of the identical operations it means. */
async function withToken(of: Deriving, repeatToken: string | undefined): Promise<Prepared> {
  const { engine, tool, base } = of;
  if (repeatToken === undefined || base.source === 'host') return guarded(of);
  if (tool.match !== 'identical') {
    return refused(tool.name, { type: 'invalid_repeat_token', problem: 'not_supported' });
  }
  const secret = await engine.repeatSecret();
  const opened = openRepeatToken({ secret, baseKey: base.key, token: repeatToken });
  if (!opened.ok) return refused(tool.name, { type: 'invalid_repeat_token', problem: opened.reason });
  return guarded(of, opened.later);
}

/** Prepares a call that answers a question. The question says which operation the call means. */
async function continued(
  of: Deriving,
  input: NonNullable<ToolCall['input']>,
  repeatToken: string | undefined,
): Promise<Prepared> {
  const { engine, tool, base, upstream } = of;
  const call = { scope: base.scope, upstream, tool: tool.name, fingerprint: base.fingerprint };
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
  if (repeatToken !== undefined || base.source !== 'identical') return invalidState(tool.name);
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

/** Computes the identity from a copy of the arguments, so that a tool's code cannot change what is sent. */
function identityOf(tool: Tool, args: Record<string, unknown>): unknown {
  const identity = tool.match === 'latest' ? tool.resource : tool.identity;
  try {
    return identity?.(JSON.parse(JSON.stringify(args)));
  } catch (cause) {
    const part = tool.match === 'latest' ? 'resource' : 'identity';
    throw new McpOnceError('tool_invalid', `${tool.name}: its ${part}(input) failed: ${describeError(cause)}.`, {
      cause,
    });
  }
}

function scopeOf(engine: EngineParts, call: ToolCall): Scope {
  const conversation = engine.settings.conversationScope ? conversationIdOf(call.meta) : undefined;
  return Object.freeze({ ...call.scope, ...(conversation === undefined ? {} : { conversation }) });
}

/** The parts that the keys of a call are derived from. */
interface Deriving {
  readonly engine: EngineParts;
  readonly call: ToolCall;
  readonly tool: Tool;
  readonly upstream: Upstream;
  readonly base: DerivedKey;
  readonly arguments: Record<string, unknown>;
  readonly asksBeforeRepeat: boolean;
  derive(later: LaterOccurrence): DerivedKey;
}

function guarded(of: Deriving, later?: LaterOccurrence): Prepared {
  return { type: 'guarded', guarded: guardedCall(of, later) };
}

function guardedCall(of: Deriving, later?: LaterOccurrence): GuardedCall {
  const { engine, call, tool, upstream, base, asksBeforeRepeat } = of;
  const derived = later ? of.derive(later) : base;
  const memoryMs = tool.client?.memoryMs ?? 0;
  const request = Object.freeze({
    key: derived.key,
    tool: tool.name,
    scope: derived.scope,
    upstream,
    source: derived.source,
    fingerprint: derived.fingerprint,
    arguments: of.arguments,
    ...(derived.latchKey === undefined ? {} : { latchKey: derived.latchKey }),
    occurrence: later?.occurrence ?? 1,
    windowMs: windowOf(tool, derived),
    retentionMs: Math.max(engine.settings.recordRetentionMs, windowOf(tool, derived) + dayMs, memoryMs + dayMs),
    supersedes: derived.source === 'latest',
  });
  const keyAfter: GuardedCall['keyAfter'] = ({ key, generation, occurrence }) =>
    of.derive({ after: key, generation, occurrence: occurrence + 1 }).key;
  const prepared = {
    tool,
    derived,
    baseKey: base.key,
    request,
    call,
    asksBeforeRepeat: asksBeforeRepeat && !later,
    keyAfter,
  };
  return Object.freeze(prepared);
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
