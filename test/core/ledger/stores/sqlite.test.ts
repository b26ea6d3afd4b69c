import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Keyv } from 'keyv';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LedgerUnavailable } from '../../../../src/core/errors.ts';
import { encodeEnvelope } from '../../../../src/core/ledger/stores/envelope.ts';
import { storeFromKeyv } from '../../../../src/core/ledger/stores/keyv.ts';
import { defaultStoreUrl, openStore } from '../../../../src/core/ledger/stores/open.ts';
import {
  openSqliteAdapter,
  openSqliteStore,
  type SqliteStoreOptions,
} from '../../../../src/core/ledger/stores/sqlite.ts';
import { SqliteConnection } from '../../../../src/core/ledger/stores/sqlite-driver.ts';
import { readSometimes } from '../../../../src/core/ledger/stores/sqlite-time.ts';
import type { Store } from '../../../../src/core/ledger/stores/store.ts';
import { eventually } from '../../../support/event.ts';
import { startStoreProcess } from '../../../support/store-process.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const minute = 60_000;
const value = (content: unknown) => encodeEnvelope(content);

async function openedStore(options: SqliteStoreOptions): Promise<Store> {
  const store = await openSqliteStore(options);
  onTestFinished(() => store.close());
  return store;
}

/** Opens a store together with its connection, for tests that make the connection fail. */
async function openedWithDatabase(options: SqliteStoreOptions) {
  const adapter = await openSqliteAdapter(options);
  const store = await storeFromKeyv(new Keyv(adapter, { namespace: 'mcp-once', useKeyPrefix: false }));
  onTestFinished(async () => {
    await store.close();
    await adapter.disconnect();
  });
  return { store, database: adapter.group.database };
}

/** Opens the connection of another program. */
function otherConnection(path: string) {
  const database = new SqliteConnection(path);
  onTestFinished(() => void database.close());
  return database;
}

/** Returns the reason of a rejected promise. Fails the test if the promise resolves. */
async function faultOf(work: Promise<unknown>): Promise<LedgerUnavailable> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LedgerUnavailable);
  return error as LedgerUnavailable;
}

/** Counts the commits in a write-ahead log: the frames with a database size (SQLite file format 4.1). */
function commitsInLog(path: string): number {
  const log = readFileSync(`${path}-wal`);
  const frameBytes = 24 + log.readUInt32BE(8);
  let commits = 0;
  for (let at = 32; at + frameBytes <= log.length; at += frameBytes) {
    if (log.readUInt32BE(at + 4) !== 0) commits += 1;
  }
  return commits;
}

