import { parseDuration } from '../duration.ts';
import { McpOnceError } from '../errors.ts';
import { sentence, suggestion } from '../suggest.ts';
import type { ToolDefinition } from './types.ts';

type Part = keyof ToolDefinition<never, never, never>;
type Kind = 'text' | 'function' | 'schema' | 'any';

/** Every part of a definition and its kind. `checkTool` checks the parts that are `any` here. */
const kinds: Readonly<Record<Part, Kind>> = {
  name: 'any',
  title: 'text',
  description: 'text',
  effect: 'any',
  input: 'schema',
  output: 'schema',
  client: 'any',
  class: 'any',
  movesMoney: 'any',
  window: 'any',
  onDuplicate: 'any',
  canonical: 'function',
  identity: 'function',
  resource: 'function',
  makes: 'function',
  undoes: 'function',
  conflictAdvice: 'function',
  recovery: 'any',
  lookupLag: 'any',
  lookup: 'function',
  gone: 'function',
  run: 'function',
};
const required: readonly Part[] = ['name', 'title', 'description', 'effect', 'input', 'output', 'run'];

/** Names that a definition had in earlier versions, with the present ones. */
const renamed: Readonly<Record<string, string>> = {
  windowMs: 'window',
  lookupLagMs: 'lookupLag',
  memoryMs: 'keyMemory',
};

const clientParts = ['name', 'env', 'open', 'close', 'upstream', 'banner', 'keyMemory', 'classify'];

/** Completes "window ..." in a message about a value that is not a `Duration`. */
const notADuration = 'must be a number of milliseconds, 0 or more, or a text such as "90s" or "24h"';

/** Returns the error for a tool that is not valid: its name, and what is wrong. */
export function invalidTool(name: unknown, problem: string): McpOnceError {
  return new McpOnceError('tool_invalid', sentence(`Tool ${JSON.stringify(name)}: ${problem}`));
}

/**
 * Returns a duration of a definition in ms; undefined where the definition leaves it out.
 * @throws McpOnceError `tool_invalid`
 */
export function toolDuration(name: unknown, part: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const ms = parseDuration(value);
  if (ms === undefined) throw invalidTool(name, `${part} ${notADuration}`);
  return ms;
}

/**
 * Returns how long the upstream of a client remembers an idempotency key, in ms.
 * @throws McpOnceError `tool_invalid` for a value that is not a duration, and for a part that no client has: a misspelt
 * `keyMemory` would otherwise switch off `resend`.
 */
export function clientMemory(definition: { readonly name: string; readonly keyMemory?: unknown }): number {
  const refuse = (why: string): never => {
    throw new McpOnceError('tool_invalid', sentence(`The client ${JSON.stringify(definition.name)}: ${why}`));
  };
  for (const part of Object.keys(definition)) {
    if (Object.hasOwn(renamed, part)) refuse(newName(part));
    if (!clientParts.includes(part)) {
      refuse(`${JSON.stringify(part)} is not part of a client definition${suggestion(part, clientParts)}`);
    }
  }
  const ms = parseDuration(definition.keyMemory ?? 0);
  return ms ?? refuse(`keyMemory ${notADuration}`);
}

/** Every part of a client and its kind. `clientMemory` checks `keyMemory`. */
const clientKinds: Readonly<Record<string, Kind>> = {
  name: 'text',
  env: 'schema',
  open: 'function',
  close: 'function',
  upstream: 'function',
  banner: 'function',
  classify: 'function',
};

/**
 * Refuses a client that the TypeScript compiler would refuse: a client without `upstream` would treat two accounts as one.
 * @throws McpOnceError `tool_invalid` that names the client and the part
 */
export function checkClient(definition: object): void {
  const parts = definition as Readonly<Record<string, unknown>>;
  const refuse = (why: string): never => {
    throw new McpOnceError(
      'tool_invalid',
      sentence(`The client ${JSON.stringify(parts.name) ?? 'without a name'}: ${why}`),
    );
  };
  for (const part of ['name', 'open', 'upstream']) if (parts[part] === undefined) refuse(`${part} is missing`);
  for (const [part, kind] of Object.entries(clientKinds)) {
    if (parts[part] !== undefined && !isOf(kind, parts[part])) refuse(`${part} must be ${described[kind]}`);
  }
  if (parts.env !== undefined && !(parts.env as { shape?: unknown }).shape) {
    refuse('env must be an object of variables: z.object({ SHOP_TOKEN: z.string() })');
  }
}

/** The class that replaces each value of the former option `match`. */
const classes: Readonly<Record<string, string>> = {
  identical: '"create"',
  latest: '"state", with resource where one thing is written',
  'same-call': '"state", or "repeatable" for a tool that appends, increments or clicks',
  off: '"off"',
};

/** Says what replaces the former option `match`. @param match its value, where it is known */
export function classOfMatch(match?: unknown): string {
  const given = typeof match === 'string' && Object.hasOwn(classes, match) ? match : undefined;
  const instead = given === undefined ? '"create", "state", "repeatable" or "off"' : classes[given];
  return `"match" is now called "class": write class ${instead}`;
}

function newName(part: string): string {
  return `${JSON.stringify(part)} is now called ${JSON.stringify(renamed[part])}`;
}

/**
 * Refuses definitions that the TypeScript compiler would refuse, since tools may be written in JavaScript. If a misspelt
 * `identity` were ignored, a reworded call would take effect a second time.
 * @throws McpOnceError `tool_invalid` that names the tool, the part, and the part that was probably meant
 */
export function checkDefinition(definition: object): void {
  const parts = definition as Readonly<Record<string, unknown>>;
  const refuse = (why: string): never => {
    throw invalidTool(parts.name, why);
  };
  for (const part of Object.keys(parts)) {
    if (part === 'match') refuse(classOfMatch(parts.match));
    if (Object.hasOwn(renamed, part)) refuse(newName(part));
    if (!Object.hasOwn(kinds, part)) {
      refuse(`${JSON.stringify(part)} is not part of a tool definition${suggestion(part, Object.keys(kinds))}`);
    }
  }
  for (const part of required) if (parts[part] === undefined) refuse(`${part} is missing`);
  for (const [part, kind] of Object.entries(kinds)) {
    if (parts[part] !== undefined && !isOf(kind, parts[part])) refuse(`${part} must be ${described[kind]}`);
  }
}

const described: Readonly<Record<Kind, string>> = {
  text: 'a string',
  function: 'a function',
  schema: "a schema of zod 4 (import { z } from 'mcp-once')",
  any: 'anything',
};

function isOf(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case 'text':
      return typeof value === 'string';
    case 'function':
      return typeof value === 'function';
    case 'schema':
      return typeof value === 'object' && value !== null && '_zod' in value;
    case 'any':
      return true;
  }
}
