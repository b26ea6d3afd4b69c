import { chmodSync, chownSync, lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { closeStoreToOthers } from '../../../../src/core/ledger/stores/private-store.ts';
import { openSqliteStore } from '../../../../src/core/ledger/stores/sqlite.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { main, RawClient } from '../../../wrap/support/wrap.ts';

const modeOf = (path: string): number => lstatSync(path).mode & 0o777;
const isRoot = process.getuid?.() === 0;

/** Makes a ledger whose files have these permissions. */
async function exposed(mode: number) {
  const folder = temporaryFolder();
  const path = join(folder, 'ledger.sqlite');
  const store = await openSqliteStore({ path });
  const files = ['', '-wal', '-shm', '-wake'].map((suffix) => path + suffix);
  for (const file of files) chmodSync(file, mode);
  return { folder, path, files, store };
}

function closed(path: string, isOwnFolder = false): string[] {
  const messages: string[] = [];
  closeStoreToOthers(`sqlite:${path}`, isOwnFolder, (message) => messages.push(message));
  return messages;
}

describe.skipIf(process.platform === 'win32')('a ledger file that other users may access', () => {
  test.each([0o644, 0o640, 0o620, 0o666, 0o602])('gets the mode 0600 instead of %o, and is reported', async (mode) => {
    const { path, files, store } = await exposed(mode);
    const messages = closed(path);
    expect(files.map(modeOf)).toEqual([0o600, 0o600, 0o600, 0o600]);
    expect(messages).toHaveLength(4);
    expect(messages[0]).toContain(`${path} (mode 0${mode.toString(8)}): its mode is now 0600`);
    expect(closed(path)).toEqual([]);
    await store.close();
  });

  test('is corrected and reported when a server starts, before the first call', async () => {
    const { path, store } = await exposed(0o664);
    await store.close();
    const client = new RawClient([main, 'serve', '--store', `sqlite:${path}`]);
    await client.initialize();
    expect(modeOf(path)).toBe(0o600);
    client.end();
    await client.exited;
    expect(client.stderr).toMatch(/other users could access .*ledger\.sqlite \(mode 0664\): its mode is now 0600/);
  });

  test('is left alone when only its owner has access', async () => {
    const { path, files, store } = await exposed(0o600);
    expect(closed(path)).toEqual([]);
    expect(files.map(modeOf)).toEqual([0o600, 0o600, 0o600, 0o600]);
    await store.close();
  });

  test.runIf(isRoot)('is reported and left alone when it belongs to another user', async () => {
    const { path, store } = await exposed(0o600);
    chmodSync(path, 0o644);
    chownSync(path, 4_242, 4_242);
    expect(closed(path)).toEqual([expect.stringMatching(/belongs to another user: change its mode/)]);
    expect(modeOf(path)).toBe(0o644);
    await store.close();
  });

  test('does not lead to another file through a link that somebody has put beside it', () => {
    const folder = temporaryFolder();
    const other = join(folder, 'other');
    writeFileSync(other, '');
    chmodSync(other, 0o644);
    symlinkSync(other, join(folder, 'ledger.sqlite-wal'));
    expect(closed(join(folder, 'ledger.sqlite'))).toEqual([]);
    expect(modeOf(other)).toBe(0o644);
  });
});

describe.skipIf(process.platform === 'win32')('the folder of a ledger', () => {
  const folderWith = (mode: number): string => {
    const folder = join(temporaryFolder(), 'folder');
    mkdirSync(folder);
    chmodSync(folder, mode);
    return folder;
  };

  test('is closed to others when it is the default one', () => {
    const folder = folderWith(0o755);
    expect(closed(join(folder, 'ledger.sqlite'), true)).toEqual([expect.stringMatching(/its mode is now 0700/)]);
    expect(modeOf(folder)).toBe(0o700);
  });

  test('stays as it is when a person has chosen it', () => {
    const folder = folderWith(0o755);
    expect(closed(join(folder, 'ledger.sqlite'))).toEqual([]);
    expect(modeOf(folder)).toBe(0o755);
  });

  test('is reported when everybody may replace its files', () => {
    const folder = folderWith(0o777);
    expect(closed(join(folder, 'ledger.sqlite'))).toEqual([expect.stringMatching(/every user can replace the files/)]);
    expect(modeOf(folder)).toBe(0o777);
    chmodSync(folder, 0o1777);
    expect(closed(join(folder, 'ledger.sqlite'))).toEqual([]);
    expect(statSync(folder).mode & 0o1777).toBe(0o1777);
  });
});
