import { checkConfiguredLedger, clientEnvironment, features, sections } from '../app.ts';
import { errorLine, exitCodes, warner } from '../command/cli.ts';
import type { ConfigOptions, NeededVariable, Program } from '../command/program.ts';
import { type Environment, shownConfig } from '../config/config.ts';
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
import { bundledToolsDir, loadTools } from '../core/tool/load.ts';
import type { Tool } from '../core/tool/types.ts';
import { shownClientVariables } from './sandbox.ts';

/**
 * Prints the effective configuration with its tools and clients. Opens the store and reads a record; sends no other request.
 * @returns 1 when the store cannot be used, or a client's variables are set and not valid.
 */
export async function runConfigCheck(program: Program, options: ConfigOptions): Promise<number> {
  const { cli } = program;
  const config = await program.config(options, 'network');
  if (isSharedStore(config.store)) (await import('../core/ledger/stores/redis-url.ts')).parseRedisUrl(config.store);
  const warn = warner(cli);
  // Printed before everything else: without a ledger nothing is executed.
  const lost = await checkConfiguredLedger(config).catch((error: unknown) => error);
  if (Array.isArray(lost)) for (const message of lost) warn(message);
  else cli.tell(errorLine(lost));
  const catalog = await program.catalog(config);
  const { tools, hidden } = catalog;
  for (const feature of features) {
    for (const message of (await feature.check?.(config, catalog, cli.environment)) ?? []) warn(message);
  }
  const served = tools.map(({ name, effect, class: toolClass, windowMs, recovery }) =>
    effect === 'read' ? { name, effect } : { name, effect, class: toolClass, window: durationOf(windowMs), recovery },
  );
  const variables = await shownClientVariables(cli.environment, config);
  const states = clientStates([...tools, ...hidden], clientEnvironment(variables));
  const clients = Object.fromEntries(states.map((each) => [each.name, stateText(each)]));
  const credentials = destinationLines([...tools, ...hidden]);
  const needed = await Promise.all(features.map((feature) => feature.variables?.(config) ?? []));
  const named = variableTexts([...needed.flat(), ...readVariables([...tools, ...hidden])], cli.environment);
  const shown = { ...shownConfig(config, sections), served, clients, variables: named, credentials };
  cli.print(JSON.stringify(shown, null, 2));
  for (const message of clientWarnings(states)) warn(message);
  for (const message of await unsetClients(states)) warn(message);
  return hasWrongClient(states) || !Array.isArray(lost) ? exitCodes.failure : exitCodes.ok;
}

/** Warns of clients without their variables, whose calls are refused. Does not warn of shipped clients, which may be unused. */
async function unsetClients(states: readonly ClientState[]): Promise<readonly string[]> {
  const shipped = new Set((await loadTools([bundledToolsDir])).map(({ client }) => client?.name));
  return states.flatMap(({ name, state, tools }) =>
    state.type === 'unset' && !shipped.has(name)
      ? [`${state.message} Until then its tools are refused: ${tools.join(', ')}.`]
      : [],
  );
}

/** Prints the JSON Schema of the configuration file. */
export async function runConfigSchema({ cli }: Program): Promise<number> {
  cli.print(JSON.stringify(await configJsonSchema(sections), null, 2));
  return exitCodes.ok;
}

/** Lists the variables that the tools' clients read. */
function readVariables(tools: readonly Tool[]): readonly NeededVariable[] {
  const clients = [...new Set(tools.flatMap(({ client }) => client ?? []))];
  return clients.flatMap(({ name: client, variables }) =>
    variables.map((name) => ({ name, neededBy: `the client ${client}` })),
  );
}

/** Says of each variable whether it is set, and what needs it. Never shows a value. */
function variableTexts(needed: readonly NeededVariable[], environment: Environment): Record<string, string> {
  const names = [...new Set(needed.map(({ name }) => name))].sort();
  return Object.fromEntries(
    names.map((name) => {
      const users = new Set(needed.filter((each) => each.name === name).map(({ neededBy }) => neededBy));
      return [name, `${environment[name] ? 'set' : 'not set'}; read by ${[...users].join(', ')}`];
    }),
  );
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
