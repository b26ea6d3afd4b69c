import type { SqliteConnection } from './sqlite-driver.ts';

/**
 * The SQL statements, each atomic by itself. Keys include their prefix. Every statement treats an expired row as
 * absent.
 */
export interface SqliteEntries {
  read(key: string): string | undefined;
  insert(key: string, value: string, expiresAt: number | null): boolean;
  replace(key: string, expected: string, next: string, expiresAt: number | null): boolean;
  remove(key: string, expected: string): boolean;
  /** The unconditional writes of Keyv's own set, delete and clear. */
  put(key: string, value: string, expiresAt: number | null): void;
  drop(key: string): boolean;
  dropAll(prefix: string): void;
  page(prefix: string, afterKey: string, limit: number): { key: string; value: string }[];
}

export function sqliteEntries(database: SqliteConnection, now: () => number): SqliteEntries {
  const live = '(expires_at IS NULL OR expires_at > ?)';
  const read = database.prepareColumn<[string, number], string>(`SELECT value FROM entries WHERE key = ? AND ${live}`);
  const insert = database.prepare<[string, string, number | null, number]>(
    `INSERT INTO entries (key, value, expires_at) VALUES (?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
     WHERE entries.expires_at <= ?`,
  );
  const replace = database.prepare<[string, number | null, string, string, number]>(
    `UPDATE entries SET value = ?, expires_at = ? WHERE key = ? AND value = ? AND ${live}`,
  );
  const remove = database.prepare<[string, string, number]>(
    `DELETE FROM entries WHERE key = ? AND value = ? AND ${live}`,
  );
  const put = database.prepare<[string, string, number | null]>(
    `INSERT INTO entries (key, value, expires_at) VALUES (?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`,
  );
  const drop = database.prepare<[string]>('DELETE FROM entries WHERE key = ?');
  const dropAll = database.prepare<[string, string]>('DELETE FROM entries WHERE key >= ? AND key < ?');
  const page = database.prepare<[string, string, number, number], { key: string; value: string }>(
    `SELECT key, value FROM entries WHERE key > ? AND key < ? AND ${live} ORDER BY key LIMIT ?`,
  );
  return {
    read: (key) => read.get(key, now()),
    insert: (key, value, expiresAt) => insert.run(key, value, expiresAt, now()).changes === 1,
    replace: (key, expected, next, expiresAt) => replace.run(next, expiresAt, key, expected, now()).changes === 1,
    remove: (key, expected) => remove.run(key, expected, now()).changes === 1,
    put: (key, value, expiresAt) => void put.run(key, value, expiresAt),
    drop: (key) => drop.run(key).changes === 1,
    dropAll: (prefix) => void dropAll.run(prefix, endOf(prefix)),
    page: (prefix, afterKey, limit) => page.all(afterKey, endOf(prefix), now(), limit),
  };
}

/** Returns a text that sorts after every key with the prefix. SQLite compares UTF-8 bytes, and U+10FFFF has the highest. */
function endOf(prefix: string): string {
  return `${prefix}\u{10FFFF}`;
}

/** Returns the value of the expiry column: an integer in ms, or NULL for never. */
export function expiry(nowMs: number, ttlMs: number | undefined): number | null {
  return ttlMs !== undefined && Number.isFinite(ttlMs) ? Math.ceil(nowMs + ttlMs) : null;
}
