import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Claim } from '../../../src/core/ledger/claim.ts';
import { type EntryCodec, plainCodec } from '../../../src/core/ledger/codec.ts';
import { Ledger } from '../../../src/core/ledger/ledger.ts';
import type { ClaimRequest } from '../../../src/core/ledger/new-record.ts';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import { rotatingCodecs } from '../../support/encryption.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { isSoak } from '../../support/soak.ts';

const leaseMs = 10_000;
const windowMs = 60_000;

type Outcome = 'succeeded' | 'failed' | 'unknown';

/** The reference model: one key and two fingerprints. */
class Reference {
  state: 'none' | 'in_flight' | Outcome = 'none';
  fingerprint = '';
  generation = 0;
  attempt = 0;
  settledAt = 0;

  claim(fingerprint: string, nowMs: number, lapsed: boolean): string {
    if (this.state === 'unknown' || (this.state === 'in_flight' && lapsed)) return 'recover';
    if (this.state === 'in_flight') return this.fingerprint === fingerprint ? 'in_flight' : 'in_flight_other';
    const over = nowMs - this.settledAt >= windowMs;
    if (this.state === 'succeeded' && !over) return this.fingerprint === fingerprint ? 'replay' : 'conflict';
    if (this.state === 'failed' && !over) this.attempt += 1;
    else [this.generation, this.attempt] = [this.generation + 1, 1];
    [this.state, this.fingerprint] = ['in_flight', fingerprint];
    return 'claimed';
  }

  settle(outcome: Outcome, nowMs: number): void {
    [this.state, this.settledAt] = [outcome, nowMs];
  }
}

/** Processes on one store. Each has at most one claim. A crashed or fenced process has none. */
class Real {
  readonly clock = new ManualClock();
  readonly store = openMemoryStore({ now: () => this.clock.wallMs() });
  readonly processes: { readonly id: number; readonly ledger: Ledger; claim: Claim | undefined }[];
  #ids = 0;

  constructor(codec: () => EntryCodec) {
    const settings = { leaseMs, unresolvedRetentionMs: 86_400_000 };
    const randomId = () => `token-${this.#ids++}`;
    this.processes = [0, 1, 2].map((id) => {
      const ledger = new Ledger({ store: this.store, codec: codec(), clock: this.clock, randomId, settings });
      return { id, ledger, claim: undefined };
    });
  }
}

function request(fingerprint: string): ClaimRequest {
  return {
    key: 'k',
    tool: 't',
    scope: { tenant: 'a', subject: 'b' },
    upstream: { origin: 'o', mode: 'm', account: 'a' },
    source: 'identical',
    fingerprint,
    arguments: {},
    occurrence: 1,
    windowMs,
    retentionMs: 86_400_000,
    supersedes: false,
  };
}

/** The number of the only process that owns the operation, according to the model. */
class Model {
  readonly reference = new Reference();
  owner: number | undefined;
  /** When each process first saw the present bytes of the record. Cleared when they change. */
  readonly #watchedSince = new Map<number, number>();
  #writtenAt = 0;

  /** Restarts all watches of the lease after a write of the owner. */
  written(nowMs: number): void {
    this.#writtenAt = nowMs;
    this.#watchedSince.clear();
  }

  /** Decides a claim in the model, and notes that this process has seen the lease. */
  ask(process: number, fingerprint: string, nowMs: number): string {
    const since = this.#watchedSince.get(process);
    const neededMs = nowMs - this.#writtenAt > 2 * leaseMs ? leaseMs / 2 : leaseMs;
    const lapsed = since !== undefined && nowMs - since >= neededMs;
    const answer = this.reference.claim(fingerprint, nowMs, lapsed);
    if (answer === 'claimed') this.own(process, nowMs);
    else if (this.reference.state === 'in_flight' && since === undefined) this.#watchedSince.set(process, nowMs);
    return answer;
  }

  own(process: number, nowMs: number): void {
    this.owner = process;
    this.reference.state = 'in_flight';
    this.written(nowMs);
  }

  mayWrite(process: number): boolean {
    return this.owner === process && ['in_flight', 'unknown'].includes(this.reference.state);
  }
}

type Command = fc.AsyncCommand<Model, Real>;

