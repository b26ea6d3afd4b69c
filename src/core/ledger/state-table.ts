import type { OperationRecord, Status } from './record.ts';

/** What to do with a claim, as the state table (`decide`) says. */
export type ClaimDecision =
  | { readonly type: 'next_generation' }
  | { readonly type: 'next_attempt' }
  /** Continue at the step that failed. */
  | { readonly type: 'resume' }
  | { readonly type: 'replay' }
  | { readonly type: 'conflict' }
  /** The identical operation is in flight: wait for its outcome. */
  | { readonly type: 'in_flight' }
  /** Another call with the same key is in flight: wait, then decide again. */
  | { readonly type: 'in_flight_other' }
  /** The outcome is unknown, or the lease has lapsed: recover the operation first. */
  | { readonly type: 'recover' }
  /** The operation waits for input: give the caller the question. */
  | { readonly type: 'waiting' }
  /** The call answers the open question: continue the attempt with the replies. */
  | { readonly type: 'continue' }
  /** The call answers a question that is not open. */
  | { readonly type: 'stale' };

/** The question that a call answers, with the digest of its replies. */
export interface AnsweredRound {
  readonly generation: number;
  readonly attempt: number;
  readonly round: number;
  readonly digest: string;
}

export interface ClaimFacts {
  readonly record: Pick<
    OperationRecord,
    'tool' | 'fingerprint' | 'windowMs' | 'status' | 'generation' | 'attempt' | 'steps' | 'inputs'
  >;
  /** The tool and fingerprint of the call. */
  readonly tool: string;
  readonly fingerprint: string;
  /** True for a `state` tool, where another fingerprint means the next write instead of a conflict. */
  readonly supersedes: boolean;
  readonly nowMs: number;
  /** True if this process has watched the record's lease lapse. */
  readonly lapsed: boolean;
  /** Present in a call that answers a question. */
  readonly replies?: AnsweredRound | undefined;
}

/** The state table of `claim`. A key without a record is not part of it: `putIfAbsent` of the store claims it. */
export function decide(question: ClaimFacts): ClaimDecision {
  const { record, nowMs } = question;
  const same = record.tool === question.tool && record.fingerprint === question.fingerprint;
  const other: ClaimDecision = question.supersedes ? { type: 'next_generation' } : { type: 'conflict' };
  const { status } = record;
  if (question.replies) return decideRound(question, question.replies, same);
  switch (status.state) {
    case 'in_flight':
      if (question.lapsed) return { type: 'recover' };
      return { type: same ? 'in_flight' : 'in_flight_other' };
    case 'unknown':
      return { type: 'recover' };
    case 'waiting':
      // The question has expired: the operation counts as ended before it sent more.
      if (nowMs >= status.expiresAt) return tookEffect(record) ? resumed(same) : { type: 'next_attempt' };
      if (same) return { type: 'waiting' };
      return tookEffect(record) ? { type: 'conflict' } : other;
    case 'incomplete':
      return resumed(same);
    case 'succeeded':
      if (windowOver(status.settledAt, record.windowMs, nowMs)) return { type: 'next_generation' };
      return same ? { type: 'replay' } : other;
    case 'failed':
      if (windowOver(status.settledAt, record.windowMs, nowMs)) return { type: 'next_generation' };
      return { type: 'next_attempt' };
  }
}

function resumed(same: boolean): ClaimDecision {
  return same ? { type: 'resume' } : { type: 'conflict' };
}

/**
 * The state table of a call that answers a question. Each question accepts one answer: the same answer again is a repeat,
 * and another answer is a conflict. An answer to a question that is not open executes nothing.
 */
function decideRound({ record, nowMs, lapsed }: ClaimFacts, continues: AnsweredRound, same: boolean): ClaimDecision {
  const { status, generation, attempt } = record;
  if (!same || generation !== continues.generation) return { type: 'stale' };
  const given = record.inputs?.find((input) => input.attempt === continues.attempt && input.round === continues.round);
  if (status.state === 'waiting') {
    const isOpen = nowMs < status.expiresAt;
    const isThis = attempt === continues.attempt && status.round === continues.round;
    if (!given) return isOpen && isThis ? { type: 'continue' } : { type: 'stale' };
    if (given.digest !== continues.digest) return { type: 'conflict' };
    return isOpen ? { type: 'waiting' } : { type: 'stale' };
  }
  if (!given) return { type: 'stale' };
  if (given.digest !== continues.digest) return { type: 'conflict' };
  switch (status.state) {
    case 'in_flight':
      return lapsed ? { type: 'recover' } : { type: 'in_flight' };
    case 'unknown':
      return { type: 'recover' };
    case 'incomplete':
      return { type: 'resume' };
    case 'failed':
      // Nothing was sent after the reply, so the operation resumes without a new question.
      return status.dispatched ? { type: 'replay' } : { type: 'resume' };
    case 'succeeded':
      return { type: 'replay' };
  }
}

function tookEffect({ steps }: Pick<OperationRecord, 'steps'>): boolean {
  return steps.some((step) => step.effect);
}

/** Compares times instead of using an expiry, so that setting the clock back only makes a window longer. */
export function windowOver(settledAt: number, windowMs: number, nowMs: number): boolean {
  return nowMs - settledAt >= windowMs;
}

/**
 * Returns the status of a claim that ends before it dispatched anything: failed, unless the operation had an effect, or
 * may have had one, before this claim.
 */
export function abandoned(
  record: Pick<OperationRecord, 'mayHaveTakenEffect' | 'steps'>,
  message: string,
  nowMs: number,
): Exclude<Status, { state: 'in_flight' }> {
  if (record.mayHaveTakenEffect) return { state: 'unknown', settledAt: nowMs, message };
  if (tookEffect(record)) return { state: 'incomplete', settledAt: nowMs, message };
  return { state: 'failed', settledAt: nowMs, message, dispatched: false };
}
