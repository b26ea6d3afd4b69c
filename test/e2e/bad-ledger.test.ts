import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SqliteConnection } from '../../src/core/ledger/stores/sqlite-driver.ts';
import { isSoak } from '../support/soak.ts';
import type { Arguments, ServerProcess } from './support/server.ts';
import { paymentOf, unique, useStage } from './support/stage.ts';

const stage = useStage();

const payments = (args: Arguments) => stage.sandbox.described('payment_intents', String(args.description));

function emptyFolder(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
}

function setVersion(file: string, version: number): void {
  const database = new SqliteConnection(file);
  database.pragma(`user_version = ${version}`);
  database.close();
}

describe('a ledger file that cannot be used', () => {
  test('ends the start with its error until it is fixed, and loses nothing', async () => {
    const folder = stage.path('ledgers');
    const file = join(folder, 'ledger.sqlite');
    const env = { MCP_ONCE_STORE: `sqlite:${file}` };
    const expectRefused = async (why: RegExp): Promise<void> => {
      await expect(stage.server({ env })).rejects.toThrow(why);
    };
    const control = await stage.server({ guarded: false });
    const unguarded = paymentOf(unique('no ledger, control'));
    expect(await control.heard('create_payment', unguarded)).toBe('executed');
    expect(await payments(unguarded)).toHaveLength(1);

    await expectRefused(/folder .* does not exist/);
    mkdirSync(folder);
    writeFileSync(file, 'Dear diary, this is no database. '.repeat(200));
    await expectRefused(/not a SQLite database/);
    emptyFolder(folder);
    makeOtherDatabase(file);
    await expectRefused(/database of another program/);
    emptyFolder(folder);
    const maker = await stage.server({ env });
    const known = paymentOf(unique('known'));
    expect(await maker.heard('create_payment', known)).toBe('executed');
    await maker.kill();
    setVersion(file, 99);
    await expectRefused(/format version 99/);
    setVersion(file, 1);

    const server = await stage.server({ env });
    expect(await server.heard('create_payment', known)).toBe('replayed');
    expect(await payments(known)).toHaveLength(1);
  });
});

function makeOtherDatabase(file: string): void {
  const database = new SqliteConnection(file);
  database.exec('CREATE TABLE recipes (name TEXT)');
  database.close();
}

describe('a stored record that does not parse', () => {
  const newer = JSON.stringify({ value: { v: 2, kind: 'operation' } });
  const halved = JSON.stringify({ value: { v: 1, kind: 'operation', key: 'k' } });

  /** Overwrites the entry of an operation. @returns a function that restores it. */
  const spoil = (operation: string, bytes: string): (() => void) => {
    const database = new SqliteConnection(stage.ledgerFile, { lockTimeoutMs: 5_000 });
    const read = database.prepare<[string], { key: string; value: string }>('SELECT * FROM entries WHERE key LIKE ?');
    const entry = read.get(`%${operation}`);
    if (entry === undefined) throw new Error(`the ledger has no entry of ${operation}`);
    const write = database.prepare('UPDATE entries SET value = ? WHERE key = ?');
    const { changes } = write.run(bytes, entry.key);
    expect(changes).toBe(1);
    return () => {
      write.run(entry.value, entry.key);
      database.close();
    };
  };

  test.each([
    ['junk', 'junk', /not valid JSON/],
    ['a newer format', newer, /format 2/],
    ['half a record', halved, /does not parse/],
  ])('refuses the call and executes nothing in every server (%s)', async (_, bytes, why) => {
    const args = paymentOf(unique('unreadable'));
    const server = await stage.shared();
    const { outcome, result } = await server.call('create_payment', args);
    const restore = spoil(String(outcome.operation), bytes);
    const other = await stage.shared({ name: 'other' });
    for (const each of [server, other]) await expectUnreadable(each, args, why);
    restore();
    const told = await other.call('create_payment', args);
    expect([told.words, told.result]).toEqual(['replayed', result]);
    expect(await payments(args)).toEqual([result.id]);
  });

  const expectUnreadable = async (server: ServerProcess, args: Arguments, why: RegExp): Promise<void> => {
    const told = await server.call('create_payment', args);
    expect(told.words).toBe('record_unreadable');
    expect(told.text).toMatch(why);
    expect(told.text).toContain('Nothing was executed');
    expect(await payments(args)).toHaveLength(1);
  };

  test('control: without the ledger, executes the call', async () => {
    const args = paymentOf(unique('unreadable'));
    const server = await stage.shared();
    const { outcome } = await server.call('create_payment', args);
    spoil(String(outcome.operation), 'junk')();
    const control = await stage.shared({ guarded: false });
    expect(await control.heard('create_payment', args)).toBe('executed');
    expect(await payments(args)).toHaveLength(2);
  });
});

describe('a start with a wrong configuration', () => {
  const tool = (name: string) => `
    import { defineTool, z } from 'mcp-once';
    export const tool = defineTool({
      name: '${name}', title: 'T', description: 'D', effect: 'create',
      input: z.object({}), output: z.object({}), run: async () => ({}),
    });`;

  test.each<[string, { file?: string; config?: Arguments }, RegExp]>([
    ['a tool file that throws', { file: 'throw new Error("no weather today")' }, /tool\.mjs: .*no weather today/],
    [
      'a tool that repeats a name',
      { file: tool('create_payment') },
      /tool\.mjs: the name "create_payment" is already used/,
    ],
    ['a configuration key that is not known', { config: { leas: '1s' } }, /leas is not known; did you mean "lease"\?/],
    [
      'a rule for a tool that is not there',
      { file: tool('another'), config: { tools: { create_paymant: { class: 'off' } } } },
      /did you mean "create_payment"\?/,
    ],
  ])('ends with one sentence on stderr and nothing on stdout for %s', async (_, { file, config = {} }, why) => {
    const folder = stage.path(unique('tools'));
    mkdirSync(folder);
    if (file !== undefined) writeFileSync(join(folder, 'tool.mjs'), file);
    const before = await stage.sandbox.newest();
    const error: Error = await stage.server({ config, args: ['--tools', folder] }).then(
      () => new Error('the server started'),
      (reason: Error) => reason,
    );
    expect(error.message).toMatch(why);
    expect(error.message.trim().split('\n')).toHaveLength(1);
    expect(await stage.sandbox.newest()).toBe(before);
    // With the problem fixed, it starts and serves: in `npm test` after one of the problems.
    if (!isSoak && file !== 'throw new Error("no weather today")') return;
    writeFileSync(join(folder, 'tool.mjs'), tool('another'));
    const server = await stage.server({ args: ['--tools', folder] });
    const { tools } = await server.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['another', 'create_payment']));
    const args = paymentOf(unique('mended'));
    expect(await server.heard('create_payment', args)).toBe('executed');
    expect(await payments(args)).toHaveLength(1);
  });
});
