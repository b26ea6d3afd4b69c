import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/event.ts';
import { program } from '../support/program.ts';
import { makeTemporaryFolder } from '../support/temporary.ts';
import { ServerProcess } from './server.ts';
import { EffectUpstream } from './upstream.ts';

const folder = makeTemporaryFolder();
let upstream: EffectUpstream;
const servers: ServerProcess[] = [];

beforeAll(async () => {
  upstream = await EffectUpstream.start();
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.end()));
  await upstream.close();
  folder.remove();
});

async function start(name: string, file: string, env = {}): Promise<ServerProcess> {
  const settings = { program, folder: folder.path, name, store: `sqlite:${file}`, upstream: upstream.url, env };
  const server = await ServerProcess.start(settings);
  servers.push(server);
  return server;
}

const all = ['', '-wal', '-shm'];

const cases = {
  deleted: (file: string) => {
    for (const suffix of all) rmSync(file + suffix);
  },
  'deleted but for its log': (file: string) => rmSync(file),
  renamed: (file: string) => {
    for (const suffix of all) renameSync(file + suffix, `${file}.old${suffix}`);
  },
  'replaced by a copy': (file: string) => {
    cpSync(file, `${file}.copy`);
    renameSync(`${file}.copy`, file);
    rmSync(`${file}-wal`);
    rmSync(`${file}-shm`);
  },
  'put aside with its folder': (file: string) => renameSync(file.replace(/\/[^/]*$/, ''), `${folder.path}/aside`),
};

test.each(Object.entries(cases))(
  'a server whose ledger file is %s executes nothing and names the file',
  async (name, change) => {
    const place = `${folder.path}/${name}`;
    const file = `${place}/ledger.sqlite`;
    mkdirSync(place);
    const before = await start(`before ${name}`, file);
    expect((await before.call('order_once', { item: `${name} 0` })).outcome.code).toBe('succeeded');
    expect(await before.probe('/readyz')).toBe(200);
    change(file);
    const hasOldLog = existsSync(`${file}-wal`);
    mkdirSync(place, { recursive: true });
    // With the log of the old file at its path, no process can use the new file.
    if (hasOldLog) {
      await expect(start(`after ${name}`, file)).rejects.toThrow(file);
      expect((await before.call('order_once', { item: name })).outcome.code).toBe('ledger_unavailable');
      expect(upstream.effectsOf(name)).toHaveLength(0);
      return before.end('SIGTERM');
    }
    const after = await start(`after ${name}`, file);
    for (let count = 1; count <= 5; count += 1) {
      const item = `${name} ${count}`;
      const [old, fresh] = [await before.call('order_once', { item }), await after.call('order_once', { item })];
      expect(old.outcome.code).toBe('ledger_unavailable');
      expect(fresh.outcome).toMatchObject({ code: 'succeeded', replayed: false });
      expect(upstream.effectsOf(item)).toHaveLength(1);
    }
    expect(await before.probe('/readyz')).toBe(503);
    expect(before.stderr).toContain(file);
    await before.end('SIGTERM');
    // The end of the old process does not harm the new file.
    expect((await after.call('order_once', { item: `${name} 1` })).outcome.replayed).toBe(true);
    expect(await after.probe('/readyz')).toBe(200);
  },
);

test('a server continues when its ledger file is moved back, and knows what it executed meanwhile', async () => {
  const file = `${folder.path}/back.sqlite`;
  const server = await start('back', file);
  const item = 'moved back';
  upstream.plan(item, 'held');
  const called = server.call('order_once', { item });
  await eventually(() => expect(upstream.arrived(item)).toBe(1));
  renameSync(file, `${file}.away`);
  upstream.release();
  expect((await called).outcome).toMatchObject({ code: 'succeeded', replayed: false });
  renameSync(`${file}.away`, file);
  expect((await server.call('order_once', { item })).outcome).toMatchObject({ code: 'succeeded', replayed: true });
  expect(upstream.effectsOf(item)).toHaveLength(1);
});

test('a server whose ledger file is overwritten by an earlier copy executes nothing and names the file', async () => {
  const file = `${folder.path}/restored.sqlite`;
  const first = await start('restored 1', file);
  await first.call('order_once', { item: 'restored 1' });
  await first.end('SIGTERM');
  const backup = readFileSync(file);
  const second = await start('restored 2', file);
  await second.call('order_once', { item: 'restored 2' });
  await second.end('SIGTERM');
  const server = await start('restored 3', file);
  expect(await server.probe('/readyz')).toBe(200);
  writeFileSync(file, backup);
  expect((await server.call('order_once', { item: 'restored 3' })).outcome.code).toBe('ledger_unavailable');
  // Executes nothing, too. A read within 5 ms of a check may return the outcome that the process knows.
  await server.call('order_once', { item: 'restored 2' });
  expect(await server.probe('/readyz')).toBe(503);
  expect(server.stderr).toContain('overwritten while it was open');
  await server.end('SIGTERM');
  // The next step that the message names.
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix);
  writeFileSync(file, backup);
  const last = await start('restored 4', file);
  expect((await last.call('order_once', { item: 'restored 1' })).outcome.replayed).toBe(true);
  expect(['restored 1', 'restored 2', 'restored 3'].map((item) => upstream.effectsOf(item).length)).toEqual([1, 1, 0]);
});

test('control: a server that does not check its file executes again what another server executed', async () => {
  const file = `${folder.path}/control.sqlite`;
  const before = await start('control 1', file, { CHAOS_NO_FILE_CHECK: '1' });
  await before.call('order_once', { item: 'control' });
  for (const suffix of all) rmSync(file + suffix);
  const after = await start('control 2', file);
  for (const server of [before, after]) {
    expect((await server.call('order_once', { item: 'control 2' })).outcome.replayed).toBe(false);
  }
  expect(upstream.effectsOf('control 2')).toHaveLength(2);
});
