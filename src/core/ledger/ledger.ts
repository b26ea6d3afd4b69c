import { BoundedMap } from '../bounded-map.ts';
import { aheadBy, type Clock, pause } from '../clock.ts';
import { describeError, LedgerUnavailable, McpOnceError, NotReplicated, ReplyLost } from '../errors.ts';
import { emit } from '../observe/events.ts';
import { Claim, type ClaimContext, retentionOf } from './claim.ts';
import { DecodedEntries, type EntryCodec, plainCodec } from './codec.ts';
import { GivenBack } from './given-back.ts';
import { LeaseWatch } from './lease.ts';
import {
  type ClaimRequest,
  continued,
  firstRecord,
  inFlight,
  nextAttempt,
  nextGeneration,
  type Owner,
  resumed,
} from './new-record.ts';
import {
  type FamilyMember,
  type LedgerEntry,
  type OperationRecord,
  recordFormat,
  type StoredRecord,
} from './record.ts';
import { RecordTime } from './record-time.ts';
import { abandoned, type ClaimDecision, decide } from './state-table.ts';
import type { Store } from './stores/store.ts';

/** How often one claim is tried while the record keeps changing. */
const claimTriesMax = 32;
const giveBackPauseMs = 20;
/** How long a claim whose reply is lost may still be on its way to the store, in ms. */
const onItsWayMs = 10_000;

export interface LedgerSettings {
  /** How long a claim holds without renewal, in ms. */
  readonly leaseMs: number;
  /** How long an in-flight, incomplete or unknown record is kept, in ms. */
  readonly unresolvedRetentionMs: number;
}

export interface LedgerOptions {
  readonly store: Store;
  /**
   * Encodes and decodes entries.
   * @defaultValue plainCodec
   */
  readonly codec?: EntryCodec;
  readonly clock: Clock;
  /** Returns a new random id, for claim tokens. */
  readonly randomId: () => string;
  readonly settings: LedgerSettings;
}

export type ClaimResult =
  | { readonly type: 'claimed'; readonly claim: Claim }
  | { readonly type: 'alias'; readonly of: string }
  | { readonly type: Exclude<ClaimDecision['type'], ClaimVerdict | 'stale'>; readonly held: StoredRecord }
  /** The call answers a question that is not open. The operation may have expired. */
  | { readonly type: 'stale' };

/** The recent operations of a family, with the bytes in the store. */
export interface KnownFamily {
  readonly bytes: string;
  readonly members: readonly FamilyMember[];
}

type LatchEntry = Extract<LedgerEntry, { kind: 'latch' }>;

type ClaimVerdict = 'next_generation' | 'next_attempt' | 'resume' | 'continue';

/** How many own claims a process remembers. */
const tokensMax = 10_000;

/** Stores operations and decides who may execute them. Applies the state table with a store's two atomic primitives. */
export class Ledger {
  readonly store: Store;
  readonly codec: EntryCodec;
  readonly leases: LeaseWatch;
  /** Measures the time since an event in a record. */
  readonly time: RecordTime;
  /** The clock of the times in records: the store's, if it has one. */
  readonly clock: Clock;
  readonly #givenBack: GivenBack;
  readonly #randomId: () => string;
  /** The tokens of the latest claims of this process. */
  readonly #tokens = new BoundedMap<string, true>(tokensMax);
  readonly #settings: LedgerSettings;
  readonly #decoded: DecodedEntries;
  readonly #context: ClaimContext;

  constructor(options: LedgerOptions) {
    this.store = options.store;
    const { store, clock } = options;
    this.clock = store.offsetMs ? aheadBy(clock, () => store.offsetMs?.() ?? 0) : clock;
    this.time = new RecordTime(this.clock, store);
    this.leases = new LeaseWatch(this.clock, this.time);
    this.#givenBack = new GivenBack(this.clock);
    this.#randomId = options.randomId;
    this.#settings = options.settings;
    this.codec = options.codec ?? plainCodec;
    this.#decoded = new DecodedEntries(this.codec);
    this.#context = { ...options, clock: this.clock, codec: this.codec, time: this.time };
  }

