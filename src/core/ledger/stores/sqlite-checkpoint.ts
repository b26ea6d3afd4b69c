import type { Database, Statement } from 'better-sqlite3';

/** The size of the log at which it is copied into the database, in pages. The default of SQLite is 1,000. */
const pagesMax = 250;
const pagesMin = 50;
/** The size at which SQLite's own checkpoint bounds the log, if this one fails. */
const pagesFallback = 8_000;
const targetMs = 5;

type CheckpointRow = [busy: number, logPages: number, copiedPages: number];

/**
 * Copies the write-ahead log into the database, in separate turns of the event loop.
 *
 * SQLite would do this inside the commit that fills the log. In a ledger of a million records with scattered pages that
 * causes a pause of 30 ms. This class does it after the steps have resolved, and often enough for each run to be short.
 */
export class SqliteCheckpoint {
  readonly #logState: Statement<[], CheckpointRow>;
  readonly #copy: Statement<[], CheckpointRow>;
  readonly #database: Database;
  #pages = pagesMax;
  #scheduled = false;

  constructor(database: Database) {
    this.#database = database;
    database.pragma(`wal_autocheckpoint = ${pagesFallback}`);
    // NOOP only reports the state, in about 1 µs (SQLite 3.51).
    this.#logState = database.prepare<[], CheckpointRow>('PRAGMA wal_checkpoint(NOOP)').raw();
    // PASSIVE does not wait for other connections and does not block them.
    this.#copy = database.prepare<[], CheckpointRow>('PRAGMA wal_checkpoint(PASSIVE)').raw();
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

  #pagesToCopy(): number {
    try {
      const [, logPages, copiedPages] = this.#logState.get() ?? [0, 0, 0];
      return logPages - copiedPages;
    } catch {
      return 0;
    }
  }

  #checkpoint(): void {
    this.#scheduled = false;
    if (!this.#database.open) return;
    const startedAt = performance.now();
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
