import { z } from 'zod';
import { within } from '../clock.ts';
import { describeError } from '../errors.ts';
import { type AskedCall, makeRequestState, type OpenedState, openRequestState } from '../key/request-state.ts';
import type { OperationRecord } from '../ledger/record.ts';
import { operationInfo } from './answers.ts';
import type { Engine, GuardedCall, InputRequest, InputRequiredAnswer, ToolCall } from './types.ts';

/** How long an answer may take, in ms. */
const questionMs = 3_600_000;
/** What a question gets that was put and not answered. */
const closed = { action: 'cancel' };

/** The one request of the question whether another operation is meant. */
export const againRequest = 'again';

const reply = z.object({
  action: z.enum(['accept', 'decline', 'cancel']),
  content: z.record(z.string(), z.unknown()).nullish(),
});

/** What a person made of a request (MCP, elicitation). */
export type Reply = z.infer<typeof reply>;

/**
 * What came back for a request: `missing` when nothing did, which asks again (MCP 2026-07-28, multi
 * round-trip requests, error handling); `invalid` when it is no reply.
 */
export function replyTo(responses: unknown, name: string): Reply | 'missing' | 'invalid' {
  if (typeof responses !== 'object' || responses === null || !Object.hasOwn(responses, name)) return 'missing';
  const parsed = reply.safeParse((responses as Record<string, unknown>)[name]);
  return parsed.success ? parsed.data : 'invalid';
}

/**
 * Asks whether another operation like `last` is meant. Nothing is stored: the state says which one was asked
 * about. It counts for no longer than the window, so that what was accepted cannot run a second time.
 */
export async function askAgain(
  engine: Engine,
  guarded: GuardedCall,
  last: OperationRecord,
): Promise<InputRequiredAnswer> {
  const { tool, request } = guarded;
  const operation = operationInfo(last);
  const { key, generation, ordinal: count } = last;
  const expiresAt = Math.floor(engine.clock.wallMs() + Math.min(questionMs, request.windowMs));
  const secret = await engine.repeatSecret();
  const asked = { kind: 'again', key, generation, count, round: 1, expiresAt } as const;
  const message = `${tool.title} (${tool.name}) was already executed with these arguments, at ${operation.firstExecutedAt}. Execute it again, as a second, separate operation?`;
  return {
    type: 'input_required',
    tool: tool.name,
    about: 'again',
    requests: { [againRequest]: { message, schema: { type: 'object', properties: {} } } },
    requestState: makeRequestState({ secret, call: askedCall(request), asked }),
    operation,
  };
}

/** What a call's `requestState` says of it. */
export async function openState(engine: Engine, state: unknown, call: AskedCall): Promise<OpenedState> {
  if (typeof state !== 'string') return { ok: false, reason: 'malformed' };
  const secret = await engine.repeatSecret();
  return openRequestState({ secret, call: askedCall(call), state, nowMs: engine.clock.wallMs() });
}

function askedCall({ scope, upstream, tool, fingerprint }: AskedCall): AskedCall {
  return { scope, upstream, tool, fingerprint };
}

/**
 * The responses of a caller that is asked while its call waits. What fails, or takes too long, counts as a
 * question that was closed: nothing is done that nobody said yes to.
 */
export async function askDirectly(
  engine: Engine,
  call: ToolCall,
  requests: InputRequiredAnswer['requests'],
  ask: (request: InputRequest, signal: AbortSignal) => Promise<unknown>,
): Promise<Record<string, unknown>> {
  const late = new AbortController();
  const signal = AbortSignal.any([call.signal, late.signal]);
  const withdraw = (): unknown => {
    late.abort();
    return closed;
  };
  const asking = Object.entries(requests).map(async ([name, request]) => {
    const answered = ask(request, signal).catch((error: unknown) => {
      engine.log.debug(`${call.tool}: the question was not answered: ${describeError(error)}`);
      return closed;
    });
    return [name, await within(engine.clock, answered, questionMs, withdraw)] as const;
  });
  return Object.fromEntries(await Promise.all(asking));
}
