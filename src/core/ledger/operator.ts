import { type Clock, pause } from '../clock.ts';
import { describeError, McpOnceError } from '../errors.ts';
import { retentionOf } from './claim.ts';
import type { EntryCodec } from './codec.ts';
import type { Ledger } from './ledger.ts';
import type { EndedStatus, OperationRecord, State, StoredRecord } from './record.ts';

/** The names of entries that are not operations, even if they cannot be read. */
const noOperation = /^(?:repeat-secret$|count:)/;

/** The environment of an operator's commands. */
export interface Operator {
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Returns a new random id, for claim tokens. */
  readonly randomId: () => string;
  readonly unresolvedRetentionMs: number;
  /** Called while a command watches a lease, with the remaining ms. */
  readonly onWatch?: (leftMs: number) => void;
}

interface Unreadable {
  readonly type: 'unreadable';
  readonly key: string;
  readonly message: string;
}

export type ListedEntry = { readonly type: 'operation'; readonly record: OperationRecord } | Unreadable;

export interface ListFilter {
  readonly state?: State | 'unreadable' | undefined;
  readonly tool?: string | undefined;
  /** The maximum number of operations. The newest are listed. */
  readonly limit: number;
}

/**
 * Lists the newest matching operations. Without a filter by tool it includes unreadable entries. It leaves out entries
 * that are not operations, such as latches, aliases and the secret.
 * @throws LedgerUnavailable
 */
export async function listOperations(ledger: Ledger, filter: ListFilter): Promise<ListedEntry[]> {
  let kept = new Map<string, ListedEntry>();
  for await (const listed of operations(ledger)) {
    if (!passes(listed, filter)) continue;
    kept.set(keyOf(listed), listed);
    if (kept.size > 2 * filter.limit + 1_000) kept = newest(kept, filter.limit);
  }
  return [...newest(kept, filter.limit).values()];
}

async function* operations(ledger: Ledger): AsyncIterable<ListedEntry> {
  for await (const { key, value } of ledger.store.scan()) {
    const listed = listedOf(ledger.codec, key, value);
    if (listed && !noOperation.test(key)) yield listed;
  }
}

function listedOf(codec: EntryCodec, key: string, bytes: string): ListedEntry | undefined {
  try {
    const entry = codec.decode(key, bytes);
    return entry.kind === 'operation' && !entry.forgotten ? { type: 'operation', record: entry } : undefined;
  } catch (error) {
    return { type: 'unreadable', key, message: describeError(error) };
  }
}

function passes(listed: ListedEntry, { state, tool }: ListFilter): boolean {
  if (listed.type === 'unreadable') return tool === undefined && (state === undefined || state === 'unreadable');
  const { record } = listed;
  return (tool === undefined || record.tool === tool) && (state === undefined || record.status.state === state);
}

function newest(listed: ReadonlyMap<string, ListedEntry>, limit: number): Map<string, ListedEntry> {
  const sorted = [...listed].sort(([, a], [, b]) => timeOf(b) - timeOf(a));
  return new Map(sorted.slice(0, limit));
}

/** Sorts unreadable entries first, since an operator has to look at them. */
function timeOf(listed: ListedEntry): number {
  return listed.type === 'operation' ? listed.record.createdAt : Infinity;
}

function keyOf(listed: ListedEntry): string {
  return listed.type === 'operation' ? listed.record.key : listed.key;
}

export interface LedgerStats {
  readonly operations: number;
  readonly unreadable: number;
  readonly byState: Readonly<Record<string, number>>;
  readonly byTool: Readonly<Record<string, number>>;
  /** Calls that ran although they would have been replayed or refused, while their server was only observed. */
  readonly observed: { readonly replayed: number; readonly refused: number };
  /** The first claim of the oldest operation with an unknown outcome, in ms since the epoch. */
  readonly oldestUnknownAt: number | undefined;
}

/** Counts the operations. Redis may count an entry twice while it resizes its table. @throws LedgerUnavailable */
export async function ledgerStats(ledger: Ledger): Promise<LedgerStats> {
  const none = { in_flight: 0, waiting: 0, unknown: 0, incomplete: 0, succeeded: 0, failed: 0 };
  const byState: Record<string, number> = { ...none };
  const byTool: Record<string, number> = {};
  let unreadable = 0;
  let count = 0;
  const observed = { replayed: 0, refused: 0 };
  let oldestUnknownAt: number | undefined;
  for await (const listed of operations(ledger)) {
    if (listed.type === 'unreadable') {
      unreadable += 1;
      continue;
    }
    const { status, tool, createdAt, observed: seen } = listed.record;
    observed.replayed += seen?.replayed ?? 0;
    observed.refused += seen?.refused ?? 0;
    count += 1;
    byState[status.state] = (byState[status.state] ?? 0) + 1;
    byTool[tool] = (byTool[tool] ?? 0) + 1;
    if (status.state === 'unknown') oldestUnknownAt = Math.min(createdAt, oldestUnknownAt ?? createdAt);
  }
  return { operations: count, unreadable, byState, byTool, observed, oldestUnknownAt };
}

