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
import type { Store } from './stores/store.ts';

/** How often one write is tried against a record that keeps changing under it. */
const writeTriesMax = 8;

export interface ClaimSettings {
  readonly unresolvedRetentionMs: number;
}

/** What a claim works with; its ledger's. */
export interface ClaimContext {
  readonly store: Store;
  readonly codec: EntryCodec;
  readonly clock: Clock;
  readonly settings: ClaimSettings;
}

type Change = (record: OperationRecord) => OperationRecord;

/**
 * The right to execute one attempt of one operation, and the owner's writes to its record.
 *
 * The writes go one after the other. When one says "no" or its answer is lost, the record is read:
 * the own next bytes there mean yes, the own token means try again, anything else means that the
 * claim is lost (fencing) and nothing more may be dispatched under it.
 */
export class Claim {
  readonly #store: Store;
  readonly #codec: EntryCodec;
  readonly #clock: Clock;
  readonly #settings: ClaimSettings;
  readonly #token: string;
  #held: StoredRecord;
  #renewedMs: number;
  #lost = false;
  #last: Promise<unknown> = Promise.resolve();

  /** @param claimedMs monotonic time from *before* the write that won the claim was sent. */
  constructor({ store, codec, clock, settings }: ClaimContext, held: StoredRecord, claimedMs: number) {
    this.#store = store;
    this.#codec = codec;
    this.#clock = clock;
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
   * True while dispatching is allowed: the lease was renewed within half of it. By both clocks: the
   * monotonic one may stand still while the machine sleeps (CLOCK_MONOTONIC on Linux), the other may jump.
   */
  get fresh(): boolean {
    const boundMs = this.record.leaseMs / 2;
    const wallMs = this.#clock.wallMs() - this.record.renewedAt;
    return !this.#lost && this.#clock.monotonicMs() - this.#renewedMs <= boundMs && wallMs <= boundMs;
  }

  /** Renews the lease. @returns false when the claim is lost. @throws LedgerUnavailable */
  renew(): Promise<boolean> {
    return this.#write((record) => record, {});
  }

  /** Keeps what steps gave, and renews. @returns false when the claim is lost. @throws LedgerUnavailable */
  keep(steps: readonly KeptStep[], mayHaveTakenEffect: boolean, pending: readonly string[] = []): Promise<boolean> {
    return this.#write((record) => ({ ...record, steps: [...steps], mayHaveTakenEffect, pending: [...pending] }), {});
  }

  /**
   * Begins the next attempt: the one before is known to have had no effect but that of `steps`.
   * @returns false when the claim is lost. @throws LedgerUnavailable
   */
  nextAttempt(steps: readonly KeptStep[]): Promise<boolean> {
    const nowMs = this.#clock.wallMs();
    return this.#write(
      (record) => ({
        ...record,
        attempt: record.attempt + 1,
        startedAt: nowMs,
        ranAt: nowMs,
        mayHaveTakenEffect: false,
        pending: [],
        steps: [...steps],
      }),
      {},
    );
  }

  /** Notes that something is about to be sent again for this attempt. @throws LedgerUnavailable */
  noteRun(steps: readonly KeptStep[]): Promise<boolean> {
    const nowMs = this.#clock.wallMs();
    return this.#write((record) => ({ ...record, ranAt: nowMs, mayHaveTakenEffect: true, steps: [...steps] }), {});
  }

  /** Writes the outcome. @returns false when the claim is lost. @throws LedgerUnavailable */
  settle(
    status: Exclude<Status, { state: 'in_flight' }>,
    steps: readonly KeptStep[],
    mayHaveTakenEffect: boolean,
    pending: readonly string[] = [],
  ): Promise<boolean> {
    const left = pending.length > 0 ? { pending: [...pending] } : {};
    const done = status.state === 'succeeded' && !status.stub;
    const kept = done ? steps.map(withoutResult) : [...steps];
    return this.#write(
      ({ pending: _, ...record }) => {
        const inputs = done && record.inputs ? { inputs: record.inputs.map(withoutResponses) } : {};
        return { ...record, status, steps: kept, mayHaveTakenEffect, ...inputs, ...left };
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
      // Under our own token only we settle: an earlier write of ours whose answer was lost has landed.
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
    });
    return { record, bytes: this.#codec.encode(record.key, record) };
  }

  async #swap(next: StoredRecord, ttlMs: number, options: { wake?: boolean }): Promise<boolean> {
    try {
      return await this.#store.compareAndSet(next.record.key, this.#held.bytes, next.bytes, ttlMs, options);
    } catch (error) {
      // Done or not is for the re-read to tell; when that fails too, the fault goes up from there.
      emit({ type: 'ledger_fault', operation: next.record.key, message: describeError(error) });
      return false;
    }
  }

  /** True when the record holds `written`. Takes up a record that is still ours, else marks the claim lost. */
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

/** Nobody goes on from a step of what has succeeded: the operation's result says it all. */
function withoutResult({ name, attempt, effect }: KeptStep): KeptStep {
  return { name, attempt, effect };
}

/** Nor asks again what was answered: which answer it was is enough to know it by. */
function withoutResponses({ responses: _, ...input }: KeptInput): KeptInput {
  return input;
}

function isSettled({ status }: OperationRecord): boolean {
  return status.state !== 'in_flight' && status.state !== 'unknown';
}

/** How long a record is kept in its state, in ms. */
export function retentionOf(record: Pick<OperationRecord, 'retentionMs' | 'status'>, settings: ClaimSettings): number {
  const { unresolvedRetentionMs } = settings;
  return isUnresolved(record.status.state) ? Math.max(unresolvedRetentionMs, record.retentionMs) : record.retentionMs;
}
