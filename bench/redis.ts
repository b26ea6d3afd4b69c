import { randomUUID } from 'node:crypto';
import { openRedisStore } from '../src/core/ledger/stores/redis.ts';
import { claimAndSettle, ledgerOver, orderRequests, recordBytes, replay } from './support/engine.ts';
import { alternate, type Block, block, ratioOf, typical } from './support/measure.ts';
import { bareClient, removeKeys } from './support/redis-server.ts';
import { type BenchContext, microseconds, rate } from './support/report.ts';

const levels = [
  { concurrency: 1, calls: 400, atMost: 1.2 },
  { concurrency: 64, calls: 2_560, atMost: 1.2 },
  { concurrency: 256, calls: 5_120, atMost: 1.3 },
];

const retentionMs = 7 * 86_400_000;

/** Measures claim and settle against two bare SETs of the same bytes, and a replay against one bare GET. */
export async function run({ quick, redisUrl, report }: BenchContext): Promise<void> {
  const prefix = `bench-${randomUUID()}`;
  const store = openRedisStore(redisUrl, { namespace: prefix });
  const client = await bareClient(redisUrl);
  const ledger = ledgerOver(store);
  const nextRequest = await orderRequests(ledger);
  const bytes = await recordBytes(ledger, nextRequest());
  report.note(`a record has ${bytes.claimed.length} bytes when claimed, ${bytes.settled.length} when settled`);
  const rounds = quick ? 8 : 20;
  for (const { concurrency, calls, atMost } of levels) {
    const {
      ours,
      store: primitives,
      bare,
    } = await alternate(rounds, {
      ours: () => block(concurrency, calls, () => claimAndSettle(ledger, nextRequest())),
      store: () =>
        block(concurrency, calls, async () => {
          const key = randomUUID();
          await store.putIfAbsent(key, bytes.claimed, retentionMs);
          await store.compareAndSet(key, bytes.claimed, bytes.settled, retentionMs, { wake: true });
        }),
      bare: () =>
        block(concurrency, calls, async () => {
          const key = `${prefix}::${randomUUID()}`;
          await client.sendCommand(['SET', key, bytes.claimed]);
          await client.sendCommand(['SET', key, bytes.settled]);
        }),
    });
    const name = `claim + settle / two SETs, ${concurrency} at once`;
    const below = [
      raw('claim + settle', ours),
      raw('SET, SET', bare),
      share('the two primitives alone', primitives, bare),
    ];
    report.ratio(name, ratioOf(ours, bare), below, { atMost });
    await removeKeys(client, prefix);
  }

  const kept = Array.from({ length: 256 }, nextRequest);
  for (const request of kept) await claimAndSettle(ledger, request);
  for (const { concurrency, calls } of levels) {
    let turn = 0;
    const next = () => kept[turn++ % kept.length] ?? nextRequest();
    const {
      ours,
      store: primitive,
      bare,
    } = await alternate(rounds, {
      ours: () => block(concurrency, calls, () => replay(ledger, next())),
      store: () => block(concurrency, calls, () => store.putIfAbsent(next().key, bytes.claimed, retentionMs)),
      bare: () => block(concurrency, calls, () => client.sendCommand(['GET', `${prefix}::${next().key}`])),
    });
    const name = `replay / one GET, ${concurrency} at once`;
    const target = concurrency === 1 ? { atMost: 1.2 } : {};
    const below = [raw('replay', ours), raw('GET', bare), share('the primitive alone', primitive, bare)];
    report.ratio(name, ratioOf(ours, bare), below, target);
  }
  await removeKeys(client, prefix);
  client.destroy();
  await store.close();
}

function share(name: string, blocks: readonly Block[], bare: readonly Block[]): string {
  return `${raw(name, blocks)}, ${ratioOf(blocks, bare).median.toFixed(2)} x`;
}

function raw(name: string, blocks: readonly Block[]): string {
  return `${name}: p50 ${microseconds(typical(blocks, 'p50Us'))}, ${rate(typical(blocks, 'perSecond'))}`;
}
