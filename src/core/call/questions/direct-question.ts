import { within } from '../../clock.ts';
import { describeError, LedgerUnavailable } from '../../errors.ts';
import { untilAborted } from '../../promises.ts';
import { type InputRequiredOutcome, type Outcome, refusal } from '../outcome.ts';
import type { EngineParts, QuestionChannel, ToolCall } from '../types.ts';
import { cancelledRepeat } from './repeat-question.ts';
import { questionMs } from './state.ts';

/** How many questions one call may put. */
const questionsMax = 100;

/** Stands in for the response to a request that nobody answered. */
const unanswered = Symbol('unanswered');

/**
 * Answers a call. Where the caller can be asked while its call waits, it is asked, and the call is then answered as if it
 * had come again with the responses.
 */
export async function askingDirectly(
  engine: EngineParts,
  call: ToolCall,
  answer: (call: ToolCall) => Promise<Outcome>,
): Promise<Outcome> {
  const { questionChannel } = call;
  let current = call;
  for (let question = 0; question < questionsMax; question += 1) {
    const outcome = await answer(current);
    if (outcome.type !== 'input_required' || questionChannel?.type !== 'direct') return outcome;
    const asking = askAll(engine, call, outcome.requests, questionChannel);
    const responses = await untilAborted(asking, call.signal);
    if (responses === 'aborted') return refusal(call.tool, { type: 'caller_left', isGuarded: true });
    if (responses === undefined && outcome.about === 'input') return refusalOfUnanswered(outcome);
    current = { ...call, input: { responses: responses ?? cancelledRepeat, state: outcome.requestState } };
  }
  throw new LedgerUnavailable(`the question came back ${questionsMax} times during one call`);
}

/**
 * Asks every request at once. Returns undefined when one of them failed or took too long: nothing is executed that
 * nobody accepted.
 */
async function askAll(
  engine: EngineParts,
  call: ToolCall,
  requests: InputRequiredOutcome['requests'],
  { ask }: Extract<QuestionChannel, { type: 'direct' }>,
): Promise<Record<string, unknown> | undefined> {
  const late = new AbortController();
  const signal = AbortSignal.any([call.signal, late.signal]);
  const withdraw = (): typeof unanswered => {
    late.abort();
    return unanswered;
  };
  const asking = Object.entries(requests).map(async ([name, request]) => {
    const response = ask(request, signal).catch((error: unknown) => {
      engine.log.debug(`${call.tool}: the question was not answered: ${describeError(error)}`);
      return unanswered;
    });
    return [name, await within(engine.clock, response, questionMs, withdraw)] as const;
  });
  const responses = await Promise.all(asking);
  return responses.some(([, response]) => response === unanswered) ? undefined : Object.fromEntries(responses);
}

/** The operation keeps waiting: the same call puts the question again. */
function refusalOfUnanswered({ tool, requests, operation }: InputRequiredOutcome): Outcome {
  return refusal(tool, { type: 'not_answered', requests: Object.keys(requests) }, { operation });
}
