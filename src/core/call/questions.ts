import { z } from 'zod';
import { within } from '../clock.ts';
import { describeError } from '../errors.ts';
import { makeRequestState, type OpenedState, openRequestState, type QuestionedCall } from '../key/request-state.ts';
import type { OperationRecord, Reply } from '../ledger/record.ts';
import { operationInfo } from './answers.ts';
import type { Engine, GuardedCall, InputRequest, InputRequiredOutcome, ToolCall } from './types.ts';

/** How long an answer may take, in ms. */
const questionMs = 3_600_000;
/** How much of a call's arguments a question shows, in characters. */
const shownCharsMax = 500;
/** What a question gets that was put and not answered. */
const unanswered = Symbol('unanswered');

/** The one request of the question whether another operation is meant. */
export const againRequest = 'again';

/** Said for whoever did not answer. */
export const closedAgain = { [againRequest]: { action: 'cancel' } };

const reply = z.object({
  action: z.enum(['accept', 'decline', 'cancel']),
  content: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * What came back for a request: `missing` when nothing did, which asks again (MCP 2026-07-28, multi
 * round-trip requests, error handling); `invalid` when it is no reply.
 */
export function replyTo(responses: unknown, name: string): Reply | 'missing' | 'invalid' {
  if (typeof responses !== 'object' || responses === null || !Object.hasOwn(responses, name)) return 'missing';
  const parsed = reply.safeParse((responses as Record<string, unknown>)[name]);
  if (!parsed.success) return 'invalid';
  const { action, content } = parsed.data;
  return content ? { action, content } : { action };
}

/**
 * Asks whether another operation like `last` is meant. Nothing is stored: the state says which one was asked
 * about. It counts for no longer than half the window, so that what was accepted cannot run a second time, also
 * where the clock of the machine that ran it is behind.
 */
export async function askAgain(
  engine: Engine,
  guarded: GuardedCall,
  last: OperationRecord,
): Promise<InputRequiredOutcome> {
  const { tool, request } = guarded;
  const operation = operationInfo(last);
  const { key, generation, occurrence } = last;
  const expiresAt = Math.floor(engine.clock.wallMs() + Math.min(questionMs, request.windowMs / 2));
  const secret = await engine.repeatSecret();
  const question = { kind: 'again', key, generation, occurrence, round: 1, expiresAt } as const;
  const name = tool.title === tool.name ? tool.name : `${tool.title} (${tool.name})`;
  const when =
    occurrence === 1
      ? `at ${operation.firstExecutedAt}`
      : `${occurrence} times, the last at ${operation.firstExecutedAt}`;
  const message = `${name} was already executed ${when}, with ${shown(request.arguments)}. Execute it again, as a second, separate operation?`;
  return {
    type: 'input_required',
    tool: tool.name,
    about: 'again',
    requests: { [againRequest]: { message, schema: { type: 'object', properties: {} } } },
    requestState: makeRequestState({ secret, call: questionedCall(request), question }),
    operation,
  };
}

/** What the call says, for the person: as it came, and no longer than is read. */
function shown(args: unknown): string {
  const text = JSON.stringify(args);
  return text.length <= shownCharsMax ? text : `${text.slice(0, shownCharsMax)}…`;
}

/** Until when a question that is put now may be answered, in ms since the epoch. */
export function answerableUntil(engine: Engine): number {
  return Math.floor(engine.clock.wallMs() + questionMs);
}

/** The state of a question that is in the record: whoever repeats the call gets the same. */
export async function inputState(
  engine: Engine,
  { request }: GuardedCall,
  { key, generation, attempt }: OperationRecord,
  { round, expiresAt }: Extract<OperationRecord['status'], { state: 'waiting' }>,
): Promise<string> {
  const secret = await engine.repeatSecret();
  const question = { kind: 'input', key, generation, attempt, round, expiresAt } as const;
  return makeRequestState({ secret, call: questionedCall(request), question });
}

/** What a call's `requestState` says of it. */
export async function openState(engine: Engine, state: unknown, call: QuestionedCall): Promise<OpenedState> {
  if (typeof state !== 'string') return { ok: false, reason: 'malformed' };
  const secret = await engine.repeatSecret();
  return openRequestState({ secret, call: questionedCall(call), state, nowMs: engine.clock.wallMs() });
}

function questionedCall({ scope, upstream, tool, fingerprint }: QuestionedCall): QuestionedCall {
  return { scope, upstream, tool, fingerprint };
}

/**
 * The responses of a caller that is asked while its call waits. Undefined when one of them failed, or took
 * too long: nothing is done that nobody said yes to.
 */
export async function askDirectly(
  engine: Engine,
  call: ToolCall,
  requests: InputRequiredOutcome['requests'],
  ask: (request: InputRequest, signal: AbortSignal) => Promise<unknown>,
): Promise<Record<string, unknown> | undefined> {
  const late = new AbortController();
  const signal = AbortSignal.any([call.signal, late.signal]);
  const withdraw = (): typeof unanswered => {
    late.abort();
    return unanswered;
  };
  const asking = Object.entries(requests).map(async ([name, request]) => {
    const answered = ask(request, signal).catch((error: unknown) => {
      engine.log.debug(`${call.tool}: the question was not answered: ${describeError(error)}`);
      return unanswered;
    });
    return [name, await within(engine.clock, answered, questionMs, withdraw)] as const;
  });
  const responses = await Promise.all(asking);
  return responses.some(([, response]) => response === unanswered) ? undefined : Object.fromEntries(responses);
}
