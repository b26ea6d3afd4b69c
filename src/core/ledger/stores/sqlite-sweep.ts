import { setImmediate as nextTurn } from 'node:timers/promises';
import type { GroupCommit } from './group-commit.ts';
import type { SqliteStatement } from './sqlite-driver.ts';
import { isSqliteBusy, sqliteFault } from './sqlite-faults.ts';

/** The bounds of a slice. A slice is one commit and one pause of the event loop. Its size follows the time of the last. */
const sliceTargetMs = 3;
const sliceEntriesMin = 8;
const sliceEntriesMax = 100;
/** The longest time of one sweep, even if it is not finished. */
const sweepBudgetMs = 250;

/**
 * Removes expired rows in the background, oldest first, in small slices. Each slice is a separate commit. Between slices
 * the event loop and waiting steps run.
 */
export class SqliteSweep {
  readonly #group: GroupCommit;
  readonly #now: () => number;
  readonly #intervalMs: number;
  readonly #remove: SqliteStatement<[number, number]>;
  #sliceEntries = 16;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(group: GroupCommit, now: () => number, intervalMs: number) {
    this.#group = group;
    this.#intervalMs = intervalMs;
    this.#now = now;
    this.#remove = group.database.prepare(
      'DELETE FROM entries WHERE rowid IN (SELECT rowid FROM entries WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)',
    );
    this.#next(this.#intervalMs);
  }

  /** Runs one sweep. @returns how many rows it removed */
  async run(): Promise<number> {
    const { removed } = await this.#sweep();
    return removed;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #sweep(): Promise<{ removed: number; more: boolean }> {
    const startedAt = performance.now();
    let removed = 0;
    while (!this.#stopped && performance.now() - startedAt < sweepBudgetMs) {
      if (!this.#group.busy) {
        const wanted = this.#sliceEntries;
        const found = this.#slice(wanted);
        removed += found;
        if (found < wanted) return { removed, more: false };
      }
      await nextTurn();
    }
    return { removed, more: true };
  }

  #slice(entries: number): number {
    const startedAt = performance.now();
    try {
      const { changes } = this.#remove.run(this.#now(), entries);
      this.#group.checkpoint.committed();
      const tookMs = performance.now() - startedAt;
      const factor = tookMs > sliceTargetMs ? 0.5 : tookMs < sliceTargetMs / 2 ? 1.5 : 1;
      this.#sliceEntries = Math.round(Math.min(sliceEntriesMax, Math.max(sliceEntriesMin, entries * factor)));
      return changes;
    } catch (error) {
      // Another process is writing, and perhaps sweeping. The next run continues.
      if (isSqliteBusy(error)) return 0;
      throw sqliteFault(error, this.#group.path);
    }
  }

  #next(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#inBackground(), delayMs).unref();
  }

  async #inBackground(): Promise<void> {
    let more = false;
    try {
      ({ more } = await this.#sweep());
    } catch {
      // If the file has a problem, the next claim reports it to its caller.
    }
    // While there are more expired rows, sweeping takes at most half of the time.
    this.#next(more ? Math.min(this.#intervalMs, sweepBudgetMs) : this.#intervalMs);
  }
}
