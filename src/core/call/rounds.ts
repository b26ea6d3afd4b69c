import { fingerprintOf } from '../key/canonical-json.ts';
import { findJsonFault } from '../key/check-json.ts';
import type { InputQuestion } from '../key/request-state.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { QuestionReplies } from '../ledger/new-record.ts';
import type { OperationRecord, Reply } from '../ledger/record.ts';
import { operationInfo, refusal } from './answers.ts';
import { inputState, replyTo } from './questions.ts';
import type { Engine, GuardedCall, InputRequiredOutcome, Outcome, RefusalOutcome } from './types.ts';

/** The largest answer that is kept, in bytes of JSON. */
const answerBytesMax = 65_536;

/** A call that answers a question of its operation, before the ledger is asked for it. */
export type TakenReplies =
  | { readonly type: 'answered'; readonly answered: QuestionReplies }
  | { readonly type: 'answer'; readonly answer: Outcome };

/**
 * Takes of what came back what was asked for: the rest is ignored, and what is missing is asked for again
 * (MCP 2026-07-28, multi round-trip requests, error handling).
 */
export async function takeAnswer(
  engine: Engine,
  ledger: Ledger,
  guarded: GuardedCall,
  asked: InputQuestion,
  responses: unknown,
): Promise<TakenReplies> {
  const { record } = (await ledger.read(asked.key)) ?? {};
  const names = record && namesOf(record, asked);
  if (!record || !names) return { type: 'answer', answer: answerOfStale(guarded) };
  const replies: Record<string, Reply> = {};
  for (const name of names) {
    const reply = replyTo(responses, name);
    if (reply === 'invalid') return { type: 'answer', answer: invalid(guarded, name) };
    if (reply === 'missing') {
      if (!isOpen(record, asked)) continue;
      return { type: 'answer', answer: await answerOfWaiting(engine, guarded, record) };
    }
    replies[name] = reply;
  }
  if (findJsonFault(replies) || Buffer.byteLength(JSON.stringify(replies)) > answerBytesMax) {
    return { type: 'answer', answer: invalid(guarded, names.join(', ')) };
  }
  const { generation, attempt, round } = asked;
  const answered = { generation, attempt, round, names, digest: fingerprintOf(replies), responses: replies };
  return { type: 'answered', answered };
}

/** The requests that the question held, whether it is open or has been answered. */
function namesOf(record: OperationRecord, asked: InputQuestion): readonly string[] | undefined {
  const { status, inputs = [] } = record;
  if (status.state === 'waiting' && isOpen(record, asked)) return Object.keys(status.requests);
  return inputs.find(({ attempt, round }) => attempt === asked.attempt && round === asked.round)?.names;
}

function isOpen({ status, attempt, generation }: OperationRecord, asked: InputQuestion): boolean {
  if (status.state !== 'waiting' || generation !== asked.generation) return false;
  return attempt === asked.attempt && status.round === asked.round;
}

/** The question of an operation that waits for input, for whoever calls. */
export async function answerOfWaiting(engine: Engine, guarded: GuardedCall, record: OperationRecord): Promise<Outcome> {
  const { status, tool } = record;
  if (status.state !== 'waiting') throw new Error(`no question in state ${status.state}`);
  const operation = operationInfo(record);
  const steps = record.steps.filter((step) => step.effect).map((step) => step.name);
  if (guarded.call.questionChannel === undefined) {
    const message = `${tool} asks for input (${Object.keys(status.requests).join(', ')}) before it goes on, and this client cannot put a question to a person. Nothing more was executed.`;
    const done = steps.length > 0 ? { steps } : {};
    return { ...refusal('input_required', message), fault: 'asking', operation, ...done };
  }
  const requestState = await inputState(engine, guarded, record, status);
  return { type: 'input_required', tool, about: 'input', requests: status.requests, requestState, operation };
}

/** Who was asked while the call waited, and did not answer. The operation waits on, for the same call again. */
export function answerOfUnanswered({ tool, requests, operation }: InputRequiredOutcome): RefusalOutcome {
  const message = `${tool} asks for input (${Object.keys(requests).join(', ')}), which was not answered. Nothing more was executed: the same call again asks again.`;
  return { ...refusal('input_required', message), operation };
}

/** A question that nobody can answer any more. */
export function answerOfStale({ tool }: GuardedCall): RefusalOutcome {
  const message = `${tool.name}: the question that this call answers is not open any more. Nothing was executed by this call. Call again without the requestState.`;
  return refusal('invalid_request_state', message);
}

/** The same question, answered otherwise: the first answer counts. */
export function answerOfOtherAnswer({ tool }: GuardedCall, record: OperationRecord): RefusalOutcome {
  const message = `${tool.name}: the question that this call answers was answered otherwise before, and that answer counts. Nothing was executed by this call. Call again without the requestState to learn the outcome.`;
  return { ...refusal('idempotency_conflict', message), operation: operationInfo(record) };
}

function invalid({ tool }: GuardedCall, name: string): RefusalOutcome {
  const message = `${tool.name}: the response to ${name} is none, or too large. Nothing was executed: send an action (accept, decline or cancel), and what was asked for.`;
  return { ...refusal('invalid_input', message), fault: 'input' };
}
