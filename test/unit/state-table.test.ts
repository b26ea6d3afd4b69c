import { describe, expect, test } from 'vitest';
import type { Status } from '../../src/ledger/record.ts';
import { abandoned, decide } from '../../src/ledger/state-table.ts';

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
};

function ask(status: Status, options: { same: boolean; supersedes: boolean; nowMs: number; lapsed?: boolean }) {
  const record = { tool: 't', fingerprint: 'f', windowMs, status };
  const { supersedes, nowMs, lapsed = false } = options;
  return decide({ record, tool: 't', fingerprint: options.same ? 'f' : 'g', supersedes, nowMs, lapsed }).type;
}

describe('the state table of claim', () => {
  // state, same fingerprint: [identical, latest], other fingerprint: [identical, latest]
  const table: [string, [string, string], [string, string]][] = [
    ['in flight', ['in_flight', 'in_flight'], ['conflict', 'in_flight_other']],
    ['unknown', ['recover', 'recover'], ['recover', 'recover']],
    ['succeeded', ['replay', 'replay'], ['conflict', 'next_generation']],
    ['failed', ['next_attempt', 'next_attempt'], ['next_attempt', 'next_attempt']],
    ['incomplete', ['resume', 'resume'], ['conflict', 'conflict']],
  ];
  for (const [name, same, other] of table) {
    const status = states[name] as Status;
    test(`${name}, same fingerprint`, () => {
      expect(ask(status, { same: true, supersedes: false, nowMs: inside })).toBe(same[0]);
      expect(ask(status, { same: true, supersedes: true, nowMs: inside })).toBe(same[1]);
    });
    test(`${name}, other fingerprint`, () => {
      expect(ask(status, { same: false, supersedes: false, nowMs: inside })).toBe(other[0]);
      expect(ask(status, { same: false, supersedes: true, nowMs: inside })).toBe(other[1]);
    });
  }

  test('a window that is over begins the next generation, and only for what is settled for good', () => {
    const over = (name: string, same: boolean) =>
      ask(states[name] as Status, { same, supersedes: false, nowMs: after });
    expect([over('succeeded', true), over('succeeded', false)]).toEqual(['next_generation', 'next_generation']);
    expect([over('failed', true), over('failed', false)]).toEqual(['next_generation', 'next_generation']);
    expect([over('incomplete', true), over('incomplete', false)]).toEqual(['resume', 'conflict']);
    expect([over('unknown', true), over('in flight', true)]).toEqual(['recover', 'in_flight']);
  });

  test('a lapsed lease is an unknown outcome, whoever asks', () => {
    const status = states['in flight'] as Status;
    for (const same of [true, false]) {
      for (const supersedes of [true, false]) {
        expect(ask(status, { same, supersedes, nowMs: inside, lapsed: true })).toBe('recover');
      }
    }
  });

  test('another tool with the same fingerprint is another request', () => {
    const record = { tool: 'a', fingerprint: 'f', windowMs, status: states.succeeded as Status };
    const asked = { record, tool: 'b', fingerprint: 'f', nowMs: inside, lapsed: false };
    expect(decide({ ...asked, supersedes: true }).type).toBe('next_generation');
    expect(decide({ ...asked, supersedes: false }).type).toBe('conflict');
  });

  test('a clock that was set back an hour only makes the window longer', () => {
    const nowMs = settledAt - 3_600_000;
    expect(ask(states.succeeded as Status, { same: true, supersedes: false, nowMs })).toBe('replay');
  });
});

describe('a claim that ends before anything was dispatched', () => {
  const effect = { name: 's', attempt: 1, effect: true, result: null };

  test('is failed, and runs again', () => {
    expect(abandoned({ possible: false, steps: [{ ...effect, effect: false }] }, 'm', 1)).toEqual({
      state: 'failed',
      settledAt: 1,
      message: 'm',
      dispatched: false,
    });
  });

  test('stays incomplete when steps had taken effect before it was claimed', () => {
    expect(abandoned({ possible: false, steps: [effect] }, 'm', 1).state).toBe('incomplete');
  });

  test('stays unknown when something may have taken effect before it was claimed', () => {
    expect(abandoned({ possible: true, steps: [effect] }, 'm', 1).state).toBe('unknown');
  });
});
