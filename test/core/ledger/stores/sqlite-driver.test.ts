import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  SqliteConnection,
  type SqliteConnectionOptions,
  sqliteCode,
} from '../../../../src/core/ledger/stores/sqlite-driver.ts';
import { driversHere } from '../../../support/sqlite-drivers.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const dist = fileURLToPath(new URL('../../../../dist/', import.meta.url));

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    return sqliteCode(error) ?? String(error);
  }
  return 'no error';
}

function runModule(script: string) {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return { stdout, stderr };
}

describe.each(driversHere())('a connection by %s', (driver) => {
  function opened(path: string, options: SqliteConnectionOptions = {}): SqliteConnection {
    const connection = new SqliteConnection(path, { ...options, driver });
    onTestFinished(() => connection.close());
    return connection;
  }

  function openedTable(path = join(temporaryFolder(), 'file.sqlite')) {
    const connection = opened(path);
    connection.pragma('journal_mode = WAL');
    connection.exec('CREATE TABLE things (name TEXT PRIMARY KEY, size INTEGER) STRICT');
    const names = connection.prepareColumn<[], string>('SELECT name FROM things ORDER BY name');
    const insert = connection.prepare<[string, number | null]>('INSERT INTO things VALUES (?, ?)');
    return { path, connection, insert, names };
  }

  test('returns rows, first columns and changes', () => {
    const { connection, insert, names } = openedTable();
    expect(insert.run('a', 1_764_490_000_000)).toEqual({ changes: 1, lastInsertRowid: 1 });
    insert.run('b', null);
    const rows = connection.prepare<[string], { name: string; size: number }>('SELECT * FROM things WHERE name >= ?');
    expect(rows.get('a')).toEqual({ name: 'a', size: 1_764_490_000_000 });
    expect(rows.get('c')).toBeUndefined();
    expect(rows.all('a')).toEqual([
      { name: 'a', size: 1_764_490_000_000 },
      { name: 'b', size: null },
    ]);
    expect(names.get()).toBe('a');
    expect(names.all()).toEqual(['a', 'b']);
    expect(connection.prepare('DELETE FROM things').run().changes).toBe(2);
    expect(names.get()).toBeUndefined();
  });

  test('waits for no lock by default, and takes no double-quoted text', () => {
    const connection = opened(':memory:');
    expect(connection.pragma('busy_timeout')).toBe(0);
    expect(opened(':memory:', { lockTimeoutMs: 70 }).pragma('busy_timeout')).toBe(70);
    expect(() => connection.prepare('SELECT "text"')).toThrow('no such column');
  });

  test('refuses a text with U+0000 and an integer beyond 2^53 instead of changing it', () => {
    const { connection, insert, names } = openedTable();
    expect(() => insert.run('a\0b', 1)).toThrow('U+0000');
    expect(() => names.all(...(['\0'] as unknown as []))).toThrow('U+0000');
    expect(names.all()).toEqual([]);
    expect(() => connection.prepare('SELECT 9007199254740993').get()).toThrow(RangeError);
  });

  test('names the result code of an error', () => {
    const { path, connection, insert, names } = openedTable();
    insert.run('a', 1);
    expect(codeOf(() => insert.run('a', 1))).toBe('SQLITE_CONSTRAINT');
    expect(codeOf(() => connection.exec('SELECT * FROM nothing'))).toBe('SQLITE_ERROR');
    expect(codeOf(() => opened(path, { readOnly: true }).exec('DELETE FROM things'))).toBe('SQLITE_READONLY');
    connection.pragma(`max_page_count = ${connection.pragma('page_count') as number}`);
    expect(codeOf(() => insert.run('x'.repeat(100_000), 1))).toBe('SQLITE_FULL');
    const other = opened(path);
    other.exec('BEGIN IMMEDIATE');
    expect(codeOf(() => insert.run('b', 1))).toBe('SQLITE_BUSY');
    expect(codeOf(() => connection.exec('BEGIN IMMEDIATE; ROLLBACK'))).toBe('SQLITE_BUSY');
    expect(names.all()).toEqual(['a']);
    other.exec('ROLLBACK');
    expect(codeOf(() => opened(dirname(path)))).toBe('SQLITE_CANTOPEN');
    expect(sqliteCode(new Error('database is locked'))).toBeUndefined();
  });

  test.each(['get', 'all'] as const)('names the result code of an error of %s', (method) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'text'), 'no database '.repeat(1_000));
    const text = opened(join(folder, 'text'));
    expect(codeOf(() => text.prepare('SELECT * FROM sqlite_schema')[method]())).toBe('SQLITE_NOTADB');
    const { path, connection, insert } = openedTable();
    for (let n = 0; n < 500; n += 1) insert.run(`thing ${n} ${'x'.repeat(100)}`, n);
    connection.close();
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 2 * 4_096);
    const damaged = join(folder, 'damaged');
    writeFileSync(damaged, bytes);
    const read = opened(damaged).prepare("SELECT * FROM things WHERE name || '' = ''");
    expect(codeOf(() => read[method]())).toBe('SQLITE_CORRUPT');
  });

  test('names the result code of an error of all when another connection has locked the file', () => {
    const path = join(temporaryFolder(), 'file.sqlite');
    const connection = opened(path);
    connection.exec('CREATE TABLE things (name TEXT)');
    const names = connection.prepare('SELECT * FROM things');
    opened(path).exec('BEGIN EXCLUSIVE');
    expect(codeOf(() => names.all())).toBe('SQLITE_BUSY');
    expect(codeOf(() => names.get())).toBe('SQLITE_BUSY');
  });

  test('rolls back a transaction that throws, and only the inner one of two', () => {
    const { connection, insert, names } = openedTable();
    const failing = (name: string) => () => {
      insert.run(name, 1);
      throw new Error('changed my mind');
    };
    expect(() => connection.transaction('immediate', failing('a'))).toThrow('changed my mind');
    expect(names.all()).toEqual([]);
    const answer = connection.transaction('immediate', () => {
      insert.run('b', 1);
      expect(() => connection.transaction('deferred', failing('c'))).toThrow('changed my mind');
      connection.transaction('deferred', () => insert.run('d', 1));
      return connection.inTransaction;
    });
    expect(answer).toBe(true);
    expect(connection.inTransaction).toBe(false);
    expect(names.all()).toEqual(['b', 'd']);
  });

  test('takes the write lock at the start of an immediate transaction', () => {
    const { path, connection } = openedTable();
    connection.transaction('immediate', () => {
      const other = opened(path);
      expect(codeOf(() => other.exec('BEGIN IMMEDIATE'))).toBe('SQLITE_BUSY');
    });
  });

  test('leaves an unlocked file that is complete without its log when it is closed in a transaction', () => {
    const { path, connection, insert } = openedTable();
    insert.run('kept', 1);
    connection.exec('BEGIN IMMEDIATE');
    insert.run('rolled back', 1);
    connection.close();
    connection.close();
    expect(connection.isOpen).toBe(false);
    expect(connection.inTransaction).toBe(false);
    expect(() => insert.run('late', 1)).toThrow();
    const copy = join(temporaryFolder(), 'copy.sqlite');
    copyFileSync(path, copy);
    for (const file of [copy, path]) {
      const other = opened(file);
      other.exec("INSERT INTO things VALUES ('other', 1)");
      expect(other.prepareColumn<[], string>('SELECT name FROM things').all()).toEqual(['kept', 'other']);
    }
  });

  test('removes its log when the process ends without closing it', () => {
    const path = join(temporaryFolder(), 'file.sqlite');
    const { stdout, stderr } = runModule(`
      import { existsSync } from 'node:fs';
      import { SqliteConnection } from ${JSON.stringify(join(dist, 'src/core/ledger/stores/sqlite-driver.js'))};
      const connection = new SqliteConnection(${JSON.stringify(path)}, { driver: '${driver}' });
      connection.pragma('journal_mode = WAL');
      connection.exec('CREATE TABLE things (name TEXT)');
      process.on('exit', () => console.log(connection.driver, existsSync(${JSON.stringify(`${path}-wal`)})));
      setTimeout(() => process.emitWarning('of another kind', 'ExperimentalWarning'));`);
    expect(stdout).toBe(`${driver} true\n`);
    // Only the warning about node:sqlite is left out.
    expect(stderr).toContain('ExperimentalWarning: of another kind');
    expect(stderr).not.toContain('SQLite');
    expect(opened(path).prepareColumn<[], number>('SELECT count(*) FROM things').get()).toBe(0);
  });
});

