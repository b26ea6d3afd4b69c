import { LedgerUnavailable } from '../../errors.ts';
import { SqliteCheckpoint } from './sqlite-checkpoint.ts';
import type { SqliteConnection, SqliteStatement } from './sqlite-driver.ts';
import { isSqliteBusy, lockedTooLong, sqliteFault } from './sqlite-faults.ts';
import type { SqliteFile } from './sqlite-file.ts';

/** The result of `read` when the step has to write. */
export const mustWrite = Symbol('must write');

/** One primitive of the store. Both functions are synchronous. They may run again after a rollback. */
export interface CommitStep<T> {
  /** Steps on one key keep their order. */
  readonly key: string;
  /** Returns the result without a lock where possible, so that a replay neither writes nor waits. */
  readonly read?: () => T | typeof mustWrite;
  readonly write: () => T;
}

interface QueuedStep {
  readonly step: CommitStep<unknown>;
  readonly deadline: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The most steps per commit, which bounds the pause of the event loop. */
const stepsPerCommitMax = 256;
/** The most queued steps, which bounds the memory while the file is locked. */
const queueLengthMax = 50_000;
const retryJitterMaxMs = 16;

/**
 * Commits in groups: all steps of one turn of the event loop share one transaction and one sync of the disk.
 *
 * A step resolves only after its commit. While another process holds the lock, steps wait in a queue with jittered
 * back-off, outside of SQLite, and later steps join them. After `lockTimeoutMs` a step is refused.
 */
export class GroupCommit {
  readonly path: string;
  readonly database: SqliteConnection;
  readonly checkpoint: SqliteCheckpoint;
  readonly #file: SqliteFile;
  readonly #lockTimeoutMs: number;
  readonly #begin: SqliteStatement;
  readonly #commit: SqliteStatement;
  readonly #rollback: SqliteStatement;
  #arrived: QueuedStep[] = [];
  #writing: QueuedStep[] = [];
  #scheduled = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #failedAttempts = 0;

  constructor(file: SqliteFile, lockTimeoutMs: number) {
    this.path = file.path;
    this.database = file.database;
    this.#file = file;
    this.checkpoint = new SqliteCheckpoint(file);
    this.#lockTimeoutMs = lockTimeoutMs;
    this.#begin = file.database.prepare('BEGIN IMMEDIATE');
    this.#commit = file.database.prepare('COMMIT');
    this.#rollback = file.database.prepare('ROLLBACK');
  }

  /** True while steps or a checkpoint wait for the next turn. The sweep lets them go first. */
  get busy(): boolean {
    return this.#arrived.length + this.#writing.length > 0 || this.checkpoint.due;
  }

  async run<T>(step: CommitStep<T>): Promise<T> {
    if (!this.database.isOpen) throw new LedgerUnavailable(`The ledger file ${this.path} is closed.`);
    const queued = this.#arrived.length + this.#writing.length;
    if (queued >= queueLengthMax) {
      throw new LedgerUnavailable(`The ledger file ${this.path} is overloaded: ${queueLengthMax} steps wait for it.`);
    }
    if (queued > 0) return this.#queue(step);
    // No step is queued before it, so a read runs at once and a write does not read again.
    const answer = this.#tryRead(step);
    return answer === mustWrite ? this.#queue({ key: step.key, write: step.write }) : answer;
  }

  /** Runs queued steps, as far as the lock allows, and closes the file. */
  close(): void {
    if (!this.database.isOpen) return;
    while (this.#arrived.length > 0) this.#answerReads();
    if (this.#writing.length > 0) this.#write(this.#writing.splice(0));
    clearTimeout(this.#retryTimer);
    for (const { reject } of this.#writing.splice(0)) {
      reject(new LedgerUnavailable(`The ledger file ${this.path} is closed.`));
    }
    // SQLite copies the log into the file when the last connection closes.
    this.checkpoint.raiseMark();
    this.#file.close();
  }

  #queue<T>(step: CommitStep<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const deadline = performance.now() + this.#lockTimeoutMs;
      this.#arrived.push({ step, deadline, resolve: resolve as (answer: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** @throws LedgerUnavailable for any fault except a lock. For a lock the step waits together with the writes. */
  #tryRead<T>(step: CommitStep<T>): T | typeof mustWrite {
    if (step.read === undefined) return mustWrite;
    try {
      const answer = step.read();
      if (answer !== mustWrite) this.#file.identity.checkForRead();
      return answer;
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
    if (!this.database.isOpen) return;
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
      // A single statement is a transaction by itself.
      answers = steps.length === 1 && only !== undefined ? [only.step.write()] : this.#inOneTransaction(steps);
      // After the commit, because an earlier check would miss a file that is moved during the commit.
      this.#file.identity.check();
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
      // On a full disk SQLite rolls back by itself.
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
    // Commits of other processes are short, so the first delays are short. Delays spread when many processes wait.
    const jitterMs = Math.min(2 + this.#failedAttempts / 4, retryJitterMaxMs);
    const delayMs = 1 + Math.random() * jitterMs;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#schedule();
    }, delayMs);
  }
}
