import type { JsonSchema } from '../core/json.ts';
import { declaresProperty } from '../core/key/argument-place.ts';
import type { ParsedInput } from '../core/tool/types.ts';
import { type GuardTool, guardTool, type ToolParts } from './policy.ts';
import type { RawRequest, RequestHandler } from './request.ts';
import type { ToolHints } from './types.ts';

/** How many pages of a server's own list are read for one call. */
const pagesMax = 100;

/** One tool as the server lists it. */
export interface ListedTool {
  readonly name: string;
  readonly inputSchema?: JsonSchema;
  readonly annotations?: ToolHints;
}

interface Known {
  /** What the tool was made of: the same text, the same tool. */
  readonly text: string;
  readonly tool: GuardTool;
}

export interface ShelfOptions {
  /** What is known of a tool besides how it is listed. */
  partsOf(listed: ListedTool): ToolParts;
  /** The server's own `tools/list`; undefined where it has none. */
  list(): RequestHandler | undefined;
}

/**
 * The tools of one server, as it lists them: learnt from each list that is asked for, and read again when a
 * name is not known or the server's own registrations have changed.
 */
export class Shelf {
  readonly #options: ShelfOptions;
  readonly #tools = new Map<string, Known>();
  #stale = true;

  constructor(options: ShelfOptions) {
    this.#options = options;
  }

  /** Registrations have changed. */
  forget(): void {
    this.#stale = true;
  }

  /** The tool of this name, as the server lists it; undefined where it lists none of this name. */
  async find(name: string, extra: object): Promise<GuardTool | undefined> {
    const known = this.#tools.get(name);
    if (known && !this.#stale) return known.tool;
    const list = this.#options.list();
    if (!list) return undefined;
    await this.#readAll(list, extra);
    return this.#tools.get(name)?.tool;
  }

  /** A tool that no list names: guarded all the same, and forgotten again. */
  unlisted(name: string): GuardTool {
    return guardTool(this.#options.partsOf({ name }));
  }

  /** What is known already, without asking. */
  peek(name: string): GuardTool | undefined {
    return this.#tools.get(name)?.tool;
  }

  learn(listed: readonly ListedTool[]): GuardTool[] {
    return listed.map((each) => this.#learnOne(each));
  }

  async #readAll(list: RequestHandler, extra: object): Promise<void> {
    const before = new Set(this.#tools.keys());
    let cursor: string | undefined;
    for (let page = 0; page < pagesMax; page += 1) {
      const request: RawRequest = { method: 'tools/list', params: cursor === undefined ? {} : { cursor } };
      const answer = listOf(await list(request, extra));
      for (const each of answer.tools) before.delete(each.name);
      this.learn(answer.tools);
      cursor = answer.nextCursor;
      if (cursor === undefined) break;
    }
    for (const name of before) this.#tools.delete(name);
    this.#stale = false;
  }

  #learnOne(listed: ListedTool): GuardTool {
    const text = JSON.stringify([listed.inputSchema ?? null, listed.annotations ?? null]);
    const known = this.#tools.get(listed.name);
    if (known?.text === text) return known.tool;
    const tool = guardTool(this.#options.partsOf(listed));
    this.#tools.set(listed.name, { text, tool });
    return tool;
  }
}

/** What of a list's answer is of use; a handler may answer anything. */
export function listOf(answer: unknown): { tools: ListedTool[]; nextCursor: string | undefined } {
  const { tools, nextCursor } = (answer ?? {}) as { tools?: unknown; nextCursor?: unknown };
  const listed = Array.isArray(tools) ? tools.filter((each) => typeof each?.name === 'string') : [];
  return { tools: listed, nextCursor: typeof nextCursor === 'string' ? nextCursor : undefined };
}

/** What a Standard Schema (zod, valibot, arktype) gives for a value (standardschema.dev, version 1). */
interface StandardResult {
  readonly value?: unknown;
  readonly issues?: readonly { readonly message: string; readonly path?: readonly unknown[] }[] | undefined;
}

/**
 * Checks arguments with the schema that a tool was registered with. What is kept is what the caller sent, since
 * a schema may transform, without the fields that it does not know. One that answers later leaves the checking to the SDK.
 */
export function parserOf(schema: unknown, jsonSchema: JsonSchema | undefined): ToolParts['parse'] {
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
      const issues = result.issues.map(({ message, path = [] }) => ({ path: pathText(path), message }));
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