  /**
   * Asks for the right to execute. Among concurrent claims of one key, in any number of processes, at most one gets
   * `claimed` for one attempt.
   *
   * @throws LedgerUnavailable if the store fails. Nothing was claimed, or the ledger gives the claim back.
   * @throws McpOnceError `record_unreadable`
   */
  async claim(request: ClaimRequest): Promise<ClaimResult> {
    for (let tries = 0; tries < claimTriesMax; tries += 1) {
      if (request.replies) {
        const held = await this.read(request.key);
        const answer = held ? await this.#claimOver(held, request) : ({ type: 'stale' } as const);
        if (answer) return answer;
        continue;
      }
      let fresh: StoredRecord | undefined;
      const first = (): StoredRecord => {
        fresh ??= this.#heldOf(firstRecord(request, this.#owner(), this.clock.wallMs()));
        return fresh;
      };
      const ttlMs = retentionOf({ ...request, status: inFlight }, this.#settings);
      const startedMs = this.clock.monotonicMs();
      const found = await this.#own(
        () => fresh,
        () => this.store.putIfAbsent(request.key, () => first().bytes, ttlMs),
        async ({ bytes }) => {
          const present = await this.store.putIfAbsent(request.key, bytes, ttlMs);
          // The lost reply was that of a write that has won.
          return present === bytes ? undefined : present;
        },
      );
      if (found === undefined) return this.#claimed(first(), startedMs);
      const entry = this.#decoded.decode(request.key, found);
      if (entry.kind === 'alias') return { type: 'alias', of: entry.of };
      if (entry.kind !== 'operation')
        throw new McpOnceError('record_unreadable', 'the key does not contain an operation');
      const answer = await this.#claimOver({ record: entry, bytes: found }, request);
      if (answer) return answer;
    }
    throw new LedgerUnavailable(`the record changed ${claimTriesMax} times while it was claimed`);
  }

