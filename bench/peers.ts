import { randomUUID } from 'node:crypto';
import { openRedisStore } from '../src/core/ledger/stores/redis.ts';
import { importCompat } from './support/compat.ts';
import {
  callOrder,
  claimAndSettle,
  engineOver,
  ledgerOver,
  orderRequests,
  recordBytes,
  replay,
} from './support/engine.ts';
import { alternate, type Block, block, ratioOf, typical } from './support/measure.ts';
import { orderArguments, orderResult } from './support/orders.ts';
import { bareClient, removeKeys } from './support/redis-server.ts';
import { type BenchContext, microseconds, type Report, rate } from './support/report.ts';

type Order = ReturnType<typeof orderArguments>;
/** One library. A second call with the same arguments is a replay. */
type Peer = (order: Order) => Promise<unknown>;
type Blocks = Record<string, Block[]>;

/** Measures a whole call, including hashing and key, against two libraries on the same Redis. */
export async function run({ quick, redisUrl, report }: BenchContext): Promise<void> {
  const prefix = `bench-${randomUUID()}`;
  const store = openRedisStore(redisUrl, { namespace: prefix });
  const client = await bareClient(redisUrl);
  const ledger = ledgerOver(store);
  const engine = engineOver(ledger);
  const nextRequest = await orderRequests(ledger);
  const bytes = await recordBytes(ledger, nextRequest());
  const powertools = await powertoolsPeer(client, prefix);
  const { call: nodeIdempotency, close } = await nodeIdempotencyPeer(redisUrl, prefix);
  report.note('engine: handleCall of a one-step tool; ledger: claim + settle of a prepared call; peers: their own');
  report.note(
    'hash of the arguments, record and a function that answers the same 1 KB. Floor: the bytes of our records',
  );

  const first = (concurrency: number, calls: number) => ({
    floor: () =>
      block(concurrency, calls, async () => {
        const key = `${prefix}::${randomUUID()}`;
        await client.sendCommand(['SET', key, bytes.claimed]);
        await client.sendCommand(['SET', key, bytes.settled]);
      }),
    engine: () => block(concurrency, calls, () => callOrder(engine, orderArguments(), 'executed')),
    ledger: () => block(concurrency, calls, () => claimAndSettle(ledger, nextRequest())),
    powertools: () => block(concurrency, calls, () => powertools(orderArguments())),
    'node-idempotency': () => block(concurrency, calls, () => nodeIdempotency(orderArguments())),
  });
  const rounds = quick ? 6 : 16;
  ratios(report, 'a first call / two SETs', await alternate(rounds, first(1, 300)));

  const orders = Array.from({ length: 64 }, orderArguments);
  const requests = orders.map(nextRequest);
  for (const order of orders) await Promise.all([powertools(order), nodeIdempotency(order)]);
  for (const order of orders) await callOrder(engine, order, 'executed');
  for (const request of requests) await claimAndSettle(ledger, request);
  let turn = 0;
  const any = <T>(all: readonly T[]): T => all[turn++ % all.length] as T;
  const replays = await alternate(rounds, {
    floor: () => block(1, 500, () => client.sendCommand(['GET', `${prefix}::${any(requests).key}`])),
    engine: () => block(1, 500, () => callOrder(engine, any(orders), 'replayed')),
    ledger: () => block(1, 500, () => replay(ledger, any(requests))),
    powertools: () => block(1, 500, () => powertools(any(orders))),
    'node-idempotency': () => block(1, 500, () => nodeIdempotency(any(orders))),
  });
  ratios(report, 'a replay / one GET', replays);

  const at64 = await alternate(rounds, first(64, 1_280));
  for (const [name, blocks] of Object.entries(at64)) {
    report.note(`first calls at 64 at once, ${name}: ${rate(typical(blocks, 'perSecond'))}`);
  }
  for (const peer of ['powertools', 'node-idempotency'] as const) {
    for (const ours of ['ledger', 'engine'] as const) {
      const name = `first calls a second, 64 at once: ${ours} / ${peer}`;
      report.ratio(name, ratioOf(at64[ours], at64[peer], 'perSecond'), [], { atLeast: 2 });
    }
  }
  await close();
  await removeKeys(client, prefix);
  client.destroy();
  await store.close();
}

/** The parts of `@aws-lambda-powertools/idempotency` that are used here. */
interface Powertools {
  readonly IdempotencyConfig: new (options: object) => { registerLambdaContext(context: object): void };
  makeIdempotent(execute: Peer, options: object): Peer;
}

async function powertoolsPeer(client: Awaited<ReturnType<typeof bareClient>>, prefix: string): Promise<Peer> {
  const name = '@aws-lambda-powertools/idempotency';
  const { IdempotencyConfig, makeIdempotent } = await importCompat<Powertools>(name);
  const { CachePersistenceLayer } = await importCompat<
    Record<'CachePersistenceLayer', new (options: object) => object>
  >(`${name}/cache`);
  const persistenceStore = new CachePersistenceLayer({ client });
  const config = new IdempotencyConfig({});
  // Outside Lambda the library would print a warning for every call.
  config.registerLambdaContext({ getRemainingTimeInMillis: () => 30_000 });
  return makeIdempotent(async (_order: Order) => orderResult, { persistenceStore, config, keyPrefix: prefix });
}

interface IdempotencyOf {
  onRequest(request: object): Promise<{ readonly body: unknown } | undefined>;
  onResponse(request: object, response: { readonly body: unknown }): Promise<void>;
}

interface RedisStorage {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

async function nodeIdempotencyPeer(url: string, prefix: string) {
  const { Idempotency } =
    await importCompat<Record<'Idempotency', new (storage: RedisStorage, options: object) => IdempotencyOf>>(
      '@node-idempotency/core',
    );
  const { RedisStorageAdapter } = await importCompat<
    Record<'RedisStorageAdapter', new (options: { readonly url: string }) => RedisStorage>
  >('@node-idempotency/storage-adapter-redis');
  const storage = new RedisStorageAdapter({ url });
  await storage.connect();
  const idempotency = new Idempotency(storage, { cacheKeyPrefix: prefix });
  const call: Peer = async (order) => {
    // The caller chooses the key: the customer's id, unique to each order.
    const request = { headers: { 'Idempotency-Key': order.customer }, path: '/orders', method: 'POST', body: order };
    const known = await idempotency.onRequest(request);
    if (known !== undefined) return known.body;
    await idempotency.onResponse(request, { body: orderResult });
    return orderResult;
  };
  return { call, close: () => storage.disconnect() };
}

function ratios(report: Report, what: string, blocks: Blocks): void {
  const { floor = [] } = blocks;
  for (const [name, each] of Object.entries(blocks)) {
    if (name === 'floor') report.note(`floor: p50 ${microseconds(typical(each, 'p50Us'))}`);
    else report.ratio(`${what}: ${name}`, ratioOf(each, floor), [`p50 ${microseconds(typical(each, 'p50Us'))}`]);
  }
}
