import { describeError, McpOnceError } from '../errors.ts';
import { prepareArguments } from '../key/arguments.ts';
import { callIdOf, conversationIdOf } from '../key/call-ids.ts';
import { fingerprintOf } from '../key/canonical-json.ts';
import { type DerivedKey, deriveKey, type LaterOccurrence, parseHostKey, type Scope } from '../key/derive-key.ts';
import { openRepeatToken } from '../key/repeat-token.ts';
import type { InputQuestion } from '../key/request-state.ts';
import { suggestion } from '../suggest.ts';
import type { Tool, Upstream } from '../tool/types.ts';
import { refusal } from './answers.ts';
import { againRequest, openState, replyTo } from './questions.ts';
import type { Engine, GuardedCall, RefusalOutcome, ToolCall } from './types.ts';

const dayMs = 86_400_000;

export type Prepared =
  | { readonly type: 'refused'; readonly answer: RefusalOutcome }
  | { readonly type: 'unguarded'; readonly tool: Tool; readonly arguments: Record<string, unknown> }
  | { readonly type: 'guarded'; readonly guarded: GuardedCall }
  /** Nothing is to be executed: a person has said no. */
  | { readonly type: 'declined'; readonly guarded: GuardedCall };

/** Finds the tool, validates the arguments and derives the key: once, before anything else happens. */
export async function prepare(engine: Engine, asked: ToolCall): Promise<Prepared> {
  const call = routed(engine, asked);
  const tool = engine.catalog.find(call.tool);
  if (!tool) return refused('unknown_tool', unknownTool(engine, call.tool));
  const input = prepareArguments(call.arguments, tool.input);
  if (!input.ok) {
    const message = `${tool.name}: ${input.message}. Nothing was executed: correct the arguments and call again.`;
    return { type: 'refused', answer: { ...refusal('invalid_input', message), issues: input.issues } };
  }
  const given = engine.settings.hostKeys && call.hostKey !== undefined ? parseHostKey(call.hostKey) : undefined;
  if (given?.ok === false) {
    const message = `${tool.name}: ${given.message}. Nothing was executed: send 1 to 255 characters, or no key.`;
    return refused('invalid_input', message);
  }
  const hostKey = given?.hostKey;
  if (tool.effect === 'read' || (tool.match === 'off' && hostKey === undefined)) {
    // It asks nothing that waits: it was another tool that asked, and the answer may have been no.
    if (call.input?.state !== undefined) return badState(tool.name);
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
  const asksAgain = tool.onDuplicate === 'ask' && base.source === 'identical' && call.questionChannel !== undefined;
  const of = { engine, call, tool, upstream, base, arguments: input.arguments, derive, asksAgain };
  if (call.input !== undefined && call.input.state !== undefined) return continued(of, call.input, input.repeatToken);
  return withToken(of, input.repeatToken);
}

/** A call that answers no question. A repeat token says which of the identical operations it means. */
async function withToken(of: Deriving, repeatToken: string | undefined): Promise<Prepared> {
  const { engine, tool, base } = of;
  if (repeatToken === undefined || base.source === 'host') return guarded(of);
  if (tool.match !== 'identical') {
    const message = `${tool.name} takes no repeat_token. Nothing was executed: leave it out, and call again.`;
    return refused('invalid_repeat_token', message);
  }
  const secret = await engine.repeatSecret();
  const opened = openRepeatToken({ secret, baseKey: base.key, token: repeatToken });
  if (!opened.ok) return refused('invalid_repeat_token', badToken(tool.name, opened.reason));
  return guarded(of, opened.later);
}

/** A call that answers a question: which operation it means is for the answer to say. */
async function continued(
  of: Deriving,
  input: NonNullable<ToolCall['input']>,
  repeatToken: string | undefined,
): Promise<Prepared> {
  const { engine, tool, base, upstream } = of;
  const call = { scope: base.scope, upstream, tool: tool.name, fingerprint: base.fingerprint };
  const opened = await openState(engine, input.state, call);
  if (!opened.ok) return badState(tool.name);
  const { question: asked, expired } = opened;
  // A host's key says which operation is meant, and a state that says another is no state of this call.
  if (base.source === 'host' && base.key !== asked.key) return badState(tool.name);
  if (asked.kind === 'input') {
    const { responses } = input;
    return expired ? withToken(of, repeatToken) : { type: 'guarded', guarded: answeringCall(of, asked, responses) };
  }
  // Only what is known by its arguments asks this; a tool that is not, by now, would execute once more with each yes.
  if (repeatToken !== undefined || base.source !== 'identical') return badState(tool.name);
  const reply = replyTo(input.responses, againRequest);
  if (reply === 'missing') return guarded(of);
  if (reply === 'invalid') {
    const message = `${tool.name}: the response to ${againRequest} is none. Nothing was executed: send an action (accept, decline or cancel).`;
    return badInput('invalid_input', message);
  }
  if (reply.action !== 'accept') return { type: 'declined', guarded: guardedCall(of) };
  // As if nobody had been asked yet: what is still to be asked is then asked anew.
  if (expired) return guarded(of);
  return guarded(of, { after: asked.key, generation: asked.generation, occurrence: asked.occurrence + 1 });
}

/** The call that is meant, where the tool only stands for others: from here on it is that one's own. */
function routed(engine: Engine, call: ToolCall): ToolCall {
  const target = engine.catalog.find(call.tool)?.route?.(call.arguments);
  return target === undefined ? call : { ...call, tool: target.tool, arguments: target.arguments };
}

/** A tool's own code gets a copy: what it sorts or changes must not be what is sent. */
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

function scopeOf(engine: Engine, call: ToolCall): Scope {
  const conversation = engine.settings.conversationScope ? conversationIdOf(call.meta) : undefined;
  return Object.freeze({ ...call.scope, ...(conversation === undefined ? {} : { conversation }) });
}

/** What the keys of a call are derived from. */
interface Deriving {
  readonly engine: Engine;
  readonly call: ToolCall;
  readonly tool: Tool;
  readonly upstream: Upstream;
  readonly base: DerivedKey;
  readonly arguments: Record<string, unknown>;
  readonly asksAgain: boolean;
  derive(later: LaterOccurrence): DerivedKey;
}

function guarded(of: Deriving, later?: LaterOccurrence): Prepared {
  return { type: 'guarded', guarded: guardedCall(of, later) };
}

function guardedCall(of: Deriving, later?: LaterOccurrence): GuardedCall {
  const { engine, call, tool, upstream, base, asksAgain } = of;
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
  const prepared = { tool, derived, baseKey: base.key, request, call, asksAgain: asksAgain && !later, keyAfter };
  return Object.freeze(prepared);
}

/** The operation is the one that has asked, whatever key the call itself would have: some have a new one each time. */
function answeringCall(of: Deriving, asked: InputQuestion, responses: unknown): GuardedCall {
  const guarded = guardedCall({ ...of, asksAgain: false });
  const request = Object.freeze({ ...guarded.request, key: asked.key });
  return Object.freeze({ ...guarded, request, answers: Object.freeze({ asked, responses }) });
}

/** A host's key means one operation for at least a day, however short the tool's own window is. */
function windowOf(tool: Tool, derived: DerivedKey): number {
  return derived.source === 'host' ? Math.max(tool.windowMs, dayMs) : tool.windowMs;
}

function refused(code: RefusalOutcome['code'], message: string): Prepared {
  return { type: 'refused', answer: refusal(code, message) };
}

function unknownTool(engine: Engine, name: string): string {
  const known = engine.catalog.tools.map((tool) => tool.name);
  const asked = name.slice(0, 64);
  const meant = suggestion(asked, known) || '.';
  return `There is no tool named ${JSON.stringify(asked)}${meant} Nothing was executed. Call one of: ${known.slice(0, 20).join(', ')}.`;
}

function badToken(tool: string, reason: 'malformed' | 'forged'): string {
  const why = reason === 'malformed' ? 'is not one' : 'belongs to another operation, or is forged';
  return `${tool}: the repeat_token ${why}. Nothing was executed. Use the repeat_token of a replay of this very operation, or leave it out.`;
}

function badState(tool: string): Prepared {
  const message = `${tool}: the requestState is not one of this call: it belongs to another caller or call, or is forged. Nothing was executed. Call again without it, and with the arguments that are meant.`;
  return badInput('invalid_request_state', message);
}

function badInput(code: RefusalOutcome['code'], message: string): Prepared {
  return { type: 'refused', answer: { ...refusal(code, message), fault: 'input' } };
}

/** Turns a fault of preparing into an answer; anything else goes on up. */
export function answerOfPrepareFault(error: unknown): RefusalOutcome | undefined {
  if (!(error instanceof McpOnceError)) return undefined;
  if (error.code === 'invalid_input') return refusal('invalid_input', `${error.message} Nothing was executed.`);
  if (error.code === 'tool_invalid') {
    return refusal('operation_failed', `${error.message} Nothing was executed: the tool has to be mended.`);
  }
  if (error.code === 'upstream_unavailable') {
    return refusal('operation_failed', `${error.message} Nothing was executed: set it and call again.`);
  }
  return undefined;
}
