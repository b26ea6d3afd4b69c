import type { NeededVariable } from '../command/program.ts';
import type { Config, Environment } from '../config/config.ts';
import { withoutOwnVariables } from './environment.ts';
import { mcpServersSection } from './sections.ts';
import { variablesOf } from './variables.ts';

/** Lists the variables that the entries of `mcpServers` need, except those of disabled servers. */
export function neededVariables(config: Config): readonly NeededVariable[] {
  const enabled = Object.entries(mcpServersSection.of(config)).filter(([, { disabled }]) => disabled !== true);
  return enabled.flatMap(([id, server]) =>
    variablesOf(server).map((name) => ({ name, neededBy: `mcpServers[${JSON.stringify(id)}]` })),
  );
}

/** Returns a warning for each variable without which `wrap` does not start. */
export function missingVariables(config: Config, environment: Environment): readonly string[] {
  const readable = withoutOwnVariables(environment);
  return neededVariables(config)
    .filter(({ name }) => readable[name] === undefined)
    .map(
      ({ name, neededBy }) =>
        `${neededBy}: the variable ${name} is not set, or is reserved for mcp-once. mcp-once wrap does not start until it is set.`,
    );
}
