import { type Stats, statSync } from 'node:fs';
import { LedgerUnavailable } from '../../errors.ts';
import type { SqliteMark } from './sqlite-mark.ts';

/** The files of a ledger: the database, its log and the shared memory of the log. */
const suffixes = ['', '-wal', '-shm'] as const;

/** How long a check is valid for reads, in ms. A read of an old file returns a true outcome, and only a write wins a claim. */
const readsMs = 5;

interface Known {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

/**
 * Tests whether the open files of a ledger are still those at their paths. SQLite continues in a file that was deleted,
 * renamed or replaced, and another process then opens a new one: both would win the same claim.
 *
 * While a file is open, no other file can have its inode and device. The mark finds a file that was overwritten in place.
 */
export class SqliteIdentity {
  readonly #files: readonly Known[];
  readonly #mark: SqliteMark;
  #checkedMs = 0;

  private constructor(files: readonly Known[], mark: SqliteMark) {
    this.#files = files;
    this.#mark = mark;
  }

  /** @param opened what `statFile` returned for the database just before it was opened */
  static of(path: string, opened: Stats, mark: SqliteMark): SqliteIdentity {
    const files = suffixes.flatMap((suffix) => {
      const stats = statFile(path + suffix);
      return stats ? [{ path: path + suffix, dev: stats.dev, ino: stats.ino }] : [];
    });
    const [database] = files;
    if (database?.path !== path || database.ino !== opened.ino || database.dev !== opened.dev) throw fileMoved(path);
    const identity = new SqliteIdentity(files, mark);
    identity.check();
    return identity;
  }

  /** Checks for a read. @throws LedgerUnavailable */
  checkForRead(): void {
    if (performance.now() - this.#checkedMs > readsMs) this.check();
  }

  /** Checks all files. A claim counts only after this. @throws LedgerUnavailable */
  check(): void {
    this.#checkedMs = 0;
    let database: Stats | undefined;
    for (const file of this.#files) {
      const stats = statFile(file.path);
      if (stats === undefined || stats.ino !== file.ino || stats.dev !== file.dev) throw fileMoved(file.path);
      database ??= stats;
    }
    if (database !== undefined) this.#mark.check(database);
    this.#checkedMs = performance.now();
  }
}

export function statFile(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

export function fileMoved(path: string): LedgerUnavailable {
  return new LedgerUnavailable(
    `The ledger file ${path} was deleted, moved or replaced while it was open: move it back, or restart every process that uses the ledger.`,
  );
}
