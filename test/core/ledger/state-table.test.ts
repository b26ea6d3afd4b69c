import { describe, expect, test } from 'vitest';
import type { KeptInput, KeptStep, Status } from '../../../src/core/ledger/record.ts';
import { abandoned, decide } from '../../../src/core/ledger/state-table.ts';

const windowMs = 1_000;
const settledAt = 10_000;
const inside = settledAt + windowMs - 1;
const after = settledAt + windowMs;

const states: Record<string, Status> = {
  'in flight': { state: 'in_flight' },
  unknown: { state: 'unknown', settledAt, message: 'm' },
  succeeded: { state: 'succeeded', settledAt, result: 1 },
  failed: { state: 'failed', settledAt, message: 'm', dispatched: true },
  incomplete: { state: 'incomplete', settledAt, message: 'm' },
  waiting: { state: 'waiting', settledAt, expiresAt: after, round: 2, requests: {} },
};

const effect = { name: 's', attempt: 1, effect: true, result: null };

interface Asked {
  readonly same: boolean;
  readonly supersedes: boolean;
  readonly nowMs: number;
  readonly lapsed?: boolean;
  readonly steps?: KeptStep[];
}

function ask(status: Status, options: Asked) {
  const record = {
    tool: 't',
    fingerprint: 'f',
    windowMs,
    status,
    generation: 1,
    attempt: 1,
    steps: options.steps ?? [],
  };
  const { supersedes, nowMs, lapsed = false } = options;
  return decide({ record, tool: 't', fingerprint: options.same ? 'f' : 'g', supersedes, nowMs, lapsed }).type;
}

describe('the state table of claim', () => {
  // state, same fingerprint: [identical, latest], other fingerprint: [identical, latest]
  const table: [string, [string, string], [string, string]][] = [
    ['in flight', ['in_flight', 'in_flight'], ['in_flight_other', 'in_flight_other']],
    ['unknown', ['recover', 'recover'], ['recover', 'recover']],
    ['succeeded', ['replay', 'replay'], ['conflict', 'next_generation']],
    ['failed', ['next_attempt', 'next_attempt'], ['next_attempt', 'next_attempt']],
    ['incomplete', ['resume', 'resume'], ['conflict', 'conflict']],
    ['waiting', ['waiting', 'waiting'], ['conflict', 'next_generation']],
  ];
  for (const [name, same, other] of table) {
    const status = states[name] as Status;
    test(`decides for a call with the same fingerprint on a record that is ${name}`, () => {
      expect(ask(status, { same: true, supersedes: false, nowMs: inside })).toBe(same[0]);
      expect(ask(status, { same: true, supersedes: true, nowMs: inside })).toBe(same[1]);
    });
    test(`decides for a call with another fingerprint on a record that is ${name}`, () => {
      expect(ask(status, { same: false, supersedes: false, nowMs: inside })).toBe(other[0]);
      expect(ask(status, { same: false, supersedes: true, nowMs: inside })).toBe(other[1]);
    });
  }

  test('begins the next generation after the window of an operation that has succeeded or failed', () => {
    const over = (name: string, same: boolean) =>
      ask(states[name] as Status, { same, supersedes: false, nowMs: after });
    expect([over('succeeded', true), over('succeeded', false)]).toEqual(['next_generation', 'next_generation']);
    expect([over('failed', true), over('failed', false)]).toEqual(['next_generation', 'next_generation']);
    expect([over('incomplete', true), over('incomplete', false)]).toEqual(['resume', 'conflict']);
    expect([over('unknown', true), over('in flight', true)]).toEqual(['recover', 'in_flight']);
  });

  test('recovers an operation with a lapsed lease, for every caller', () => {
    const status = states['in flight'] as Status;
    for (const same of [true, false]) {
      for (const supersedes of [true, false]) {
        expect(ask(status, { same, supersedes, nowMs: inside, lapsed: true })).toBe('recover');
      }
    }
  });

  test('treats another tool with the same fingerprint as another request', () => {
    const status = states.succeeded as Status;
    const record = { tool: 'a', fingerprint: 'f', windowMs, status, generation: 1, attempt: 1, steps: [] };
    const asked = { record, tool: 'b', fingerprint: 'f', nowMs: inside, lapsed: false };
    expect(decide({ ...asked, supersedes: true }).type).toBe('next_generation');
    expect(decide({ ...asked, supersedes: false }).type).toBe('conflict');
  });

  test('makes the window longer when the clock is set back an hour', () => {
    const nowMs = settledAt - 3_600_000;
    expect(ask(states.succeeded as Status, { same: true, supersedes: false, nowMs })).toBe('replay');
  });
});

