import { z } from 'zod';
import { McpOnceError } from '../errors.ts';
import type { Effect, InputIssue, Match, ParsedInput, Recovery, Tool, ToolDefinition } from './types.ts';

const minute = 60_000;
const hour = 60 * minute;

const namePattern = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Makes a tool out of its definition, with the defaults that its effect has.
 *
 * @throws McpOnceError `tool_invalid` when the definition contradicts itself, such as a recovery
 * that lacks what it needs.
 */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodType, Opened = undefined>(
  definition: ToolDefinition<Input, Output, Opened>,
): Tool {
  const match = definition.match ?? defaultMatch(definition.effect, definition.resource !== undefined);
  const recovery = recoveryList(definition.recovery);
  const { name, effect, resource, lookup, gone } = definition;
  checkTool({ name, effect, match, recovery, memoryMs: definition.client?.memoryMs ?? 0, resource, lookup, gone });
  const outputSchema = jsonSchemaOf(definition.output, 'output');
  const tool: Tool = {
    name: definition.name,
    title: definition.title,
    description: definition.description,
    effect: definition.effect,
    input: { jsonSchema: jsonSchemaOf(definition.input, 'input'), parse: (value) => parse(definition.input, value) },
    outputSchema,
    acceptsOutput: (result) => definition.output.safeParse(result).success,
    match,
    windowMs: definition.windowMs ?? defaultWindowMs(match),
    recovery,
    lookupLagMs: definition.lookupLagMs ?? minute,
    // The engine hands back what `parse` made and what the client opened: the types are the definition's own.
    run: definition.run as Tool['run'],
    ...(definition.client ? { client: definition.client as NonNullable<Tool['client']> } : {}),
    ...(definition.identity ? { identity: definition.identity as NonNullable<Tool['identity']> } : {}),
    ...(definition.resource ? { resource: definition.resource as NonNullable<Tool['resource']> } : {}),
    ...(definition.lookup ? { lookup: definition.lookup as NonNullable<Tool['lookup']> } : {}),
    ...(definition.gone ? { gone: definition.gone as NonNullable<Tool['gone']> } : {}),
  };
  return Object.freeze(tool);
}

function defaultMatch(effect: Effect, hasResource: boolean): Match {
  switch (effect) {
    case 'read':
      return 'off';
    case 'create':
      return 'identical';
    case 'update':
    case 'replace':
    case 'delete':
      return hasResource ? 'latest' : 'same-call';
  }
}

export function defaultWindowMs(match: Match): number {
  switch (match) {
    case 'identical':
      return 24 * hour;
    case 'latest':
      return 2 * minute;
    case 'same-call':
      return 10 * minute;
    case 'off':
      return 0;
  }
}

/** A list that ends in `refuse`, which is the default and the end of every list. */
export function recoveryList(recovery: Recovery | readonly Recovery[] | undefined): readonly Recovery[] {
  const list = recovery === undefined ? [] : typeof recovery === 'string' ? [recovery] : recovery;
  return Object.freeze([...list.filter((each) => each !== 'refuse'), 'refuse' as const]);
}

/** Refuses a tool whose parts contradict each other. @throws McpOnceError `tool_invalid` */
export function checkTool(tool: CheckedParts): void {
  const refuse = (why: string): never => {
    throw new McpOnceError('tool_invalid', `Tool ${JSON.stringify(tool.name)}: ${why}.`);
  };
  if (!namePattern.test(tool.name)) refuse('its name must be 1 to 64 of A-Z a-z 0-9 _ -');
  if (tool.match === 'latest' && !tool.resource) refuse('match "latest" needs resource(input)');
  if (tool.recovery.includes('reconcile') && !tool.lookup) refuse('recovery "reconcile" needs lookup(input, context)');
  if (tool.recovery.includes('natural') && !tool.resource) refuse('recovery "natural" needs resource(input)');
  if (tool.recovery.includes('natural') && tool.effect === 'delete' && !tool.gone) {
    refuse('recovery "natural" of a delete needs gone(input)');
  }
  if (tool.recovery.includes('resend') && tool.memoryMs === 0) {
    refuse('recovery "resend" needs a client whose memoryMs is over 0');
  }
}

/** What has to fit together in a tool. */
export type CheckedParts = Pick<Tool, 'name' | 'match' | 'recovery' | 'effect'> & {
  /** How long the tool's upstream remembers a key, in ms. */
  readonly memoryMs: number;
} & { readonly [Part in 'resource' | 'lookup' | 'gone']?: unknown };

function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...jsonSchema } = z.toJSONSchema(schema, { io });
  return jsonSchema;
}

function parse(schema: z.ZodObject, value: unknown): ParsedInput {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, issues: parsed.error.issues.map(issueOf) };
}

function issueOf(issue: z.core.$ZodIssue): InputIssue {
  const path = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return { path: path.replace(/^\./, ''), message: issue.message };
}