/** Runs as a user other than root, since file modes do not apply to root. */
async function withoutRoot<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe('a ledger file with a problem', () => {
  test('is refused in a missing folder, which is named and not created', async () => {
    const folder = join(temporaryFolder(), 'missing');
    const fault = await faultOf(openStore(`sqlite:${join(folder, 'ledger.sqlite')}`));
    expect(fault.message).toContain(`The folder ${folder} of the ledger file`);
    expect(fault.message).toContain('create it, or choose another file');
    expect(existsSync(folder)).toBe(false);
  });

  test('gets its folder on the default path', async () => {
    const url = defaultStoreUrl({ XDG_DATA_HOME: temporaryFolder() }, 'linux');
    const store = await openStore(url, { createFolder: true });
    onTestFinished(() => store.close());
    expect(await store.putIfAbsent('key', value(1), minute)).toBeUndefined();
    expect(url).toMatch(/\/mcp-once\/ledger\.sqlite$/);
  });

  test('is refused when it is read-only', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'ledger.sqlite');
    await (await openSqliteStore({ path })).close();
    chmodSync(folder, 0o755);
    chmodSync(path, 0o444);
    const fault = await withoutRoot(() => faultOf(openSqliteStore({ path })));
    expect(fault.message).toBe(
      `The ledger file ${path} is read-only for this process: allow writing to the file and to its folder, or choose another file.`,
    );
  });

  test('is refused in a read-only folder', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'ledger.sqlite');
    await (await openSqliteStore({ path })).close();
    // The file may be written, but the log beside it cannot be made.
    chmodSync(path, 0o666);
    rmSync(`${path}-wake`);
    chmodSync(folder, 0o555);
    const fault = await withoutRoot(() => faultOf(openSqliteStore({ path })));
    expect(fault.message).toContain(`The ledger file ${path}`);
    expect(fault.message).toContain('folder');
  });

  test('is refused when it is a folder', async () => {
    const path = temporaryFolder();
    expect((await faultOf(openSqliteStore({ path }))).message).toContain('check that its folder exists, is readable');
  });

  test('stays unchanged when it is not a database', async () => {
    const path = join(temporaryFolder(), 'notes.txt');
    const text = 'These are my notes, and no database.\n'.repeat(50);
    writeFileSync(path, text);
    const fault = await faultOf(openSqliteStore({ path }));
    expect(fault.message).toContain(`The file ${path} is not a ledger (not a SQLite database)`);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  test('stays unchanged when it is the database of another program', async () => {
    const path = join(temporaryFolder(), 'other.sqlite');
    const other = new SqliteConnection(path);
    other.exec('CREATE TABLE entries (mine TEXT)');
    other.close();
    const before = readFileSync(path);
    const fault = await faultOf(openSqliteStore({ path }));
    expect(fault.message).toContain('is the database of another program');
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('is refused with a newer format version', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    await (await openSqliteStore({ path })).close();
    const other = new SqliteConnection(path);
    other.pragma('user_version = 2');
    other.close();
    const fault = await faultOf(openSqliteStore({ path }));
    expect(fault.message).toBe(
      `The ledger file ${path} has format version 2, and this mcp-once reads version 1: install a newer mcp-once, or choose another file.`,
    );
  });

  test('is reported as damaged when it is opened or read', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const filled = await openSqliteStore({ path });
    await Promise.all(
      Array.from({ length: 500 }, (_, n) => filled.putIfAbsent(`key-${n}`, value('x'.repeat(900)), minute)),
    );
    await filled.close();
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 3 * 4096);
    writeFileSync(path, bytes);
    const fault = await faultOf(
      openedStore({ path }).then((store) => Promise.all(Array.from({ length: 500 }, (_, n) => store.get(`key-${n}`)))),
    );
    expect(fault.message).toContain(`The ledger file ${path} is damaged`);
  });

  test('is reported as damaged when it was truncated', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const filled = await openSqliteStore({ path });
    await Promise.all(
      Array.from({ length: 500 }, (_, n) => filled.putIfAbsent(`key-${n}`, value('x'.repeat(900)), minute)),
    );
    await filled.close();
    truncateSync(path, 6 * 4096);
    const fault = await faultOf(
      openSqliteStore({ path }).then(async (store) => {
        onTestFinished(() => store.close());
        await Promise.all(Array.from({ length: 500 }, (_, n) => store.get(`key-${n}`)));
      }),
    );
    expect(fault.message).toContain(`The ledger file ${path} is damaged`);
  });

  test('refuses new entries on a full disk, still reads existing ones, and works again with free space', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const { store, database } = await openedWithDatabase({ path });
    await store.putIfAbsent('first', value('first'), minute);
    database.pragma(`max_page_count = ${database.pragma('page_count') as number}`);
    const large = value('x'.repeat(50_000));
    const fault = await faultOf(store.putIfAbsent('second', large, minute));
    expect(fault.message).toBe(
      `The disk is full, so that the ledger file ${path} cannot be written: free some space and try again.`,
    );
    const [refused, ...replays] = await Promise.allSettled([
      store.putIfAbsent('third', large, minute),
      store.putIfAbsent('first', large, minute),
      store.get('first'),
    ]);
    expect(refused.status).toBe('rejected');
    for (const replay of replays) expect(replay).toEqual({ status: 'fulfilled', value: value('first') });
    database.pragma('max_page_count = 1073741823');
    expect(await store.putIfAbsent('second', large, minute)).toBeUndefined();
    expect(await store.get('third')).toBeUndefined();
  });
});

