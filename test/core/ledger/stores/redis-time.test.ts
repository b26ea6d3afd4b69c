import { expect, test } from 'vitest';
import { RedisTime } from '../../../../src/core/ledger/stores/redis-time.ts';

const hour = 3_600_000;

test('the offset of Redis is that of the most exact reply', () => {
  const time = new RedisTime();
  expect(time.offsetMs).toBe(0);
  time.note(Date.now() + hour, performance.now());
  const exact = time.offsetMs;
  expect(Math.abs(exact - hour)).toBeLessThan(50);
  // A reply that took four seconds agrees with it, and is less exact.
  time.note(Date.now() + hour - 1_000, performance.now() - 4_000);
  // The wall clock counts whole milliseconds.
  expect(Math.abs(time.offsetMs - exact)).toBeLessThan(50);
});

test('the offset of Redis follows when one of the clocks is set', () => {
  const time = new RedisTime();
  time.note(Date.now(), performance.now());
  time.note(Date.now() - hour, performance.now() - 4_000);
  expect(Math.abs(time.offsetMs + hour)).toBeLessThan(4_100);
});

test('the time of Redis does not change when the wall clock of the process is set', () => {
  const { now } = Date;
  const time = new RedisTime();
  time.note(now(), performance.now());
  try {
    for (const aheadMs of [-2 * hour, 2 * hour]) {
      Date.now = () => now() + aheadMs;
      expect(Math.abs(Date.now() + time.offsetMs - now())).toBeLessThan(100);
    }
  } finally {
    Date.now = now;
  }
});
