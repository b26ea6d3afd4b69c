import { McpOnceError } from '../errors.ts';
import { sentence, suggestion } from '../suggest.ts';
import type { ToolDefinition } from './types.ts';

type Part = keyof ToolDefinition<never, never, never>;
type Kind = 'text' | 'function' | 'schema' | 'any';

/** Every part of a definition, and what it has to be; what is `any` here is checked with the tool. */
const kinds: Readonly<Record<Part, Kind>> = {
  name: 'any',
  title: 'text',
  description: 'text',
  effect: 'any',
  input: 'schema',
  output: 'schema',
  client: 'any',
  match: 'any',
  windowMs: 'any',
  onDuplicate: 'any',
  identity: 'function',
  resource: 'function',
  recovery: 'any',
  lookupLagMs: 'any',
  lookup: 'function',
  gone: 'function',
  run: 'function',
};
const required: readonly Part[] = ['name', 'title', 'description', 'effect', 'input', 'output', 'run'];

/**
 * Refuses what the compiler refuses, for tools that are not compiled: a misspelt `identity`, passed over,
 * would let a call in other words take effect a second time.
 * @throws McpOnceError `tool_invalid` that names the tool and the part, and the part that was probably meant.
 */
export function checkDefinition(definition: object): void {
  const parts = definition as Readonly<Record<string, unknown>>;
  const refuse = (why: string): never => {
    throw new McpOnceError('tool_invalid', sentence(`Tool ${JSON.stringify(parts.name)}: ${why}`));
  };
  for (const part of Object.keys(parts)) {
    if (!Object.hasOwn(kinds, part)) {
      refuse(`${JSON.stringify(part)} is no part of a tool${suggestion(part, Object.keys(kinds))}`);
    }
  }
  for (const part of required) if (parts[part] === undefined) refuse(`it needs ${part}`);
  for (const [part, kind] of Object.entries(kinds)) {
    if (parts[part] !== undefined && !isOf(kind, parts[part])) refuse(`${part} must be ${described[kind]}`);
  }
}

const described: Readonly<Record<Kind, string>> = {
  text: 'a text',
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
