import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { LedgerUnavailable } from '../../errors.ts';
import type { SqliteConnection, SqliteStatement } from './sqlite-driver.ts';

const table = 'marks';
const prefix = 'mcp-once';
const digits = 15;
/** `prefix`, a colon, 128 random bits as base64url, and a colon. */
const nameChars = prefix.length + 24;

/**
 * A counter in the ledger file that only grows. Before the log is copied into the file, the counter is raised. So a file
 * that was overwritten by an earlier copy of itself (`cp backup ledger.sqlite`), which has the same inode, has a lower one.
 *
 * SQLite keeps pages in memory and in the log. So this class reads the page of the counter from the file itself.
 */
export class SqliteMark {
  readonly #path: string;
  readonly #database: SqliteConnection;
  readonly #descriptor: Descriptor;
  readonly #raise: SqliteStatement;
  readonly #name: Buffer;
  readonly #page: Buffer;
  #place: number;
  #highest = -1;
  #isOverwritten = false;
  /** The file as it was when the counter was read. */
  #seen: Pick<Stats, 'mtimeMs' | 'ctimeMs' | 'size'> = { mtimeMs: -1, ctimeMs: -1, size: -1 };

  /** @param descriptor of the file; `prepare` has been called for it */
  constructor(path: string, database: SqliteConnection, descriptor: Descriptor) {
    this.#path = path;
    this.#database = database;
    this.#descriptor = descriptor;
    const mark = database.prepareColumn<[], string>(`SELECT mark FROM ${table}`).get() ?? '';
    this.#name = Buffer.from(mark.slice(0, nameChars));
    this.#page = Buffer.alloc(database.pragma('page_size') as number);
    this.#place = this.#placeNow();
    this.#raise = database.prepare(
      `UPDATE ${table} SET mark = substr(mark, 1, ${nameChars}) || printf('%0${digits}d', substr(mark, ${nameChars + 1}) + 1)`,
    );
  }

  /** Makes the counter in a file that has none. Earlier versions of mcp-once ignore it. */
  static prepare(database: SqliteConnection): void {
    const known = database.prepareColumn<[string], number>('SELECT count(*) FROM sqlite_schema WHERE name = ?');
    if (known.get(table) === 1) return;
    database.transaction('immediate', () => {
      // Another process may have made it meanwhile.
      if (known.get(table) === 1) return;
      database.exec(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY CHECK (id = 1), mark TEXT NOT NULL) STRICT`);
      const mark = `${prefix}:${randomBytes(16).toString('base64url')}:${'0'.repeat(digits)}`;
      database.prepare<[string]>(`INSERT INTO ${table} VALUES (1, ?)`).run(mark);
    });
  }

  /** Whether an earlier copy was found in the file. Then the log must not be copied into it. */
  get isOverwritten(): boolean {
    return this.#isOverwritten;
  }

  /** Raises the counter. The caller copies the log into the file after that. */
  raise(): void {
    this.#raise.run();
  }

  /**
   * Tests whether the file went back. It reads the counter only if the file has changed.
   * @throws LedgerUnavailable
   */
  check({ mtimeMs, ctimeMs, size }: Stats): void {
    if (this.#isOverwritten) throw overwritten(this.#path);
    const { mtimeMs: seenMs, ctimeMs: seenChangeMs, size: seenSize } = this.#seen;
    // `cp -p` sets the time of the content, but not the time of the change.
    if (mtimeMs === seenMs && ctimeMs === seenChangeMs && size === seenSize) return;
    const count = this.#read();
    if (count === undefined) {
      // The counter of a new file is in the log only, until its content changes for the first time.
      const isFirst = seenSize < 0 || (mtimeMs === seenMs && size === seenSize);
      if (!isFirst || this.#highest >= 0) throw overwritten(this.#path);
      this.#seen = { mtimeMs, ctimeMs, size };
      return;
    }
    if (count < this.#highest) {
      this.#isOverwritten = true;
      throw overwritten(this.#path);
    }
    this.#highest = count;
    this.#seen = { mtimeMs, ctimeMs, size };
  }

  #read(): number | undefined {
    const count = this.#readAt(this.#place);
    if (count !== undefined) return count;
    // VACUUM may have moved the page.
    this.#place = this.#placeNow();
    return this.#readAt(this.#place);
  }

  /** The page may contain remains of lower values. */
  #readAt(place: number): number | undefined {
    const length = readSync(this.#descriptor.fd, this.#page, 0, this.#page.length, place);
    const page = this.#page.subarray(0, length);
    let highest: number | undefined;
    for (let at = page.indexOf(this.#name); at >= 0; at = page.indexOf(this.#name, at + 1)) {
      const text = page.toString('latin1', at + nameChars, at + nameChars + digits);
      if (/^\d{15}$/.test(text)) highest = Math.max(highest ?? 0, Number(text));
    }
    return highest;
  }

  #placeNow(): number {
    const root = this.#database
      .prepareColumn<[string], number>('SELECT rootpage FROM sqlite_schema WHERE name = ?')
      .get(table);
    return ((root ?? 1) - 1) * this.#page.length;
  }
}

function overwritten(path: string): LedgerUnavailable {
  return new LedgerUnavailable(
    `The ledger file ${path} was overwritten while it was open: end every process that uses it, delete its -wal and -shm files, restore the file again, and start them.`,
    { isLasting: true },
  );
}

/** A descriptor of a file that all connections of this process to that file share. */
export interface Descriptor {
  readonly fd: number;
  release(): void;
}

const descriptors = new Map<string, { readonly fd: number; users: number }>();

/**
 * Opens a file for reading, or returns the descriptor that this process has. It is closed after the last connection:
 * closing any descriptor of a file ends all locks of the process on it (POSIX), also those of SQLite.
 */
export function sharedDescriptor(path: string, { dev, ino }: Pick<Stats, 'dev' | 'ino'>): Descriptor {
  const key = `${dev}:${ino}`;
  let known = descriptors.get(key);
  if (known === undefined) {
    const fd = openSync(path, 'r');
    const opened = fstatSync(fd);
    if (opened.ino !== ino || opened.dev !== dev) {
      closeSync(fd);
      throw new LedgerUnavailable(`The ledger file ${path} was replaced while it was opened: try again.`);
    }
    known = { fd, users: 0 };
    descriptors.set(key, known);
  }
  const shared = known;
  shared.users += 1;
  let isReleased = false;
  return {
    fd: shared.fd,
    release() {
      if (isReleased) return;
      isReleased = true;
      shared.users -= 1;
      if (shared.users > 0) return;
      descriptors.delete(key);
      closeSync(shared.fd);
    },
  };
}
