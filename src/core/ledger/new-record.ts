import type { KeySource, Scope } from '../key/derive-key.ts';
import { type EndedStatus, type KeptInput, type OperationRecord, recordFormat, type Status } from './record.ts';
import type { AnsweredRound } from './state-table.ts';

/** What a claim is for: everything of a new record that the call decides. */
export interface ClaimRequest {
  readonly key: string;
  readonly tool: string;
  readonly scope: Scope;
  readonly upstream: OperationRecord['upstream'];
  readonly source: KeySource;
  readonly fingerprint: string;
  readonly arguments: Record<string, unknown>;
  readonly latchKey?: string | undefined;
  readonly occurrence: number;
  readonly windowMs: number;
  readonly retentionMs: number;
  /** True for `latest`: another fingerprint is the next write, not a conflict. */
  readonly supersedes: boolean;
  /** The question that the call answers. Such a call makes no record: it goes on with one, or does nothing. */
  readonly replies?: QuestionReplies | undefined;
}

/** An answer to a question of an operation. */
export type QuestionReplies = AnsweredRound & {
  readonly names: readonly string[];
  readonly responses: NonNullable<KeptInput['responses']>;
};

/** Who will own a record that is claimed. */
export type Owner = Pick<OperationRecord, 'token' | 'leaseMs'>;

export const inFlight = { state: 'in_flight' } as const;

/** What is stored by the first claim of a key. */
export function firstRecord(request: ClaimRequest, owner: Owner, nowMs: number): OperationRecord {
  const { supersedes: _, replies: __, ...asked } = request;
  return {
    v: recordFormat,
    kind: 'operation',
    ...asked,
    generation: 1,
    attempt: 1,
    ...owner,
    renewals: 0,
    renewedAt: nowMs,
    createdAt: nowMs,
    startedAt: nowMs,
    ranAt: nowMs,
    mayHaveTakenEffect: false,
    recoveries: 0,
    steps: [],
    status: inFlight,
  };
}

/** What takes the place of an operation whose window is over, or that another write follows. */
export function nextGeneration(
  record: OperationRecord,
  request: ClaimRequest,
  owner: Owner,
  nowMs: number,
): OperationRecord {
  return {
    ...firstRecord(request, owner, nowMs),
    generation: record.generation + 1,
    renewals: record.renewals + 1,
    ...previousOf(record),
  };
}

/** What takes the place of an attempt that failed for certain. */
export function nextAttempt(
  record: OperationRecord,
  request: ClaimRequest,
  owner: Owner,
  nowMs: number,
): OperationRecord {
  return {
    ...firstRecord(request, owner, nowMs),
    generation: record.generation,
    attempt: record.attempt + 1,
    renewals: record.renewals + 1,
    createdAt: record.createdAt,
    ...previousOf(record),
  };
}

/** What goes on from the steps of an operation that is incomplete, with the answers that they were made from. */
export function resumed(record: OperationRecord, request: ClaimRequest, owner: Owner, nowMs: number): OperationRecord {
  const { steps, inputs, source, occurrence } = record;
  const kept = inputs ? { inputs } : {};
  return { ...nextAttempt(record, request, owner, nowMs), source, occurrence, steps, ...kept };
}

/** What goes on with an answer to the question that is open: the same attempt, which has sent nothing else. */
export function continued(
  record: OperationRecord,
  answered: QuestionReplies,
  owner: Owner,
  nowMs: number,
): OperationRecord {
  const { attempt, round, names, digest, responses } = answered;
  return {
    ...record,
    ...owner,
    renewals: record.renewals + 1,
    renewedAt: nowMs,
    // Whatever was sent before is kept: no upstream key that may be sent again is older.
    startedAt: nowMs,
    ranAt: nowMs,
    inputs: [...(record.inputs ?? []), { attempt, round, names: [...names], digest, responses }],
    status: inFlight,
  };
}

function previousOf(record: OperationRecord): Pick<OperationRecord, 'previous'> {
  const { generation, attempt, fingerprint, status } = record;
  const ended = endedStatusOf(status);
  return ended ? { previous: { generation, attempt, fingerprint, ended } } : {};
}

/** The outcome, where there is one. */
export function endedStatusOf(status: Status): EndedStatus | undefined {
  const { state } = status;
  return state === 'in_flight' || state === 'unknown' || state === 'waiting' ? undefined : status;
}
