import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LedgerUnavailable } from '../../errors.ts';
import { defined } from '../../json.ts';
import { SqliteConnection, type SqliteDriver, sqliteCode } from './sqlite-driver.ts';
import { isSqliteBusy, lockedTooLong, sqliteFault } from './sqlite-faults.ts';
import { fileMoved, SqliteIdentity, statFile } from './sqlite-identity.ts';
import { SqliteMark, sharedDescriptor } from './sqlite-mark.ts';
import type { RowTime } from './sqlite-time.ts';

/** The version of the table below. A newer mcp-once may write files with a newer version. */
const formatVersion = 1;
/** Distinguishes a ledger from the databases of other programs: 'once' in ASCII. */
const applicationId = 0x6f6e6365;

/** The memory for pages of the file, eight times SQLite's default, in KiB. */
const cacheKiB = 16_000;

/**
 * A rowid table, since WITHOUT ROWID stores whole 1 KB rows in the interior of its tree and takes three times the space.
 * Keys are random, so an index on the expiry lets a sweep read only the rows that it removes.
 */
const format = `
  CREATE TABLE entries (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    expires_at INTEGER -- milliseconds since the epoch, by the time of the file; NULL for never
  ) STRICT;
  CREATE INDEX entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${formatVersion};
`;

export interface SqliteFileOptions {
  readonly path: string;
  readonly createFolder: boolean;
  /** How long to wait for the locks of other processes, in ms. */
  readonly lockTimeoutMs: number;
  /** Returns the time by which rows of the file expire. It may write to the file. */
  readonly timeOf: (database: SqliteConnection) => RowTime;
  /** See `SqliteConnectionOptions`. */
  readonly driver?: SqliteDriver;
}

export interface SqliteFile {
  readonly path: string;
  readonly database: SqliteConnection;
  readonly identity: SqliteIdentity;
  readonly mark: SqliteMark;
  readonly time: RowTime;
  /** Closes the connection. A file that was overwritten stays open, since SQLite would copy the log into it. */
  close(): void;
}

/**
 * Opens a ledger file, and creates it if it is missing. It has a write-ahead log, and every commit is synced to the disk.
 * @throws LedgerUnavailable whose message states the problem with the file and the next step
 */
export async function openSqliteFile(options: SqliteFileOptions): Promise<SqliteFile> {
  const path = resolve(options.path);
  try {
    prepareFile(path, options.createFolder);
    const opened = statFile(path);
    const descriptor = opened && sharedDescriptor(path, opened);
    // SQLite itself does not wait for locks, since that would block the event loop.
    let database: SqliteConnection | undefined;
    const close = (): void => {
      database?.close();
      descriptor?.release();
    };
    try {
      const connection = new SqliteConnection(path, defined({ lockTimeoutMs: 0, driver: options.driver }));
      database = connection;
      const time = await whileBusy(path, options.lockTimeoutMs, () => {
        prepareDatabase(connection, path);
        return options.timeOf(connection);
      });
      if (opened === undefined || descriptor === undefined) throw fileMoved(path);
      const mark = new SqliteMark(path, connection, descriptor);
      const identity = SqliteIdentity.of(path, opened, mark);
      return { path, database, identity, mark, time, close: () => void (mark.isOverwritten || close()) };
    } catch (error) {
      close();
      // SQLite reports a read-only file with a log in this way. Opening it tells the two apart.
      if (sqliteCode(error) === 'SQLITE_CANTOPEN') closeSync(openSync(path, 'r+'));
      throw error;
    }
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
  // Records contain arguments and results, so only the owner may read them. SQLite gives its other files the same mode.
  // An existing file stays closed: closing any descriptor of it would end this process's other locks on it (POSIX).
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
}

function prepareDatabase(database: SqliteConnection, path: string): void {
  // Reads both values in one snapshot, since another process may be creating the ledger.
  const { version, application, tables } = database.transaction('deferred', () => ({
    version: database.pragma('user_version') as number,
    application: database.pragma('application_id') as number,
    tables: database.prepareColumn<[], number>('SELECT count(*) FROM sqlite_master').get() ?? 0,
  }));
  if (tables > 0 && application !== applicationId) {
    throw new LedgerUnavailable(`The file ${path} is the database of another program: choose another file.`);
  }
  if (version > formatVersion) {
    throw new LedgerUnavailable(
      `The ledger file ${path} has format version ${version}, and this mcp-once reads version ${formatVersion}: install a newer mcp-once, or choose another file.`,
    );
  }
  const mode = database.pragma('journal_mode = WAL');
  if (mode !== 'wal') {
    throw new LedgerUnavailable(
      `The ledger file ${path} is on a file system without shared memory (journal mode ${String(mode)}): choose a file on a local disk.`,
    );
  }
  database.pragma('synchronous = FULL');
  database.pragma(`cache_size = -${cacheKiB}`);
  if (version < formatVersion) {
    database.transaction('immediate', () => {
      // Another process may have created the table meanwhile.
      if (database.pragma('user_version') !== formatVersion) database.exec(format);
    });
  }
  SqliteMark.prepare(database);
  // Takes a write lock, so that a file that cannot be written fails here and not at the first claim.
  database.exec('BEGIN IMMEDIATE; ROLLBACK');
}

/** Tries again while other processes hold the lock, for a bounded time, without blocking the event loop. */
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