  /** Applies the state table to an existing record. Returns undefined if the record changed meanwhile. */
  async #claimOver(held: StoredRecord, request: ClaimRequest): Promise<ClaimResult | undefined> {
    const { record } = held;
    const { tool, fingerprint, supersedes, replies: continues } = request;
    if (this.#givenBack.has(record.token)) {
      // This process owns the claim and sent nothing.
      await this.#giveBackNow(held);
      return undefined;
    }
    const lapsed = record.status.state === 'in_flight' && this.leases.leftMs(held) === 0;
    const recordNowMs = this.time.nowFor(record);
    const verdict = decide({ record, tool, fingerprint, supersedes, nowMs: recordNowMs, lapsed, replies: continues });
    const nowMs = this.clock.wallMs();
    switch (verdict.type) {
      case 'next_generation':
        return this.#swapIn(held, nextGeneration(record, request, this.#owner(), nowMs));
      case 'next_attempt':
        return this.#swapIn(held, nextAttempt(record, request, this.#owner(), nowMs));
      case 'resume':
        return this.#swapIn(held, resumed(record, request, this.#owner(), nowMs));
      case 'continue':
        // The state table decides `continue` only for a call with replies.
        return continues && this.#swapIn(held, continued(record, continues, this.#owner(), nowMs));
      case 'stale':
        return { type: 'stale' };
      default:
        return { type: verdict.type, held };
    }
  }

  /**
   * Claims the next generation of an operation that has ended or whose outcome is unknown, because the call is meant.
   * @returns undefined if the record changed meanwhile
   */
  async claimAgain(held: StoredRecord, request: ClaimRequest): Promise<Claim | undefined> {
    const next = nextGeneration(held.record, request, this.#owner(), this.clock.wallMs());
    const answer = await this.#swapIn(held, next);
    return answer?.type === 'claimed' ? answer.claim : undefined;
  }

  /** Counts a call that was only observed: it ran, and a guarded one would have got this instead. */
  async noteObserved(key: string, what: 'replayed' | 'refused'): Promise<void> {
    for (let tries = 0; tries < claimTriesMax; tries += 1) {
      const held = await this.read(key);
      if (held === undefined) return;
      const { observed = { replayed: 0, refused: 0 } } = held.record;
      const next = this.#heldOf({ ...held.record, observed: { ...observed, [what]: observed[what] + 1 } });
      if (await this.store.compareAndSet(key, held.bytes, next.bytes, this.#ttl(next.record), { replicate: false }))
        return;
    }
  }

  /** Reads the recent operations of a family, with the bytes to replace; undefined for a family without any. */
  async readFamily(familyKey: string): Promise<KnownFamily | undefined> {
    const bytes = await this.store.get(familyKey);
    return bytes === undefined ? undefined : { bytes, members: this.#familyMembers(familyKey, bytes) };
  }

  /**
   * Writes the recent operations of a family.
   * @param known what `readFamily` returned
   * @returns the family that another process has written meanwhile; undefined if `members` is written
   */
  async writeFamily(
    familyKey: string,
    known: KnownFamily | undefined,
    members: readonly FamilyMember[],
    ttlMs: number,
  ): Promise<KnownFamily | undefined> {
    const bytes = this.codec.encode(familyKey, {
      v: recordFormat,
      kind: 'family',
      key: familyKey,
      members: [...members],
    });
    if (known === undefined) {
      const present = await this.store.putIfAbsent(familyKey, bytes, ttlMs);
      if (present === undefined || present === bytes) return undefined;
      return { bytes: present, members: this.#familyMembers(familyKey, present) };
    }
    if (await this.store.compareAndSet(familyKey, known.bytes, bytes, ttlMs, { replicate: true })) return undefined;
    return (await this.readFamily(familyKey)) ?? this.writeFamily(familyKey, undefined, members, ttlMs);
  }

  /** Reads a fact; undefined for an absent key. */
  async readFact(factKey: string): Promise<{ readonly value: unknown } | undefined> {
    const bytes = await this.store.get(factKey);
    return bytes === undefined ? undefined : this.#factOf(factKey, bytes);
  }

  /** Keeps a fact, unless another process has kept one under this key. @returns the kept one */
  async keepFact(factKey: string, value: unknown, ttlMs: number): Promise<{ readonly value: unknown }> {
    const bytes = this.codec.encode(factKey, { v: recordFormat, kind: 'fact', key: factKey, value });
    const present = await this.store.putIfAbsent(factKey, bytes, ttlMs);
    return this.#factOf(factKey, present ?? bytes);
  }

  #factOf(factKey: string, bytes: string): { readonly value: unknown } {
    const entry = this.codec.decode(factKey, bytes);
    if (entry.kind !== 'fact') throw new McpOnceError('record_unreadable', 'the key does not contain a fact');
    return entry;
  }

  /**
   * Ends the window of the operation that holds a latch, if it has succeeded: the same call then executes again. A host's
   * key always means one operation, so its window does not end.
   */
  async endWindowOfHolder(latchKey: string): Promise<void> {
    const latch = await this.readLatch(latchKey);
    if (latch === undefined) return;
    for (let tries = 0; tries < claimTriesMax; tries += 1) {
      const held = await this.read(latch.holder);
      if (held === undefined || held.record.generation !== latch.generation) return;
      const { status, source, renewals } = held.record;
      if (status.state !== 'succeeded' || source === 'host') return;
      const { bytes, record } = this.#heldOf({ ...held.record, renewals: renewals + 1, windowMs: 0 });
      if (await this.store.compareAndSet(record.key, held.bytes, bytes, this.#ttl(record), { replicate: true })) return;
    }
  }

  #familyMembers(familyKey: string, bytes: string): readonly FamilyMember[] {
    const entry = this.codec.decode(familyKey, bytes);
    if (entry.kind !== 'family') throw new McpOnceError('record_unreadable', 'the key does not contain a family');
    return entry.members;
  }

  /** Reads an operation; undefined for an absent key. @throws McpOnceError `record_unreadable` */
  async read(key: string): Promise<StoredRecord | undefined> {
    const bytes = await this.store.get(key);
    if (bytes === undefined) return undefined;
    const entry = this.#decoded.decode(key, bytes);
    return entry.kind === 'operation' ? { record: entry, bytes } : undefined;
  }

  /**
   * Takes over an operation with an unknown outcome in order to recover it. The record gets a new token, so the writes of
   * a late owner no longer match.
   * @returns undefined if the record changed meanwhile
   */
  async takeOver(held: StoredRecord): Promise<Claim | undefined> {
    const answer = await this.#swapIn(held, {
      ...held.record,
      ...this.#owner(),
      machine: this.time.marks('written', held.record.machine),
      renewedAt: this.clock.wallMs(),
      status: { state: 'in_flight' },
      renewals: held.record.renewals + 1,
      mayHaveTakenEffect: true,
      recoveries: held.record.recoveries + 1,
    });
    return answer?.type === 'claimed' ? answer.claim : undefined;
  }

  /** Records that the outcome is unknown. Keeps the token, so the owner may still settle the true outcome. */
  async markUnknown(held: StoredRecord, message: string): Promise<boolean> {
    if (held.record.status.state === 'unknown') return true;
    const nowMs = this.clock.wallMs();
    const record: OperationRecord = {
      ...held.record,
      mayHaveTakenEffect: true,
      status: { state: 'unknown', settledAt: nowMs, message },
    };
    const { bytes } = this.#heldOf(record);
    return this.store.compareAndSet(record.key, held.bytes, bytes, this.#ttl(record), { wake: true });
  }

  /**
   * Replaces a claimed operation by an alias of an identical one. Repeats of the call then find the identical operation.
   * @returns false when the claim is lost
   */
  async makeAlias(claim: Claim, of: string): Promise<boolean> {
    const held = await this.read(claim.record.key);
    if (held?.record.token !== claim.record.token) return false;
    const { key, retentionMs } = claim.record;
    const bytes = this.codec.encode(key, { v: recordFormat, kind: 'alias', key, of });
    return this.store.compareAndSet(key, held.bytes, bytes, retentionMs, { wake: true });
  }

  /**
   * Makes a key lead to the operation of a claim, unless the key has an operation of its own that may have been sent. A call
   * with that key then gets the outcome of this operation.
   */
  async leadTo(key: string, { key: of, retentionMs }: OperationRecord): Promise<void> {
    const bytes = this.codec.encode(key, { v: recordFormat, kind: 'alias', key, of });
    for (let tries = 0; tries < claimTriesMax; tries += 1) {
      const found = await this.store.putIfAbsent(key, bytes, retentionMs);
      if (found === undefined) return;
      const entry = this.codec.decode(key, found);
      if (entry.kind === 'alias' ? entry.of === of : entry.kind !== 'operation' || !neverSent(entry)) return;
      if (await this.store.compareAndSet(key, found, bytes, retentionMs, { wake: true })) return;
    }
  }

  /**
   * Makes `claim` the holder of a latch: the latest operation on a resource or with these arguments. `mayReplace` decides
   * whether it may replace the present holder.
   *
   * @returns undefined if the claim now holds the latch, otherwise the operation that holds it
   */
  async takeLatch(latchKey: string, claim: Claim, mayReplace: (holder: StoredRecord) => boolean) {
    const { record } = claim;
    const { key: holder, generation, startedAt } = record;
    const wanted: LatchEntry = { v: recordFormat, kind: 'latch', key: latchKey, holder, generation, startedAt };
    const mine = this.codec.encode(latchKey, wanted);
    const ttlMs = Math.max(this.#settings.unresolvedRetentionMs, record.retentionMs);
    let found = await this.store.putIfAbsent(latchKey, mine, ttlMs);
    for (let tries = 0; tries < claimTriesMax; tries += 1) {
      if (found === undefined) return undefined;
      const latch = this.codec.decode(latchKey, found);
      if (latch.kind !== 'latch') throw new McpOnceError('record_unreadable', 'the key does not contain a latch');
      // Compares contents, since sealing the same latch again gives other bytes.
      if (isSameLatch(latch, wanted)) return undefined;
      const held = latch.holder === record.key ? undefined : await this.read(latch.holder);
      if (held && !mayReplace(held)) return held;
      if (await this.store.compareAndSet(latchKey, found, mine, ttlMs, { replicate: true })) return undefined;
      found = await this.store.putIfAbsent(latchKey, mine, ttlMs);
    }
    throw new LedgerUnavailable('the latch kept changing while it was taken');
  }

  /** Returns the key, the generation and the start of the operation that holds the latch. */
  async readLatch(latchKey: string): Promise<Pick<LatchEntry, 'holder' | 'generation' | 'startedAt'> | undefined> {
    const bytes = await this.store.get(latchKey);
    const entry = bytes === undefined ? undefined : this.codec.decode(latchKey, bytes);
    return entry?.kind === 'latch' ? entry : undefined;
  }

  async #swapIn(held: StoredRecord, record: OperationRecord): Promise<ClaimResult | undefined> {
    const next = this.#heldOf(record);
    const startedMs = this.clock.monotonicMs();
    const won = await this.#own(
      () => next,
      () => this.store.compareAndSet(record.key, held.bytes, next.bytes, this.#ttl(record), { replicate: true }),
      async ({ bytes }) => {
        const present = await this.store.get(record.key);
        // The write may still be on its way. Then this attempt is given back.
        if (present !== bytes) void this.#giveBack(next, 'the reply of the store was lost');
        return present === bytes;
      },
    );
    return won ? this.#claimed(next, startedMs) : undefined;
  }

  #claimed(held: StoredRecord, startedMs: number): ClaimResult {
    this.leases.forget(held.record.key);
    const claim = new Claim(this.#context, held, startedMs);
    return { type: 'claimed', claim };
  }

  /**
   * Runs a write that may win a claim. If its reply is lost, the ledger asks once more. If that fails, too, or too few
   * replicas confirm the write, the ledger gives the claim back in the background, since nothing was dispatched.
   */
  async #own<T>(
    claimed: () => StoredRecord | undefined,
    write: () => Promise<T>,
    askAgain: (held: StoredRecord) => Promise<T>,
  ): Promise<T> {
    try {
      return await write();
    } catch (error) {
      const held = claimed();
      if (held === undefined) throw error;
      const answer = error instanceof ReplyLost ? await settledOf(askAgain(held)) : undefined;
      if (answer?.status === 'fulfilled') return answer.value;
      const why = error instanceof NotReplicated ? 'too few replicas confirmed the claim' : describeError(error);
      void this.#giveBack(held, why);
      throw error;
    }
  }

  #giveBack(claimed: StoredRecord, why: string): Promise<void> {
    const { record } = claimed;
    const startedMs = this.clock.monotonicMs();
    const status = abandoned(record, why, this.clock.wallMs());
    return this.#givenBack.add(record.token, async () => {
      try {
        const claim = new Claim(this.#context, claimed, this.clock.monotonicMs());
        const isSettled = await claim.settle(status, record.steps, record.mayHaveTakenEffect);
        return isSettled || this.clock.monotonicMs() - startedMs > onItsWayMs;
      } catch (error) {
        emit({ type: 'ledger_fault', operation: record.key, message: describeError(error) });
        return error instanceof McpOnceError && error.code === 'record_unreadable';
      }
    });
  }

  /** Waits until the record of a claim that is given back has changed, for at most one lease. */
  async #giveBackNow({ record, bytes }: StoredRecord): Promise<void> {
    const deadlineMs = this.clock.monotonicMs() + record.leaseMs;
    while (this.#givenBack.has(record.token) && this.clock.monotonicMs() < deadlineMs) {
      this.#givenBack.retry(record.token);
      if ((await this.store.get(record.key)) !== bytes) return;
      await pause(this.clock, giveBackPauseMs);
    }
  }

  /** Closes the store. @returns how many claims could not be given back */
  async close(): Promise<number> {
    const left = this.#givenBack.close();
    await this.store.close();
    return left;
  }

  /** Whether the process that executes an operation may have ended. Its lease shows that only later. */
  mayBeLeft(record: OperationRecord): boolean {
    if (this.#tokens.has(record.token)) return false;
    return !this.store.shared || this.time.renewedForMs(record) > record.leaseMs / 2;
  }

  #owner(): Owner {
    const token = this.#randomId();
    this.#tokens.set(token, true);
    return { token, leaseMs: this.#settings.leaseMs, machine: this.time.marks('started') };
  }

  #ttl(record: OperationRecord): number {
    return retentionOf(record, this.#settings);
  }

  #heldOf(record: OperationRecord): StoredRecord {
    return { record, bytes: this.codec.encode(record.key, record) };
  }
}

async function settledOf<T>(work: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([work]);
  return result;
}

function neverSent({ status }: OperationRecord): boolean {
  return status.state === 'failed' && !status.dispatched;
}

function isSameLatch(one: LatchEntry, other: LatchEntry): boolean {
  return one.holder === other.holder && one.generation === other.generation && one.startedAt === other.startedAt;
}
