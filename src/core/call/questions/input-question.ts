import { fingerprintOf } from '../../key/canonical-json.ts';
import { findJsonFault } from '../../key/check-json.ts';
import type { InputQuestion } from '../../key/request-state.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { QuestionReplies } from '../../ledger/new-record.ts';
import type { OperationRecord, Reply } from '../../ledger/record.ts';
import { type Outcome, type RefusalOutcome, refusal } from '../outcome.ts';
import { operationInfo, stepsWithEffect } from '../outcome-of-record.ts';
import type { EngineParts, GuardedCall } from '../types.ts';
import { replyTo } from './reply.ts';
import { stateOf } from './state.ts';

/** The largest replies that are kept, in bytes of JSON. */
const replyBytesMax = 65_536;

export type TakenReplies =
  | { readonly type: 'replies'; readonly replies: QuestionReplies }
  /** The call ends here: the replies cannot be used. */
  | { readonly type: 'outcome'; readonly outcome: Outcome };

/**
 * Takes the replies to an open question from a call's responses. Ignores responses that were not requested, and puts the
 * question again when one is missing (MCP 2026-07-28, multi round-trip requests, error handling).
 */
export async function takeReplies(
  engine: EngineParts,
  ledger: Ledger,
  guarded: GuardedCall,
  question: InputQuestion,
  responses: unknown,
): Promise<TakenReplies> {
  const { record } = (await ledger.read(question.key)) ?? {};
  const names = record && namesOf(record, question);
  if (!record || !names) return { type: 'outcome', outcome: refusalOfClosedQuestion(guarded) };
  const replies: Record<string, Reply> = {};
  for (const name of names) {
    const reply = replyTo(responses, name);
    if (reply === 'invalid') return { type: 'outcome', outcome: refusalOfInvalidReply(guarded.tool.name, [name]) };
    if (reply === 'missing') {
      if (!isOpen(record, question)) continue;
      return { type: 'outcome', outcome: await outcomeOfWaiting(engine, guarded, record) };
    }
    replies[name] = reply;
  }
  if (findJsonFault(replies) || Buffer.byteLength(JSON.stringify(replies)) > replyBytesMax) {
    return { type: 'outcome', outcome: refusalOfInvalidReply(guarded.tool.name, names) };
  }
  const { generation, attempt, round } = question;
  const digest = fingerprintOf(replies);
  return { type: 'replies', replies: { generation, attempt, round, names, digest, responses: replies } };
}

/** Returns the names of the question's requests, whether it is open or already has a reply. */
function namesOf(record: OperationRecord, question: InputQuestion): readonly string[] | undefined {
  const { status, inputs = [] } = record;
  if (status.state === 'waiting' && isOpen(record, question)) return Object.keys(status.requests);
  return inputs.find(({ attempt, round }) => attempt === question.attempt && round === question.round)?.names;
}

function isOpen({ status, attempt, generation }: OperationRecord, question: InputQuestion): boolean {
  if (status.state !== 'waiting' || generation !== question.generation) return false;
  return attempt === question.attempt && status.round === question.round;
}

/** Puts the question of an operation that waits for input. Every caller of the operation gets the same question. */
export async function outcomeOfWaiting(
  engine: EngineParts,
  { call, request }: GuardedCall,
  record: OperationRecord,
): Promise<Outcome> {
  const { status, tool, key, generation, attempt } = record;
  if (status.state !== 'waiting') throw new Error(`no question in state ${status.state}`);
  const { requests, round, expiresAt } = status;
  const operation = operationInfo(record);
  if (call.questionChannel === undefined) {
    const steps = stepsWithEffect(record);
    const done = steps.length > 0 ? { steps } : {};
    const reason = { type: 'client_cannot_ask', requests: Object.keys(requests) } as const;
    return refusal(tool, reason, { fault: 'asking', operation, ...done });
  }
  const question = { kind: 'input', key, generation, attempt, round, expiresAt } as const;
  const requestState = await stateOf(engine, request, question);
  return { type: 'input_required', tool, about: 'input', requests, requestState, operation };
}

export function refusalOfClosedQuestion({ tool }: GuardedCall): RefusalOutcome {
  return refusal(tool.name, { type: 'question_closed' });
}

/** Refuses a different reply to a question that has one: the first reply counts. */
export function refusalOfOtherReply({ tool }: GuardedCall, record: OperationRecord): RefusalOutcome {
  return refusal(tool.name, { type: 'replied_before' }, { operation: operationInfo(record) });
}

export function refusalOfInvalidReply(tool: string, requests: readonly string[]): RefusalOutcome {
  return refusal(tool, { type: 'invalid_reply', requests }, { fault: 'input' });
}