describe('a ledger file that another process has locked', () => {
  test('lets a step wait without blocking the event loop until the lock is released', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const store = await openedStore({ path });
    await store.putIfAbsent('there', value('there'), minute);
    const other = otherConnection(path);
    other.exec('BEGIN IMMEDIATE');
    let done = false;
    const waiting = store.putIfAbsent('new', value('new'), minute).then((answer) => {
      done = true;
      return answer;
    });
    // Replays need no lock, so they overtake.
    for (let n = 0; n < 20; n += 1) expect(await store.putIfAbsent('there', value('x'), minute)).toBe(value('there'));
    expect(done).toBe(false);
    other.exec('COMMIT');
    expect(await waiting).toBeUndefined();
    expect(await store.get('new')).toBe(value('new'));
  });

  test('refuses a step in bounded time while it stays locked', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const store = await openedStore({ path, lockTimeoutMs: 200 });
    await store.putIfAbsent('key', value(1), minute);
    const other = otherConnection(path);
    other.exec('BEGIN IMMEDIATE');
    const startedAt = performance.now();
    const faults = await Promise.all([
      faultOf(store.putIfAbsent('other', value(1), minute)),
      faultOf(store.compareAndSet('key', value(1), value(2), minute)),
    ]);
    for (const fault of faults) expect(fault.message).toContain('has been locked by another process for 200 ms');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(199);
    other.exec('ROLLBACK');
    expect(await store.get('key')).toBe(value(1));
    expect(await store.compareAndSet('key', value(1), value(2), minute)).toBe(true);
  });

  test('cannot be opened, and reports it in bounded time', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    await (await openSqliteStore({ path })).close();
    const other = otherConnection(path);
    other.exec('BEGIN EXCLUSIVE');
    const fault = await faultOf(openSqliteStore({ path, lockTimeoutMs: 100 }));
    expect(fault.message).toContain(`The ledger file ${path} has been locked by another process`);
  });
});

describe('the commits of a ledger file', () => {
  test('are shared by the steps of one turn of the event loop, and not needed by a replay', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const store = await openedStore({ path });
    const keys = Array.from({ length: 64 }, () => randomUUID());
    const before = commitsInLog(path);
    await Promise.all(keys.map((key) => store.putIfAbsent(key, value(1), minute)));
    expect(commitsInLog(path) - before).toBe(1);
    await Promise.all(keys.map((key) => store.compareAndSet(key, value(1), value(2), minute)));
    expect(commitsInLog(path) - before).toBe(2);
    await Promise.all(keys.map((key) => store.putIfAbsent(key, value(3), minute)));
    expect(commitsInLog(path) - before).toBe(2);
    await store.putIfAbsent('alone', value(1), minute);
    expect(commitsInLog(path) - before).toBe(3);
  });

  test('keep the order of steps on one key, reads included', async () => {
    const store = await openedStore({ path: join(temporaryFolder(), 'ledger.sqlite') });
    const answers = await Promise.all([
      store.get('key'),
      store.putIfAbsent('key', value(1), minute),
      store.get('key'),
      store.compareAndSet('key', value(1), value(2), minute),
      store.putIfAbsent('key', value(3), minute),
      store.delete('key', value(2)),
      store.get('key'),
    ]);
    expect(answers).toEqual([undefined, undefined, value(1), true, value(2), true, undefined]);
  });

  test('are synced to a file that only its owner can read', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const { store, database } = await openedWithDatabase({ path });
    await store.putIfAbsent('key', value(1), minute);
    expect(database.pragma('journal_mode')).toBe('wal');
    expect(database.pragma('synchronous')).toBe(2);
    for (const file of [path, `${path}-wal`, `${path}-shm`, `${path}-wake`]) {
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
  });

  test('keep every confirmed write when the process is killed', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const other = await startStoreProcess(`sqlite:${path}`);
    let acknowledged = 0;
    await new Promise<void>((resolve) => {
      other.count('counter', (count) => {
        acknowledged = count;
        if (count >= 50) resolve();
      });
    });
    await other.kill();
    const store = await openedStore({ path });
    const kept = JSON.parse((await store.get('counter')) ?? '{}') as { value: { count: number } };
    expect(kept.value.count).toBeGreaterThanOrEqual(acknowledged);
    expect(kept.value.count).toBeLessThanOrEqual(acknowledged + 1);
  });

  test('are copied from a bounded write-ahead log into the database', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const store = await openedStore({ path });
    for (let round = 0; round < 40; round += 1) {
      await Promise.all(
        Array.from({ length: 100 }, () => store.putIfAbsent(randomUUID(), value('x'.repeat(1_000)), minute)),
      );
    }
    // 4,000 entries take some 6,000 pages of log when nothing is copied.
    expect(statSync(`${path}-wal`).size).toBeLessThan(2_500 * 4_120);
    expect(statSync(path).size).toBeGreaterThan(3_000_000);
  });
});

