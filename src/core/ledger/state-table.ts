import type { OperationRecord, Status } from './record.ts';

/** What a claim finds, as data: the whole state table is `decide`. */
export type ClaimDecision =
  | { readonly type: 'next_generation' }
  | { readonly type: 'next_attempt' }
  /** Goes on at the step that failed. */
  | { readonly type: 'resume' }
  | { readonly type: 'replay' }
  | { readonly type: 'conflict' }
  /** Identical and under way: wait for its outcome. */
  | { readonly type: 'in_flight' }
  /** Another write of the same resource is under way: wait, then begin the next generation. */
  | { readonly type: 'in_flight_other' }
  /** Unknown, or its lease has lapsed: recover it first. */
  | { readonly type: 'recover' }
  /** It asks for input: the question is for whoever calls. */
  | { readonly type: 'waiting' }
  /** The call answers the question that is open: execute on with the answer. */
  | { readonly type: 'continue' }
  /** The call answers a question that is not, or was never, open any more. */
  | { readonly type: 'stale' };

/** Which question of which generation a call answers, and with what. */
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
  /** The call's own tool and fingerprint. */
  readonly tool: string;
  readonly fingerprint: string;
  /** True for `latest`: another fingerprint is the next write, not a conflict. */
  readonly supersedes: boolean;
  readonly nowMs: number;
  /** True when the record's lease was watched and lapsed. */
  readonly lapsed: boolean;
  /** Of a call that answers a question. */
  readonly replies?: AnsweredRound | undefined;
}

/** DESIGN: "The ledger", the table of `claim`. Pure; the row "none" is the store's `putIfAbsent`. */
export function decide(question: ClaimFacts): ClaimDecision {
  const { record, nowMs } = question;
  const same = record.tool === question.tool && record.fingerprint === question.fingerprint;
  const other: ClaimDecision = question.supersedes ? { type: 'next_generation' } : { type: 'conflict' };
  const { status } = record;
  if (question.replies) return decideRound(question, question.replies, same);
  switch (status.state) {
    case 'in_flight':
      if (question.lapsed) return { type: 'recover' };
      if (same) return { type: 'in_flight' };
      return question.supersedes ? { type: 'in_flight_other' } : { type: 'conflict' };
    case 'unknown':
      return { type: 'recover' };
    case 'waiting':
      // Nobody answered in time: as an operation that ended before it sent more.
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
 * The table of a call that answers a question. Each question is answered once: the same answer again is the
 * same call again, another one is a conflict, and what is not open any more executes nothing.
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
      // Nothing was sent after the answer, and nobody has to be asked again.
      return status.dispatched ? { type: 'replay' } : { type: 'resume' };
    case 'succeeded':
      return { type: 'replay' };
  }
}

function tookEffect({ steps }: Pick<OperationRecord, 'steps'>): boolean {
  return steps.some((step) => step.effect);
}

/** A comparison, not an expiry. A clock that was set back only makes a window longer. */
export function windowOver(settledAt: number, windowMs: number, nowMs: number): boolean {
  return nowMs - settledAt >= windowMs;
}

/**
 * How a claim ends before anything was dispatched under it: failed, unless something of this
 * operation had (or may have) taken effect before it was claimed.
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
