import { createHash } from 'node:crypto';
import { BoundedMap } from '../bounded-map.ts';
import type { Clock } from '../clock.ts';
import { describeError } from '../errors.ts';
import { emit } from '../observe/events.ts';
import type { Ledger } from './ledger.ts';
import { recordFormat } from './record.ts';

const dayMs = 24 * 3_600_000;
/** How long a count that was read is used, and how long one's own additions may stay unwritten, in ms. */
const freshMs = 60_000;
const unwrittenMs = 1_000;
/** So many additions are written at the latest: what a process that dies takes with it. */
const unwrittenMax = 32;
/** How often one write is tried against a count that keeps changing under it. */
const triesMax = 32;
/** How many subjects and tenants are remembered. */
const namesMax = 10_000;

/** How many records may be held. */
export interface QuotaLimits {
  readonly perSubject: number;
  readonly perTenant: number;
}

export interface QuotaOptions {
  readonly ledger: () => Promise<Pick<Ledger, 'store' | 'codec'>>;
  readonly clock: Clock;
  readonly limits: QuotaLimits;
  /** How long a record is held, in ms. */
  readonly retentionMs: number;
}

interface Owner {
  readonly tenant: string;
  readonly subject: string;
}

/** One subject's or tenant's count, as far as it is known here. */
interface Count {
  /** Read from the store, and written to it since. */
  known: number;
  readAtMs: number;
  unwritten: number;
  writtenAtMs: number;
  reading?: Promise<void> | undefined;
  writing?: Promise<void> | undefined;
}

/**
 * Bounds the records that a subject and a tenant hold, so that none fills the ledger for another. Counts are kept in
 * the store, one entry a name and day of UTC, and shared by all processes. They are approximate by what is not written
 * yet (32 or one second of each process) and by what others wrote within the last minute; a record counts to the end
 * of the day on which its retention ends.
 */
export class RecordQuota {
  readonly #options: QuotaOptions;
  readonly #counts = new BoundedMap<string, Count>(namesMax);

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  /** Whose bound is reached; undefined when one more record may be made. @throws LedgerUnavailable */
  async full(owner: Owner): Promise<'subject' | 'tenant' | undefined> {
    const { perSubject, perTenant } = this.#options.limits;
    const [subject, tenant] = await Promise.all(namesOf(owner).map((name) => this.#countOf(name)));
    if (subject !== undefined && subject >= perSubject) return 'subject';
    return tenant !== undefined && tenant >= perTenant ? 'tenant' : undefined;
  }

  /** One more record was made. */
  note(owner: Owner): void {
    for (const name of namesOf(owner)) {
      const count = this.#remembered(name);
      count.unwritten += 1;
      const waitedMs = this.#options.clock.monotonicMs() - count.writtenAtMs;
      if (count.unwritten >= unwrittenMax || waitedMs >= unwrittenMs) void this.#write(name, count);
    }
  }

  /** Writes what is not written yet. Never rejects. */
  async close(): Promise<void> {
    for (const [name, count] of this.#counts) {
      // What came while another write was under way is in none yet.
      await count.writing;
      await this.#write(name, count);
    }
  }

  async #countOf(name: string): Promise<number> {
    const count = this.#remembered(name);
    const ageMs = this.#options.clock.monotonicMs() - count.readAtMs;
    if (count.readAtMs < 0) await this.#read(name, count);
    // Nobody waits for a count that is only a little old.
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
    // What was written while the days were read may be among them or not: rather too many than too few.
    count.known = found.reduce((sum, each) => sum + each, 0) + (count.known - known);
    count.readAtMs = startedMs;
  }

  /** Adds what is not written to the count of the day. Failing, it stays unwritten: the next write adds it. */
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

/** What stands in the store: whose records they are is in the records only. */
function hashOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

/** A count that does not open refuses nobody: only the calls whose own records do not are refused. */
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
