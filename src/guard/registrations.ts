import { defined, type JsonSchema } from '../core/json.ts';
import { declaresProperty } from '../core/key/argument-place.ts';
import { issueText } from '../core/schema/issue-text.ts';
import type { ParsedInput } from '../core/tool/types.ts';
import type { ListedTool } from './listed-tools.ts';
import type { Operations } from './operations.ts';
import type { ToolSource } from './policy.ts';
import type { HighLevelServer, RegisteredTool } from './server-shape.ts';
import type { ToolHints } from './types.ts';

type Handler = (...args: unknown[]) => unknown;

/**
 * The tools that a high-level server registers from now on. Their handlers are watched: the SDKs turn a handler's error
 * into a result, and the ledger has to tell the two apart.
 */
export class Registrations {
  readonly #operations: Operations;
  readonly #check: (listed: ListedTool) => void;
  readonly #tools = new Map<string, RegisteredTool>();
  #changed: () => void = () => {};

  /** @param check throws for a policy that contradicts itself, so that the registration fails and not the first call */
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

  /** Checks arguments as the SDK does, but before the claim. A tool without a schema takes no arguments. */
  parserOf({ name, inputSchema }: ListedTool): Pick<ToolSource, 'parse'> {
    const registered = this.#tools.get(name);
    if (!registered) return {};
    if (registered.inputSchema === undefined) return { parse: () => ({ ok: true, value: {} }) };
    return defined({ parse: argumentParser(registered.inputSchema, inputSchema) });
  }

  #register(name: string, rest: readonly unknown[], register: HighLevelServer['registerTool']): RegisteredTool {
    const annotations = (rest[0] as { annotations?: ToolHints } | undefined)?.annotations;
    this.#check({ name, ...defined({ annotations }) });
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

/** The result of a Standard Schema such as zod, valibot or arktype (standardschema.dev, version 1). */
interface StandardResult {
  readonly value?: unknown;
  readonly issues?: readonly { readonly message: string; readonly path?: readonly unknown[] }[] | undefined;
}

/**
 * Checks arguments with the schema of a registered tool. Keeps the caller's values, since a schema may transform them, and
 * drops fields that the schema does not know. The SDK alone checks a schema that is asynchronous.
 */
export function argumentParser(schema: unknown, jsonSchema: JsonSchema | undefined): ToolSource['parse'] {
  const standard = (schema as { '~standard'?: { validate?: unknown } } | undefined)?.['~standard'];
  const validate = standard?.validate;
  if (typeof validate !== 'function') return undefined;
  return (value): ParsedInput => {
    const given = value as Record<string, unknown>;
    const result: StandardResult | Promise<StandardResult> = validate.call(standard, structuredClone(given));
    if (result instanceof Promise) {
      result.catch(() => undefined);
      return { ok: true, value: given };
    }
    if (result.issues) {
      const issues = result.issues.map((issue) => ({ path: pathText(issue.path ?? []), message: issueText(issue) }));
      return { ok: false, issues };
    }
    return { ok: true, value: withoutUnknown(given, result.value, jsonSchema) };
  };
}

function withoutUnknown(given: Record<string, unknown>, parsed: unknown, jsonSchema: JsonSchema | undefined) {
  if (typeof parsed !== 'object' || parsed === null || jsonSchema === undefined) return given;
  const kept = Object.entries(given).filter(
    ([name]) => Object.hasOwn(parsed, name) || declaresProperty(jsonSchema, name),
  );
  return kept.length === Object.keys(given).length ? given : Object.fromEntries(kept);
}

function pathText(path: readonly unknown[]): string {
  const steps = path.map((step) => (typeof step === 'object' && step !== null && 'key' in step ? step.key : step));
  return steps.map((step) => `/${String(step)}`).join('');
}
