import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { LedgerEntry } from '../../../src/core/ledger/record.ts';
import { decodeEntry, encodeEntry } from '../../../src/core/ledger/record.ts';
import { openSqliteStore } from '../../../src/core/ledger/stores/sqlite.ts';
import { defineTool, z } from '../../../src/index.ts';
import { codecWith } from '../../support/encryption.ts';
import { resultOf, testEngine } from '../../support/engine.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/**
 * `fixtures/format-1.sqlite` was written by the last version whose code called the members of a record as its stored
 * form does (`ordinal`, `possible`). A script called an engine of that version over an empty SQLite ledger, with a
 * manual clock that stood at 2026-01-01, the scope `default`/`local` and tools without a client:
 *
 * - `make_thing` with the item `succeeded` (also once more, with the repeat token of its replay), `:colon`, `failed`
 *   (`NotExecuted`), `incomplete` (`NotExecuted` after its first step), `unknown` (an error inside a step), `waiting`
 *   (asks for a color) and `in_flight` (never ends);
 * - `make_thing` with the item `sealed`, by an engine that encrypts with the key `first`;
 * - `set_thing`, which has a resource, with the item `written`;
 * - `same_call_thing`, which has `class: 'state'`, twice at the same time with the tool-use ids 1 and 2.
 *
 * Then it noted one record with `RecordQuota`, stored a repeat secret, and ran `PRAGMA wal_checkpoint(TRUNCATE)`.
 */
const fixture = new URL('fixtures/format-1.sqlite', import.meta.url);
const codec = codecWith('first');

async function openFixture() {
  const file = path.join(temporaryFolder(), 'ledger.sqlite');
  await copyFile(fixture, file);
  const clock = new ManualClock();
  const store = await openSqliteStore({ path: file, now: () => clock.wallMs() });
  onTestFinished(() => store.close());
  const tool = defineTool({
    name: 'make_thing',
    title: 'Make thing',
    description: 'Makes a thing.',
    effect: 'create',
    input: z.strictObject({ item: z.string() }),
    output: z.object({ id: z.string() }),
    recovery: 'refuse',
    run: async ({ item }) => ({ id: `second thing of ${item}` }),
  });
  return testEngine({ tools: [tool], clock, store, codec });
}

async function entriesOf({ store }: Awaited<ReturnType<typeof openFixture>>): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for await (const { key, value } of store.scan()) entries.push(codec.decode(key, value));
  return entries;
}

function labelOf(entry: LedgerEntry): string {
  return entry.kind === 'operation' ? `${entry.tool} ${entry.status.state} ${entry.occurrence}` : entry.kind;
}

test('a ledger reads every kind of entry that the version before wrote', async () => {
  const entries = await entriesOf(await openFixture());
  expect(entries.map(labelOf).sort()).toEqual([
    'alias',
    'count',
    'count',
    'latch',
    'make_thing failed 1',
    'make_thing in_flight 1',
    'make_thing incomplete 1',
    'make_thing succeeded 1',
    'make_thing succeeded 1',
    'make_thing succeeded 1',
    'make_thing succeeded 2',
    'make_thing unknown 1',
    'make_thing waiting 1',
    'same_call_thing succeeded 1',
    'secret',
    'set_thing succeeded 1',
  ]);
});

test('a ledger reads what a record says about effects, steps and questions', async () => {
  const entries = await entriesOf(await openFixture());
  const operations = entries.filter((entry) => entry.kind === 'operation');
  const stateIs = (state: string) => operations.find(({ status }) => status.state === state);
  expect(stateIs('unknown')).toMatchObject({ mayHaveTakenEffect: true, pending: ['lost'] });
  expect(stateIs('incomplete')).toMatchObject({ mayHaveTakenEffect: false, steps: [{ name: 'first', effect: true }] });
  expect(stateIs('waiting')?.status).toMatchObject({ round: 1, requests: { color: { message: 'Which color?' } } });
  expect(operations.map(({ arguments: { item } }) => item)).toContain(':colon');
  expect(operations.map(({ arguments: { item } }) => item)).toContain('sealed');
});

test('an engine replays an operation of the version before, and its second occurrence', async () => {
  const { call } = await openFixture();
  const first = resultOf(await call('make_thing', { item: 'succeeded' }));
  expect(first).toMatchObject({ replayed: true, result: { id: 'thing of succeeded' } });
  expect(first.repeatToken).toBe('r1.1.1.rkoAzgaEjV6Ql0HvY3Np6w.1tGCWTLNaI1bUpgBC7dMKQ');
  const second = resultOf(await call('make_thing', { item: 'succeeded', repeat_token: first.repeatToken }));
  expect(second).toMatchObject({ replayed: true, result: { id: 'thing of succeeded' } });
  expect(second.operation?.key).not.toBe(first.operation?.key);
  expect(resultOf(await call('make_thing', { item: 'sealed' })).replayed).toBe(true);
  expect(resultOf(await call('make_thing', { item: 'failed' }))).toMatchObject({ operation: { attempt: 2 } });
});

test('a ledger writes each entry with the members that the version before reads', async () => {
  const { store } = await openFixture();
  for await (const { value } of store.scan()) {
    if (value.includes('"kind":"sealed"')) continue;
    expect(JSON.parse(encodeEntry(decodeEntry(value)))).toEqual(JSON.parse(value));
  }
});