test('a connection uses node:sqlite where Node contains SQLite 3.51.3 or newer', () => {
  const contained = (process.versions as { sqlite?: string }).sqlite ?? '0';
  const isRecent = contained.localeCompare('3.51.3', 'en', { numeric: true }) >= 0;
  const connection = new SqliteConnection(':memory:');
  onTestFinished(() => connection.close());
  expect(connection.driver).toBe(isRecent ? 'node:sqlite' : '@photostructure/sqlite');
});

test('a ledger file without a driver is refused with the next step', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'core/ledger'), { recursive: true });
  // A copy outside of the project finds no packages.
  cpSync(join(dist, 'src/core/errors.js'), join(folder, 'core/errors.js'));
  for (const name of ['sqlite-driver.js', 'sqlite-faults.js']) {
    cpSync(join(dist, 'src/core/ledger/stores', name), join(folder, 'core/ledger/stores', name));
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const { stdout, stderr } = runModule(`
    import { SqliteConnection } from ${JSON.stringify(join(folder, 'core/ledger/stores/sqlite-driver.js'))};
    import { sqliteFault } from ${JSON.stringify(join(folder, 'core/ledger/stores/sqlite-faults.js'))};
    try {
      new SqliteConnection('/tmp/ledger.sqlite', { driver: '@photostructure/sqlite' });
    } catch (error) {
      console.log(sqliteFault(error, '/tmp/ledger.sqlite').message);
    }`);
  expect(stderr).toBe('');
  expect(stdout).toContain(`SQLite could not be loaded. Node ${process.version} contains`);
  expect(stdout).toContain("Cannot find module '@photostructure/sqlite'");
  expect(stdout).toContain('Update Node, or install the package with "npm install --include=optional".');
  expect(stdout).toContain('The ledger file /tmp/ledger.sqlite was not opened.');
});
