import { execFileSync } from 'node:child_process';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openSqliteStore } from '../../../../src/core/ledger/stores/sqlite.ts';
import { SqliteConnection } from '../../../../src/core/ledger/stores/sqlite-driver.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const minute = 60_000;

async function opened() {
  const path = join(temporaryFolder(), 'ledger.sqlite');
  const store = await openSqliteStore({ path });
  onTestFinished(() => store.close());
  await store.putIfAbsent('first', '{"value":1}', minute);
  return { path, store };
}

const fault = (path: string) => ({ code: 'ledger_unavailable', message: expect.stringContaining(path) });

test.each(['', '-wal', '-shm'])('a store whose file%s is deleted wins no claim, and names the file', async (suffix) => {
  const { path, store } = await opened();
  rmSync(path + suffix);
  await expect(store.putIfAbsent('second', '{"value":2}', minute)).rejects.toMatchObject(fault(path + suffix));
  await expect(store.compareAndSet('first', '{"value":1}', '{"value":3}', minute)).rejects.toMatchObject(fault(path));
});

test('a store whose file is replaced by an equal one wins no claim, and serves again when it is back', async () => {
  const { path, store } = await opened();
  renameSync(path, `${path}.old`);
  cpSync(`${path}.old`, path);
  await expect(store.putIfAbsent('second', '{"value":2}', minute)).rejects.toMatchObject(fault(path));
  await expect
    .poll(() =>
      store.get('first').then(
        () => 'read',
        () => 'refused',
      ),
    )
    .toBe('refused');
  renameSync(`${path}.old`, path);
  expect(await store.putIfAbsent('third', '{"value":3}', minute)).toBeUndefined();
  expect(await store.get('first')).toBe('{"value":1}');
});

/** Another process copies: closing a file in this one would end its locks (POSIX). */
const copy = (from: string, to: string): void => void execFileSync('cp', [from, to]);

/** Writes one entry and closes the store, so that the entry is in the file and not in its log. */
async function stored(path: string, key: string) {
  const store = await openSqliteStore({ path });
  await store.putIfAbsent(key, '{"value":1}', minute);
  await store.close();
}

test('a store whose file is overwritten by an earlier copy wins no claim, and leaves the copy as it is', async () => {
  const path = join(temporaryFolder(), 'ledger.sqlite');
  await stored(path, 'first');
  copy(path, `${path}.backup`);
  await stored(path, 'second');
  const store = await openSqliteStore({ path });
  onTestFinished(() => store.close());
  expect(await store.get('second')).toBe('{"value":1}');
  copy(`${path}.backup`, path);
  for (const key of ['third', 'fourth']) {
    await expect(store.putIfAbsent(key, '{"value":2}', minute)).rejects.toMatchObject({
      ...fault(path),
      message: expect.stringContaining('overwritten while it was open'),
    });
  }
  await store.close();
  execFileSync('cmp', [path, `${path}.backup`]);
});

const overwritings: Readonly<Record<string, (path: string) => void>> = {
  'an earlier copy that gets the time of the file': (path) => {
    execFileSync('touch', ['-r', path, `${path}.time`]);
    copy(`${path}.backup`, path);
    execFileSync('touch', ['-r', `${path}.time`, path]);
  },
  'another ledger with a higher counter': (path) => copy(`${path}.other`, path),
  'another program': (path) => execFileSync('cp', ['/dev/null', path]),
};

test.each(Object.entries(overwritings))('a store whose file is overwritten by %s wins no claim', async (_, change) => {
  const path = join(temporaryFolder(), 'ledger.sqlite');
  for (let count = 0; count < 4; count += 1) await stored(`${path}.other`, `other ${count}`);
  await stored(path, 'first');
  copy(path, `${path}.backup`);
  await stored(path, 'second');
  const store = await openSqliteStore({ path });
  onTestFinished(() => store.close());
  change(path);
  await expect(store.putIfAbsent('third', '{"value":2}', minute)).rejects.toMatchObject(fault(path));
});

test('a store whose file is new wins no claim once another ledger has overwritten it', async () => {
  const path = join(temporaryFolder(), 'ledger.sqlite');
  await stored(`${path}.other`, 'other');
  const store = await openSqliteStore({ path });
  onTestFinished(() => store.close());
  copy(`${path}.other`, path);
  await expect(store.putIfAbsent('first', '{"value":1}', minute)).rejects.toMatchObject(fault(path));
});

test('a store wins claims while other processes and VACUUM write its file', async () => {
  const { path, store } = await opened();
  const other = await openSqliteStore({ path });
  for (let round = 0; round < 3; round += 1) {
    for (let count = 0; count < 200; count += 1) {
      const key = `${round} ${count}`;
      const value = `{"value":"${'x'.repeat(5_000)}"}`;
      expect(await (count % 2 === 0 ? store : other).putIfAbsent(key, value, minute)).toBeUndefined();
    }
    const shell = new SqliteConnection(path);
    shell.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
    shell.close();
  }
  await other.close();
  expect(await store.putIfAbsent('last', '{"value":1}', minute)).toBeUndefined();
});

test('a file of an earlier version gets its mark, and is complete for it', async () => {
  const path = join(temporaryFolder(), 'ledger.sqlite');
  await stored(path, 'first');
  const earlier = new SqliteConnection(path);
  earlier.exec('DROP TABLE marks; PRAGMA wal_checkpoint(TRUNCATE)');
  earlier.close();
  await stored(path, 'second');
  copy(path, `${path}.backup`);
  await stored(path, 'third');
  const store = await openSqliteStore({ path });
  onTestFinished(() => store.close());
  for (const key of ['first', 'second', 'third']) expect(await store.get(key)).toBe('{"value":1}');
  copy(`${path}.backup`, path);
  await expect(store.putIfAbsent('fourth', '{"value":2}', minute)).rejects.toMatchObject(fault(path));
});
