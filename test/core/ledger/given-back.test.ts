import { expect, test } from 'vitest';
import { GivenBack } from '../../../src/core/ledger/given-back.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('a claim is given back until that succeeds, at most every two seconds', async () => {
  const clock = new ManualClock();
  const givenBack = new GivenBack(clock);
  const triedAt: number[] = [];
  let isBack = false;
  const done = givenBack.add('token', async () => {
    triedAt.push(clock.monotonicMs());
    return isBack;
  });
  await clock.advance(600_000);
  expect(givenBack.has('token')).toBe(true);
  const gaps = triedAt.slice(1).map((at, index) => at - (triedAt[index] ?? 0));
  expect(Math.max(...gaps)).toBe(2_000);
  isBack = true;
  givenBack.retry('token');
  await done;
  expect(givenBack.has('token')).toBe(false);
});

test('claims beyond a thousand are dropped, and the rest is counted when the process ends', async () => {
  const clock = new ManualClock();
  const givenBack = new GivenBack(clock);
  for (let count = 0; count < 1_001; count += 1) void givenBack.add(`token ${count}`, async () => false);
  expect(givenBack.has('token 0')).toBe(false);
  expect(givenBack.has('token 1000')).toBe(true);
  expect(givenBack.close()).toBe(1_000);
});
