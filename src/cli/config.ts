import { clientEnvironment, features, sections } from '../app.ts';
import { exitCodes, warner } from '../command/cli.ts';
import type { ConfigOptions, Program } from '../command/program.ts';
import { shownConfig } from '../config/config.ts';
import { configJsonSchema } from '../config/schema.ts';
import { durationOf } from '../core/duration.ts';
import { isSharedStore } from '../core/ledger/stores/open.ts';
import {
  type ClientState,
  clientStates,
  clientWarnings,
  destinationLines,
  hasWrongClient,
} from '../core/tool/client-state.ts';
import { shownClientVariables } from './sandbox.ts';

/**
 * Prints the effective configuration with its tools and clients. Opens no store and sends no request.
 * @returns 1 when a client's variables are set and not valid.
 */
export async function runConfigCheck(program: Program, options: ConfigOptions): Promise<number> {
  const { cli } = program;
  const config = await program.config(options, 'network');
  if (isSharedStore(config.store)) (await import('../core/ledger/stores/redis-url.ts')).parseRedisUrl(config.store);
  const warn = warner(cli);
  const catalog = await program.catalog(config);
  const { tools, hidden } = catalog;
  for (const feature of features) {
    for (const message of (await feature.check?.(config, catalog, cli.environment)) ?? []) warn(message);
  }
  const served = tools.map(({ name, effect, match, windowMs, recovery }) =>
    effect === 'read' ? { name, effect } : { name, effect, match, window: durationOf(windowMs), recovery },
  );
  const variables = await shownClientVariables(cli.environment, config);
  const states = clientStates([...tools, ...hidden], clientEnvironment(variables));
  const clients = Object.fromEntries(states.map((each) => [each.name, stateText(each)]));
  const credentials = destinationLines([...tools, ...hidden]);
  cli.print(JSON.stringify({ ...shownConfig(config, sections), served, clients, credentials }, null, 2));
  for (const message of clientWarnings(states)) warn(message);
  return hasWrongClient(states) ? exitCodes.failure : exitCodes.ok;
}

/** Prints the JSON Schema of the configuration file. */
export async function runConfigSchema({ cli }: Program): Promise<number> {
  cli.print(JSON.stringify(await configJsonSchema(sections), null, 2));
  return exitCodes.ok;
}

/** Describes where a client's effects happen, or which variables it lacks. */
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
