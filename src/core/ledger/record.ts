import { z } from 'zod';
import { McpOnceError } from '../errors.ts';
import { isObject } from '../json.ts';
import { decodeEnvelope, encodeEnvelope } from './stores/envelope.ts';

/** The version of the record's format. A record of a newer one is refused, not guessed at. */
export const recordFormat = 1;

/** The kind of an entry whose content is encrypted (see codec.ts). */
export const sealedKind = 'sealed';

const count = z.int().min(1);
const timeMs = z.number();

const step = z.object({
  name: z.string(),
  attempt: count,
  /** False for the kept answer of a read. */
  effect: z.boolean(),
  /** Absent once the operation has succeeded. */
  result: z.unknown().optional(),
});

/** What a person made of a request (MCP, elicitation). */
const reply = z.object({
  action: z.enum(['accept', 'decline', 'cancel']),
  content: z.record(z.string(), z.unknown()).optional(),
});

const stub = z.object({
  reason: z.enum(['too_large', 'not_serialisable', 'not_as_declared', 'resolved']),
  message: z.string(),
});

/** It asked for input, and its caller had no way to put a question to a person. */
const unasked = z.literal(true).optional();

const ended = z.discriminatedUnion('state', [
  z.object({ state: z.literal('succeeded'), settledAt: timeMs, result: z.unknown(), stub: stub.optional() }),
  z.object({ state: z.literal('failed'), settledAt: timeMs, message: z.string(), dispatched: z.boolean(), unasked }),
  z.object({ state: z.literal('incomplete'), settledAt: timeMs, message: z.string(), unasked }),
]);

/** It asks for input: nobody executes it, and nothing has a lease, until an answer comes or its time is over. */
const waiting = z.object({
  state: z.literal('waiting'),
  settledAt: timeMs,
  expiresAt: timeMs,
  /** Which question of this attempt it is. */
  round: count,
  requests: z.record(z.string(), z.object({ message: z.string(), schema: z.record(z.string(), z.unknown()) })),
});

/** One question of the operation, answered. */
const input = z.object({
  attempt: count,
  round: count,
  /** The requests that the answer is to. */
  names: z.array(z.string()),
  /** SHA-256 of the responses: the same round is answered once. */
  digest: z.string(),
  /** By request. Absent once the operation has succeeded. */
  responses: z.record(z.string(), reply).optional(),
});

const operation = z.object({
  v: z.literal(recordFormat),
  kind: z.literal('operation'),
  key: z.string(),
  tool: z.string(),
  scope: z.object({ tenant: z.string(), subject: z.string(), conversation: z.string().optional() }),
  upstream: z.object({ origin: z.string(), mode: z.string(), account: z.string() }),
  source: z.enum(['host', 'identical', 'latest', 'same-call', 'call']),
  fingerprint: z.string(),
  /** The validated arguments as they first came; every send of this attempt uses these. */
  arguments: z.record(z.string(), z.unknown()),
  generation: count,
  attempt: count,
  /** What identical calls have in common, of a `same-call` operation: who executes is named there. */
  latchKey: z.string().optional(),
  /** Which of the identical operations that were meant this is: 1, and one more for each repeat token. */
  occurrence: count,
  windowMs: z.number().min(0),
  /** How long the settled record is kept, in ms. */
  retentionMs: z.number().min(0),
  /** The owner's random claim token. */
  token: z.string(),
  leaseMs: z.number().min(1),
  /** Grows with each write of an owner, so that the bytes of a living lease always change. */
  renewals: z.int().min(0),
  renewedAt: timeMs,
  /** When this generation was first claimed. */
  createdAt: timeMs,
  /** When this attempt was claimed: its upstream keys cannot be older. */
  startedAt: timeMs,
  /** When something was last sent, or could have been begun to be, for this attempt. */
  ranAt: timeMs,
  /** True once a request of this attempt may have taken effect without our knowing. */
  mayHaveTakenEffect: z.boolean(),
  recoveries: z.int().min(0),
  steps: z.array(step),
  /** What was answered to its questions, in order. Absent where none was asked. */
  inputs: z.array(input).optional(),
  /** The steps that were being sent when this was written, or whose outcome is not known. */
  pending: z.array(z.string()).optional(),
  /** An operator had it forgotten: what is left keeps its upstream keys from being used again. */
  forgotten: z.literal(true).optional(),
  /** How the attempt or generation before this one ended, for those who were waiting for it. */
  previous: z.object({ generation: count, attempt: count, fingerprint: z.string(), ended }).optional(),
  /** Where things stand. */
  status: z.discriminatedUnion('state', [
    z.object({ state: z.literal('in_flight') }),
    z.object({ state: z.literal('unknown'), settledAt: timeMs, message: z.string() }),
    waiting,
    ...ended.options,
  ]),
});

/** A call that turned out to be the twin of another one: its operation is that one. */
const alias = z.object({ v: z.literal(recordFormat), kind: z.literal('alias'), key: z.string(), of: z.string() });

