import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { detailsOf, stepKeyOf } from '../../../src/cli/ledger/ledger.ts';
import { McpOnceError } from '../../../src/core/errors.ts';
import type { Claim } from '../../../src/core/ledger/claim.ts';
import { Ledger } from '../../../src/core/ledger/ledger.ts';
import type { ClaimRequest } from '../../../src/core/ledger/new-record.ts';
import {
  type FoundOutcome,
  forgetOperation,
  fullKey,
  ledgerStats,
  listOperations,
  type Operator,
  resolveOperation,
  showOperation,
} from '../../../src/core/ledger/operator.ts';
import { encodeEntry, recordFormat } from '../../../src/core/ledger/record.ts';
import { encodeEnvelope } from '../../../src/core/ledger/stores/envelope.ts';
import { openStore } from '../../../src/core/ledger/stores/open.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const leaseMs = 10_000;
const settings = { leaseMs, unresolvedRetentionMs: 30 * 86_400_000 };
const failed = { state: 'failed' } as const;

/** One store, with an executing process and an operator. */
async function setUp(kind: 'memory' | 'sqlite') {
  const clock = new ManualClock();
  const folder = temporaryFolder();
  const now = () => clock.wallMs();
  const url = kind === 'memory' ? 'memory:' : `sqlite:${join(folder, 'ledger.sqlite')}`;
  const store = await openStore(url, { now });
  onTestFinished(() => store.close());
  const options = { store, clock, randomId: randomUUID, settings };
  const watched: number[] = [];
  const operator: Operator = {
    ledger: new Ledger(options),
    clock,
    randomId: randomUUID,
    unresolvedRetentionMs: settings.unresolvedRetentionMs,
    onWatch: (leftMs) => watched.push(leftMs),
  };
  return { clock, store, ledger: new Ledger(options), operator, watched };
}

test('a shortened key stands for one operation, and several are listed', async () => {
  const { ledger } = await setUp('memory');
  for (const key of ['abcd-1', 'abcd-2', 'abce-1']) await ledger.claim(request({ key }));
  expect(await fullKey(ledger, 'ABCE')).toBe('abce-1');
  expect(await fullKey(ledger, 'abcd-2')).toBe('abcd-2');
  expect(await fullKey(ledger, 'abc')).toBe('abc');
  await expect(fullKey(ledger, 'abcd')).rejects.toThrow(
    '2 operations begin with abcd: abcd-1 (create_thing, in_flight), abcd-2 (create_thing, in_flight).',
  );
});

function request(changes: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    key: randomUUID(),
    tool: 'create_thing',
    scope: { tenant: 'default', subject: 'local' },
    upstream: { origin: 'o', mode: 'test', account: 'a' },
    source: 'identical',
    fingerprint: 'f',
    arguments: { item: 'x' },
    occurrence: 1,
    windowMs: 3_600_000,
    retentionMs: 7 * 86_400_000,
    supersedes: false,
    ...changes,
  };
}

async function claimOf(ledger: Ledger, asked: ClaimRequest): Promise<Claim> {
  const answer = await ledger.claim(asked);
  if (answer.type !== 'claimed') throw new Error(`not claimed: ${answer.type}`);
  return answer.claim;
}

function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof McpOnceError ? error.code : String(error)),
  );
}

function unknown(clock: ManualClock) {
  return { state: 'unknown', settledAt: clock.wallMs(), message: 'the answer was lost' } as const;
}

const step = (name: string, effect = true) => ({ name, attempt: 1, effect, result: { id: name } });

