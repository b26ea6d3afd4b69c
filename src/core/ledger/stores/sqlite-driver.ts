import { createRequire } from 'node:module';
import { describeError, isErrnoException } from '../../errors.ts';

/**
 * The two drivers, which have the same interface. Neither is compiled at installation: one is part of Node, the other
 * one contains binaries for each platform.
 */
export type SqliteDriver = 'node:sqlite' | '@photostructure/sqlite';

export interface SqliteConnectionOptions {
  /**
   * How long SQLite itself waits for the locks of other processes, in ms. It blocks the event loop meanwhile.
   * @defaultValue 0
   */
  readonly lockTimeoutMs?: number;
  /** @defaultValue false */
  readonly readOnly?: boolean;
  /**
   * The driver, for tests and measurements.
   * @defaultValue `node:sqlite` if Node contains a recent SQLite, else `@photostructure/sqlite`
   */
  readonly driver?: SqliteDriver;
}

export type SqliteValue = string | number | bigint | null | Uint8Array;

/** A prepared statement. `Row` is the type of a row, or of its only column. */
export interface SqliteStatement<Parameters extends readonly SqliteValue[] = SqliteValue[], Row = unknown> {
  get(...values: Parameters): Row | undefined;
  all(...values: Parameters): Row[];
  run(...values: Parameters): SqliteChanges;
}

interface SqliteChanges {
  readonly changes: number;
  readonly lastInsertRowid: number | bigint;
}

const packageName = '@photostructure/sqlite' satisfies SqliteDriver;

/** The part of both drivers that `SqliteConnection` uses. */
interface DriverModule {
  readonly DatabaseSync: new (path: string, options?: object) => DriverDatabase;
}

interface DriverDatabase {
  /** Missing in Node before 22.16. */
  readonly isTransaction?: boolean;
  prepare(sql: string): DriverStatement;
  exec(sql: string): void;
  close(): void;
}

interface DriverStatement extends SqliteStatement {
  setReturnArrays(enabled: boolean): void;
}

/**
 * The first SQLite without the WAL-reset bug: before it, a checkpoint that coincides with a commit of another process can
 * damage the file. `PRAGMA wal_checkpoint(NOOP)` needs 3.51, too.
 */
const versionMin = '3.51.3';

/** A connection to a SQLite file. Every method is synchronous. */
export class SqliteConnection {
  readonly driver: SqliteDriver;
  readonly #database: DriverDatabase;
  #isOpen = true;

  /** Opens the file, and creates it if it is missing. @throws an error with a `sqliteCode` */
  constructor(path: string, options: SqliteConnectionOptions = {}) {
    const { lockTimeoutMs = 0, readOnly = false } = options;
    const { driver, module } = loadDriver(options.driver);
    this.driver = driver;
    this.#database = new module.DatabaseSync(path, { timeout: lockTimeoutMs, readOnly });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get inTransaction(): boolean {
    return this.#isOpen && this.#database.isTransaction === true;
  }

