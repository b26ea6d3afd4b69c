import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import { LedgerUnavailable } from '../../errors.ts';
import { isSqliteBusy, lockedTooLong, sqliteFault } from './sqlite-faults.ts';

/** The version of the table below; a file with a newer one belongs to a newer mcp-once. */
const formatVersion = 1;
/** Tells a ledger from other programs' databases: 'once' in ASCII. */
const applicationId = 0x6f6e6365;

/**
 * A rowid table: WITHOUT ROWID keeps whole 1 KB rows in the interior of its tree and takes three times the
 * space. Keys are random, so the expiry has an index of its own: a sweep reads only what it removes.
 */
const format = `
  CREATE TABLE entries (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    expires_at INTEGER -- wall clock, milliseconds; NULL for never
  ) STRICT;
  CREATE INDEX entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${formatVersion};
`;

export interface SqliteFileOptions {
  readonly path: string;
  readonly createFolder: boolean;
  /** How long to wait for other processes' locks, in milliseconds. */
  readonly lockTimeoutMs: number;
}

export interface SqliteFile {
  readonly path: string;
  readonly database: Database;
}

/**
 * Opens, and where it is missing makes, a ledger file: write-ahead log, every commit synced to the disk.
 * @throws LedgerUnavailable with one sentence that says what is wrong with the file and what to do.
 */
export async function openSqliteFile(options: SqliteFileOptions): Promise<SqliteFile> {
  const path = resolve(options.path);
  try {
    prepareFile(path, options.createFolder);
    // Loaded here and not above: a native module that not every store needs.
    const { default: BetterSqlite3 } = await import('better-sqlite3');
    // timeout 0: waiting for a lock inside SQLite would stop the event loop.
    const database = new BetterSqlite3(path, { timeout: 0 });
    try {
      await whileBusy(path, options.lockTimeoutMs, () => prepareDatabase(database, path));
    } catch (error) {
      database.close();
      throw error;
    }
    return { path, database };
  } catch (error) {
    throw sqliteFault(error, path);
  }
}

function prepareFile(path: string, createFolder: boolean): void {
  const folder = dirname(path);
  if (createFolder) mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(folder)) {
    throw new LedgerUnavailable(
      `The folder ${folder} of the ledger file ${path} does not exist: create it, or choose another file.`,
    );
  }
  // Records hold arguments and results: for the owner's eyes only. SQLite gives its other files the same mode.
  closeSync(openSync(path, 'a+', 0o600));
}

function prepareDatabase(database: Database, path: string): void {
  // One snapshot: another process may be making the ledger right now.
  const { version, application, tables } = database.transaction(() => ({
    version: database.pragma('user_version', { simple: true }) as number,
    application: database.pragma('application_id', { simple: true }) as number,
    tables: database.prepare('SELECT count(*) FROM sqlite_master').pluck().get() as number,
  }))();
  if (tables > 0 && application !== applicationId) {
    throw new LedgerUnavailable(`The file ${path} is the database of another program: choose another file.`);
  }
  if (version > formatVersion) {
    throw new LedgerUnavailable(
      `The ledger file ${path} has format version ${version}, and this mcp-once knows ${formatVersion}: install a newer mcp-once, or choose another file.`,
    );
  }
  const mode = database.pragma('journal_mode = WAL', { simple: true });
  if (mode !== 'wal') {
    throw new LedgerUnavailable(
      `The ledger file ${path} lies on a file system without shared memory (journal mode ${String(mode)}): choose a file on a local disk.`,
    );
  }
  database.pragma('synchronous = FULL');
  if (version < formatVersion) {
    database
      .transaction(() => {
        // Another process may have been faster.
        if (database.pragma('user_version', { simple: true }) !== formatVersion) database.exec(format);
      })
      .immediate();
  }
  // Any write lock at all: a file that cannot be written shows it here, not at the first claim.
  database.exec('BEGIN IMMEDIATE; ROLLBACK');
}

/** Tries again while other processes hold the lock, for a bounded time, without stopping the event loop. */
async function whileBusy<T>(path: string, timeoutMs: number, attempt: () => T): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isSqliteBusy(error)) throw error;
      const waitedMs = Math.round(performance.now() - startedAt);
      if (waitedMs >= timeoutMs) throw lockedTooLong(path, waitedMs);
      await delay(1 + Math.random() * 20);
    }
  }
}
