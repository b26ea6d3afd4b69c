import type { Operations } from './operations.ts';
import type { ToolParts } from './policy.ts';
import type { HighLevelServer, RegisteredTool } from './server-shape.ts';
import { type ListedTool, parserOf } from './shelf.ts';
import type { ToolHints } from './types.ts';

type Handler = (...args: unknown[]) => unknown;

/**
 * The tools that are registered with a high-level server from here on. Their handlers are watched: the SDKs make
 * of what a handler throws a result like any other, and that is not the same to a ledger.
 */
export class Registrations {
  readonly #operations: Operations;
  readonly #check: (listed: ListedTool) => void;
  readonly #tools = new Map<string, RegisteredTool>();
  #changed: () => void = () => {};

  /** @param check throws where a tool's policy contradicts itself: at its registration, not at its first call. */
  constructor(server: HighLevelServer, operations: Operations, check: (listed: ListedTool) => void) {
    this.#operations = operations;
    this.#check = check;
    const { registerTool, tool } = server;
    server.registerTool = (name, ...rest) => this.#register(name, rest, (...args) => registerTool.apply(server, args));
    if (tool) server.tool = (name, ...rest) => this.#register(name, rest, (...args) => tool.apply(server, args));
  }

  has(name: string): boolean {
    return this.#tools.has(name);
  }

  names(): string[] {
    return [...this.#tools.keys()];
  }

  onChange(changed: () => void): void {
    this.#changed = changed;
  }

  /** Checks arguments as the SDK will, before anything is claimed. A tool without a schema takes no arguments. */
  parserOf({ name, inputSchema }: ListedTool): Pick<ToolParts, 'parse'> {
    const registered = this.#tools.get(name);
    if (!registered) return {};
    if (registered.inputSchema === undefined) return { parse: () => ({ ok: true, value: {} }) };
    const parse = parserOf(registered.inputSchema, inputSchema);
    return parse ? { parse } : {};
  }

  #register(name: string, rest: readonly unknown[], register: HighLevelServer['registerTool']): RegisteredTool {
    const annotations = (rest[0] as { annotations?: ToolHints } | undefined)?.annotations;
    this.#check({ name, ...(annotations ? { annotations } : {}) });
    const handler = rest.at(-1);
    const watched = typeof handler === 'function' ? [...rest.slice(0, -1), this.#watch(handler as Handler)] : rest;
    const registered = register(name, ...watched);
    this.#tools.set(name, registered);
    this.#changed();
    this.#followUpdates(name, registered);
    return registered;
  }

  #followUpdates(registeredAs: string, registered: RegisteredTool): void {
    const { update } = registered;
    let name = registeredAs;
    registered.update = (updates) => {
      const { name: next, callback } = updates;
      const watched = typeof callback === 'function' ? { callback: this.#watch(callback as Handler) } : {};
      update.call(registered, { ...updates, ...watched });
      this.#changed();
      if (next === undefined || next === name) return;
      this.#tools.delete(name);
      if (typeof next !== 'string') return;
      name = next;
      this.#tools.set(name, registered);
    };
  }

  #watch(handler: Handler): Handler {
    return async (...args) => {
      const run = this.#operations.run(args.at(-1));
      if (run) run.invoked = true;
      try {
        return await handler(...args);
      } catch (error) {
        if (run) run.threw = { error };
        throw error;
      }
    };
  }
}
