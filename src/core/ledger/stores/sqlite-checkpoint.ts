import type { Database, Statement } from 'better-sqlite3';

/** Pages of the log at which it is copied into the database. SQLite's own figure is 1,000. */
const pagesMax = 250;
const pagesMin = 50;
/** Should ours ever fail, SQLite's own checkpoint bounds the log. */
const pagesFallback = 8_000;
const targetMs = 5;

type CheckpointRow = [busy: number, logPages: number, copiedPages: number];

/**
 * Copies the write-ahead log into the database, in turns of its own.
 *
 * SQLite does it inside the commit that fills the log, for as long as it takes: in a ledger of a million
 * records, whose pages lie scattered, a pause of 30 ms. Here it comes after the commits are answered, and as often as it
 * takes for each to be short.
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
    // NOOP only tells how things are, in a microsecond (SQLite 3.51).
    this.#logState = database.prepare<[], CheckpointRow>('PRAGMA wal_checkpoint(NOOP)').raw();
    // PASSIVE waits for nobody, and nobody waits for it.
    this.#copy = database.prepare<[], CheckpointRow>('PRAGMA wal_checkpoint(PASSIVE)').raw();
  }

  /** A checkpoint comes next: leave it a turn of the event loop. */
  get due(): boolean {
    return this.#scheduled;
  }

  /** To be called after a commit. */
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
      // The log still holds everything; whatever is wrong with the disk, the next commit says it to somebody.
      return;
    }
    const tookMs = performance.now() - startedAt;
    const factor = tookMs > targetMs ? 0.7 : tookMs < targetMs / 2 ? 1.2 : 1;
    this.#pages = Math.min(pagesMax, Math.max(pagesMin, Math.round(this.#pages * factor)));
  }
}