describe('several processes on one file', () => {
  test('win each of 400 keys exactly once, and refuses none of their steps', async () => {
    const url = `sqlite:${join(temporaryFolder(), 'ledger.sqlite')}`;
    const processes = await Promise.all(Array.from({ length: 4 }, () => startStoreProcess(url)));
    const keys = Array.from({ length: 400 }, (_, n) => `key-${n}`);
    const claims = await Promise.all(processes.map((other) => other.claim(keys, 8)));
    const won = claims.flatMap((claim) => claim.won);
    expect(won).toHaveLength(keys.length);
    expect(new Set(won)).toEqual(new Set(keys));
  });

  test('create the file once when four open it at the same time', async () => {
    const url = `sqlite:${join(temporaryFolder(), 'ledger.sqlite')}`;
    const processes = await Promise.all(Array.from({ length: 4 }, () => startStoreProcess(url)));
    const claims = await Promise.all(processes.map((other) => other.claim(['only'], 1)));
    expect(claims.flatMap((claim) => claim.won)).toEqual(['only']);
  });

  test.each([
    ['the system tells of the change', false],
    ['the file system tells of nothing, and the poll finds it', true],
  ])('wake each other: %s', async (_how, withoutFile) => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const store = await openedStore({ path });
    await store.putIfAbsent('key', value(1), minute);
    const other = await startStoreProcess(`sqlite:${path}`);
    if (withoutFile) rmSync(`${path}-wake`);
    const { heard } = await other.watch('key');
    await store.compareAndSet('key', value(1), value(2), minute, { wake: true });
    await heard;
  });
});

test.runIf(process.platform === 'linux')('a file that one process opens twice stays locked by it', async () => {
  const path = join(temporaryFolder(), 'ledger.sqlite');
  const locks = () =>
    readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`:${inode} `)).length;
  await openedStore({ path });
  const inode = statSync(path).ino;
  expect(locks()).toBe(1);
  await openedStore({ path, namespace: 'other' });
  expect(locks()).toBe(1);
});

describe('the time of rows', () => {
  const at = Date.UTC(2026, 0, 1);
  const day = 24 * 60 * minute;

  test('keeps rows of a process whose wall clock is right from one whose clock is ahead', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    let ms = 1_000;
    const machine = () => ({ boot: 'one', ms });
    const right = await openedStore({ path, now: () => at + ms, machine });
    const ahead = await openedStore({ path, now: () => at + ms + 400 * day, machine });
    await right.putIfAbsent('key', value(1), day);
    expect(await ahead.sweep()).toBe(0);
    expect(await ahead.putIfAbsent('key', value(2), day)).toBe(value(1));
    ms += day;
    expect(await ahead.get('key')).toBeUndefined();
    expect(await right.putIfAbsent('key', value(2), day)).toBeUndefined();
  });

  test('is that of the first process, also in one that begins after the wall clock was set', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    const machine = () => ({ boot: 'one', ms: 1_000 });
    const before = await openedStore({ path, now: () => at, machine });
    await before.putIfAbsent('key', value(1), day);
    const after = await openedStore({ path, now: () => at + 20 * day, machine });
    expect(await after.get('key')).toBe(value(1));
  });

  test('keeps rows over a restart of the machine that were written after the wall clock was corrected', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    let now = 0;
    const options = { path, now: () => now };
    const first = await openedStore({ ...options, machine: () => ({ boot: 'one', ms: 1_000 }) });
    now = at;
    await first.putIfAbsent('key', value(1), day);
    const second = await openedStore({ ...options, machine: () => ({ boot: 'two', ms: 0 }) });
    expect(await second.get('key')).toBe(value(1));
    now = at + 2 * day;
    const third = await openedStore({ ...options, machine: () => ({ boot: 'three', ms: 0 }) });
    expect(await third.get('key')).toBeUndefined();
  });

  test('is the wall clock on a system without an identity of the boot', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    let now = at;
    const store = await openedStore({ path, now: () => now, machine: () => ({ boot: '', ms: 1_000 }) });
    await store.putIfAbsent('key', value(1), day);
    now += day;
    expect(await store.get('key')).toBeUndefined();
  });

  test('knows the last boots only', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    for (let boot = 0; boot < 20; boot += 1) {
      await openedStore({ path, now: () => at, machine: () => ({ boot: `boot ${boot}`, ms: 0 }) });
    }
    expect(otherConnection(path).prepareColumn<[], number>('SELECT count(*) FROM boots').get()).toBe(16);
  });

  test('reads the clock of the machine again after ten seconds', () => {
    let [ms, monotonicMs] = [1_000, 0];
    const read = readSometimes(
      () => ({ boot: 'one', ms }),
      () => monotonicMs,
    );
    monotonicMs = 9_000;
    ms = 500_000;
    expect(read().ms).toBe(10_000);
    monotonicMs = 10_000;
    expect(read().ms).toBe(500_000);
  });
});

