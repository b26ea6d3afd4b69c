import type { z } from 'zod';
import type { SqliteConnection } from '../src/core/ledger/stores/sqlite-driver.ts';
import { invalidParameter, noSuch } from './api-error.ts';

/** A kind of object: how its records are named, checked and found. */
export interface Kind<T extends { id: string }> {
  /** As in `GET /_sandbox/effects`, such as `invoices`. */
  readonly name: string;
  /** As in Stripe's messages: "No such invoice". */
  readonly noun: string;
  readonly prefix: string;
  readonly schema: z.ZodType<T>;
  /** Returns the columns that lists filter by. */
  columns(record: T): Partial<Columns>;
}

/** The columns beside a record's body that lists filter by. */
export interface Columns {
  customer: string | null;
  /** The invoice of an item, the payment intent of a charge or refund. */
  parent: string | null;
  status: string | null;
  email: string | null;
}

/** A page request with Stripe's cursors, and bounds in seconds since 1970. Default limit 10. */
export interface PageRequest {
  limit?: number | undefined;
  starting_after?: string | undefined;
  ending_before?: string | undefined;
  created?:
    | { gt?: number | undefined; gte?: number | undefined; lt?: number | undefined; lte?: number | undefined }
    | undefined;
}

/** One page of records. */
export interface Page<T> {
  records: T[];
  hasMore: boolean;
}

interface Row {
  seq: number;
  body: string;
}

/** The objects of one account. Every record is checked by its kind's schema when it is read. */
export class Objects {
  readonly #db: SqliteConnection;
  readonly #account: string;

  constructor(db: SqliteConnection, account: string) {
    this.#db = db;
    this.#account = account;
  }

  /** Adds a record. @throws an error of SQLite when its id is taken. */
  insert<T extends { id: string }>(kind: Kind<T>, record: T, createdMs: number): T {
    const columns = kind.columns(record);
    this.#db
      .prepare(
        'INSERT INTO objects (id, account, kind, created_ms, customer, parent, status, email, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(record.id, this.#account, kind.name, createdMs, ...columnValues(columns), JSON.stringify(record));
    return record;
  }

  /** Replaces an existing record. */
  save<T extends { id: string }>(kind: Kind<T>, record: T): T {
    this.#db
      .prepare(
        'UPDATE objects SET customer = ?, parent = ?, status = ?, email = ?, body = ? WHERE id = ? AND account = ? AND kind = ?',
      )
      .run(...columnValues(kind.columns(record)), JSON.stringify(record), record.id, this.#account, kind.name);
    return record;
  }

  /** Removes an existing record. */
  remove<T extends { id: string }>(kind: Kind<T>, record: T): void {
    this.#db
      .prepare('DELETE FROM objects WHERE id = ? AND account = ? AND kind = ?')
      .run(record.id, this.#account, kind.name);
  }

  find<T extends { id: string }>(kind: Kind<T>, id: string): T | undefined {
    const row = this.#row(kind, id);
    return row === undefined ? undefined : read(kind, row);
  }

  /** @throws ApiError `resource_missing`: 404 for an id of the path, 400 for one given by `param`. */
  load<T extends { id: string }>(kind: Kind<T>, id: string, param?: string): T {
    const record = this.find(kind, id);
    if (record === undefined) throw noSuch(kind.noun, id, param);
    return record;
  }

  /** Returns every record with this parent, oldest first. */
  children<T extends { id: string }>(kind: Kind<T>, parent: string): T[] {
    return this.#db
      .prepare<[string, string, string], Row>(
        'SELECT seq, body FROM objects WHERE parent = ? AND kind = ? AND account = ? ORDER BY seq',
      )
      .all(parent, kind.name, this.#account)
      .map((row) => read(kind, row));
  }

  /** Returns a page, newest first, as at Stripe. @throws ApiError for two cursors or an unknown cursor. */
  page<T extends { id: string }>(kind: Kind<T>, filter: Partial<Columns>, request: PageRequest): Page<T> {
    const where = ['kind = ?', 'account = ?'];
    const values: (string | number)[] = [kind.name, this.#account];
    const also = (condition: string, value: string | number) => {
      where.push(condition);
      values.push(value);
    };
    for (const [column, value] of Object.entries(filter)) {
      if (value === null) where.push(`${column} IS NULL`);
      else also(`${column} = ?`, value);
    }
    for (const [name, operator] of comparisons) {
      const seconds = request.created?.[name];
      if (seconds !== undefined) also(`created_ms / 1000 ${operator} ?`, seconds);
    }
    const after = request.starting_after;
    const before = request.ending_before;
    if (after !== undefined && before !== undefined) {
      throw invalidParameter(
        'Give starting_after or ending_before, not both.',
        'ending_before',
        'parameters_exclusive',
      );
    }
    if (after !== undefined) also('seq < ?', this.#cursor(kind, after, 'starting_after'));
    if (before !== undefined) also('seq > ?', this.#cursor(kind, before, 'ending_before'));
    const backwards = before !== undefined;
    const limit = request.limit ?? 10;
    const rows = this.#db
      .prepare<(string | number)[], Row>(
        `SELECT seq, body FROM objects WHERE ${where.join(' AND ')} ORDER BY seq ${backwards ? 'ASC' : 'DESC'} LIMIT ${limit + 1}`,
      )
      .all(...values);
    const records = rows.slice(0, limit).map((row) => read(kind, row));
    return { records: backwards ? records.reverse() : records, hasMore: rows.length > limit };
  }

  #row<T extends { id: string }>(kind: Kind<T>, id: string): Row | undefined {
    return this.#db
      .prepare<[string, string, string], Row>('SELECT seq, body FROM objects WHERE id = ? AND account = ? AND kind = ?')
      .get(id, this.#account, kind.name);
  }

  #cursor<T extends { id: string }>(kind: Kind<T>, id: string, param: string): number {
    const row = this.#row(kind, id);
    if (row === undefined) throw noSuch(kind.noun, id, param);
    return row.seq;
  }
}

const comparisons = [
  ['gt', '>'],
  ['gte', '>='],
  ['lt', '<'],
  ['lte', '<='],
] as const;

function columnValues(columns: Partial<Columns>): (string | null)[] {
  return [columns.customer ?? null, columns.parent ?? null, columns.status ?? null, columns.email ?? null];
}

function read<T extends { id: string }>(kind: Kind<T>, row: Row): T {
  return kind.schema.parse(JSON.parse(row.body));
}
