import { McpOnceError } from '../errors.ts';
import type { Tool } from './types.ts';

/** The tools that are served, by name. What it holds may become something else: ask it anew, and keep none of its lists. */
export interface Catalog {
  /** Those that are listed. */
  readonly tools: readonly Tool[];
  /** Those that are reached through a listed one. */
  readonly hidden: readonly Tool[];
  /** Finds also what is not listed: the operations that another tool stands for. */
  find(name: string): Tool | undefined;
  /** Has each replacement told; there only where there may be one. @returns what ends that */
  onChange?(tell: (change: CatalogChange) => void): () => void;
}

/** What a catalog was before it was replaced. */
export interface CatalogChange {
  /** What was listed. */
  readonly before: readonly Tool[];
  /** The names of those that still are, and look otherwise in the list. */
  readonly altered: ReadonlySet<string>;
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

/** A catalog in whose place another one may come while it is served: whole, between two calls. */
export class ReplaceableCatalog implements Catalog {
  #catalog: Catalog;
  readonly #listeners = new Set<{ tell(change: CatalogChange): void }>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  get tools(): readonly Tool[] {
    return this.#catalog.tools;
  }

  get hidden(): readonly Tool[] {
    return this.#catalog.hidden;
  }

  find(name: string): Tool | undefined {
    return this.#catalog.find(name);
  }

  onChange(tell: (change: CatalogChange) => void): () => void {
    const listener = { tell };
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @param altered see `CatalogChange` */
  replace(catalog: Catalog, altered: ReadonlySet<string>): void {
    const before = this.tools;
    this.#catalog = catalog;
    for (const { tell } of [...this.#listeners]) tell({ before, altered });
  }
}
