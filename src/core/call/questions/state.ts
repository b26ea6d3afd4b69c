import {
  makeRequestState,
  type OpenedState,
  openRequestState,
  type Question,
  type QuestionedCall,
} from '../../key/request-state.ts';
import type { EngineParts } from '../types.ts';

/** How long a person may take to answer, in ms. */
export const questionMs = 3_600_000;

/** Returns the time until which a question asked now may be answered, in ms since the epoch. */
export function answerableUntil({ clock }: Pick<EngineParts, 'clock'>, limitMs = questionMs): number {
  return Math.floor(clock.wallMs() + Math.min(questionMs, limitMs));
}

/** Makes the `requestState` that comes back with the replies. Nothing is stored for it. */
export async function stateOf(engine: EngineParts, call: QuestionedCall, question: Question): Promise<string> {
  return makeRequestState({ secret: await engine.repeatSecret(), call: questionedCall(call), question });
}

/** Opens the `requestState` of a call. */
export async function openState(engine: EngineParts, state: unknown, call: QuestionedCall): Promise<OpenedState> {
  if (typeof state !== 'string') return { ok: false, reason: 'malformed' };
  const secret = await engine.repeatSecret();
  return openRequestState({ secret, call: questionedCall(call), state, nowMs: engine.clock.wallMs() });
}

function questionedCall({ scope, upstream, tool, fingerprint }: QuestionedCall): QuestionedCall {
  return { scope, upstream, tool, fingerprint };
}
