import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { detailsOf, stepKeyOf } from '../../src/cli/ledger/ledger.ts';
import { ledgerStats } from '../../src/core/ledger/operator.ts';
import type { OperationRecord, Status } from '../../src/core/ledger/record.ts';
import { testEngine } from '../support/engine.ts';
import { readPage, root } from './markdown.ts';

const page = readPage('docs/concepts/glossary.md');

/** The words with a heading, and those in the first column of a table. */
const explained = new Set([
  ...[...page.matchAll(/^### (.+)$/gm)].flatMap(([, heading = '']) => heading.split(', ')),
  ...[...page.matchAll(/^\| (`[^|]+`) +\|/gm)].flatMap(([, cell = '']) => cell.replace(/`/g, '').split(', ')),
]);

const withoutExplanation = (words: Iterable<string>): string[] =>
  [...new Set(words)].filter((word) => !explained.has(word));

const source = (file: string): string => readFileSync(join(root, file), 'utf8');

const statuses: readonly Status[] = [
  { state: 'in_flight' },
  { state: 'unknown', settledAt: 1, message: '' },
  { state: 'waiting', settledAt: 1, expiresAt: 2, round: 1, requests: {} },
  { state: 'succeeded', settledAt: 1, result: 1, stub: { reason: 'resolved', message: '' } },
  { state: 'failed', settledAt: 1, message: '', dispatched: false },
  { state: 'incomplete', settledAt: 1, message: '' },
];

/** An operation with every member that `ledger show` can print. */
function recordWith(status: Status, usesSteps: boolean): OperationRecord {
  const base = { tool: 't', fingerprint: 'f', generation: 1, attempt: 1, occurrence: 1, renewals: 0, recoveries: 0 };
  const times = { windowMs: 1, retentionMs: 1, leaseMs: 1, renewedAt: 1, createdAt: 1, startedAt: 1, ranAt: 1 };
  return {
    ...base,
    ...times,
    v: 1,
    kind: 'operation',
    key: 'k',
    scope: { tenant: 't', subject: 's' },
    upstream: { origin: 'o', mode: 'test', account: 'a' },
    source: 'host',
    arguments: {},
    token: 't',
    mayHaveTakenEffect: true,
    steps: usesSteps ? [{ name: 's', attempt: 1, effect: true, result: 1 }] : [],
    inputs: [{ attempt: 1, round: 1, names: ['n'], digest: 'd', responses: {} }],
    pending: usesSteps ? ['p'] : [],
    status,
  };
}

describe('the glossary explains', () => {
  test('every member that ledger show prints', () => {
    const shown = statuses.flatMap((status) => [true, false].map((usesSteps) => recordWith(status, usesSteps)));
    const words = shown.flatMap((record) => {
      const details = { ...detailsOf(record, true), ...stepKeyOf(record, 's') };
      const parts = [details.steps, details.pendingSteps, details.answers].flat() as object[];
      return [...Object.keys(details), ...parts.flatMap((part) => Object.keys(part))];
    });
    expect(words.length).toBeGreaterThan(100);
    expect(withoutExplanation(words)).toEqual([]);
  });

  test('every word of ledger stats, and every state', async () => {
    const { ledger } = testEngine({ tools: [] });
    const stats = await ledgerStats(ledger);
    const states = Object.keys(stats.byState).filter((state) => state !== 'in_flight');
    expect(page).toContain('### in flight');
    expect(withoutExplanation([...Object.keys(stats), ...states, 'unreadable'])).toEqual([]);
  });

  test('every column of the tables that commands print', () => {
    const files = readdirSync(join(root, 'src'), { recursive: true }).map((name) => `src/${String(name)}`);
    const texts = files.filter((name) => name.endsWith('.ts') && !name.includes('demo')).map(source);
    const columns = texts.flatMap((text) => [...text.matchAll(/tableOf\(\s*\[('[A-Z', ]+')\]/g)]);
    expect(columns.length).toBeGreaterThan(3);
    expect(withoutExplanation(columns.flatMap(([, names = '']) => names.replace(/'/g, '').split(', ')))).toEqual([]);
  });

  test('every event and its members', () => {
    const [, union = ''] = /export type EngineEvent =([\s\S]*?);\n\n/.exec(source('src/core/observe/events.ts')) ?? [];
    const events = [...union.matchAll(/type: '(\w+)'/g)].map(([, name = '']) => name);
    const members = [...union.matchAll(/readonly (\w+)\??:/g)].map(([, name = '']) => name);
    expect(events.length).toBeGreaterThan(5);
    expect(withoutExplanation([...events, ...members.filter((name) => name !== 'type')])).toEqual([]);
  });

  test('every field of an outcome', () => {
    const text = source('src/server/render.ts');
    const [, body = ''] = /export interface OutcomeMeta \{([\s\S]*?)\n\}/.exec(text) ?? [];
    const fields = [...body.matchAll(/readonly (\w+)\??:/g)].map(([, name = '']) => name);
    expect(fields.length).toBeGreaterThan(10);
    expect(withoutExplanation(fields)).toEqual([]);
  });

  test('every word that the design gives a meaning', () => {
    const words = 'attempt, claim, claim token, fingerprint, generation, incomplete, latch, lease, ledger, occurrence';
    const more =
      'operation, outcome, recovery, repeat token, replay, round, scope, settle, step, take-over, upstream, window';
    expect(withoutExplanation([...words.split(', '), ...more.split(', ')])).toEqual([]);
  });
});
