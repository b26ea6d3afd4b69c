import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../src/core/call/outcome.ts';
import { RecordQuota } from '../../../src/core/ledger/record-quota.ts';
import { openMemoryStore } from '../../../src/core/ledger/stores/memory.ts';
import { codecWith } from '../../support/encryption.ts';
import { refusalOf, resultOf, testEngine } from '../../support/engine.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { createThing } from '../../support/tools.ts';
import { Upstream } from '../../support/upstream.ts';

const retentionMs = 7 * 86_400_000;
const alice = { tenant: 'one', subject: 'alice' };
const bob = { tenant: 'one', subject: 'bob' };
const carol = { tenant: 'other', subject: 'alice' };

/** Processes on one store, each with its own quota. */
function stage(limits = { perSubject: 3, perTenant: 5 }) {
  const clock = new ManualClock();
  const store = openMemoryStore({ now: () => clock.wallMs() });
  const upstream = new Upstream();
  const process = (isBounded = true, codec = codecWith()) => {
    const { engine, ledger, call } = testEngine({ tools: [createThing(upstream, 'refuse')], clock, store, codec });
    const quota = new RecordQuota({ ledger: async () => ledger, clock, limits, retentionMs });
    if (isBounded) Object.assign(engine, { quota });
    const create = (scope: typeof alice, item: string): Promise<Outcome> => call('create_thing', { item }, { scope });
    return { quota, create };
  };
  return { clock, upstream, process };
}

describe('the records of a subject and of a tenant', () => {
  test('are bounded: a further call is refused before it executes, and repeats still get replays', async () => {
    const { upstream, process } = stage();
    const { create } = process();
    for (const item of ['a', 'b', 'c']) resultOf(await create(alice, item));
    const refused = refusalOf(await create(alice, 'd'));
    expect(refused.code).toBe('too_many_records');
    expect(refused.message).toMatch(/of this subject.*Nothing was executed/);
    expect(upstream.effects).toHaveLength(3);
    expect(resultOf(await create(alice, 'a')).replayed).toBe(true);
    expect(resultOf(await create(bob, 'd')).replayed).toBe(false);
    expect(resultOf(await create(carol, 'd')).replayed).toBe(false);
  });

  test('are counted for a tenant over all its subjects', async () => {
    const { process } = stage();
    const { create } = process();
    for (const item of ['a', 'b', 'c']) resultOf(await create(alice, item));
    for (const item of ['a', 'b']) resultOf(await create(bob, item));
    expect(refusalOf(await create(bob, 'c')).message).toMatch(/of this tenant/);
    resultOf(await create(carol, 'c'));
  });

  test('are not bounded without limits (control)', async () => {
    const { upstream, process } = stage();
    const { create } = process(false);
    for (const item of ['a', 'b', 'c', 'd', 'e', 'f']) resultOf(await create(alice, item));
    expect(upstream.effects).toHaveLength(6);
  });

  test('count in every new process, and in running processes within a minute', async () => {
    const { clock, process } = stage();
    const [first, running] = [process(), process()];
    resultOf(await running.create(alice, 'a'));
    for (const item of ['b', 'c']) resultOf(await first.create(alice, item));
    await first.quota.close();
    await running.quota.close();
    expect(refusalOf(await process().create(alice, 'd')).code).toBe('too_many_records');
    await clock.advance(60_001);
    // The count is read beside this call, and is known to the next.
    await running.quota.full(alice);
    await clock.advance(0);
    expect(refusalOf(await running.create(alice, 'd')).code).toBe('too_many_records');
  });

  test('no longer count after their retention', async () => {
    const { clock, process } = stage();
    const { create, quota } = process();
    for (const item of ['a', 'b', 'c']) resultOf(await create(alice, item));
    await quota.close();
    clock.jumpWall(retentionMs - 86_400_000);
    expect(refusalOf(await process().create(alice, 'd')).code).toBe('too_many_records');
    clock.jumpWall(2 * 86_400_000);
    resultOf(await process().create(alice, 'd'));
  });

  test('are refused only where they cannot be read, even if their count cannot be read either', async () => {
    const { upstream, process } = stage();
    const sealing = process(true, codecWith('lost'));
    resultOf(await sealing.create(alice, 'a'));
    await sealing.quota.close();
    const { create, quota } = process(true, codecWith('new'));
    expect(refusalOf(await create(alice, 'a')).code).toBe('record_unreadable');
    for (const item of ['b', 'c', 'd']) resultOf(await create(alice, item));
    expect(refusalOf(await create(alice, 'e')).code).toBe('too_many_records');
    await quota.close();
    expect(upstream.effects).toHaveLength(4);
  });
});