class Claiming implements Command {
  readonly process: number;
  readonly fingerprint: string;
  constructor(process: number, fingerprint: string) {
    this.process = process;
    this.fingerprint = fingerprint;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const process = real.processes[this.process];
    if (!process) return;
    const expected = model.ask(this.process, this.fingerprint, real.clock.wallMs());
    const answer = await process.ledger.claim(request(this.fingerprint));
    expect(answer.type).toBe(expected);
    if (answer.type !== 'claimed') return;
    process.claim = answer.claim;
    const { generation, attempt } = answer.claim.record;
    expect([generation, attempt]).toEqual([model.reference.generation, model.reference.attempt]);
  }
  toString = () => `claim(${this.process}, ${this.fingerprint})`;
}

class Renewing implements Command {
  readonly process: number;
  constructor(process: number) {
    this.process = process;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const claim = real.processes[this.process]?.claim;
    if (!claim) return;
    const live = model.mayWrite(this.process);
    expect(await claim.renew()).toBe(live);
    if (live) model.own(this.process, real.clock.wallMs());
  }
  toString = () => `renew(${this.process})`;
}

class Settling implements Command {
  readonly process: number;
  readonly outcome: Outcome;
  constructor(process: number, outcome: Outcome) {
    this.process = process;
    this.outcome = outcome;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const process = real.processes[this.process];
    if (!process?.claim) return;
    const settledAt = real.clock.wallMs();
    const status =
      this.outcome === 'succeeded'
        ? ({ state: 'succeeded', settledAt, result: this.process } as const)
        : this.outcome === 'failed'
          ? ({ state: 'failed', settledAt, message: 'm', dispatched: true } as const)
          : ({ state: 'unknown', settledAt, message: 'm' } as const);
    const live = model.mayWrite(this.process);
    const settled = await process.claim.settle(status, [], false);
    expect(settled).toBe(live);
    if (this.outcome !== 'unknown') process.claim = undefined;
    if (!live) return;
    model.reference.settle(this.outcome, settledAt);
    model.written(settledAt);
  }
  toString = () => `settle(${this.process}, ${this.outcome})`;
}

class TakingOver implements Command {
  readonly process: number;
  constructor(process: number) {
    this.process = process;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const process = real.processes[this.process];
    if (!process) return;
    const expected = model.ask(this.process, 'never', real.clock.wallMs());
    const answer = await process.ledger.claim(request('never'));
    expect(answer.type).toBe(expected);
    if (answer.type === 'claimed') process.claim = answer.claim;
    if (answer.type !== 'recover') return;
    process.claim = await process.ledger.takeOver(answer.held);
    expect(process.claim).toBeDefined();
    model.own(this.process, real.clock.wallMs());
  }
  toString = () => `takeOver(${this.process})`;
}

class Crashing implements Command {
  readonly process: number;
  constructor(process: number) {
    this.process = process;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const process = real.processes[this.process];
    if (process) process.claim = undefined;
    if (model.owner === this.process) model.owner = undefined;
  }
  toString = () => `crash(${this.process})`;
}

class Passing implements Command {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
  check = () => true;
  async run(_model: Model, real: Real): Promise<void> {
    await real.clock.advance(this.ms);
  }
  toString = () => `pass(${this.ms} ms)`;
}

test.each([
  ['stored as they are', () => plainCodec],
  ['sealed with two keys in turn', rotatingCodecs()],
])(
  'the ledger agrees with the model for random interleavings of claim, renew, settle, lapse, take-over and crash: records %s',
  async (_, codec) => {
    const process = fc.integer({ min: 0, max: 2 });
    const commands: fc.Arbitrary<Command>[] = [
      fc.tuple(process, fc.constantFrom('f', 'g')).map(([id, fingerprint]) => new Claiming(id, fingerprint)),
      process.map((id) => new Renewing(id)),
      fc
        .tuple(process, fc.constantFrom<Outcome[]>('succeeded', 'failed', 'unknown'))
        .map(([id, outcome]) => new Settling(id, outcome)),
      process.map((id) => new TakingOver(id)),
      process.map((id) => new Crashing(id)),
      fc.constantFrom(1, 3_000, 5_000, 10_000, 70_000).map((ms) => new Passing(ms)),
    ];
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 40, size: 'max' }), async (sequence) => {
        await fc.asyncModelRun(() => ({ model: new Model(), real: new Real(codec) }), sequence);
      }),
      { numRuns: isSoak ? 1_000 : 200 },
    );
  },
);
