import { loadCatalog } from '../app.ts';
import { configJsonSchema } from '../config/schema.ts';
import { isSharedStore, shownConfig } from '../config.ts';
import { describeError } from '../errors.ts';
import type { Tool } from '../tool/types.ts';
import { type Cli, type ConfigOptions, configOf, exitCodes } from './cli.ts';

/** Prints what is in effect, tools and clients included. Opens no store and calls nobody. */
export async function runConfigCheck(cli: Cli, options: ConfigOptions): Promise<number> {
  const config = await configOf(cli, options);
  if (isSharedStore(config.store)) (await import('../ledger/stores/redis-url.ts')).parseRedisUrl(config.store);
  const { tools } = await loadCatalog(config);
  const served = tools.map(({ name, effect, match, windowMs, recovery }) =>
    effect === 'read' ? { name, effect } : { name, effect, match, windowMs, recovery },
  );
  const shown = { ...shownConfig(config), served, clients: clientsOf(cli, tools) };
  cli.print(JSON.stringify(shown, null, 2));
  return exitCodes.ok;
}

export async function runConfigSchema(cli: Cli): Promise<number> {
  cli.print(JSON.stringify(configJsonSchema(), null, 2));
  return exitCodes.ok;
}

/** Where each client's effects happen, or which variable it lacks. */
function clientsOf(cli: Cli, tools: readonly Tool[]): Record<string, string> {
  const clients = new Map(tools.flatMap(({ client }) => (client ? [[client.name, client] as const] : [])));
  const shown = [...clients].map(([name, client]) => {
    try {
      const { origin, mode } = client.configure(cli.environment).upstream;
      return [name, `${mode} at ${origin}`];
    } catch (error) {
      return [name, `not configured: ${describeError(error)}`];
    }
  });
  return Object.fromEntries(shown) as Record<string, string>;
}
