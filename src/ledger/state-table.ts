import type { OperationRecord, Status } from './record.ts';

/** What a claim finds, as data: the whole state table is `decide`. */
export type Verdict =
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
  | { readonly type: 'recover' };

export interface Question {
  readonly record: Pick<OperationRecord, 'tool' | 'fingerprint' | 'windowMs' | 'status'>;
  /** The call's own tool and fingerprint. */
  readonly tool: string;
  readonly fingerprint: string;
  /** True for `latest`: another fingerprint is the next write, not a conflict. */
  readonly supersedes: boolean;
  readonly nowMs: number;
  /** True when the record's lease was watched and lapsed. */
  readonly lapsed: boolean;
}

/** DESIGN: "The ledger", the table of `claim`. Pure; the row "none" is the store's `putIfAbsent`. */
export function decide(question: Question): Verdict {
  const { record, nowMs } = question;
  const same = record.tool === question.tool && record.fingerprint === question.fingerprint;
  const other: Verdict = question.supersedes ? { type: 'next_generation' } : { type: 'conflict' };
  const { status } = record;
  switch (status.state) {
    case 'in_flight':
      if (question.lapsed) return { type: 'recover' };
      if (same) return { type: 'in_flight' };
      return question.supersedes ? { type: 'in_flight_other' } : { type: 'conflict' };
    case 'unknown':
      return { type: 'recover' };
    case 'incomplete':
      return same ? { type: 'resume' } : { type: 'conflict' };
    case 'succeeded':
      if (windowOver(status.settledAt, record.windowMs, nowMs)) return { type: 'next_generation' };
      return same ? { type: 'replay' } : other;
    case 'failed':
      if (windowOver(status.settledAt, record.windowMs, nowMs)) return { type: 'next_generation' };
      return { type: 'next_attempt' };
  }
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
  record: Pick<OperationRecord, 'possible' | 'steps'>,
  message: string,
  nowMs: number,
): Exclude<Status, { state: 'in_flight' }> {
  if (record.possible) return { state: 'unknown', settledAt: nowMs, message };
  if (record.steps.some((step) => step.effect)) return { state: 'incomplete', settledAt: nowMs, message };
  return { state: 'failed', settledAt: nowMs, message, dispatched: false };
}
