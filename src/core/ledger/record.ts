import { z } from 'zod';
import { McpOnceError } from '../errors.ts';
import { isObject } from '../json.ts';
import { decodeEnvelope, encodeEnvelope } from './stores/envelope.ts';

/** The version of the record's format. Records of a newer version are refused. */
export const recordFormat = 1;

/** Counts the forms that keys have had: 2 adds the package to the name of a guarded program. */
export const keysForm = 2;

/** The kind of an entry whose content is encrypted (see codec.ts). */
export const sealedKind = 'sealed';

const count = z.int().min(1);
const timeMs = z.number();

const step = z.object({
  name: z.string(),
  attempt: count,
  /** False for the stored result of a read. */
  effect: z.boolean(),
  /** Absent once the operation has succeeded. */
  result: z.unknown().optional(),
});

/** A person's reply to a question (MCP, elicitation). */
const reply = z.object({
  action: z.enum(['accept', 'decline', 'cancel']),
  content: z.record(z.string(), z.unknown()).optional(),
});

const stub = z.object({
  reason: z.enum(['too_large', 'not_serialisable', 'not_as_declared', 'resolved']),
  message: z.string(),
});

/** Set if the operation asked for input and its caller could not ask a person. */
const unasked = z.literal(true).optional();

/** Why nothing took effect, where the upstream said so or the tool's code is broken, and how long the upstream asks to wait. */
const failure = {
  kind: z
    .enum(['invalid', 'not_found', 'unauthorised', 'declined', 'conflict', 'limited', 'unavailable', 'broken'])
    .optional()
    .catch(undefined),
  retryAfterMs: timeMs.optional(),
};

const ended = z.discriminatedUnion('state', [
  z.object({ state: z.literal('succeeded'), settledAt: timeMs, result: z.unknown(), stub: stub.optional() }),
  z.object({
    state: z.literal('failed'),
    settledAt: timeMs,
    message: z.string(),
    dispatched: z.boolean(),
    unasked,
    ...failure,
  }),
  z.object({ state: z.literal('incomplete'), settledAt: timeMs, message: z.string(), unasked, ...failure }),
]);

/** The operation waits for input. It has no lease, and no process executes it until a reply comes or the question expires. */
const waiting = z.object({
  state: z.literal('waiting'),
  settledAt: timeMs,
  expiresAt: timeMs,
  /** Which question of this attempt it is: 1 for the first. */
  round: count,
  requests: z.record(z.string(), z.object({ message: z.string(), schema: z.record(z.string(), z.unknown()) })),
});

/** The replies to one question of the operation. */
const input = z.object({
  attempt: count,
  round: count,
  /** The names of the requests in the question. */
  names: z.array(z.string()),
  /** SHA-256 of the responses. A round accepts one set of responses. */
  digest: z.string(),
  /** The replies by request. Absent once the operation has succeeded. */
  responses: z.record(z.string(), reply).optional(),
});

const operation = z.object({
  v: z.literal(recordFormat),
  kind: z.literal('operation'),
  key: z.string(),
  tool: z.string(),
  scope: z.object({ tenant: z.string(), subject: z.string(), conversation: z.string().optional() }),
  upstream: z.object({ origin: z.string(), mode: z.string(), account: z.string() }),
  /** `same-call` and `call` stand in records of versions that recognised some tools by call ids. */
  source: z.enum(['host', 'identical', 'latest', 'same-call', 'call']),
  fingerprint: z.string(),
  /** The validated arguments of the first call. Every request of this attempt uses them. A record of zod drops `__proto__`. */
  arguments: z.custom<Record<string, unknown>>(isObject),
  /** The folded canonical form of the arguments, for a tool with `canonical`. */
  form: z.record(z.string(), z.unknown()).optional(),
  generation: count,
  attempt: count,
  /** The key of the latch that identical calls shared in versions that recognised some tools by call ids. */
  latchKey: z.string().optional(),
  /** Which of several identical operations this is: 1 for the first, and one more for each repeat token. */
  occurrence: count,
  windowMs: z.number().min(0),
  /** How long the settled record is kept, in ms. */
  retentionMs: z.number().min(0),
  /** The owner's random claim token. */
  token: z.string(),
  leaseMs: z.number().min(1),
  /** Increases with each write of an owner, so that each renewal changes the bytes. */
  renewals: z.int().min(0),
  renewedAt: timeMs,
  /** When this generation was first claimed. */
  createdAt: timeMs,
  /** The time in the marker of this generation. Absent in records of earlier versions, whose markers include `createdAt`. */
  markedAt: timeMs.optional(),
  /** When this attempt was claimed. None of its upstream keys is older. */
  startedAt: timeMs,
  /** When a request of this attempt was last sent, or may have been. */
  ranAt: timeMs,
  /**
   * The machine's clock (`MachineTime`) at `startedAt`, at `ranAt`, and at `renewedAt`. Only in stores of one machine,
   * whose processes share that clock. It orders times about which the wall clocks of the processes disagree.
   */
  machine: z.object({ boot: z.string(), startedMs: timeMs, ranMs: timeMs, atMs: timeMs }).optional(),
  /** True once a request of this attempt may have taken effect with an unknown outcome. */
  mayHaveTakenEffect: z.boolean(),
  recoveries: z.int().min(0),
  steps: z.array(step),
  /** The replies to its questions, in order. Absent without questions. */
  inputs: z.array(input).optional(),
  /** The steps that were being sent when this was written, or whose outcome is unknown. */
  pending: z.array(z.string()).optional(),
  /** How many calls of it ran although they would have been replayed or refused, while its server was only observed. */
  observed: z.object({ replayed: z.int().min(0), refused: z.int().min(0) }).optional(),
  /** Set after an operator forgot the operation. The rest of the record prevents its upstream keys from being used again. */
  forgotten: z.literal(true).optional(),
  /** How the previous attempt or generation ended, for callers that still wait for it. */
  previous: z.object({ generation: count, attempt: count, fingerprint: z.string(), ended }).optional(),
  /** The state of the operation, with the members of that state. */
  status: z.discriminatedUnion('state', [
    z.object({ state: z.literal('in_flight') }),
    z.object({
      state: z.literal('unknown'),
      settledAt: timeMs,
      message: z.string(),
      /** Set if the upstream answered, with an error that leaves doubt. Then a caller may end the outcome. */
      answered: z.literal(true).optional(),
      /** Set if the upstream knows its key from a request with other parameters: an effect may exist without the marker. */
      keyUsed: z.literal(true).optional(),
    }),
    waiting,
    ...ended.options,
  ]),
});

