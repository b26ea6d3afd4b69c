import type { Clock } from '../clock.ts';
import { describeError, LedgerUnavailable } from '../errors.ts';
import { emit } from '../observe/events.ts';
import type { EntryCodec } from './codec.ts';
import {
  isUnresolved,
  type KeptInput,
  type KeptStep,
  type OperationRecord,
  type Status,
  type StoredRecord,
} from './record.ts';
import type { RecordTime } from './record-time.ts';
import type { Store } from './stores/store.ts';

/** How often one write is tried while the record keeps changing. */
const writeTriesMax = 8;

export interface ClaimSettings {
  readonly unresolvedRetentionMs: number;
}

/** The parts of the ledger that its claims use. */
export interface ClaimContext {
  readonly store: Store;
  readonly codec: EntryCodec;
  readonly clock: Clock;
  readonly time: RecordTime;
  readonly settings: ClaimSettings;
}

type Change = (record: OperationRecord) => OperationRecord;

/**
 * The right to execute one attempt of one operation, and the owner's writes to its record.
 *
 * Writes run one after the other. If the store refuses a write or its response is lost, the claim reads the record:
 *
 * - the new bytes: the write succeeded
 * - the claim's own token: the claim tries again
 * - anything else: the claim is lost (fencing), and its owner must not dispatch anything more
 */
export class Claim {
  readonly #store: Store;
  readonly #codec: EntryCodec;
  readonly #clock: Clock;
  readonly #time: RecordTime;
  readonly #settings: ClaimSettings;
  readonly #token: string;
  #held: StoredRecord;
  #renewedMs: number;
  #lost = false;
  #last: Promise<unknown> = Promise.resolve();

  /** @param claimedMs the monotonic time before the write that won the claim was sent */
  constructor({ store, codec, clock, time, settings }: ClaimContext, held: StoredRecord, claimedMs: number) {
    this.#store = store;
    this.#codec = codec;
    this.#clock = clock;
    this.#time = time;
    this.#settings = settings;
    this.#held = held;
    this.#token = held.record.token;
    this.#renewedMs = claimedMs;
  }

  get record(): OperationRecord {
    return this.#held.record;
  }

  get lost(): boolean {
    return this.#lost;
  }

  /**
   * True while dispatching is allowed: the lease was renewed less than half a lease ago, by both clocks. The monotonic
   * clock may stand still while the machine sleeps (CLOCK_MONOTONIC on Linux), and the wall clock may jump.
   */
  get fresh(): boolean {
    const boundMs = this.record.leaseMs / 2;
    const wallMs = this.#clock.wallMs() - this.record.renewedAt;
    return !this.#lost && this.#clock.monotonicMs() - this.#renewedMs <= boundMs && wallMs <= boundMs;
  }

  /** Renews the lease. @returns false when the claim is lost @throws LedgerUnavailable */
  renew(): Promise<boolean> {
    return this.#write((record) => record, {});
  }

