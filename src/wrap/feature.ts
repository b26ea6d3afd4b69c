import type { Feature } from '../command/program.ts';
import { mcpServersSection, wrapSection } from './sections.ts';

/** Guards MCP servers written by others. */
export const wrap: Feature = {
  name: 'wrap',
  sections: [mcpServersSection, wrapSection],
  check: async (config, _catalog, environment) =>
    (await import('./check-variables.ts')).missingVariables(config, environment),
  variables: async (config) => (await import('./check-variables.ts')).neededVariables(config),
  commands: async () => (await import('./commands.ts')).addWrapCommands,
};
