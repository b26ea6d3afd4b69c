import type { MachineTime } from '../../clock.ts';
import type { SqliteConnection } from './sqlite-driver.ts';

const table = 'boots';
/** How many boots the file knows. Containers of one machine may have several at once. */
const bootsMax = 16;
/** How long a reading of the machine's clock is valid, in ms. It takes 9 µs. */
const readingMs = 10_000;

/** The time by which rows expire, in ms since the epoch. */
export interface RowTime {
  /** Returns the present time, with which the expiry of a row is compared. */
  now(): number;
  /** Returns when the life of a row begins that is written now. */
  written(): number;
}

/** Returns the time of a caller that owns it, as a test. */
export function ownTime(now: () => number): RowTime {
  return { now, written: now };
}

/**
 * Returns the time that all processes of this boot share. The first of them notes in the file when the machine started, by
 * its wall clock. The machine's own clock measures from there. So no row expires early because a wall clock is set.
 *
 * Without an identity of the boot, the wall clock decides.
 */
export function machineTime(database: SqliteConnection, wallMs: () => number, machine: () => MachineTime): RowTime {
  const { boot, ms } = machine();
  if (boot === '') return ownTime(wallMs);
  const startedAt = noteBoot(database, boot, Math.round(wallMs() - ms));
  const now = (): number => startedAt + machine().ms;
  // The next boot compares with a wall clock again. So a row also lasts by this one.
  return { now, written: () => Math.max(now(), wallMs()) };
}

/** @returns when the machine started, by the process that noted it first */
function noteBoot(database: SqliteConnection, boot: string, startedAt: number): number {
  const exists = database.prepareColumn<[string], number>('SELECT count(*) FROM sqlite_schema WHERE name = ?');
  const noted = (): number | undefined =>
    exists.get(table) === 1
      ? database.prepareColumn<[string], number>(`SELECT started_at FROM ${table} WHERE boot = ?`).get(boot)
      : undefined;
  return (
    noted() ??
    database.transaction('immediate', () => {
      // Another process may have noted it meanwhile.
      const known = noted();
      if (known !== undefined) return known;
      database.exec(
        `CREATE TABLE IF NOT EXISTS ${table} (id INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE, started_at INTEGER NOT NULL) STRICT`,
      );
      database.prepare<[string, number]>(`INSERT INTO ${table} (boot, started_at) VALUES (?, ?)`).run(boot, startedAt);
      database.exec(`DELETE FROM ${table} WHERE id <= (SELECT max(id) FROM ${table}) - ${bootsMax}`);
      return startedAt;
    })
  );
}

/**
 * Returns the machine's clock, read now and then. Between readings the monotonic clock counts, which stands still while a
 * machine sleeps. Then rows last longer until the next reading.
 */
export function readSometimes(machine: () => MachineTime, monotonicMs: () => number): () => MachineTime {
  let reading = machine();
  let readMs = monotonicMs();
  return () => {
    const sinceMs = monotonicMs() - readMs;
    if (sinceMs < readingMs) return { boot: reading.boot, ms: reading.ms + sinceMs };
    reading = machine();
    readMs = monotonicMs();
    return reading;
  };
}
