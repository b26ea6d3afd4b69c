import { randomUUID } from 'node:crypto';
import { openRedisStore } from '../src/core/ledger/stores/redis.ts';
import type { Store } from '../src/core/ledger/stores/store.ts';
import { callOrder, engineOver, ledgerOver } from './support/engine.ts';
import { orderArguments } from './support/orders.ts';
import { type BareClient, bareClient, removeKeys } from './support/redis-server.ts';
import type { BenchContext } from './support/report.ts';

const calls = 100;

/** Counts the commands of a call through the engine, at the client and at the server. */
export async function run({ redisUrl, report }: BenchContext): Promise<void> {
  const prefix = `bench-${randomUUID()}`;
  const store = openRedisStore(redisUrl, { namespace: prefix });
  const engine = engineOver(ledgerOver(store));
  const observer = await bareClient(redisUrl);
  const all = Array.from({ length: calls }, orderArguments);
  // The very first call connects and sends the script's source.
  await callOrder(engine, orderArguments(), 'executed');
  const sent = countCommands(store);
  for (const expected of ['executed', 'replayed'] as const) {
    sent.clear();
    const before = await commandStats(observer);
    for (const args of all) await callOrder(engine, args, expected);
    const after = await commandStats(observer);
    // The tool has free text, so that a first call also joins its family.
    const target = { atMost: expected === 'executed' ? 3 : 1 };
    const what = expected === 'executed' ? 'a first call of one step, with free text' : 'its replay';
    report.value(`waits for Redis of ${what}`, sent.waits / calls, 'round trips', target);
    report.note(`commands at the client, of ${calls} calls: ${shown(sent.counts)}`);
    report.note(`at the server, those inside scripts included: ${shown(difference(before, after))}`);
  }
  await removeKeys(observer, prefix);
  observer.destroy();
  await store.close();
}

/** Counts the commands of the ledger's client from now on. */
function countCommands(store: Store) {
  const { client } = store.keyv.store as { client: BareClient };
  const send = client.sendCommand.bind(client);
  const sent = {
    /** The commands, by name. */
    counts: new Map<string, number>(),
    /** How often the client waited: commands that are sent together wait for the network once. */
    waits: 0,
    clear: (): void => {
      sent.counts.clear();
      sent.waits = 0;
    },
  };
  let underWay = 0;
  client.sendCommand = async (args, options) => {
    const name = String(args[0]);
    sent.counts.set(name, (sent.counts.get(name) ?? 0) + 1);
    if (underWay === 0) sent.waits += 1;
    underWay += 1;
    try {
      return await send(args, options);
    } finally {
      underWay -= 1;
    }
  };
  return sent;
}

async function commandStats(client: BareClient): Promise<Map<string, number>> {
  const text = String(await client.sendCommand(['INFO', 'commandstats']));
  const lines = text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  return new Map([...lines].map(([, name = '', count]) => [name.toUpperCase(), Number(count)]));
}

function difference(before: Map<string, number>, after: Map<string, number>): Map<string, number> {
  const changed = [...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
  return new Map(changed.filter(([name, count]) => count > 0 && name !== 'INFO'));
}

function shown(counts: Map<string, number>): string {
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}
