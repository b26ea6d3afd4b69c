import { type JsonSchema, objectOf } from '../core/json.ts';
import { buildTool, type ToolSource, type UnboundTool } from './policy.ts';
import type { RawRequest, RequestHandler } from './request.ts';
import type { ToolHints } from './types.ts';

/** The most pages of the server's list that one call reads. */
const pagesMax = 100;

/** One tool as the server lists it. */
export interface ListedTool {
  readonly name: string;
  readonly inputSchema?: JsonSchema;
  readonly outputSchema?: JsonSchema;
  readonly annotations?: ToolHints;
}

/** A tool, and the listing that it was built from. */
interface KnownTool {
  /** The listing as JSON: an equal listing needs no new tool. */
  readonly text: string;
  readonly tool: UnboundTool;
}

export interface ListedToolsOptions {
  /** Adds the policies and the rest of the tool's description to its listing. */
  sourceOf(listed: ListedTool): ToolSource;
  /** Returns the server's own `tools/list` handler, or undefined when the server has none. */
  list(): RequestHandler | undefined;
}

/**
 * The tools of one server, as its list describes them. It learns from each list that a client requests. It reads the list
 * itself for an unknown name, and after the server's registrations have changed.
 */
export class ListedTools {
  readonly #options: ListedToolsOptions;
  readonly #tools = new Map<string, KnownTool>();
  #stale = true;

  constructor(options: ListedToolsOptions) {
    this.#options = options;
  }

  /** Makes the next `find` read the list again: registrations have changed. */
  markStale(): void {
    this.#stale = true;
  }

  /** Returns the tool with this name, or undefined when the server does not list it. */
  async find(name: string, extra: object): Promise<UnboundTool | undefined> {
    const known = this.#tools.get(name);
    if (known && !this.#stale) return known.tool;
    const list = this.#options.list();
    if (!list) return undefined;
    await this.#readAll(list, extra);
    return this.#tools.get(name)?.tool;
  }

  /** Builds a tool that the server does not list, for one call. It is guarded, too. */
  unlisted(name: string): UnboundTool {
    return buildTool(this.#options.sourceOf({ name }));
  }

  /** Returns the tool with this name if it is known, without reading the list. */
  known(name: string): UnboundTool | undefined {
    return this.#tools.get(name)?.tool;
  }

  /** Builds the listed tools, or reuses those whose listing has not changed. */
  learn(listed: readonly ListedTool[]): UnboundTool[] {
    return listed.map((each) => this.#learnOne(each));
  }

  async #readAll(list: RequestHandler, extra: object): Promise<void> {
    const before = new Set(this.#tools.keys());
    let cursor: string | undefined;
    for (let page = 0; page < pagesMax; page += 1) {
      const request: RawRequest = { method: 'tools/list', params: cursor === undefined ? {} : { cursor } };
      const answer = readToolList(await list(request, extra));
      for (const each of answer.tools) before.delete(each.name);
      this.learn(answer.tools);
      cursor = answer.nextCursor;
      if (cursor === undefined) break;
    }
    for (const name of before) this.#tools.delete(name);
    this.#stale = false;
  }

  #learnOne(listed: ListedTool): UnboundTool {
    const text = JSON.stringify([listed.inputSchema ?? null, listed.annotations ?? null, listed.outputSchema ?? null]);
    const known = this.#tools.get(listed.name);
    if (known?.text === text) return known.tool;
    const tool = buildTool(this.#options.sourceOf(listed));
    this.#tools.set(listed.name, { text, tool });
    return tool;
  }
}

/** Reads the result of `tools/list`. A handler may return anything, so entries without a name are dropped. */
export function readToolList(answer: unknown): { tools: ListedTool[]; nextCursor: string | undefined } {
  const { tools, nextCursor } = objectOf(answer);
  const listed = Array.isArray(tools) ? tools.filter((each) => typeof each?.name === 'string') : [];
  return { tools: listed, nextCursor: typeof nextCursor === 'string' ? nextCursor : undefined };
}