describe('an operation that waits for input', () => {
  const waiting = states.waiting as Status;
  const ways = (nowMs: number, steps: KeptStep[]) =>
    [true, false].flatMap((same) =>
      [false, true].map((supersedes) => ask(waiting, { same, supersedes, nowMs, steps })),
    );

  test('counts as failed when its question expires before any effect', () => {
    expect(ways(inside, [])).toEqual(['waiting', 'waiting', 'conflict', 'next_generation']);
    expect(new Set(ways(after, []))).toEqual(new Set(['next_attempt']));
  });

  test('counts as incomplete when its question expires after steps with effects, and is not replaced', () => {
    expect(ways(inside, [effect])).toEqual(['waiting', 'waiting', 'conflict', 'conflict']);
    expect(ways(after, [effect])).toEqual(['resume', 'resume', 'conflict', 'conflict']);
    // What was only asked of the upstream took no effect.
    expect(ways(after, [{ ...effect, effect: false }])[0]).toBe('next_attempt');
  });
});

describe('the state table of a call that answers a question', () => {
  const answer = { generation: 1, attempt: 1, round: 2, digest: 'd' };
  const given = (digest: string): KeptInput => ({ attempt: 1, round: 2, names: ['a'], digest });
  const verdict = (
    status: Status,
    inputs: KeptInput[],
    more: { lapsed?: boolean; nowMs?: number; attempt?: number; generation?: number; fingerprint?: string } = {},
  ) => {
    const { lapsed = false, nowMs = inside, attempt = 1, generation = 1, fingerprint = 'f' } = more;
    const record = { tool: 't', fingerprint: 'f', windowMs, status, generation, attempt, steps: [], inputs };
    return decide({ record, tool: 't', fingerprint, supersedes: false, nowMs, lapsed, replies: answer }).type;
  };
  const table: [string, Status, string][] = [
    ['in flight', states['in flight'] as Status, 'in_flight'],
    ['unknown', states.unknown as Status, 'recover'],
    ['succeeded', states.succeeded as Status, 'replay'],
    ['failed', states.failed as Status, 'replay'],
    ['failed before it sent anything', { ...states.failed, dispatched: false } as Status, 'resume'],
    ['incomplete', states.incomplete as Status, 'resume'],
    ['waiting for the next answer', { ...states.waiting, round: 3 } as Status, 'waiting'],
  ];

  test.each(table)(
    'repeats the call for the same answer and reports a conflict for another one: %s',
    (_name, status, same) => {
      expect(verdict(status, [given('d')])).toBe(same);
      expect(verdict(status, [given('e')])).toBe('conflict');
      // Answered in a later attempt, which went on with it: the same question all the same.
      expect(verdict(status, [given('d')], { attempt: 2 })).toBe(same);
      expect(verdict(status, [given('e')], { attempt: 2 })).toBe('conflict');
    },
  );

  test.each(table)('reports stale for a question that this record never asked: %s', (_name, status) => {
    expect(verdict(status, [])).toBe('stale');
    expect(
      verdict(
        status,
        [
          { ...given('d'), attempt: 2 },
          { ...given('d'), round: 1 },
        ],
        { attempt: 2 },
      ),
    ).toBe('stale');
    expect(verdict(status, [given('d')], { generation: 2 })).toBe('stale');
    expect(verdict(status, [given('d')], { fingerprint: 'g' })).toBe('stale');
  });

  test('accepts one answer to the open question before it expires', () => {
    const waiting = states.waiting as Status;
    expect(verdict(waiting, [])).toBe('continue');
    expect(verdict(waiting, [], { nowMs: after })).toBe('stale');
    expect(verdict(waiting, [], { attempt: 2 })).toBe('stale');
    expect(verdict(waiting, [given('d')], { nowMs: after })).toBe('stale');
  });

  test('ignores the window, and recovers a lapsed lease', () => {
    expect(verdict(states.succeeded as Status, [given('d')], { nowMs: after })).toBe('replay');
    expect(verdict(states['in flight'] as Status, [given('d')], { lapsed: true })).toBe('recover');
  });
});

describe('a claim that ends before anything was dispatched', () => {
  test('fails, and the call runs again', () => {
    expect(abandoned({ mayHaveTakenEffect: false, steps: [{ ...effect, effect: false }] }, 'm', 1)).toEqual({
      state: 'failed',
      settledAt: 1,
      message: 'm',
      dispatched: false,
    });
  });

  test('stays incomplete when steps had taken effect before it was claimed', () => {
    expect(abandoned({ mayHaveTakenEffect: false, steps: [effect] }, 'm', 1).state).toBe('incomplete');
  });

  test('stays unknown when something may have taken effect before it was claimed', () => {
    expect(abandoned({ mayHaveTakenEffect: true, steps: [effect] }, 'm', 1).state).toBe('unknown');
  });
});
