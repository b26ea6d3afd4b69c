import { type KeySource, markedAtOf, type Scope } from '../key/derive-key.ts';
import { type EndedStatus, type KeptInput, type OperationRecord, recordFormat, type Status } from './record.ts';
import type { AnsweredRound } from './state-table.ts';

/** A request to execute: the members of a new record that the call determines. */
export interface ClaimRequest {
  readonly key: string;
  readonly tool: string;
  readonly scope: Scope;
  readonly upstream: OperationRecord['upstream'];
  readonly source: KeySource;
  readonly fingerprint: string;
  readonly arguments: Record<string, unknown>;
  /** The folded canonical form of the arguments, for a tool with `canonical`. */
  readonly form?: Record<string, unknown>;
  readonly occurrence: number;
  readonly windowMs: number;
  readonly retentionMs: number;
  /** The step that the run will probably send first. */
  readonly pending?: string[];
  /** True for a `state` tool, where another fingerprint means the next write instead of a conflict. */
  readonly supersedes: boolean;
  /** Present in a call that answers a question. Such a call continues an existing record and never creates one. */
  readonly replies?: QuestionReplies | undefined;
}

/** Replies to a question of an operation. */
export type QuestionReplies = AnsweredRound & {
  readonly names: readonly string[];
  readonly responses: NonNullable<KeptInput['responses']>;
};

/** The members of a record that identify its owner, and when it began. */
export type Owner = Pick<OperationRecord, 'token' | 'leaseMs' | 'machine'>;

export const inFlight = { state: 'in_flight' } as const;

/** Returns the record that the first claim of a key stores. */
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
    markedAt: markedAtOf({ createdAt: nowMs, retentionMs: request.retentionMs }),
    startedAt: nowMs,
    ranAt: nowMs,
    mayHaveTakenEffect: false,
    recoveries: 0,
    steps: [],
    status: inFlight,
  };
}

/** Returns the record that replaces an operation whose window is over, or that a later write follows. */
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

/** Returns the record that replaces an attempt with a definite failure. */
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
    markedAt: record.markedAt,
    ...previousOf(record),
  };
}

/** Returns the record that continues after the steps of an incomplete operation, with the replies that led to them. */
export function resumed(record: OperationRecord, request: ClaimRequest, owner: Owner, nowMs: number): OperationRecord {
  const { steps, inputs, source, occurrence } = record;
  const kept = inputs ? { inputs } : {};
  return { ...nextAttempt(record, request, owner, nowMs), source, occurrence, steps, ...kept };
}

/** Returns the record that continues the same attempt with the replies to its open question. */
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
    // Everything that was sent before is stored, so no older upstream key is sent again.
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

/** Returns the status of an ended operation; undefined if it has no definite outcome. */
export function endedStatusOf(status: Status): EndedStatus | undefined {
  const { state } = status;
  return state === 'in_flight' || state === 'unknown' || state === 'waiting' ? undefined : status;
}
