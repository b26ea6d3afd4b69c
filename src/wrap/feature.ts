import type { Feature } from '../command/program.ts';
import { mcpServersSection, wrapSection } from './sections.ts';

/** Guards MCP servers written by others. */
export const wrap: Feature = {
  name: 'wrap',
  sections: [mcpServersSection, wrapSection],
  commands: async () => (await import('./commands.ts')).addWrapCommands,
};
