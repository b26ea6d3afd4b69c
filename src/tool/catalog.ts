import { McpOnceError } from '../errors.ts';
import type { Tool } from './types.ts';

/** The tools that are served, by name. */
export interface Catalog {
  /** Those that are listed. */
  readonly tools: readonly Tool[];
  /** Those that are reached through a listed one. */
  readonly hidden: readonly Tool[];
  /** Finds also what is not listed: the operations that another tool stands for. */
  find(name: string): Tool | undefined;
}

/**
 * @param hidden tools that a listed one stands for (`Tool.route`); recovery finds them, too.
 * @throws McpOnceError `tool_invalid` when two tools have one name.
 */
export function createCatalog(tools: readonly Tool[], hidden: readonly Tool[] = []): Catalog {
  const byName = new Map<string, Tool>();
  for (const tool of [...tools, ...hidden]) {
    if (byName.has(tool.name)) throw new McpOnceError('tool_invalid', `Two tools are named "${tool.name}".`);
    byName.set(tool.name, tool);
  }
  return {
    tools: Object.freeze([...tools]),
    hidden: Object.freeze([...hidden]),
    find: (name) => byName.get(name),
  };
}
