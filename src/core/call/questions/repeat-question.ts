import type { Ledger } from '../../ledger/ledger.ts';
import type { OperationRecord, StoredRecord } from '../../ledger/record.ts';
import { windowOver } from '../../ledger/state-table.ts';
import { type InputRequiredOutcome, type Outcome, refusal } from '../outcome.ts';
import { operationInfo, outcomeOfEnded } from '../outcome-of-record.ts';
import type { EngineParts, GuardedCall } from '../types.ts';
import { answerableUntil, stateOf } from './state.ts';

/** How many identical operations are read to find the last one. */
const occurrencesMax = 1_000;
/** How much of a call's arguments a question shows, in characters. */
const shownCharsMax = 500;

/** The name of the one request of a repeat question. */
export const repeatRequest = 'again';

/** The responses of a person who did not answer. */
export const cancelledRepeat = { [repeatRequest]: { action: 'cancel' } };

/** What to do about a call that repeats a succeeded operation, where the tool's policy is to ask a person. */
export type RepeatDecision =
  /** Ask whether the caller means another operation. */
  | { readonly type: 'ask'; readonly last: OperationRecord }
  /** A repeat that a person accepted has no outcome yet. The call means that one, and nobody is asked. */
  | { readonly type: 'in_flight' | 'recover' | 'waiting'; readonly held: StoredRecord };

/**
 * Finds the last of the identical operations that took effect within the window. The question is about that one, so that
 * each acceptance makes one more operation, and the same question accepted twice makes only one.
 */
export async function decideRepeat(ledger: Ledger, guarded: GuardedCall, first: StoredRecord): Promise<RepeatDecision> {
  let last = first.record;
  for (let count = 1; count < occurrencesMax; count += 1) {
    const held = await ledger.read(guarded.keyAfter(last));
    // A call with other arguments would not wait for it.
    if (held === undefined || held.record.fingerprint !== first.record.fingerprint) break;
    const { status, windowMs } = held.record;
    if (status.state === 'unknown') return { type: 'recover', held };
    if (status.state === 'in_flight') return { type: ledger.leases.leftMs(held) === 0 ? 'recover' : 'in_flight', held };
    if (status.state === 'waiting' && ledger.time.nowFor(held.record) < status.expiresAt)
      return { type: 'waiting', held };
    if (status.state !== 'succeeded' || windowOver(status.settledAt, windowMs, ledger.time.nowFor(held.record))) break;
    last = held.record;
  }
  return { type: 'ask', last };
}

/**
 * Asks whether the caller means another operation like `last`. The question expires after half the window at the latest,
 * so that an accepted repeat cannot run a second time, even where the clock of the machine that ran it is behind.
 */
export async function askWhetherRepeat(
  engine: EngineParts,
  { tool, request }: GuardedCall,
  last: OperationRecord,
): Promise<InputRequiredOutcome> {
  const operation = operationInfo(last);
  const { key, generation, occurrence } = last;
  const expiresAt = answerableUntil(engine, request.windowMs / 2);
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
    requests: { [repeatRequest]: { message, schema: { type: 'object', properties: {} } } },
    requestState: await stateOf(engine, request, question),
    operation,
  };
}

function shown(args: unknown): string {
  const text = JSON.stringify(args);
  return text.length <= shownCharsMax ? text : `${text.slice(0, shownCharsMax)}…`;
}

/** Returns the first result to a caller whose person did not accept. Only reads: nothing runs, even after the window. */
export async function outcomeOfDeclined(engine: EngineParts, ledger: Ledger, guarded: GuardedCall): Promise<Outcome> {
  const { request, tool } = guarded;
  const { record } = (await ledger.read(request.key)) ?? {};
  if (record?.status.state === 'succeeded' && record.fingerprint === request.fingerprint) {
    return outcomeOfEnded(engine, guarded, record, record.status, { replayed: true, declined: true });
  }
  return refusal(tool.name, { type: 'declined' });
}