describe('the sweep', () => {
  test('removes expired rows in bounded slices, and lets other steps run between them', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    let time = Date.now();
    const { store, database } = await openedWithDatabase({ path, now: () => time });
    const entries = 3_000;
    await Promise.all(Array.from({ length: entries }, (_, n) => store.putIfAbsent(`old-${n}`, value(n), minute)));
    await store.putIfAbsent('kept', value('kept'), 10 * minute);
    await store.putIfAbsent('forever', value('forever'), Number.POSITIVE_INFINITY);
    time += minute;
    const remaining = database.prepareColumn<[], number>('SELECT count(*) FROM entries');
    const sweeping = store.sweep();
    expect(await store.putIfAbsent('between', value(1), minute)).toBeUndefined();
    // The put came back before the sweep was through: it works in slices.
    expect(remaining.get()).toBeGreaterThan(3 + entries / 2);
    let removed = await sweeping;
    while (removed < entries) {
      const more = await store.sweep();
      expect(more).toBeGreaterThan(0);
      removed += more;
    }
    expect(removed).toBe(entries);
    expect(await store.sweep()).toBe(0);
    expect(remaining.get()).toBe(3);
    expect(await store.get('kept')).toBe(value('kept'));
  });

  test('runs by itself', async () => {
    const path = join(temporaryFolder(), 'ledger.sqlite');
    let time = Date.now();
    const { store, database } = await openedWithDatabase({ path, now: () => time, sweepIntervalMs: 5 });
    await store.putIfAbsent('old', value(1), minute);
    time += minute;
    const remaining = database.prepareColumn<[], number>('SELECT count(*) FROM entries');
    await eventually(() => expect(remaining.get()).toBe(0));
  });

  test('neither restores nor loses rows when the clock is set back an hour', async () => {
    let time = Date.now();
    const store = await openedStore({ path: join(temporaryFolder(), 'ledger.sqlite'), now: () => time });
    await store.putIfAbsent('short', value(1), minute);
    await store.putIfAbsent('long', value(2), 120 * minute);
    time += minute;
    expect(await store.sweep()).toBe(1);
    time -= 60 * minute;
    expect(await store.get('short')).toBeUndefined();
    expect(await store.get('long')).toBe(value(2));
    expect(await store.compareAndSet('long', value(2), value(3), minute)).toBe(true);
  });
});

test('two namespaces in one file are separate', async () => {
  const path = join(temporaryFolder(), 'ledger.sqlite');
  const one = await openedStore({ path, namespace: 'one' });
  const other = await openedStore({ path, namespace: 'other' });
  await one.putIfAbsent('key', value(1), minute);
  expect(await other.putIfAbsent('key', value(2), minute)).toBeUndefined();
  await one.keyv.clear();
  expect(await one.get('key')).toBeUndefined();
  expect(await other.get('key')).toBe(value(2));
});

test('a ledger file may have a relative path and a folder with spaces', async () => {
  const folder = join(temporaryFolder(), 'with space');
  mkdirSync(folder);
  const store = await openedStore({ path: join(folder, 'led ger.sqlite') });
  expect(await store.putIfAbsent('key', value(1), minute)).toBeUndefined();
  expect(existsSync(join(folder, 'led ger.sqlite'))).toBe(true);
});
