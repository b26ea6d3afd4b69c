import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import type { OperationRecord } from '../../../src/core/ledger/record.ts';
import { RecordTime } from '../../../src/core/ledger/record-time.ts';

const local = { shared: false } as const;
const minute = 60_000;

/** The clock of one process: its wall clock can be set, that of the machine cannot. */
function processClock(boot: string, times: { wallMs: number; machineMs: number }): Clock {
  return {
    wallMs: () => times.wallMs,
    monotonicMs: () => times.machineMs,
    machine: () => ({ boot, ms: times.machineMs }),
    after: () => () => {},
  };
}

/** A record that a process writes now. */
function written(time: RecordTime, clock: Clock): OperationRecord {
  const nowMs = clock.wallMs();
  const marks = { machine: time.marks('started'), renewedAt: nowMs, startedAt: nowMs, ranAt: nowMs };
  return marks as unknown as OperationRecord;
}

describe('the time of a record', () => {
  test.each([-150_000, 0, 150_000, 3_600_000])(
    'counts from its writer, for a reader whose wall clock is %i ms ahead',
    (aheadMs) => {
      const times = { wallMs: 1_000_000, machineMs: 5_000 };
      const clock = processClock('boot', times);
      const record = written(new RecordTime(clock, local), clock);
      const reader = new RecordTime(
        processClock('boot', { wallMs: 1_000_000 + minute + aheadMs, machineMs: 65_000 }),
        local,
      );
      expect(reader.nowFor(record)).toBe(1_000_000 + minute);
      expect(reader.ranForMs(record)).toBe(minute);
      expect(reader.renewedForMs(record)).toBe(minute);
      expect(reader.startedForMs(record)).toBe(Math.max(minute, minute + aheadMs));
    },
  );

  test('is the wall clock after another boot, and nothing is certain about it', () => {
    const clock = processClock('one', { wallMs: 1_000_000, machineMs: 5_000 });
    const record = written(new RecordTime(clock, local), clock);
    const reader = new RecordTime(processClock('two', { wallMs: 2_000_000, machineMs: 9_000 }), local);
    expect(reader.nowFor(record)).toBe(2_000_000);
    expect([reader.ranForMs(record), reader.renewedForMs(record)]).toEqual([0, 0]);
    expect(reader.startedForMs(record)).toBe(1_000_000);
  });

  test('is the lesser of both clocks where the boot is not known', () => {
    const clock = processClock('', { wallMs: 1_000_000, machineMs: 5_000 });
    const record = written(new RecordTime(clock, local), clock);
    const reader = (wallMs: number, machineMs: number) =>
      new RecordTime(processClock('', { wallMs, machineMs }), local).ranForMs(record);
    expect(reader(1_000_000 + minute, 6_000)).toBe(1_000);
    expect(reader(1_001_000, 65_000)).toBe(1_000);
  });

  test('is that of the store where processes of several machines share it', () => {
    const clock = processClock('boot', { wallMs: 1_000_000, machineMs: 5_000 });
    const time = new RecordTime(clock, { shared: true });
    expect(time.marks('started')).toBeUndefined();
    const record = written(time, clock);
    expect([time.nowFor(record), time.ranForMs(record), time.renewedForMs(record)]).toEqual([1_000_000, 0, 0]);
  });

  test('keeps the marks of the attempt when its record is written again', () => {
    const times = { wallMs: 0, machineMs: 1_000 };
    const time = new RecordTime(processClock('boot', times), local);
    const first = time.marks('started');
    times.machineMs = 2_000;
    expect(time.marks('written', first)).toEqual({ boot: 'boot', startedMs: 1_000, ranMs: 1_000, atMs: 2_000 });
    expect(time.marks('ran', first)).toEqual({ boot: 'boot', startedMs: 1_000, ranMs: 2_000, atMs: 2_000 });
    const other = { boot: 'other', startedMs: 1, ranMs: 1, atMs: 1 };
    expect(time.marks('written', other)).toEqual({ boot: 'boot', startedMs: 2_000, ranMs: 2_000, atMs: 2_000 });
  });
});