/** Which operation was the last on something: a resource, or identical arguments. */
const latch = z.object({
  v: z.literal(recordFormat),
  kind: z.literal('latch'),
  key: z.string(),
  holder: z.string(),
  generation: count,
  startedAt: timeMs,
});

const secret = z.object({ v: z.literal(recordFormat), kind: z.literal('secret'), secret: z.string().min(32) });

/** How many records somebody has made on one day (see record-quota.ts). */
const recordCount = z.object({
  v: z.literal(recordFormat),
  kind: z.literal('count'),
  key: z.string(),
  held: z.int().min(0),
});

const entry = z.discriminatedUnion('kind', [operation, alias, latch, secret, recordCount]);

export type OperationRecord = z.infer<typeof operation>;
export type LedgerEntry = z.infer<typeof entry>;
export type KeptStep = z.infer<typeof step>;
export type KeptInput = z.infer<typeof input>;
export type Reply = z.infer<typeof reply>;
export type Stub = z.infer<typeof stub>;
export type Status = OperationRecord['status'];
export type EndedStatus = z.infer<typeof ended>;
export type State = Status['state'];

/** One version of a record, with the exact bytes that are in the store. */
export interface StoredRecord {
  readonly record: OperationRecord;
  readonly bytes: string;
}

export function encodeEntry(value: LedgerEntry): string {
  return encodeEnvelope(storedForm(value));
}

/**
 * The form of an entry in the store. Format 1 calls two members of an operation by older names (`ordinal`,
 * `possible`): a ledger may be shared with processes of an earlier version.
 */
export function storedForm(value: LedgerEntry): object {
  return value.kind === 'operation' ? storedOperation(value) : value;
}

type StoredMember = Exclude<keyof OperationRecord, 'occurrence' | 'mayHaveTakenEffect'> | 'ordinal' | 'possible';

/** Writes every member down, since a spread takes longer than the rest of encoding. JSON omits undefined members. */
function storedOperation(record: OperationRecord): object {
  return {
    v: record.v,
    kind: record.kind,
    key: record.key,
    tool: record.tool,
    scope: record.scope,
    upstream: record.upstream,
    source: record.source,
    fingerprint: record.fingerprint,
    arguments: record.arguments,
    generation: record.generation,
    attempt: record.attempt,
    latchKey: record.latchKey,
    ordinal: record.occurrence,
    windowMs: record.windowMs,
    retentionMs: record.retentionMs,
    token: record.token,
    leaseMs: record.leaseMs,
    renewals: record.renewals,
    renewedAt: record.renewedAt,
    createdAt: record.createdAt,
    startedAt: record.startedAt,
    ranAt: record.ranAt,
    possible: record.mayHaveTakenEffect,
    recoveries: record.recoveries,
    steps: record.steps,
    inputs: record.inputs,
    pending: record.pending,
    forgotten: record.forgotten,
    previous: record.previous,
    status: record.status,
  } satisfies Record<StoredMember, unknown>;
}

/**
 * Reads an entry of the ledger that is not encrypted.
 * @throws McpOnceError `record_unreadable` when it is not one, or of a newer format.
 */
export function decodeEntry(bytes: string): LedgerEntry {
  return entryOf(readValue(bytes));
}

/** What the bytes of an entry hold, unchecked. @throws McpOnceError `record_unreadable` */
export function readValue(bytes: string): unknown {
  try {
    return decodeEnvelope(bytes);
  } catch (cause) {
    throw new McpOnceError('record_unreadable', 'the stored record is not valid JSON', { cause });
  }
}

export function isSealed(value: unknown): boolean {
  return (value as { kind?: unknown } | null | undefined)?.kind === sealedKind;
}

/**
 * Checks the stored form of an entry, and renames its members (see `storedForm`).
 * @param value parsed JSON. An operation gets two more members, since that is faster than a copy.
 * @throws McpOnceError `record_unreadable`
 */
export function entryOf(value: unknown): LedgerEntry {
  if (isObject(value) && value.kind === 'operation') {
    value.occurrence = value.ordinal;
    value.mayHaveTakenEffect = value.possible;
  }
  const parsed = entry.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new McpOnceError('record_unreadable', problemOf(value, parsed.error));
}

function problemOf(value: unknown, error: z.ZodError): string {
  const version = (value as { v?: unknown } | null)?.v;
  if (typeof version === 'number' && version > recordFormat) {
    return `the stored record has format ${version}, and this version of mcp-once reads up to ${recordFormat}: upgrade it`;
  }
  if (isSealed(value)) return 'the stored record is encrypted, and MCP_ONCE_ENCRYPTION_KEYS is not set';
  return `the stored record does not parse (at ${error.issues[0]?.path.join('.') || 'its format'})`;
}

/** True for states that the upstream's memory and a person may still have to do with. */
export function isUnresolved(state: State): boolean {
  return state === 'in_flight' || state === 'unknown' || state === 'incomplete' || state === 'waiting';
}
