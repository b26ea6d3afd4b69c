import { createHash, randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import type { Ledger } from '../../src/core/ledger/ledger.ts';
import type { ClaimRequest } from '../../src/core/ledger/new-record.ts';
import { encodeEntry, type OperationRecord } from '../../src/core/ledger/record.ts';
import { openBareSqlite } from './bare-sqlite.ts';
import { claimed } from './engine.ts';

export const dayMs = 86_400_000;
const retentionMs = 7 * dayMs;
const unresolvedRetentionMs = 30 * dayMs;
/** How many operations are in flight at once while the file fills. */
const atOnce = 64;
const perCommit = 16_384;
const prefix = 'mcp-once::';

/** A result that makes the encoded settled record 1 KB. */
export const smallResult = { id: 'ord_1QK2f8GswQrCh', status: 'open', total: 128_400, currency: 'eur' };

/** Returns the key of the nth operation: distributed like real keys, and reproducible. */
export function nthKey(index: number): string {
  const hex = createHash('sha256').update(String(index)).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export interface Templates {
  readonly claimed: OperationRecord;
  readonly settled: OperationRecord;
}

/** Returns the records of one claim and its settlement, made by the ledger. */
export async function templates(ledger: Ledger, request: ClaimRequest): Promise<Templates> {
  const claim = await claimed(ledger, request);
  const first = claim.record;
  await claim.settle({ state: 'succeeded', settledAt: Date.now(), result: smallResult }, [], false);
  return { claimed: first, settled: claim.record };
}

export interface Filled {
  /** The bytes of keys and values. */
  readonly bytesStored: number;
  readonly bytesOfValues: number;
}

/**
 * Fills a ledger file with operations spread evenly over the last `spanMs`. Records are made and encoded by the
 * ledger, inserted as claimed and then updated as settled, 64 in flight at a time. Unlike real calls, thousands of
 * statements share a commit. Records settled more than 7 days ago have expired.
 */
export async function fillSqlite(path: string, count: number, records: Templates, spanMs: number): Promise<Filled> {
  const { database, claim, settle } = await openBareSqlite(path);
  database.pragma('synchronous = OFF');
  database.pragma('cache_size = -600000');
  const sinceMs = Date.now() - spanMs;
  let bytesStored = 0;
  let bytesOfValues = 0;
  for (let start = 0; start < count; start += perCommit) {
    database.exec('BEGIN');
    for (let window = start; window < Math.min(count, start + perCommit); window += atOnce) {
      const inFlight = [];
      for (let index = window; index < Math.min(count, window + atOnce); index += 1) {
        const key = nthKey(index);
        const createdAt = Math.round(sinceMs + (index / count) * spanMs);
        const own = { key, token: randomUUID(), createdAt, startedAt: createdAt, ranAt: createdAt };
        const bytes = encodeEntry({ ...records.claimed, ...own });
        claim(prefix + key, bytes, createdAt + unresolvedRetentionMs);
        inFlight.push({ own, bytes });
      }
      for (const { own, bytes } of inFlight) {
        const next = encodeEntry({ ...records.settled, ...own });
        settle(prefix + own.key, bytes, next, own.createdAt + retentionMs);
        bytesOfValues += Buffer.byteLength(next);
        bytesStored += Buffer.byteLength(next) + Buffer.byteLength(prefix + own.key);
      }
    }
    database.exec('COMMIT');
  }
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
  // Otherwise the next checkpoint would have to sync all of it.
  const file = openSync(path, 'r+');
  fsyncSync(file);
  closeSync(file);
  return { bytesStored, bytesOfValues };
}