  /** Stores the results of steps and renews the lease. @returns false when the claim is lost @throws LedgerUnavailable */
  keep(steps: readonly KeptStep[], mayHaveTakenEffect: boolean, pending: readonly string[] = []): Promise<boolean> {
    return this.#write(
      (record) => ({ ...record, steps: longest(record, steps), mayHaveTakenEffect, pending: [...pending] }),
      {},
    );
  }

  /**
   * Begins the next attempt. The previous attempt certainly had no effect except that of `steps`.
   * @returns false when the claim is lost
   * @throws LedgerUnavailable
   */
  nextAttempt(steps: readonly KeptStep[]): Promise<boolean> {
    const nowMs = this.#clock.wallMs();
    return this.#write(
      (record) => ({
        ...record,
        attempt: record.attempt + 1,
        machine: this.#time.marks('started'),
        startedAt: nowMs,
        ranAt: nowMs,
        mayHaveTakenEffect: false,
        pending: [],
        steps: longest(record, steps),
      }),
      {},
    );
  }

  /** Records that a request of this attempt is about to be sent again. @throws LedgerUnavailable */
  noteRun(steps: readonly KeptStep[]): Promise<boolean> {
    const nowMs = this.#clock.wallMs();
    return this.#write(
      (record) => ({
        ...record,
        machine: this.#time.marks('ran', record.machine),
        ranAt: nowMs,
        mayHaveTakenEffect: true,
        steps: longest(record, steps),
      }),
      {},
    );
  }

  /** Writes the outcome. The window ends after `windowMsMax` at the latest. @returns false when the claim is lost @throws LedgerUnavailable */
  settle(
    status: Exclude<Status, { state: 'in_flight' }>,
    steps: readonly KeptStep[],
    mayHaveTakenEffect: boolean,
    pending: readonly string[] = [],
    windowMsMax = Number.POSITIVE_INFINITY,
  ): Promise<boolean> {
    const left = pending.length > 0 ? { pending: [...pending] } : {};
    const done = status.state === 'succeeded' && !status.stub;
    return this.#write(
      ({ pending: _, ...record }) => {
        const kept = done ? steps.map(withoutResult) : longest(record, steps);
        const inputs = done && record.inputs ? { inputs: record.inputs.map(withoutResponses) } : {};
        // A host's key always means one operation.
        const windowMs = record.source === 'host' ? record.windowMs : Math.min(record.windowMs, windowMsMax);
        // Readers of the record measure from the time of this write. The clock may have been set since the run ended.
        const settled = { ...status, settledAt: record.renewedAt };
        return { ...record, status: settled, steps: kept, mayHaveTakenEffect, windowMs, ...inputs, ...left };
      },
      { wake: true },
    );
  }

  #write(change: Change, options: { wake?: boolean }): Promise<boolean> {
    const write = this.#last.then(() => this.#writeNow(change, options));
    this.#last = write.catch(() => undefined);
    return write;
  }

  async #writeNow(change: Change, options: { wake?: boolean }): Promise<boolean> {
    for (let tries = 0; tries < writeTriesMax && !this.#lost; tries += 1) {
      // Only the owner settles under its token: an earlier write whose response was lost has succeeded.
      if (isSettled(this.#held.record)) return options.wake === true;
      const startedMs = this.#clock.monotonicMs();
      const next = this.#next(change);
      const ttlMs = retentionOf(next.record, this.#settings);
      const swapped = await this.#swap(next, ttlMs, options);
      if (swapped || (await this.#reread(next.bytes))) {
        this.#held = next;
        this.#renewedMs = startedMs;
        return true;
      }
    }
    if (!this.#lost) throw new LedgerUnavailable('the record kept changing while it was written');
    return false;
  }

  #next(change: Change): StoredRecord {
    const current = this.#held.record;
    const record = change({
      ...current,
      status: current.status.state === 'unknown' ? { state: 'in_flight' } : current.status,
      renewals: current.renewals + 1,
      renewedAt: this.#clock.wallMs(),
      machine: this.#time.marks('written', current.machine),
    });
    return { record, bytes: this.#codec.encode(record.key, record) };
  }

  async #swap(next: StoredRecord, ttlMs: number, options: { wake?: boolean }): Promise<boolean> {
    try {
      return await this.#store.compareAndSet(next.record.key, this.#held.bytes, next.bytes, ttlMs, options);
    } catch (error) {
      // The re-read finds out whether the write succeeded, and throws if the store still fails.
      emit({ type: 'ledger_fault', operation: next.record.key, message: describeError(error) });
      return false;
    }
  }

  /** Returns whether the record is `written`. Adopts a record with the claim's own token, otherwise marks the claim as lost. */
  async #reread(written: string): Promise<boolean> {
    const bytes = await this.#store.get(this.record.key);
    if (bytes === written) return true;
    const entry = bytes === undefined ? undefined : this.#codec.decode(this.record.key, bytes);
    if (bytes !== undefined && entry?.kind === 'operation' && entry.token === this.#token) {
      this.#held = { record: entry, bytes };
    } else {
      this.#lost = true;
    }
    return false;
  }
}

/**
 * Returns the steps of a record and a run that began from them, whichever list is longer. A fault may end a recovery that
 * has stored more steps than its caller knows. Without them, a later recovery could send a step again under a new key.
 */
function longest({ steps: stored }: OperationRecord, steps: readonly KeptStep[]): KeptStep[] {
  return [...(steps.length < stored.length ? stored : steps)];
}

/** Drops the result of a step, since nothing continues from the steps of a succeeded operation. */
function withoutResult({ name, attempt, effect }: KeptStep): KeptStep {
  return { name, attempt, effect };
}

/** Drops the responses, since the digest is enough to recognise the same reply. */
function withoutResponses({ responses: _, ...input }: KeptInput): KeptInput {
  return input;
}

function isSettled({ status }: OperationRecord): boolean {
  return status.state !== 'in_flight' && status.state !== 'unknown';
}

/** Returns how long a record is kept in its state, in ms. */
export function retentionOf(record: Pick<OperationRecord, 'retentionMs' | 'status'>, settings: ClaimSettings): number {
  const { unresolvedRetentionMs } = settings;
  return isUnresolved(record.status.state) ? Math.max(unresolvedRetentionMs, record.retentionMs) : record.retentionMs;
}
