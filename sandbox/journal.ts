import type { SqliteConnection } from '../src/core/ledger/stores/sqlite-driver.ts';
import type { FaultName } from './faults.ts';
import { limits } from './limits.ts';

/** The state of a request. `dropped`: its connection was closed without an answer. */
export type RequestOutcome = 'executing' | 'answered' | 'dropped';

/** One request, in order of arrival. */
export interface JournalEntry {
  seq: number;
  at_ms: number;
  request_id: string;
  method: string;
  path: string;
  idempotency_key: string | null;
  outcome: RequestOutcome;
  status: number | null;
  replayed: boolean;
  fault: FaultName | null;
}

/** One effect, such as `invoice.created`, in order of commit. */
export interface EffectEntry {
  seq: number;
  at_ms: number;
  account: string;
  action: string;
  object: string;
  request_id: string;
  idempotency_key: string | null;
}

type RequestRow = Omit<JournalEntry, 'replayed'> & { replayed: number };

/** The journal of requests and effects in the data file, for tests to count. */
export class Journal {
  readonly #db: SqliteConnection;

  constructor(db: SqliteConnection) {
    this.#db = db;
  }

  /** Records an arrival. Removes the oldest requests beyond the bound; effects stay, since tests count them. */
  arrived(entry: Pick<JournalEntry, 'at_ms' | 'request_id' | 'method' | 'path' | 'idempotency_key' | 'fault'>): number {
    const { lastInsertRowid } = this.#db
      .prepare(
        "INSERT INTO requests (at_ms, request_id, method, path, idempotency_key, outcome, fault) VALUES (?, ?, ?, ?, ?, 'executing', ?)",
      )
      .run(entry.at_ms, entry.request_id, entry.method, entry.path, entry.idempotency_key, entry.fault);
    const seq = Number(lastInsertRowid);
    if (seq % 100 === 0) {
      this.#db.prepare('DELETE FROM requests WHERE seq <= ?').run(seq - limits.requestsKeptMax);
    }
    return seq;
  }

  /** Records the result of a request. */
  ended(seq: number, outcome: RequestOutcome, status: number | null, replayed: boolean): void {
    this.#db
      .prepare('UPDATE requests SET outcome = ?, status = ?, replayed = ? WHERE seq = ?')
      .run(outcome, status, replayed ? 1 : 0, seq);
  }

  effect(entry: Omit<EffectEntry, 'seq'>): void {
    this.#db
      .prepare(
        'INSERT INTO effects (at_ms, account, action, object, request_id, idempotency_key) VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run(entry.at_ms, entry.account, entry.action, entry.object, entry.request_id, entry.idempotency_key);
  }

  /** Returns the newest requests, oldest first. */
  newestRequests(rowsMax: number): JournalEntry[] {
    return this.#db
      .prepare<[number], RequestRow>('SELECT * FROM requests ORDER BY seq DESC LIMIT ?')
      .all(rowsMax)
      .reverse()
      .map(entryOf);
  }

  /** Returns the requests after `seq`, oldest first. */
  requestsAfter(seq: number, rowsMax: number): JournalEntry[] {
    return this.#db
      .prepare<[number, number], RequestRow>('SELECT * FROM requests WHERE seq > ? ORDER BY seq LIMIT ?')
      .all(seq, rowsMax)
      .map(entryOf);
  }

  /** Returns the newest effects, oldest first. */
  effects(rowsMax: number): EffectEntry[] {
    return this.#db
      .prepare<[number], EffectEntry>('SELECT * FROM effects ORDER BY seq DESC LIMIT ?')
      .all(rowsMax)
      .reverse();
  }

  /** Counts the effects by action. */
  effectCounts(): Record<string, number> {
    const rows = this.#db
      .prepare<[], { action: string; count: number }>('SELECT action, count(*) AS count FROM effects GROUP BY action')
      .all();
    return Object.fromEntries(rows.map((row) => [row.action, row.count]));
  }
}

function entryOf(row: RequestRow): JournalEntry {
  return { ...row, replayed: row.replayed === 1 };
}