describe.each(['memory', 'sqlite'] as const)('on %s', (kind) => {
  describe('resolve', () => {
    test('gives an unknown outcome the found result, which the call then replays', async () => {
      const { clock, ledger, operator } = await setUp(kind);
      const asked = request();
      await (await claimOf(ledger, asked)).settle(unknown(clock), [], true);
      await resolveOperation(operator, asked.key, { state: 'succeeded', result: { id: 'in_1' } });
      const answer = await ledger.claim(asked);
      expect(answer).toMatchObject({ type: 'replay', held: { record: { status: { result: { id: 'in_1' } } } } });
    });

    test('notes that the result is not known if the operator gives none', async () => {
      const { clock, ledger, operator } = await setUp(kind);
      const asked = request();
      await (await claimOf(ledger, asked)).settle(unknown(clock), [], true);
      const { status } = await resolveOperation(operator, asked.key, { state: 'succeeded' });
      expect(status).toMatchObject({ state: 'succeeded', stub: { reason: 'resolved' } });
    });

    test('lets the same call run again as the next attempt after failed', async () => {
      const { clock, ledger, operator } = await setUp(kind);
      const asked = request();
      await (await claimOf(ledger, asked)).settle(unknown(clock), [], true);
      await resolveOperation(operator, asked.key, { ...failed, message: 'not in the books' });
      expect((await showOperation(ledger, asked.key)).record.status).toMatchObject({
        state: 'failed',
        dispatched: true,
        message: 'not in the books',
      });
      expect((await claimOf(ledger, asked)).record.attempt).toBe(2);
    });

    test('makes failed incomplete after steps with effects, and the next call continues after them', async () => {
      const { clock, ledger, operator } = await setUp(kind);
      const asked = request();
      const steps = [step('customer'), step('rate', false)];
      await (await claimOf(ledger, asked)).settle(unknown(clock), steps, true);
      expect((await resolveOperation(operator, asked.key, failed)).status.state).toBe('incomplete');
      expect(await codeOf(resolveOperation(operator, asked.key, failed))).toBe('invalid_input');
      const claim = await claimOf(ledger, asked);
      expect(claim.record).toMatchObject({ attempt: 2, steps });
    });

    test('lets the whole operation run again after failed with its steps undone', async () => {
      const { clock, ledger, operator } = await setUp(kind);
      const asked = request();
      await (await claimOf(ledger, asked)).settle(unknown(clock), [step('customer')], true);
      await resolveOperation(operator, asked.key, { ...failed, undone: true });
      expect((await claimOf(ledger, asked)).record.steps).toEqual([]);
    });

    test('fences a late owner, whose outcome is not stored', async () => {
      const { clock, ledger, operator } = await setUp(kind);
      const asked = request();
      const late = await claimOf(ledger, asked);
      await late.settle(unknown(clock), [], true);
      await resolveOperation(operator, asked.key, failed);
      const settled = { state: 'succeeded', settledAt: clock.wallMs(), result: {} } as const;
      expect(await late.settle(settled, [], false)).toBe(false);
      expect((await showOperation(ledger, asked.key)).record.status.state).toBe('failed');
    });

    test('wakes callers that wait for the operation', async () => {
      const { clock, ledger, store, operator } = await setUp(kind);
      const asked = request();
      await (await claimOf(ledger, asked)).settle(unknown(clock), [], true);
      let unwatch = (): void => {};
      const woken = new Promise<void>((resolve) => {
        void store.watch(asked.key, resolve).then(async (end) => {
          unwatch = end;
          await resolveOperation(operator, asked.key, failed);
        });
      });
      await woken;
      unwatch();
    });

    test('refuses an operation as soon as its owner renews the lease', async () => {
      const { clock, ledger, operator, watched } = await setUp(kind);
      const asked = request();
      const claim = await claimOf(ledger, asked);
      const code = codeOf(resolveOperation(operator, asked.key, failed));
      await untilWatching(watched);
      await claim.renew();
      await untilSettled(clock, code, leaseMs / 3);
      expect(await code).toBe('operation_alive');
      expect(claim.lost).toBe(false);
    });

    test('fences an owner that does not renew for a whole lease', async () => {
      const { clock, ledger, operator, watched } = await setUp(kind);
      const asked = request();
      const claim = await claimOf(ledger, asked);
      const startedMs = clock.monotonicMs();
      const resolving = resolveOperation(operator, asked.key, failed);
      await untilWatching(watched);
      await untilSettled(clock, resolving, leaseMs / 3);
      expect((await resolving).status.state).toBe('failed');
      expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(leaseMs);
      expect(watched[0]).toBe(leaseMs);
      expect(await claim.renew()).toBe(false);
    });

    test.each<[string, FoundOutcome]>([
      ['succeeded', { state: 'succeeded', result: {} }],
      ['failed', { state: 'failed' }],
    ])('refuses an operation that has %s', async (state, found) => {
      const { clock, ledger, operator } = await setUp(kind);
      const asked = request();
      const settledAt = clock.wallMs();
      const status =
        state === 'succeeded'
          ? ({ state: 'succeeded', settledAt, result: {} } as const)
          : ({ state: 'failed', settledAt, message: 'no', dispatched: true } as const);
      await (await claimOf(ledger, asked)).settle(status, [], false);
      expect(await codeOf(resolveOperation(operator, asked.key, found))).toBe('invalid_input');
    });

    test('lets one of two operators resolve', async () => {
      const { clock, ledger, operator } = await setUp(kind);
      const asked = request();
      await (await claimOf(ledger, asked)).settle(unknown(clock), [], true);
      const resolve = () => codeOf(resolveOperation(operator, asked.key, failed));
      const codes = await Promise.all([resolve(), resolve()]);
      expect(codes.filter((code) => code === 'nothing was thrown')).toHaveLength(1);
    });

    test('reports an operation that does not exist', async () => {
      const { operator } = await setUp(kind);
      expect(await codeOf(resolveOperation(operator, randomUUID(), failed))).toBe('operation_not_found');
    });
  });

  describe('forget', () => {
    test('lets the same call execute again as the next generation with new upstream keys', async () => {
      const { clock, ledger, operator } = await setUp(kind);
      const asked = request();
      await (await claimOf(ledger, asked)).settle(unknown(clock), [], true);
      expect(await forgetOperation(operator, asked.key)).toMatchObject({ key: asked.key });
      expect((await claimOf(ledger, asked)).record).toMatchObject({ generation: 2, attempt: 1 });
    });

    test('deletes all values of the operation, and no longer lists it', async () => {
      const { clock, ledger, operator } = await setUp(kind);
      const asked = request();
      await (await claimOf(ledger, asked)).settle(unknown(clock), [], true);
      await forgetOperation(operator, asked.key);
      expect((await ledger.read(asked.key))?.record).toMatchObject({ arguments: {}, steps: [], forgotten: true });
      expect(await listOperations(ledger, { limit: 10 })).toEqual([]);
      expect(await codeOf(forgetOperation(operator, asked.key))).toBe('operation_not_found');
    });

    test('refuses an operation that is being executed', async () => {
      const { clock, ledger, operator, watched } = await setUp(kind);
      const asked = request();
      const claim = await claimOf(ledger, asked);
      const code = codeOf(forgetOperation(operator, asked.key));
      await untilWatching(watched);
      await claim.renew();
      await untilSettled(clock, code, leaseMs / 3);
      expect(await code).toBe('operation_alive');
      expect(await ledger.read(asked.key)).toBeDefined();
    });

    test('deletes an unreadable entry only by force', async () => {
      const { store, operator } = await setUp(kind);
      await store.putIfAbsent('broken', encodeEnvelope({ v: 99, kind: 'operation' }), 60_000);
      expect(await codeOf(forgetOperation(operator, 'broken'))).toBe('record_unreadable');
      expect(await forgetOperation(operator, 'broken', true)).toBeUndefined();
      expect(await store.get('broken')).toBeUndefined();
    });

    test('keeps entries that are not operations', async () => {
      const { store, operator } = await setUp(kind);
      await store.putIfAbsent('alias', alias('alias', 'of'), 60_000);
      expect(await codeOf(forgetOperation(operator, 'alias'))).toBe('operation_not_found');
      expect(await codeOf(forgetOperation(operator, 'nowhere'))).toBe('operation_not_found');
      expect(await store.get('alias')).toBeDefined();
    });
  });

  describe('list and stats', () => {
    test('show only operations and unreadable entries', async () => {
      const { clock, ledger, store } = await setUp(kind);
      const first = request({ tool: 'a' });
      const second = request({ tool: 'b' });
      await (await claimOf(ledger, first)).settle(unknown(clock), [], true);
      await clock.advance(1_000);
      await claimOf(ledger, second);
      await store.putIfAbsent('alias', alias('alias', first.key), 60_000);
      const secret = encodeEntry({ v: recordFormat, kind: 'secret', secret: 's'.repeat(32) });
      await store.putIfAbsent('repeat-secret', secret, Infinity);
      await store.putIfAbsent('broken', encodeEnvelope({ v: 99, kind: 'operation' }), 60_000);

      const keys = async (filter: Partial<Parameters<typeof listOperations>[1]>) =>
        (await listOperations(ledger, { limit: 10, ...filter })).map((each) =>
          each.type === 'operation' ? each.record.key : each.key,
        );
      expect(await keys({})).toEqual(['broken', second.key, first.key]);
      expect(await keys({ limit: 2 })).toEqual(['broken', second.key]);
      expect(await keys({ state: 'unknown' })).toEqual([first.key]);
      expect(await keys({ state: 'in_flight' })).toEqual([second.key]);
      expect(await keys({ state: 'unreadable' })).toEqual(['broken']);
      expect(await keys({ tool: 'b' })).toEqual([second.key]);
      expect(await ledgerStats(ledger)).toMatchObject({
        operations: 2,
        unreadable: 1,
        byState: { unknown: 1, in_flight: 1, succeeded: 0 },
        byTool: { a: 1, b: 1 },
        oldestUnknownAt: clock.wallMs() - 1_000,
      });
    });
  });
});