/** An entry for a call that turned out to be identical to a call in flight. `of` is the key of that operation. */
const alias = z.object({ v: z.literal(recordFormat), kind: z.literal('alias'), key: z.string(), of: z.string() });

/** The latest operation on a resource, or with identical arguments. */
const latch = z.object({
  v: z.literal(recordFormat),
  kind: z.literal('latch'),
  key: z.string(),
  holder: z.string(),
  generation: count,
  startedAt: timeMs,
});

/** The recent operations that share scope, upstream, tool and skeleton, so that a reworded call is recognised. */
const family = z.object({
  v: z.literal(recordFormat),
  kind: z.literal('family'),
  key: z.string(),
  members: z.array(
    z.object({
      /** The key of the operation. */
      key: z.string(),
      /** When the operation was claimed. */
      claimedAt: timeMs,
      /** What its free text says (see recognition/text-similarity.ts). */
      sketch: z.unknown(),
    }),
  ),
});

/** The answer that a tool got when it asked its upstream what an argument means. */
const fact = z.object({
  v: z.literal(recordFormat),
  kind: z.literal('fact'),
  key: z.string(),
  value: z.unknown(),
});

const secret = z.object({
  v: z.literal(recordFormat),
  kind: z.literal('secret'),
  secret: z.string().min(32),
  /** When the first process with the present keys opened the ledger. Until one window later, earlier keys are read too. */
  keysSince: timeMs.optional(),
  /** The form of those keys. A later form begins another window. */
  keysForm: count.optional(),
});

/** How many records a subject or tenant has created on one day (see record-quota.ts). */
const recordCount = z.object({
  v: z.literal(recordFormat),
  kind: z.literal('count'),
  key: z.string(),
  held: z.int().min(0),
});

const entry = z.discriminatedUnion('kind', [operation, alias, latch, family, fact, secret, recordCount]);

export type OperationRecord = z.infer<typeof operation>;
export type LedgerEntry = z.infer<typeof entry>;
export type FamilyMember = z.infer<typeof family>['members'][number];
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
 * Returns the form of an entry in the store. Format 1 has other names for two members of an operation (`ordinal`,
 * `possible`). They stay, since processes of an earlier version may share the ledger.
 */
export function storedForm(value: LedgerEntry): object {
  return value.kind === 'operation' ? storedOperation(value) : value;
}

type StoredMember = Exclude<keyof OperationRecord, 'occurrence' | 'mayHaveTakenEffect'> | 'ordinal' | 'possible';

/** Lists every member, since a spread would nearly double the time of encoding. JSON omits undefined members. */
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
    form: record.form,
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
    markedAt: record.markedAt,
    startedAt: record.startedAt,
    ranAt: record.ranAt,
    machine: record.machine,
    possible: record.mayHaveTakenEffect,
    recoveries: record.recoveries,
    steps: record.steps,
    inputs: record.inputs,
    pending: record.pending,
    observed: record.observed,
    forgotten: record.forgotten,
    previous: record.previous,
    status: record.status,
  } satisfies Record<StoredMember, unknown>;
}

/**
 * Decodes an entry that is not encrypted.
 * @throws McpOnceError `record_unreadable` if the bytes are not an entry, or an entry of a newer format
 */
export function decodeEntry(bytes: string): LedgerEntry {
  return entryOf(readValue(bytes));
}

/** Parses the bytes of an entry without checking the value. @throws McpOnceError `record_unreadable` */
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
 * Checks the stored form of an entry and renames its members (see `storedForm`).
 * @param value parsed JSON. The function adds two members to an operation, which is faster than a copy.
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

/** Returns whether an operation in this state may still need a recovery or a person. */
export function isUnresolved(state: State): boolean {
  return state === 'in_flight' || state === 'unknown' || state === 'incomplete' || state === 'waiting';
}
