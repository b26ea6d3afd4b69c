import { describe, expect, test } from 'vitest';
import { createLimits } from '../../../src/http/access/limits.ts';

const alice = { tenant: 'acme', subject: 'alice' };
const bob = { tenant: 'acme', subject: 'bob' };

function entered(entry: ReturnType<ReturnType<typeof createLimits>['enter']>) {
  if (entry.type !== 'entered') throw new Error(entry.message);
  return entry.release;
}

describe('limits on calls in flight', () => {
  test('bound one subject without blocking another', () => {
    const limits = createLimits({ perSubject: 2, perTenant: 10, total: 10 });
    entered(limits.enter(alice));
    const release = entered(limits.enter(alice));
    expect(limits.enter(alice)).toMatchObject({ type: 'refused', status: 429, headers: { 'retry-after': '1' } });
    entered(limits.enter(bob));
    release();
    entered(limits.enter(alice));
  });

  test('count a double release once', () => {
    const limits = createLimits({ perSubject: 2, perTenant: 10, total: 10 });
    const release = entered(limits.enter(alice));
    entered(limits.enter(alice));
    release();
    release();
    entered(limits.enter(alice));
    expect(limits.enter(alice).type).toBe('refused');
  });

  test('bound a tenant with many subjects and leave room for other tenants', () => {
    const limits = createLimits({ perSubject: 2, perTenant: 3, total: 4 });
    const entries = Array.from({ length: 100 }, (_, n) => limits.enter({ tenant: 'acme', subject: `subject-${n}` }));
    expect(entries.filter(({ type }) => type === 'entered')).toHaveLength(3);
    entered(limits.enter({ tenant: 'other', subject: 'alice' }));
    expect(limits.enter({ tenant: 'third', subject: 'alice' })).toMatchObject({ type: 'refused', status: 503 });
  });

  test('separate two tenants whose names join to the same text', () => {
    const limits = createLimits({ perSubject: 1, perTenant: 10, total: 10 });
    entered(limits.enter({ tenant: 'a', subject: '","b' }));
    entered(limits.enter({ tenant: 'a","', subject: 'b' }));
    entered(limits.enter({ tenant: 'a', subject: 'b' }));
  });

  test('keep no memory of released calls, after 100,000 subjects', () => {
    const limits = createLimits({ perSubject: 1, perTenant: 1, total: 1 });
    for (let n = 0; n < 100_000; n += 1) entered(limits.enter({ tenant: `t${n}`, subject: `s${n}` }))();
    entered(limits.enter(alice));
  });
});
