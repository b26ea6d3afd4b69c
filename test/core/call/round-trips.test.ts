import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openRedisStore } from '../../../src/core/ledger/stores/redis.ts';
import { openSqliteStore } from '../../../src/core/ledger/stores/sqlite.ts';
import type { Store } from '../../../src/core/ledger/stores/store.ts';
import { defineTool } from '../../../src/core/tool/define-tool.ts';
import type { Tool } from '../../../src/core/tool/types.ts';
import { resultOf, testEngine } from '../../support/engine.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { makeTemporaryFolder } from '../../support/temporary.ts';

function tool(name: string, input: z.ZodObject): Tool {
  return defineTool({
    ...{ name, title: name, description: name, effect: 'create', input, output: z.object({ id: z.string() }) },
    run: async (_, { step }) => step('send', async () => ({ id: 'ord_1' })),
  });
}

const customer = z.string().max(40);
const plain = tool('book_order', z.strictObject({ customer, amount: z.int() }));
const worded = tool('send_note', z.strictObject({ customer, memo: z.string() }));

/** Calls of a client, in their order: the same call again is a replay. */
const calls = {
  'a first call without free text': { tool: plain, args: { customer: 'a', amount: 1 } },
  'its replay': { tool: plain, args: { customer: 'a', amount: 1 } },
  'a first call with free text': { tool: worded, args: { customer: 'a', memo: 'Two tickets for the opera' } },
  'its replay, with free text': { tool: worded, args: { customer: 'a', memo: 'Two tickets for the opera' } },
  'a call with another text': { tool: worded, args: { customer: 'a', memo: 'Please repair window 7 of the office' } },
} as const;

/** Runs the calls one after the other, and returns what `spent` says about each. */
async function spentByCall<T>(store: Store, spent: () => T): Promise<Record<string, T>> {
  const { call } = testEngine({ tools: [plain, worded], store });
  // The very first calls connect, and send the source of scripts.
  for (const each of [plain, worded]) {
    await call(each.name, { customer: 'warm-up', ...(each === plain ? { amount: 1 } : { memo: 'Good morning' }) });
  }
  spent();
  const counts: Record<string, T> = {};
  for (const [name, { tool: called, args }] of Object.entries(calls)) {
    expect(resultOf(await call(called.name, args)).replayed).toBe(name.includes('replay'));
    counts[name] = spent();
  }
  return counts;
}

describe('a call over SQLite', () => {
  const folder = makeTemporaryFolder();
  afterAll(folder.remove);

  test('commits twice, once more with free text, and not at all for a replay', async () => {
    const store = await openSqliteStore({ path: `${folder.path}/ledger.sqlite` });
    let [commits, reads] = [0, 0];
    const noted = async <T>(answer: Promise<T>, isWrite: (value: T) => boolean): Promise<T> => {
      if (isWrite(await answer)) commits += 1;
      else reads += 1;
      return answer;
    };
    const counting: Store = {
      kind: store.kind,
      shared: store.shared,
      keyv: store.keyv,
      putIfAbsent: (...given) => noted(store.putIfAbsent(...given), (present) => present === undefined),
      compareAndSet: (...given) => noted(store.compareAndSet(...given), (isReplaced) => isReplaced),
      get: (key) => noted(store.get(key), () => false),
      delete: (...given) => noted(store.delete(...given), (isDeleted) => isDeleted),
      scan: () => store.scan(),
      sweep: () => store.sweep(),
      watch: (...given) => store.watch(...given),
      close: () => store.close(),
    };
    const spent = () => {
      const counts = { commits, reads };
      [commits, reads] = [0, 0];
      return counts;
    };
    expect(await spentByCall(counting, spent)).toEqual({
      'a first call without free text': { commits: 2, reads: 0 },
      'its replay': { commits: 0, reads: 1 },
      'a first call with free text': { commits: 3, reads: 0 },
      'its replay, with free text': { commits: 0, reads: 1 },
      'a call with another text': { commits: 3, reads: 1 },
    });
    await store.close();
  });
});

describe('a call over Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  test('takes two round trips, one more with free text, and one for a replay', async () => {
    const store = openRedisStore(redis.url, { namespace: 'round-trips' });
    const { client } = store.keyv.store as { client: SendingClient };
    const send = client.sendCommand.bind(client);
    let [commands, roundTrips, underWay] = [0, 0, 0];
    client.sendCommand = async (args, options) => {
      commands += 1;
      // Commands that are sent together wait for the network once.
      if (underWay === 0) roundTrips += 1;
      underWay += 1;
      try {
        return await send(args, options);
      } finally {
        underWay -= 1;
      }
    };
    const spent = () => {
      const counts = { roundTrips, commands };
      [commands, roundTrips] = [0, 0];
      return counts;
    };
    expect(await spentByCall(store, spent)).toEqual({
      'a first call without free text': { roundTrips: 2, commands: 2 },
      'its replay': { roundTrips: 1, commands: 1 },
      'a first call with free text': { roundTrips: 3, commands: 4 },
      'its replay, with free text': { roundTrips: 1, commands: 2 },
      'a call with another text': { roundTrips: 3, commands: 4 },
    });
    await store.close();
  });
});

interface SendingClient {
  sendCommand(args: readonly unknown[], options?: unknown): Promise<unknown>;
}
