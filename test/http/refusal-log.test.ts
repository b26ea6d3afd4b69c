import { expect, test } from 'vitest';
import { RefusalLog } from '../../src/http/refusal-log.ts';
import { ManualClock } from '../support/manual-clock.ts';

test('the refusal log writes each kind of refusal at once, and then rarely with its count', async () => {
  const lines: unknown[] = [];
  const clock = new ManualClock();
  const log = new RefusalLog({ info: (_, fields) => lines.push(fields), warn: () => undefined }, clock);
  for (let count = 0; count < 5; count += 1) log.logRefusal({ status: 401, why: 'no token' }, `127.0.0.${count}`);
  log.logRefusal({ status: 403, why: 'no scope', subject: 'ann' });
  log.logRefusal({ status: 403, why: 'no scope', subject: 'eve' });
  expect(lines).toEqual([
    { status: 401, why: 'no token', peer: '127.0.0.0' },
    { status: 403, why: 'no scope', subject: 'ann' },
    { status: 403, why: 'no scope', subject: 'eve' },
  ]);
  await clock.advance(10_000);
  log.logRefusal({ status: 401, why: 'no token' });
  expect(lines.slice(3)).toEqual([{ status: 401, why: 'no token', untold: 4 }]);
});
