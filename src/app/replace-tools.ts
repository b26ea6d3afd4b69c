import { type Clock, within } from '../core/clock.ts';
import { McpOnceError } from '../core/errors.ts';
import type { Catalog, ReplaceableCatalog } from '../core/tool/catalog.ts';
import type { ClientPool } from '../core/tool/client-pool.ts';
import type { Client } from '../core/tool/types.ts';

/** How long tools may take to be loaded while others are served, in ms. */
const loadMs = 60_000;

/** What goes on with the tools that are replaced. */
export interface InUse {
  readonly catalog: ReplaceableCatalog;
  readonly clients: ClientPool;
  /** The clients that no tool has any more and that are not closed yet, and the first catalog without each. */
  readonly leaving: Map<Client, Catalog>;
  readonly clock: Clock;
  /** Resolves when every call that has begun by now, and everything that such calls execute, has ended. */
  settled(): Promise<unknown>;
}

/**
 * Serves other tools as soon as all of them are loaded. Clients that none of them has are closed when whatever has begun
 * by then has ended.
 * @param ready told of them at the last moment at which they may still be refused.
 * @throws what loading throws, McpOnceError `tool_invalid` where it takes too long, what `ready` throws: nothing is replaced.
 */
export async function replaceTools(loading: Promise<Catalog>, inUse: InUse, ready: (loaded: Catalog) => void) {
  const { catalog, clients, leaving, clock } = inUse;
  const loaded = await within(clock, loading, loadMs, () => {
    throw new McpOnceError('tool_invalid', `Loading the tools took longer than ${loadMs / 1_000} s.`);
  });
  const { alteredTools } = await import('../server/tool-list.ts');
  const altered = await alteredTools(catalog.tools, loaded.tools);
  ready(loaded);
  const [before, after] = [clientsOf(catalog), clientsOf(loaded)];
  catalog.replace(loaded, altered);
  for (const client of after) leaving.delete(client);
  for (const client of before) if (!after.has(client)) leaving.set(client, loaded);
  void inUse.settled().then(() => {
    // One that came back and has left again is in use by what began in between: that is waited for by who took it away.
    const unused = [...leaving].filter(([, since]) => since === loaded).map(([client]) => client);
    for (const client of unused) leaving.delete(client);
    return clients.retire(unused);
  });
}

function clientsOf({ tools, hidden }: Catalog): ReadonlySet<Client> {
  return new Set([...tools, ...hidden].flatMap(({ client }) => client ?? []));
}
