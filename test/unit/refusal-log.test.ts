import { expect, test } from 'vitest';
import { RefusalLog } from '../../src/mcp/http/refusal-log.ts';
import { ManualClock } from '../support/manual-clock.ts';

test('each kind of refusal is told at once, and then seldom, with how often it came', async () => {
  const lines: unknown[] = [];
  const clock = new ManualClock();
  const log = new RefusalLog({ info: (_, fields) => lines.push(fields) }, clock);
  for (let count = 0; count < 5; count += 1) log.tell(401, 'no token');
  log.tell(403, 'no scope');
  expect(lines).toEqual([
    { status: 401, why: 'no token' },
    { status: 403, why: 'no scope' },
  ]);
  await clock.advance(10_000);
  log.tell(401, 'no token');
  log.tell(403, 'no scope');
  expect(lines.slice(2)).toEqual([
    { status: 401, why: 'no token', before: 4 },
    { status: 403, why: 'no scope' },
  ]);
});
