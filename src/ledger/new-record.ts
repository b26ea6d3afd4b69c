import type { KeySource, Scope } from '../key/derive-key.ts';
import { type Ended, type OperationRecord, recordFormat } from './record.ts';

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
  readonly ordinal: number;
  readonly windowMs: number;
  readonly retentionMs: number;
  /** True for `latest`: another fingerprint is the next write, not a conflict. */
  readonly supersedes: boolean;
}

/** Who will own a record that is claimed. */
export type Owner = Pick<OperationRecord, 'token' | 'leaseMs'>;

export const inFlight = { state: 'in_flight' } as const;

/** What is stored by the first claim of a key. */
export function firstRecord(request: ClaimRequest, owner: Owner, nowMs: number): OperationRecord {
  const { supersedes: _, ...asked } = request;
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
    possible: false,
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

function previousOf(record: OperationRecord): Pick<OperationRecord, 'previous'> {
  const { generation, attempt, fingerprint, status } = record;
  const ended: Ended | undefined = status.state === 'in_flight' || status.state === 'unknown' ? undefined : status;
  return ended ? { previous: { generation, attempt, fingerprint, ended } } : {};
}
