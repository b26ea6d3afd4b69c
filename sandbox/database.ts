import { describeError, McpOnceError } from '../src/core/errors.ts';
import { SqliteConnection, sqliteCode } from '../src/core/ledger/stores/sqlite-driver.ts';

/** The version of the data file's layout, in `PRAGMA user_version`. */
const layoutVersion = 1;
/** Marks the file as a sandbox's (`PRAGMA application_id`): "mcpo". */
const applicationId = 0x6d63706f;

const layout = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
  INSERT INTO meta VALUES ('clock_offset_ms', '0');

  CREATE TABLE objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    customer TEXT,
    parent TEXT,
    status TEXT,
    email TEXT,
    body TEXT NOT NULL
  );
  CREATE INDEX objects_by_kind ON objects (kind, account, seq);
  CREATE INDEX objects_by_customer ON objects (customer, kind) WHERE customer IS NOT NULL;
  CREATE INDEX objects_by_parent ON objects (parent, kind) WHERE parent IS NOT NULL;
  CREATE INDEX objects_by_email ON objects (email, kind) WHERE email IS NOT NULL;

  CREATE TABLE idempotency (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    params_hash TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    owner TEXT,
    owner_pid INTEGER,
    lease_until_ms INTEGER,
    status INTEGER,
    body TEXT,
    PRIMARY KEY (account, key)
  );
  CREATE INDEX idempotency_by_age ON idempotency (created_ms);

  CREATE TABLE requests (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    idempotency_key TEXT,
    outcome TEXT NOT NULL,
    status INTEGER,
    replayed INTEGER NOT NULL DEFAULT 0,
    fault TEXT
  );

  CREATE TABLE effects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    account TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    request_id TEXT NOT NULL,
    idempotency_key TEXT
  );

  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${layoutVersion};
`;

/**
 * Opens the data file, and creates it if it does not exist.
 *
 * Several processes may share it: it uses WAL and short immediate transactions.
 * @throws McpOnceError `upstream_unavailable` when it cannot be opened, holds other data, or was written
 * by a newer version.
 */
export async function openDatabase(file: string): Promise<SqliteConnection> {
  let db: SqliteConnection | undefined;
  try {
    db = new SqliteConnection(file, { lockTimeoutMs: 5_000 });
    switchToWal(db);
    prepareLayout(db);
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof McpOnceError) throw error;
    throw new McpOnceError(
      'upstream_unavailable',
      `The sandbox cannot use its data file: ${describeError(error)}. Check that its folder exists and is writable, or name another file.`,
      { cause: error },
    );
  }
}

/** Runs `work` in one immediate transaction, atomically and alone among all processes. */
export function atomically<T>(db: SqliteConnection, work: () => T): T {
  return db.transaction('immediate', work);
}

/** Returns how far the sandbox's clock is ahead. The offset is stored, so that all processes agree. */
export function clockOffsetMs(db: SqliteConnection): number {
  return (
    db.prepareColumn<[], number>("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'clock_offset_ms'").get() ?? 0
  );
}

/** Moves the sandbox's clock forward or back. */
export function advanceClock(db: SqliteConnection, byMs: number): void {
  // node:sqlite passes each number as a real.
  db.prepare<[number]>(
    "UPDATE meta SET value = CAST(value AS INTEGER) + CAST(? AS INTEGER) WHERE name = 'clock_offset_ms'",
  ).run(byMs);
}

/** Retries, since SQLite does not wait when two processes switch a new file at the same time. */
function switchToWal(db: SqliteConnection): void {
  const triesMax = 50;
  for (let tries = 1; ; tries += 1) {
    try {
      db.pragma('journal_mode = WAL');
      break;
    } catch (error) {
      if (!isDatabaseBusy(error) || tries === triesMax) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
  // A killed process loses nothing. A power cut may lose the last effects, which a sandbox can afford.
  db.pragma('synchronous = NORMAL');
}

function prepareLayout(db: SqliteConnection): void {
  atomically(db, () => {
    const version = Number(db.pragma('user_version'));
    const application = Number(db.pragma('application_id'));
    if (version > layoutVersion && application === applicationId) {
      throw refusal(
        `was written by a newer version (layout ${version}, this one knows ${layoutVersion}). Update mcp-once, or name another file.`,
      );
    }
    if (application === applicationId) return;
    const tables = db.prepareColumn<[], number>('SELECT count(*) FROM sqlite_schema').get();
    if (tables !== 0 || application !== 0) throw refusal('is a database of something else. Name another file.');
    db.exec(layout);
  });
}

function refusal(what: string): McpOnceError {
  return new McpOnceError('upstream_unavailable', `The sandbox's data file ${what} Nothing was changed.`);
}

/** Returns whether another process held the file too long. Nothing was written. */
export function isDatabaseBusy(error: unknown): boolean {
  return sqliteCode(error) === 'SQLITE_BUSY';
}