/** The fewest characters that a shortened key may have. */
const prefixCharsMin = 4;
/** How many keys an ambiguous prefix lists. */
const matchesMax = 10;

/**
 * Returns the key of an operation that a person may have shortened to its first characters.
 * @returns the given text if no key begins with it
 * @throws McpOnceError `operation_not_found` that lists the keys, if several operations begin with it
 * @throws LedgerUnavailable
 */
export async function fullKey(ledger: Ledger, given: string): Promise<string> {
  const prefix = given.toLowerCase();
  if (prefix.length < prefixCharsMin || !/^[0-9a-f-]+$/.test(prefix)) return given;
  if ((await ledger.store.get(given)) !== undefined) return given;
  const found = new Map<string, ListedEntry>();
  for await (const listed of operations(ledger)) {
    if (keyOf(listed).startsWith(prefix)) found.set(keyOf(listed), listed);
  }
  const [only, ...others] = found.keys();
  if (only === undefined) return given;
  if (others.length === 0) return only;
  const shown = [...found.values()].slice(0, matchesMax).map((each) => `${keyOf(each)} (${nameOf(each)})`);
  const more = found.size > matchesMax ? ` and ${found.size - matchesMax} more` : '';
  throw notFound(`${found.size} operations begin with ${given}: ${shown.join(', ')}${more}. Write more of the key.`);
}

function nameOf(listed: ListedEntry): string {
  return listed.type === 'operation' ? `${listed.record.tool}, ${listed.record.status.state}` : 'unreadable';
}

/**
 * Returns one operation.
 * @throws McpOnceError `operation_not_found`, `record_unreadable`
 * @throws LedgerUnavailable
 */
export async function showOperation(ledger: Ledger, key: string): Promise<StoredRecord> {
  const bytes = await ledger.store.get(key);
  if (bytes === undefined) throw notFound(`The ledger has no operation ${key}.`);
  const entry = ledger.codec.decode(key, bytes);
  if (entry.kind === 'alias') throw notFound(`${key} is a twin of the operation ${entry.of}: use that one.`);
  if (entry.kind !== 'operation') throw notFound(`${key} is no operation.`);
  if (entry.forgotten) throw notFound(`Operation ${key} was forgotten.`);
  return { record: entry, bytes };
}

/** The outcome that an operator found at the upstream. */
export type FoundOutcome =
  | { readonly state: 'succeeded'; readonly result: unknown }
  /** It succeeded, and its result is not known. */
  | { readonly state: 'succeeded' }
  /** `undone`: the effects of steps were reversed, so the whole operation may run again. */
  | { readonly state: 'failed'; readonly message?: string | undefined; readonly undone?: boolean | undefined };

/**
 * Ends an operation with an unknown outcome. Waiting callers get the outcome. The record gets a new token, so the writes
 * of a late owner no longer match (fencing).
 *
 * `failed` after steps with effects becomes `incomplete`: the next identical call continues after them. A success without a
 * result can be resolved once more.
 *
 * @throws McpOnceError `operation_alive` if the operation is being executed (the command watches it for up to one lease)
 * or changed meanwhile; `invalid_input` if it has ended; `operation_not_found`; `record_unreadable`
 * @throws LedgerUnavailable
 */
export async function resolveOperation(operator: Operator, key: string, found: FoundOutcome): Promise<OperationRecord> {
  const { ledger } = operator;
  const held = await withoutOwner(operator, await showOperation(ledger, key));
  const { record } = held;
  const { state } = record.status;
  if ((state === 'succeeded' || state === 'failed') && !mayBeCorrected(record, found)) {
    throw new McpOnceError(
      'invalid_input',
      `Operation ${key} (${record.tool}) has ${state}: there is nothing to resolve.`,
    );
  }
  const nowMs = ledger.clock.wallMs();
  const status = statusOf(found, record, nowMs);
  if (status.state === 'incomplete' && state === 'incomplete') {
    throw new McpOnceError(
      'invalid_input',
      `Operation ${key} (${record.tool}) is incomplete: there is nothing to resolve. Repeat the same call to continue it, or resolve it as undone after you have reversed its steps.`,
    );
  }
  const next: OperationRecord = {
    ...record,
    token: operator.randomId(),
    renewals: record.renewals + 1,
    renewedAt: nowMs,
    machine: ledger.time.marks('written', record.machine),
    mayHaveTakenEffect: false,
    status,
  };
  const ttlMs = retentionOf(next, operator);
  if (await ledger.store.compareAndSet(key, held.bytes, ledger.codec.encode(key, next), ttlMs, { wake: true }))
    return next;
  throw changed(record);
}

