import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openSqliteStore } from '../../../../src/core/ledger/stores/sqlite.ts';
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