test('listOperations returns the newest of many operations', async () => {
  const { clock, ledger } = await setUp('memory');
  const keys: string[] = [];
  for (let count = 0; count < 1_500; count += 1) {
    clock.jumpWall(1);
    const asked = request();
    keys.unshift(asked.key);
    await claimOf(ledger, asked);
  }
  const listed = await listOperations(ledger, { limit: 3 });
  expect(listed.map((each) => each.type === 'operation' && each.record.key)).toEqual(keys.slice(0, 3));
});

function alias(key: string, of: string): string {
  return encodeEntry({ v: recordFormat, kind: 'alias', key, of });
}

/** SQLite takes real time, which the manual clock does not control. */
async function untilWatching(watched: readonly number[]): Promise<void> {
  while (watched.length === 0) await new Promise((resolve) => setImmediate(resolve));
}

/** Advances the clock until the work has ended. */
async function untilSettled(clock: ManualClock, work: Promise<unknown>, stepMs: number): Promise<void> {
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  work.then(end, end);
  while (!ended) await clock.advance(stepMs);
}

test('stepKeyOf returns the upstream key of the attempt that sent a step, also during a later attempt', async () => {
  const { clock, ledger } = await setUp('memory');
  const asked = request();
  const incomplete = { state: 'incomplete', settledAt: clock.wallMs(), message: 'the card was refused' } as const;
  const first = await claimOf(ledger, asked);
  const sent = stepKeyOf(first.record, 'customer').stepKey;
  await first.settle(incomplete, [step('customer')], false);
  const { record } = await claimOf(ledger, asked);
  expect(record.attempt).toBe(2);
  expect(detailsOf(record, false)).toMatchObject({ steps: [{ name: 'customer', upstreamKey: sent }] });
  expect(stepKeyOf(record, 'customer')).toEqual({ stepKey: sent });
  expect(stepKeyOf(record, 'invoice').stepKey).not.toBe(stepKeyOf(first.record, 'invoice').stepKey);
  expect(stepKeyOf(record, undefined)).toEqual({});
});
