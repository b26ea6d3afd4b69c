import { createHash, randomUUID } from 'node:crypto';
import type { SqliteConnection } from '../src/core/ledger/stores/sqlite-driver.ts';
import { type Answer, idempotencyError } from './api-error.ts';
import { atomically } from './database.ts';
import { canonicalForm, type FormHash } from './form.ts';
import { limits } from './limits.ts';

/** How long an in-use marker holds without renewal by its process, in milliseconds. */
const leaseMs = 3_000;

/** A request that carries a key. */
export interface KeyedRequest {
  readonly account: string;
  readonly key: string;
  readonly method: string;
  readonly path: string;
  readonly params: FormHash;
  readonly requestId: string;
}

/** The result of a request with a key. */
export type KeyedResult =
  | { readonly kind: 'executed'; readonly answer: Answer }
  | { readonly kind: 'replayed'; readonly status: number; readonly bodyText: string; readonly originalRequest: string }
  | { readonly kind: 'refused'; readonly answer: Answer };

interface Row {
  method: string;
  path: string;
  params_hash: string;
  created_ms: number;
  request_id: string;
  owner: string | null;
  owner_pid: number | null;
  lease_until_ms: number | null;
  status: number | null;
  body: string | null;
}

/**
 * Runs a request once per idempotency key, by Stripe's rules
 * (https://docs.stripe.com/api/idempotent_requests). Once execution begins, status and body are saved and replayed
 * for 24 hours. The same key with other parameters or for another endpoint is refused (400), and so is a key whose
 * first request is still executing (409). Invalid requests are not saved.
 *
 * Effect and saved answer commit together. A request that must wait first leaves an in-use marker with its process
 * and a lease. The marker is void when the process dies. Its owner executes only while it still owns the marker, so
 * that a suspended process cannot execute twice.
 */
export class Idempotency {
  readonly #db: SqliteConnection;
  readonly #clock: () => number;

  constructor(db: SqliteConnection, clock: () => number) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Executes, or returns the saved answer, in one transaction. */
  executeOnce(request: KeyedRequest, execute: () => Answer): KeyedResult {
    return atomically(this.#db, () => {
      const known = this.#known(request);
      if (known !== undefined) return known;
      const answer = execute();
      if (answer.effects !== 'none')
        this.#insert(request, { status: answer.status, body: JSON.stringify(answer.body) });
      return { kind: 'executed', answer };
    });
  }

  /** Executes after `wait`. Until then the key is in use. */
  async executeOnceAfter(
    request: KeyedRequest,
    wait: () => Promise<void>,
    execute: () => Answer,
  ): Promise<KeyedResult> {
    const owner = randomUUID();
    const known = atomically(this.#db, () => {
      const found = this.#known(request);
      if (found === undefined) {
        this.#insert(request, { owner, owner_pid: process.pid, lease_until_ms: Date.now() + leaseMs });
      }
      return found;
    });
    if (known !== undefined) return known;
    const renewal = setInterval(() => this.#renew(request, owner), leaseMs / 3);
    try {
      await wait();
    } catch (error) {
      this.#release(request, owner);
      throw error;
    } finally {
      clearInterval(renewal);
    }
    return atomically(this.#db, () => {
      const row = this.#row(request);
      if (row?.owner !== owner) return this.#known(request) ?? { kind: 'refused', answer: inUse(request.key) };
      const answer = execute();
      if (answer.effects === 'none') this.#release(request, owner);
      else this.#settle(request, owner, answer);
      return { kind: 'executed', answer };
    });
  }

  /** Returns the result that a saved request gives to this one, or undefined if this one may execute. */
  #known(request: KeyedRequest): KeyedResult | undefined {
    const row = this.#row(request);
    if (row === undefined) return undefined;
    const isSaved = row.status !== null && row.body !== null;
    const isOver = isSaved ? row.created_ms + limits.idempotencyWindowMs <= this.#clock() : !isAlive(row);
    if (isOver) {
      this.#db.prepare('DELETE FROM idempotency WHERE account = ? AND key = ?').run(request.account, request.key);
      return undefined;
    }
    const advice = `Try using a key other than '${request.key}' if you meant to execute a different request.`;
    if (row.method !== request.method || row.path !== request.path) {
      const message = `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${request.path}' vs '${row.path}'). ${advice}`;
      return { kind: 'refused', answer: idempotencyError(400, message) };
    }
    if (row.params_hash !== hashOf(request.params)) {
      const message = `Keys for idempotent requests can only be used with the same parameters they were first used with. ${advice}`;
      return { kind: 'refused', answer: idempotencyError(400, message) };
    }
    if (row.status === null || row.body === null) return { kind: 'refused', answer: inUse(request.key) };
    return { kind: 'replayed', status: row.status, bodyText: row.body, originalRequest: row.request_id };
  }

  #row(request: KeyedRequest): Row | undefined {
    return this.#db
      .prepare<[string, string], Row>('SELECT * FROM idempotency WHERE account = ? AND key = ?')
      .get(request.account, request.key);
  }

  #insert(request: KeyedRequest, state: Partial<Row>): void {
    const now = this.#clock();
    this.#db
      .prepare(
        'DELETE FROM idempotency WHERE rowid IN (SELECT rowid FROM idempotency WHERE created_ms <= ? AND status IS NOT NULL LIMIT 20)',
      )
      .run(now - limits.idempotencyWindowMs);
    this.#db
      .prepare(
        `INSERT INTO idempotency (account, key, method, path, params_hash, created_ms, request_id, owner, owner_pid, lease_until_ms, status, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        request.account,
        request.key,
        request.method,
        request.path,
        hashOf(request.params),
        now,
        request.requestId,
        state.owner ?? null,
        state.owner_pid ?? null,
        state.lease_until_ms ?? null,
        state.status ?? null,
        state.body ?? null,
      );
  }

  #renew(request: KeyedRequest, owner: string): void {
    try {
      this.#db
        .prepare('UPDATE idempotency SET lease_until_ms = ? WHERE account = ? AND key = ? AND owner = ?')
        .run(Date.now() + leaseMs, request.account, request.key, owner);
    } catch {
      // The next renewal tries again. If all fail, the owner does not execute, since it lost its marker.
    }
  }

  #settle(request: KeyedRequest, owner: string, answer: Answer): void {
    this.#db
      .prepare(
        'UPDATE idempotency SET owner = NULL, owner_pid = NULL, lease_until_ms = NULL, status = ?, body = ? WHERE account = ? AND key = ? AND owner = ?',
      )
      .run(answer.status, JSON.stringify(answer.body), request.account, request.key, owner);
  }

  #release(request: KeyedRequest, owner: string): void {
    this.#db
      .prepare('DELETE FROM idempotency WHERE account = ? AND key = ? AND owner = ?')
      .run(request.account, request.key, owner);
  }
}

function inUse(key: string): Answer {
  return idempotencyError(
    409,
    `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`,
    'idempotency_key_in_use',
  );
}

/** Returns whether the marker's process runs and has renewed it. A lease too far in the future is not valid. */
function isAlive(row: Row): boolean {
  const leftMs = (row.lease_until_ms ?? 0) - Date.now();
  return leftMs > 0 && leftMs <= leaseMs && row.owner_pid !== null && processRuns(row.owner_pid);
}

function processRuns(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM means that the process runs for another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function hashOf(params: FormHash): string {
  return createHash('sha256').update(canonicalForm(params)).digest('hex');
}