  prepare<Parameters extends readonly SqliteValue[] = SqliteValue[], Row = unknown>(
    sql: string,
  ): SqliteStatement<Parameters, Row> {
    return new RowStatement<Parameters, Row>(this.#database.prepare(sql));
  }

  /** Prepares a statement that returns the first column of each row instead of the row. */
  prepareColumn<Parameters extends readonly SqliteValue[], Value>(sql: string): SqliteStatement<Parameters, Value> {
    return new ColumnStatement<Parameters, Value>(this.#database.prepare(sql));
  }

  /** Runs SQL text without parameters, which may contain several statements. */
  exec(sql: string): void {
    this.#database.exec(sql);
  }

  /** Runs `PRAGMA source`. @returns the first column of its first row */
  pragma(source: string): unknown {
    return this.prepareColumn<[], unknown>(`PRAGMA ${source}`).get();
  }

  /** Runs `work` in a transaction, or in a savepoint of the present one. Rolls back if it throws. */
  transaction<T>(mode: 'deferred' | 'immediate', work: () => T): T {
    const [begin, end, undo] = this.inTransaction
      ? ['SAVEPOINT nested', 'RELEASE nested', 'ROLLBACK TO nested; RELEASE nested']
      : [`BEGIN ${mode}`, 'COMMIT', 'ROLLBACK'];
    this.exec(begin);
    try {
      const result = work();
      this.exec(end);
      return result;
    } catch (error) {
      // On a full disk SQLite rolls back by itself.
      if (this.inTransaction) this.exec(undo);
      throw error;
    }
  }

  /** Closes the connection. An open transaction is rolled back. */
  close(): void {
    if (!this.#isOpen) return;
    if (this.driver === packageName) this.#release();
    this.#isOpen = false;
    this.#database.close();
  }

  /**
   * This driver cannot end prepared statements, so SQLite keeps the file open until they are garbage-collected. The
   * database must be complete without its log before that, and unlocked.
   */
  #release(): void {
    try {
      if (this.inTransaction) this.exec('ROLLBACK');
      this.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // Another connection uses the log, or the connection may not write. The log is still complete.
    }
  }
}

class RowStatement<Parameters extends readonly SqliteValue[], Row> implements SqliteStatement<Parameters, Row> {
  readonly #statement: DriverStatement;

  constructor(statement: DriverStatement) {
    this.#statement = statement;
  }

  get(...values: Parameters): Row | undefined {
    assertBindable(values);
    return this.#statement.get(...values) as Row | undefined;
  }

  all(...values: Parameters): Row[] {
    assertBindable(values);
    return this.#statement.all(...values) as Row[];
  }

  run(...values: Parameters): SqliteChanges {
    assertBindable(values);
    return this.#statement.run(...values);
  }
}

class ColumnStatement<Parameters extends readonly SqliteValue[], Value> implements SqliteStatement<Parameters, Value> {
  readonly #rows: RowStatement<Parameters, readonly [Value]>;

  constructor(statement: DriverStatement) {
    statement.setReturnArrays(true);
    this.#rows = new RowStatement(statement);
  }

  get(...values: Parameters): Value | undefined {
    return this.#rows.get(...values)?.[0];
  }

  all(...values: Parameters): Value[] {
    return this.#rows.all(...values).map(([value]) => value);
  }

  run(...values: Parameters): SqliteChanges {
    return this.#rows.run(...values);
  }
}

/** Refuses U+0000 in texts: one driver cuts them there when it writes, and Node 22 when it reads. */
function assertBindable(values: readonly SqliteValue[]): void {
  for (const value of values) {
    if (typeof value === 'string' && value.includes('\0')) {
      throw new TypeError('SQLite cannot store a text with the character U+0000.');
    }
  }
}

function loadDriver(wanted: SqliteDriver | undefined): { driver: SqliteDriver; module: DriverModule } {
  const contained = wanted === packageName ? undefined : nodeSqlite();
  const version = contained === undefined ? undefined : versionOf(contained);
  if (contained !== undefined && version !== undefined && isRecent(version)) {
    return { driver: 'node:sqlite', module: contained };
  }
  try {
    if (wanted === 'node:sqlite') throw new Error('not wanted');
    const require = createRequire(import.meta.url);
    return { driver: packageName, module: require('@photostructure/sqlite') as DriverModule };
  } catch (error) {
    const [reason] = describeError(error).split('\n');
    throw new SqliteMissing(
      `SQLite could not be loaded. Node ${process.version} contains ${version === undefined ? 'no usable SQLite' : `SQLite ${version}`}, ` +
        `and mcp-once needs SQLite ${versionMin} or newer. The package ${packageName}, which it uses instead, failed (${reason}). ` +
        'Update Node, or install the package with "npm install --include=optional".',
      { cause: error },
    );
  }
}

/** Thrown if there is no driver. Its message contains the next step. */
export class SqliteMissing extends Error {
  override readonly name = 'SqliteMissing';
}

/** Loads `node:sqlite` without the warning that it is experimental, since stderr belongs to the program. */
function nodeSqlite(): DriverModule | undefined {
  const { emitWarning } = process;
  process.emitWarning = (...warning: unknown[]) => {
    if (!String(warning[0]).startsWith('SQLite is an experimental feature'))
      Reflect.apply(emitWarning, process, warning);
  };
  try {
    return process.getBuiltinModule('node:sqlite') as DriverModule | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Returns the version of SQLite in the module, or undefined if the module lacks what `SqliteConnection` uses. */
function versionOf({ DatabaseSync }: DriverModule): string | undefined {
  const database = new DatabaseSync(':memory:');
  try {
    if (database.isTransaction === undefined) return undefined;
    const row = database.prepare('SELECT sqlite_version() AS version').get() as { version: string };
    return row.version;
  } finally {
    database.close();
  }
}

function isRecent(version: string): boolean {
  return version.localeCompare(versionMin, 'en', { numeric: true }) >= 0;
}

/** The names of SQLite's primary result codes, from 0 (https://sqlite.org/rescode.html). */
const resultNames =
  'OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB'.split(
    ' ',
  );
/** The names of the extended codes of IOERR, from 1. */
const ioNames =
  'READ SHORT_READ WRITE FSYNC DIR_FSYNC TRUNCATE FSTAT UNLOCK RDLOCK DELETE BLOCKED NOMEM ACCESS CHECKRESERVEDLOCK LOCK CLOSE DIR_CLOSE SHMOPEN SHMSIZE SHMLOCK SHMMAP SEEK'.split(
    ' ',
  );
/** The package gives no code for an error of `all`, only SQLite's text. */
const textCodes: Readonly<Record<string, string>> = {
  'database is locked': 'SQLITE_BUSY',
  'database table is locked': 'SQLITE_LOCKED',
  'attempt to write a readonly database': 'SQLITE_READONLY',
  'disk I/O error': 'SQLITE_IOERR',
  'database disk image is malformed': 'SQLITE_CORRUPT',
  'database or disk is full': 'SQLITE_FULL',
  'unable to open database file': 'SQLITE_CANTOPEN',
  'file is not a database': 'SQLITE_NOTADB',
};

/** Returns the name of SQLite's result code, such as `SQLITE_BUSY`, or undefined for an error of another kind. */
export function sqliteCode(error: unknown): string | undefined {
  if (!isErrnoException(error) || error.code !== 'ERR_SQLITE_ERROR') return undefined;
  const { errcode } = error as { errcode?: unknown };
  if (typeof errcode !== 'number') return textCodes[error.message] ?? 'SQLITE_ERROR';
  const name = resultNames[errcode & 0xff] ?? String(errcode);
  const detail = name === 'IOERR' ? ioNames[(errcode >> 8) - 1] : undefined;
  return `SQLITE_${name}${detail === undefined ? '' : `_${detail}`}`;
}
