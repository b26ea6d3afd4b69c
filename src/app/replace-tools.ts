import { type Clock, within } from '../core/clock.ts';
import { McpOnceError } from '../core/errors.ts';
import type { Catalog, ReplaceableCatalog } from '../core/tool/catalog.ts';
import type { ClientPool } from '../core/tool/client-pool.ts';
import type { Client } from '../core/tool/types.ts';

/** How long a reload may take to load the tools, in ms. */
const loadMs = 60_000;

/** The served tools, and what still uses them. */
export interface InUse {
  readonly catalog: ReplaceableCatalog;
  readonly clients: ClientPool;
  /** Clients that no served tool uses and that are not closed yet, each with the first catalog that lacks it. */
  readonly leaving: Map<Client, Catalog>;
  readonly clock: Clock;
  /** Resolves when every call that has begun by now, and everything that such calls execute, has ended. */
  settled(): Promise<unknown>;
}

/**
 * Replaces the served tools once all of the new ones are loaded. Closes the clients that no new tool uses when the calls
 * that have begun by then have ended.
 * @param ready called just before the replacement; it may still refuse by throwing.
 * @throws what loading or `ready` throws, McpOnceError `tool_invalid` after a time-out. Then nothing is replaced.
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
    // A client that came back and left again is in use by later calls: the reload that removed it last waits for those.
    const unused = [...leaving].filter(([, since]) => since === loaded).map(([client]) => client);
    for (const client of unused) leaving.delete(client);
    return clients.retire(unused);
  });
}

function clientsOf({ tools, hidden }: Catalog): ReadonlySet<Client> {
  return new Set([...tools, ...hidden].flatMap(({ client }) => client ?? []));
}
