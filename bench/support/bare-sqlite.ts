import type { SqliteConnection } from '../../src/core/ledger/stores/sqlite-driver.ts';
import { openSqliteFile } from '../../src/core/ledger/stores/sqlite-file.ts';
import { ownTime } from '../../src/core/ledger/stores/sqlite-time.ts';

interface BareSqlite {
  readonly database: SqliteConnection;
  claim(key: string, value: string, expiresAt: number): void;
  settle(key: string, expected: string, next: string, expiresAt: number): void;
  read(key: string): string | undefined;
}

/**
 * Runs the two statements of claim and settle in the bare driver: the ledger's table and pragmas (WAL,
 * synchronous FULL), one commit per statement.
 */
export async function openBareSqlite(path: string): Promise<BareSqlite> {
  const { database } = await openSqliteFile({
    path,
    createFolder: false,
    lockTimeoutMs: 5_000,
    timeOf: () => ownTime(Date.now),
  });
  const insert = database.prepare<[string, string, number, number]>(
    `INSERT INTO entries (key, value, expires_at) VALUES (?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
     WHERE entries.expires_at <= ?`,
  );
  const update = database.prepare<[string, number, string, string, number]>(
    `UPDATE entries SET value = ?, expires_at = ?
     WHERE key = ? AND value = ? AND (expires_at IS NULL OR expires_at > ?)`,
  );
  const select = database.prepareColumn<[string, number], string>(
    'SELECT value FROM entries WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)',
  );
  return {
    database,
    claim: (key: string, value: string, expiresAt: number) => void insert.run(key, value, expiresAt, Date.now()),
    settle: (key: string, expected: string, next: string, expiresAt: number) =>
      void update.run(next, expiresAt, key, expected, Date.now()),
    read: (key: string) => select.get(key, Date.now()),
  };
}
