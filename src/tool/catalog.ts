import { McpOnceError } from '../errors.ts';
import type { Tool } from './types.ts';

/** The tools that are served, by name. */
export interface Catalog {
  readonly tools: readonly Tool[];
  find(name: string): Tool | undefined;
}

/** @throws McpOnceError `tool_invalid` when two tools have one name. */
export function createCatalog(tools: readonly Tool[]): Catalog {
  const byName = new Map<string, Tool>();
  for (const tool of tools) {
    if (byName.has(tool.name)) throw new McpOnceError('tool_invalid', `Two tools are named "${tool.name}".`);
    byName.set(tool.name, tool);
  }
  return { tools: Object.freeze([...tools]), find: (name) => byName.get(name) };
}
