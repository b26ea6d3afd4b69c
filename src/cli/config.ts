import { loadCatalog } from '../app/catalog.ts';
import { clientEnvironment } from '../app.ts';
import { isSharedStore, shownConfig } from '../config/config.ts';
import { configJsonSchema } from '../config/schema.ts';
import { type ClientState, clientStates, clientWarnings, isWrong } from '../core/tool/client-state.ts';
import { accessWarnings, addressOf, isOpenDoor, refusedAddress } from '../http/access/check.ts';
import { createToken } from '../http/access/static-tokens.ts';
import { type Cli, type ConfigOptions, configOf, exitCodes, warner } from './cli.ts';
import { shownClientVariables } from './sandbox.ts';

/**
 * Prints what is in effect, tools and clients included. Opens no store and calls nobody.
 * @returns 1 when a client's variables are set and are not as they have to be.
 */
export async function runConfigCheck(cli: Cli, options: ConfigOptions): Promise<number> {
  const config = await configOf(cli, options, 'http');
  if (isSharedStore(config.store)) (await import('../core/ledger/stores/redis-url.ts')).parseRedisUrl(config.store);
  const warn = warner(cli);
  const catalog = await loadCatalog(config, warn);
  const { tools, hidden } = catalog;
  // Throws for what `serve --http` could not start with.
  if (!isOpenDoor(config)) (await import('../http/access/config.ts')).accessSettings(config.access, cli.environment);
  const refused = refusedAddress(config, addressOf(config.http.listen).host);
  if (refused !== undefined) warn(`http.listen: ${refused}`);
  for (const message of accessWarnings(config, catalog)) warn(message);
  const served = tools.map(({ name, effect, match, windowMs, recovery }) =>
    effect === 'read' ? { name, effect } : { name, effect, match, windowMs, recovery },
  );
  const states = clientStates(
    [...tools, ...hidden],
    clientEnvironment(await shownClientVariables(cli.environment, config)),
  );
  const clients = Object.fromEntries(states.map((each) => [each.name, stateText(each)]));
  cli.print(JSON.stringify({ ...shownConfig(config), served, clients }, null, 2));
  for (const message of clientWarnings(states)) warn(message);
  return isWrong(states) ? exitCodes.failure : exitCodes.ok;
}

/** Prints the JSON Schema of the configuration file. */
export async function runConfigSchema(cli: Cli): Promise<number> {
  cli.print(JSON.stringify(configJsonSchema(), null, 2));
  return exitCodes.ok;
}

/** Prints a new bearer token, and the hash of it that the configuration holds. Keeps nothing. */
export async function runConfigToken(cli: Cli): Promise<number> {
  const { token, hash } = createToken();
  cli.print(JSON.stringify({ token, hash }, null, 2));
  cli.tell('mcp-once: give the token to its user; put the hash into access.tokens, with tenant and subject.');
  return exitCodes.ok;
}

/** Where a client's effects happen, or what its variables lack. */
function stateText({ state }: ClientState): string {
  switch (state.type) {
    case 'configured':
      return `${state.upstream.mode} at ${state.upstream.origin}${state.unset.length === 0 ? '' : `; not set: ${state.unset.join(', ')}`}`;
    case 'unset':
      return `not configured: ${state.message}`;
    case 'wrong':
      return `wrong: ${state.message}`;
  }
}
