import { expect, test } from 'vitest';
import { type InUse, replaceTools } from '../../src/app/replace-tools.ts';
import { systemClock } from '../../src/core/clock.ts';
import { tracked } from '../../src/core/promises.ts';
import { createCatalog, ReplaceableCatalog } from '../../src/core/tool/catalog.ts';
import { ClientPool } from '../../src/core/tool/client-pool.ts';
import { defineClient, z } from '../../src/index.ts';
import { settleDown } from '../support/manual-clock.ts';
import { createThing } from '../support/tools.ts';
import { Upstream } from '../support/upstream.ts';

/** A tool whose client counts how often it was opened and closed, and a catalog to take it away from. */
function stage() {
  const upstream = new Upstream();
  const seen = { opened: 0, closed: 0 };
  const client = defineClient({
    name: 'counted',
    env: z.object({}),
    open: () => {
      seen.opened += 1;
      return upstream;
    },
    close: () => {
      seen.closed += 1;
    },
    upstream: () => ({ origin: 'test', mode: 'test', account: 'a' }),
    keyMemory: '24h',
  });
  const tools = [createThing(upstream, 'resend', { client })];
  const clients = new ClientPool({});
  const catalog = new ReplaceableCatalog(createCatalog(tools));
  const answering = new Set<Promise<unknown>>();
  const settled = () => Promise.all(answering);
  const inUse: InUse = { catalog, clients, leaving: new Map(), clock: systemClock, settled };
  /** A call that uses the client until it is told to end. */
  const begin = async (): Promise<() => void> => {
    let end = (): void => {};
    void tracked(answering, new Promise<void>((resolve) => (end = resolve)));
    await clients.open(client);
    return end;
  };
  const serve = (served: typeof tools) => replaceTools(Promise.resolve(createCatalog(served)), inUse, () => {});
  return { seen, begin, add: () => serve(tools), remove: () => serve([]) };
}

test('replacing tools closes a client that returned and left again only after the calls that began in between', async () => {
  const { seen, begin, add, remove } = stage();
  const endFirst = await begin();
  await remove();
  await add();
  const endSecond = await begin();
  await remove();
  endFirst();
  await settleDown();
  expect(seen).toEqual({ opened: 1, closed: 0 });
  endSecond();
  await expect.poll(() => seen).toEqual({ opened: 1, closed: 1 });
});

test('replacing tools keeps a client open that returned', async () => {
  const { seen, begin, add, remove } = stage();
  const end = await begin();
  await remove();
  await add();
  end();
  await settleDown();
  expect(seen).toEqual({ opened: 1, closed: 0 });
});
