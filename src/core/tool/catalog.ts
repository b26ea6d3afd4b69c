import { McpOnceError } from '../errors.ts';
import type { Tool } from './types.ts';

/** The served tools by name. A reload may replace its contents, so do not keep its lists. */
export interface Catalog {
  /** The tools in the tool list. */
  readonly tools: readonly Tool[];
  /** The tools that callers reach through a listed tool. */
  readonly hidden: readonly Tool[];
  /** Finds a listed or hidden tool. */
  find(name: string): Tool | undefined;
  /** Calls `tell` after each replacement. Absent where the catalog never changes. @returns a function that ends it */
  onChange?(tell: (change: CatalogChange) => void): () => void;
}

/** How a replacement changed a catalog. */
export interface CatalogChange {
  /** The tools that were listed before. */
  readonly before: readonly Tool[];
  /** The names of listed tools whose entry in the tool list has changed. */
  readonly altered: ReadonlySet<string>;
}

/**
 * @param hidden tools that a listed tool stands for (`Tool.route`). Recovery finds them too.
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

/** A catalog whose contents a reload replaces as a whole, between two calls. */
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
