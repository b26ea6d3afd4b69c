import type { Database, Statement } from 'better-sqlite3';
import { LedgerUnavailable } from '../../errors.ts';
import { SqliteCheckpoint } from './sqlite-checkpoint.ts';
import { isSqliteBusy, lockedTooLong, sqliteFault } from './sqlite-faults.ts';
import type { SqliteFile } from './sqlite-file.ts';

/** What `read` answers when the step has to write. */
export const mustWrite = Symbol('must write');

/** One primitive. Both functions are synchronous and may run more than once: what is rolled back is asked again. */
export interface CommitStep<T> {
  /** Steps on one key keep their order. */
  readonly key: string;
  /** Answers without a lock where that is possible, so that a replay neither writes nor waits. */
  readonly read?: () => T | typeof mustWrite;
  readonly write: () => T;
}

interface QueuedStep {
  readonly step: CommitStep<unknown>;
  readonly deadline: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Bounds the pause of the event loop that one turn's steps make, and the memory of a stuck ledger. */
const stepsPerCommitMax = 256;
const queueLengthMax = 50_000;
const retryJitterMaxMs = 16;

/**
 * Group commit: what one turn of the event loop asks for shares one transaction, and one sync of the disk.
 *
 * A step is answered after its commit, never before. When another process holds the lock the steps wait
 * here, with jittered back-off and not inside SQLite, and those that come meanwhile join them; after
 * `lockTimeoutMs` a step is refused.
 */
export class GroupCommit {
  readonly path: string;
  readonly database: Database;
  readonly checkpoint: SqliteCheckpoint;
  readonly #lockTimeoutMs: number;
  readonly #begin: Statement<[]>;
  readonly #commit: Statement<[]>;
  readonly #rollback: Statement<[]>;
  #arrived: QueuedStep[] = [];
  #writing: QueuedStep[] = [];
  #scheduled = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #failedAttempts = 0;

  constructor(file: SqliteFile, lockTimeoutMs: number) {
    this.path = file.path;
    this.database = file.database;
    this.checkpoint = new SqliteCheckpoint(file.database);
    this.#lockTimeoutMs = lockTimeoutMs;
    this.#begin = file.database.prepare('BEGIN IMMEDIATE');
    this.#commit = file.database.prepare('COMMIT');
    this.#rollback = file.database.prepare('ROLLBACK');
  }

  /** True while something waits for the next turn: whoever has time (the sweep) lets it go first. */
  get busy(): boolean {
    return this.#arrived.length + this.#writing.length > 0 || this.checkpoint.due;
  }

  async run<T>(step: CommitStep<T>): Promise<T> {
    if (!this.database.open) throw new LedgerUnavailable(`The ledger file ${this.path} is closed.`);
    const queued = this.#arrived.length + this.#writing.length;
    if (queued >= queueLengthMax) {
      throw new LedgerUnavailable(`The ledger file ${this.path} is overloaded: ${queueLengthMax} steps wait for it.`);
    }
    if (queued > 0) return this.#queue(step);
    // Nothing is before it: a read needs no turn of its own, and a write need not read again.
    const answer = this.#tryRead(step);
    return answer === mustWrite ? this.#queue({ key: step.key, write: step.write }) : answer;
  }

  /** Does what waits, as far as the lock allows, and closes the file. */
  close(): void {
    if (!this.database.open) return;
    while (this.#arrived.length > 0) this.#answerReads();
    if (this.#writing.length > 0) this.#write(this.#writing.splice(0));
    clearTimeout(this.#retryTimer);
    for (const { reject } of this.#writing.splice(0)) {
      reject(new LedgerUnavailable(`The ledger file ${this.path} is closed.`));
    }
    this.database.close();
  }

  #queue<T>(step: CommitStep<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const deadline = performance.now() + this.#lockTimeoutMs;
      this.#arrived.push({ step, deadline, resolve: resolve as (answer: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** @throws LedgerUnavailable for any fault but a lock, which the step then waits for with the writes. */
  #tryRead<T>(step: CommitStep<T>): T | typeof mustWrite {
    if (step.read === undefined) return mustWrite;
    try {
      return step.read();
    } catch (error) {
      if (isSqliteBusy(error)) return mustWrite;
      throw sqliteFault(error, this.path);
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    if (!this.database.open) return;
    this.#answerReads();
    if (this.#retryTimer === undefined && this.#writing.length > 0) {
      this.#write(this.#writing.splice(0, stepsPerCommitMax));
    }
    if (this.#arrived.length > 0 || (this.#writing.length > 0 && this.#retryTimer === undefined)) this.#schedule();
  }

  #answerReads(): void {
    const steps = this.#arrived.splice(0, stepsPerCommitMax);
    const written = new Set<string>(this.#writing.map(({ step }) => step.key));
    for (const queued of steps) {
      const { step } = queued;
      if (!written.has(step.key)) {
        try {
          const answer = this.#tryRead(step);
          if (answer !== mustWrite) {
            queued.resolve(answer);
            continue;
          }
        } catch (error) {
          queued.reject(error);
          continue;
        }
      }
      written.add(step.key);
      this.#writing.push(queued);
    }
  }

  #write(steps: QueuedStep[]): void {
    let answers: unknown[];
    try {
      const [only] = steps;
      // One statement is a transaction by itself.
      answers = steps.length === 1 && only !== undefined ? [only.step.write()] : this.#inOneTransaction(steps);
    } catch (error) {
      if (isSqliteBusy(error)) this.#retryLater(steps);
      else for (const { reject } of steps) reject(sqliteFault(error, this.path));
      return;
    }
    this.#failedAttempts = 0;
    for (const [index, { resolve }] of steps.entries()) resolve(answers[index]);
    this.checkpoint.committed();
  }

  #inOneTransaction(steps: readonly QueuedStep[]): unknown[] {
    this.#begin.run();
    try {
      const answers = steps.map(({ step }) => step.write());
      this.#commit.run();
      return answers;
    } catch (error) {
      // A full disk makes SQLite roll back by itself.
      if (this.database.inTransaction) this.#rollback.run();
      throw error;
    }
  }

  #retryLater(steps: readonly QueuedStep[]): void {
    const now = performance.now();
    for (const queued of steps) {
      if (queued.deadline <= now) queued.reject(lockedTooLong(this.path, this.#lockTimeoutMs));
    }
    this.#writing.unshift(...steps.filter(({ deadline }) => deadline > now));
    this.#failedAttempts += 1;
    // Commits of others are short, so the first delays are too; they spread when many processes wait.
    const jitterMs = Math.min(2 + this.#failedAttempts / 4, retryJitterMaxMs);
    const delayMs = 1 + Math.random() * jitterMs;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#schedule();
    }, delayMs);
  }
}
