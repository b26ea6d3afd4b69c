import { createHash } from 'node:crypto';
import { BoundedMap } from '../bounded-map.ts';
import type { Clock } from '../clock.ts';
import { describeError } from '../errors.ts';
import { emit } from '../observe/events.ts';
import type { Ledger } from './ledger.ts';
import { recordFormat } from './record.ts';

const dayMs = 24 * 3_600_000;
/** How long a count from the store is used, and how long additions may stay unwritten, in ms. */
const freshMs = 60_000;
const unwrittenMs = 1_000;
/** How many additions may stay unwritten. A process that dies loses them. */
const unwrittenMax = 32;
/** How often one write is tried while the count keeps changing. */
const triesMax = 32;
/** How many subjects and tenants are kept in memory. */
const namesMax = 10_000;

/** The maximum numbers of records in the ledger. */
export interface QuotaLimits {
  readonly perSubject: number;
  readonly perTenant: number;
}

export interface QuotaOptions {
  readonly ledger: () => Promise<Pick<Ledger, 'store' | 'codec'>>;
  readonly clock: Clock;
  readonly limits: QuotaLimits;
  /** How long a record is kept, in ms. */
  readonly retentionMs: number;
}

interface Owner {
  readonly tenant: string;
  readonly subject: string;
}

/** The count of one subject or tenant, as this process knows it. */
interface Count {
  /** The count in the store, plus later writes of this process. */
  known: number;
  readAtMs: number;
  unwritten: number;
  writtenAtMs: number;
  reading?: Promise<void> | undefined;
  writing?: Promise<void> | undefined;
}

/**
 * Limits the records of a subject and of a tenant, so that none of them fills the ledger for the others. All processes
 * share the counts in the store: one entry per name and day (UTC). Counts are approximate: each process may have up to
 * 32 additions, or those of one second, that are not written yet, and reads the counts once a minute. A record counts
 * until the end of the day on which its retention ends.
 */
export class RecordQuota {
  readonly #options: QuotaOptions;
  readonly #counts = new BoundedMap<string, Count>(namesMax);

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  /** Returns whose limit is reached; undefined if one more record is allowed. @throws LedgerUnavailable */
  async full(owner: Owner): Promise<'subject' | 'tenant' | undefined> {
    const { perSubject, perTenant } = this.#options.limits;
    const [subject, tenant] = await Promise.all(namesOf(owner).map((name) => this.#countOf(name)));
    if (subject !== undefined && subject >= perSubject) return 'subject';
    return tenant !== undefined && tenant >= perTenant ? 'tenant' : undefined;
  }

  /** Counts one more record. */
  note(owner: Owner): void {
    for (const name of namesOf(owner)) {
      const count = this.#remembered(name);
      count.unwritten += 1;
      const waitedMs = this.#options.clock.monotonicMs() - count.writtenAtMs;
      if (count.unwritten >= unwrittenMax || waitedMs >= unwrittenMs) void this.#write(name, count);
    }
  }

  /** Writes all additions. Never rejects. */
  async close(): Promise<void> {
    for (const [name, count] of this.#counts) {
      // Additions that came during another write are not written yet.
      await count.writing;
      await this.#write(name, count);
    }
  }

  async #countOf(name: string): Promise<number> {
    const count = this.#remembered(name);
    const ageMs = this.#options.clock.monotonicMs() - count.readAtMs;
    if (count.readAtMs < 0) await this.#read(name, count);
    // A count that is only slightly old is refreshed in the background.
    else if (ageMs >= freshMs) void this.#read(name, count).catch((error: unknown) => tell(name, error));
    return count.known + count.unwritten;
  }

  #remembered(name: string): Count {
    const known = this.#counts.get(name);
    if (known) return known;
    const [oldest] = this.#counts;
    // The map evicts it below.
    if (oldest && this.#counts.size >= namesMax) void this.#write(...oldest);
    const made: Count = { known: 0, readAtMs: -1, unwritten: 0, writtenAtMs: this.#options.clock.monotonicMs() };
    this.#counts.set(name, made);
    return made;
  }

  #read(name: string, count: Count): Promise<void> {
    count.reading ??= this.#readDays(name, count).finally(() => {
      count.reading = undefined;
    });
    return count.reading;
  }

  async #readDays(name: string, count: Count): Promise<void> {
    await this.#write(name, count);
    const { ledger, clock } = this.#options;
    const opened = await ledger();
    const startedMs = clock.monotonicMs();
    const known = count.known;
    const keys = Array.from({ length: this.#days }, (_, ago) => this.#keyOf(name, ago));
    const found = await Promise.all(keys.map((key) => readCount(opened, key)));
    // Additions written during the reads may be counted twice. Too many is safer than too few.
    count.known = found.reduce((sum, each) => sum + each, 0) + (count.known - known);
    count.readAtMs = startedMs;
  }

  /** Adds the unwritten additions to the count of the day. After a failure the next write tries again. */
  #write(name: string, count: Count): Promise<void> {
    count.writing ??= this.#add(name, count).finally(() => {
      count.writing = undefined;
    });
    return count.writing;
  }

  async #add(name: string, count: Count): Promise<void> {
    const { clock, ledger } = this.#options;
    count.writtenAtMs = clock.monotonicMs();
    const more = count.unwritten;
    if (more === 0) return;
    count.unwritten -= more;
    count.known += more;
    try {
      const { store, codec } = await ledger();
      const key = this.#keyOf(name, 0);
      const ttlMs = (this.#days + 1) * dayMs;
      const encode = (held: number): string => codec.encode(key, { v: recordFormat, kind: 'count', key, held });
      for (let tries = 0; tries < triesMax; tries += 1) {
        const found = await store.putIfAbsent(key, encode(more), ttlMs);
        if (found === undefined) return;
        const next = encode(countOf(codec.decode(key, found)) + more);
        if (await store.compareAndSet(key, found, next, ttlMs)) return;
      }
      throw new Error(`the count changed ${triesMax} times`);
    } catch (error) {
      count.unwritten += more;
      count.known -= more;
      tell(name, error);
    }
  }

  get #days(): number {
    return Math.ceil(this.#options.retentionMs / dayMs) + 1;
  }

  #keyOf(name: string, daysAgo: number): string {
    return `count:${hashOf(name)}:${Math.floor(this.#options.clock.wallMs() / dayMs) - daysAgo}`;
  }
}

function namesOf({ tenant, subject }: Owner): string[] {
  return [JSON.stringify(['subject', tenant, subject]), JSON.stringify(['tenant', tenant])];
}

/** Returns the name of a count in the store. Only records contain tenants and subjects. */
function hashOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

/** Treats an unreadable count as 0, so that it refuses no calls. */
async function readCount({ store, codec }: Pick<Ledger, 'store' | 'codec'>, key: string): Promise<number> {
  const bytes = await store.get(key);
  if (bytes === undefined) return 0;
  try {
    return countOf(codec.decode(key, bytes));
  } catch (error) {
    emit({ type: 'ledger_fault', operation: key, message: describeError(error) });
    return 0;
  }
}

function countOf(entry: ReturnType<Ledger['codec']['decode']>): number {
  return entry.kind === 'count' ? entry.held : 0;
}

function tell(name: string, error: unknown): void {
  emit({ type: 'ledger_fault', operation: `count:${hashOf(name)}`, message: describeError(error) });
}