/** An operator who gave no result may add it later, or correct a mistake. */
function mayBeCorrected({ status }: OperationRecord, found: FoundOutcome): boolean {
  const isWithoutResult = status.state === 'succeeded' && status.stub?.reason === 'resolved';
  return isWithoutResult && (found.state === 'failed' || 'result' in found);
}

function statusOf(found: FoundOutcome, record: OperationRecord, settledAt: number): EndedStatus {
  if (found.state === 'succeeded') {
    if ('result' in found) return { state: 'succeeded', settledAt, result: found.result };
    const message = 'an operator found that it succeeded, and gave no result';
    return { state: 'succeeded', settledAt, result: null, stub: { reason: 'resolved', message } };
  }
  const message = found.message ?? 'an operator found that it had no effect';
  if (!found.undone && record.steps.some((step) => step.effect)) return { state: 'incomplete', settledAt, message };
  return { state: 'failed', settledAt, message, dispatched: true };
}

/**
 * Forgets an operation, so that the same call executes again under new upstream keys. Deletes everything that is stored
 * about it except its generation.
 * @param force deletes an entry that cannot be read, even though its operation may still be executed
 * @returns the forgotten record; undefined if it could not be read
 * @throws McpOnceError `operation_alive`, `operation_not_found`, `record_unreadable`
 * @throws LedgerUnavailable
 */
export async function forgetOperation(
  operator: Operator,
  key: string,
  force = false,
): Promise<OperationRecord | undefined> {
  const { store, codec } = operator.ledger;
  const bytes = await store.get(key);
  const listed = bytes === undefined ? undefined : listedOf(codec, key, bytes);
  if (bytes !== undefined && listed?.type === 'unreadable') {
    if (!force) {
      throw new McpOnceError('record_unreadable', `The entry ${key} cannot be read: ${listed.message}.`);
    }
    if (await store.delete(key, bytes)) return undefined;
    throw new McpOnceError('operation_alive', `The entry ${key} changed meanwhile: it is in use. Nothing was deleted.`);
  }
  const held = await withoutOwner(operator, await showOperation(operator.ledger, key));
  const tombstone = forgottenRecord(operator, held.record);
  const ttlMs = retentionOf(tombstone, operator);
  if (await store.compareAndSet(key, held.bytes, codec.encode(key, tombstone), ttlMs, { wake: true }))
    return held.record;
  throw changed(held.record);
}

/** Returns a record without values whose window is over. The next call begins a new generation with new upstream keys. */
function forgottenRecord({ ledger, randomId }: Operator, record: OperationRecord): OperationRecord {
  const { previous: _, inputs: __, ...kept } = record;
  const settledAt = ledger.clock.wallMs();
  return {
    ...kept,
    forgotten: true,
    token: randomId(),
    renewals: record.renewals + 1,
    arguments: {},
    steps: [],
    mayHaveTakenEffect: false,
    windowMs: 0,
    status: { state: 'failed', settledAt, message: 'forgotten by an operator', dispatched: true },
  };
}

/**
 * Makes sure that no process executes the operation. Watches an unsettled one until its lease has lapsed.
 * @throws McpOnceError `operation_alive` as soon as its owner renews the lease
 */
async function withoutOwner(operator: Operator, held: StoredRecord): Promise<StoredRecord> {
  const { ledger, clock, onWatch } = operator;
  const { record } = held;
  if (record.status.state !== 'in_flight') return held;
  for (;;) {
    const leftMs = ledger.leases.leftMs(held);
    if (leftMs === 0) return held;
    onWatch?.(leftMs);
    // Owners renew every third of a lease, so a living owner is noticed soon.
    await pause(clock, Math.min(leftMs, record.leaseMs / 3));
    const bytes = await ledger.store.get(record.key);
    if (bytes === held.bytes) continue;
    if (bytes === undefined) throw notFound(`Operation ${record.key} no longer exists.`);
    const now = listedOf(ledger.codec, record.key, bytes);
    if (now?.type === 'operation' && now.record.status.state !== 'in_flight') throw changed(record);
    throw new McpOnceError(
      'operation_alive',
      `Operation ${record.key} (${record.tool}) is being executed: its owner renewed its lease. Wait for it to end.`,
    );
  }
}

function changed({ key, tool }: OperationRecord): McpOnceError {
  return new McpOnceError(
    'operation_alive',
    `Operation ${key} (${tool}) changed meanwhile. Nothing was changed: show it and try again.`,
  );
}

function notFound(message: string): McpOnceError {
  return new McpOnceError('operation_not_found', message);
}
