import { describeError, McpOnceError } from '../errors.ts';
import { prepareArguments } from '../key/arguments.ts';
import { callIdOf, conversationIdOf } from '../key/call-ids.ts';
import { fingerprintOf } from '../key/canonical-json.ts';
import { type DerivedKey, deriveKey, type Occurrence, parseHostKey, type Scope } from '../key/derive-key.ts';
import { openRepeatToken } from '../key/repeat-token.ts';
import { suggestion } from '../suggest.ts';
import type { Tool, Upstream } from '../tool/types.ts';
import { refusal } from './answers.ts';
import type { Engine, GuardedCall, RefusalAnswer, ToolCall } from './types.ts';

const dayMs = 86_400_000;

export type Prepared =
  | { readonly type: 'refused'; readonly answer: RefusalAnswer }
  | { readonly type: 'unguarded'; readonly tool: Tool; readonly arguments: Record<string, unknown> }
  | { readonly type: 'guarded'; readonly guarded: GuardedCall };

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
    return { type: 'unguarded', tool, arguments: input.arguments };
  }
  const upstream = engine.clients.upstream(tool.client);
  const scope = scopeOf(engine, call);
  const fingerprint = fingerprintOf(input.forHash, input.keepString ? { keepString: input.keepString } : {});
  const derive = (occurrence?: Occurrence): DerivedKey =>
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
      ...(occurrence ? { occurrence } : {}),
    });
  const base = derive();
  if (input.repeatToken === undefined || hostKey !== undefined) {
    return guarded(engine, call, tool, upstream, base, base.key, input.arguments, 1);
  }
  if (tool.match !== 'identical') {
    const message = `${tool.name} takes no repeat_token. Nothing was executed: leave it out, and call again.`;
    return refused('invalid_repeat_token', message);
  }
  const secret = await engine.repeatSecret();
  const opened = openRepeatToken({ secret, baseKey: base.key, token: input.repeatToken });
  if (!opened.ok) return refused('invalid_repeat_token', badToken(tool.name, opened.reason));
  const next = derive(opened.occurrence);
  return guarded(engine, call, tool, upstream, next, base.key, input.arguments, opened.occurrence.ordinal);
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

function guarded(
  engine: Engine,
  call: ToolCall,
  tool: Tool,
  upstream: Upstream,
  derived: DerivedKey,
  baseKey: string,
  args: Record<string, unknown>,
  ordinal: number,
): Prepared {
  const memoryMs = tool.client?.memoryMs ?? 0;
  const request = Object.freeze({
    key: derived.key,
    tool: tool.name,
    scope: derived.scope,
    upstream,
    source: derived.source,
    fingerprint: derived.fingerprint,
    arguments: args,
    ...(derived.latchKey === undefined ? {} : { latchKey: derived.latchKey }),
    ordinal,
    windowMs: windowOf(tool, derived),
    retentionMs: Math.max(engine.settings.recordRetentionMs, windowOf(tool, derived) + dayMs, memoryMs + dayMs),
    supersedes: derived.source === 'latest',
  });
  return { type: 'guarded', guarded: Object.freeze({ tool, derived, baseKey, request, call }) };
}

/** A host's key means one operation for at least a day, however short the tool's own window is. */
function windowOf(tool: Tool, derived: DerivedKey): number {
  return derived.source === 'host' ? Math.max(tool.windowMs, dayMs) : tool.windowMs;
}

function refused(code: RefusalAnswer['code'], message: string): Prepared {
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

/** Turns a fault of preparing into an answer; anything else goes on up. */
export function answerOfPrepareFault(error: unknown): RefusalAnswer | undefined {
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
