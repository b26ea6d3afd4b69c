import type { SqliteStatement } from './sqlite-driver.ts';
import type { SqliteFile } from './sqlite-file.ts';

/** The size of the log at which it is copied into the database, in pages. The default of SQLite is 1,000. */
const pagesMax = 250;
const pagesMin = 50;
/** The size at which SQLite's own checkpoint bounds the log, if this one fails. */
const pagesFallback = 8_000;
const targetMs = 5;

interface CheckpointRow {
  /** The pages in the log. */
  readonly log: number;
  /** Those of them that are in the database. */
  readonly checkpointed: number;
}

/**
 * Copies the write-ahead log into the database, in separate turns of the event loop.
 *
 * SQLite would do this inside the commit that fills the log. In a ledger of a million records with scattered pages that
 * causes a pause of 30 ms. This class does it after the steps have resolved, and often enough for each run to be short.
 */
export class SqliteCheckpoint {
  readonly #logState: SqliteStatement<[], CheckpointRow>;
  readonly #copy: SqliteStatement<[], CheckpointRow>;
  readonly #file: SqliteFile;
  #pages = pagesMax;
  #scheduled = false;

  constructor(file: SqliteFile) {
    this.#file = file;
    const { database } = file;
    database.pragma(`wal_autocheckpoint = ${pagesFallback}`);
    // NOOP only reports the state, in about 1 µs (SQLite 3.51).
    this.#logState = database.prepare<[], CheckpointRow>('PRAGMA wal_checkpoint(NOOP)');
    // PASSIVE does not wait for other connections and does not block them.
    this.#copy = database.prepare<[], CheckpointRow>('PRAGMA wal_checkpoint(PASSIVE)');
  }

  /** True if a checkpoint runs in the next turn of the event loop. */
  get due(): boolean {
    return this.#scheduled;
  }

  /** The caller calls this after every commit. */
  committed(): void {
    if (this.#scheduled || this.#pagesToCopy() < this.#pages) return;
    this.#scheduled = true;
    setImmediate(() => this.#checkpoint());
  }

  /** Raises the mark of the file before the log is copied into it. @returns false if it may not be copied now */
  raiseMark(): boolean {
    if (this.#pagesToCopy() === 0) return true;
    try {
      this.#file.identity.check();
      this.#file.mark.raise();
      // Raising takes the time of a sync. A copy that came meanwhile must not get the log.
      this.#file.identity.check();
      return true;
    } catch {
      return false;
    }
  }

  #pagesToCopy(): number {
    try {
      const { log, checkpointed } = this.#logState.get() ?? { log: 0, checkpointed: 0 };
      return log - checkpointed;
    } catch {
      return 0;
    }
  }

  #checkpoint(): void {
    this.#scheduled = false;
    if (!this.#file.database.isOpen) return;
    const startedAt = performance.now();
    // While another process writes, the next commit tries again.
    if (!this.raiseMark()) return;
    try {
      this.#copy.get();
    } catch {
      // The log still has all data. If the disk fails, the next commit reports it to its caller.
      return;
    }
    const tookMs = performance.now() - startedAt;
    const factor = tookMs > targetMs ? 0.7 : tookMs < targetMs / 2 ? 1.2 : 1;
    this.#pages = Math.min(pagesMax, Math.max(pagesMin, Math.round(this.#pages * factor)));
  }
}
