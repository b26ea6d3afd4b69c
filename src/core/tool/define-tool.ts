import { z } from 'zod';
import { nearestNumbers } from '../exact-json.ts';
import { defined } from '../json.ts';
import { findJsonFault } from '../key/check-json.ts';
import { issueText } from '../schema/issue-text.ts';
import { suggestion } from '../suggest.ts';
import { checkDefinition, invalidTool, toolDuration } from './check-definition.ts';
import { inputIssues } from './input-issues.ts';
import type { Effect, OnDuplicate, ParsedInput, Recovery, Tool, ToolClass, ToolDefinition } from './types.ts';

const minute = 60_000;
const hour = 60 * minute;

const namePattern = /^[A-Za-z0-9_-]{1,64}$/;
const effects: readonly Effect[] = ['read', 'create', 'update', 'replace', 'delete'];
const toolClasses: readonly ToolClass[] = ['create', 'state', 'repeatable', 'off'];
const recoveries: readonly Recovery[] = ['resend', 'natural', 'reconcile', 'refuse'];
const onDuplicates: readonly OnDuplicate[] = ['replay', 'ask'];

/**
 * Makes a tool from its definition and adds the defaults of its effect.
 *
 * @example
 * export default defineTool({
 *   name: 'create_note',
 *   title: 'Create note',
 *   description: 'Creates a note.',
 *   effect: 'create',
 *   input: z.strictObject({ text: z.string() }),
 *   output: z.object({ id: z.string() }),
 *   window: '1h',
 *   run: async ({ text }) => ({ id: await saveNote(text) }),
 * });
 * @throws McpOnceError `tool_invalid` if the definition has an unknown part, a part of the wrong type, or parts that do
 * not fit together, such as recovery `reconcile` without `lookup`
 */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodType, Opened = undefined>(
  definition: ToolDefinition<Input, Output, Opened>,
): Tool {
  checkDefinition(definition);
  const toolClass = definition.class ?? defaultClass(definition.effect);
  const hasResource = definition.resource !== undefined;
  const windowMs =
    toolDuration(definition.name, 'window', definition.window) ?? defaultWindowMs(toolClass, hasResource);
  const lookupLagMs = toolDuration(definition.name, 'lookupLag', definition.lookupLag) ?? minute;
  const recovery = recoveryList(definition.recovery);
  const { name, effect, onDuplicate, resource, lookup, gone } = definition;
  const memoryMs = definition.client?.memoryMs ?? 0;
  checkTool({
    name,
    effect,
    class: toolClass,
    movesMoney: definition.movesMoney,
    windowMs,
    onDuplicate,
    lookupLagMs,
    recovery,
    memoryMs,
    resource,
    lookup,
    gone,
  });
  const jsonSchema = jsonSchemaOf(definition.input);
  const tool: Tool = {
    name: definition.name,
    title: definition.title,
    description: definition.description,
    effect: definition.effect,
    input: {
      jsonSchema,
      options: { tool: definition.name },
      parse: (value) => parse(definition.input, jsonSchema, value),
    },
    outputSchema: jsonSchemaOf(definition.output),
    readsErrorResults: true,
    acceptsOutput: (result) => definition.output.safeParse(result).success,
    outputProblem: (result) => outputProblem(definition.output, result),
    usesSteps: /\bstep\b/.test(Function.prototype.toString.call(definition.run)),
    class: toolClass,
    windowMs,
    recovery,
    lookupLagMs,
    // The engine passes back the results of `parse` and of the client's `open`, so the types match the definition.
    run: definition.run as Tool['run'],
    ...defined({
      onDuplicate,
      movesMoney: definition.movesMoney,
      client: definition.client as Tool['client'],
      canonical: definition.canonical as Tool['canonical'],
      identity: definition.identity as Tool['identity'],
      resource: definition.resource as Tool['resource'],
      makes: definition.makes as Tool['makes'],
      undoes: definition.undoes as Tool['undoes'],
      conflictAdvice: definition.conflictAdvice as Tool['conflictAdvice'],
      lookup: definition.lookup as Tool['lookup'],
      gone: definition.gone as Tool['gone'],
    }),
  };
  return Object.freeze(tool);
}

/** Returns the default class of an effect. */
export function defaultClass(effect: Effect): ToolClass {
  switch (effect) {
    case 'read':
      return 'off';
    case 'create':
      return 'create';
    case 'update':
    case 'replace':
    case 'delete':
      return 'state';
  }
}

/** Returns the default window, in ms. @param hasResource whether the tool names the thing that it writes */
export function defaultWindowMs(toolClass: ToolClass, hasResource: boolean): number {
  switch (toolClass) {
    case 'create':
      return 24 * hour;
    case 'state':
      return hasResource ? 2 * minute : 10 * minute;
    case 'repeatable':
      return 10 * minute;
    case 'off':
      return 0;
  }
}

/** Returns a list of recoveries that ends in `refuse`. */
export function recoveryList(recovery: Recovery | readonly Recovery[] | undefined): readonly Recovery[] {
  const list = recovery === undefined ? [] : typeof recovery === 'string' ? [recovery] : recovery;
  return Object.freeze([...list.filter((each) => each !== 'refuse'), 'refuse' as const]);
}

/**
 * Refuses a tool with parts of the wrong type or parts that do not fit together. A window that is not a number, for
 * example, would create a record that cannot be read.
 * @throws McpOnceError `tool_invalid`
 */
export function checkTool(tool: CheckedParts): void {
  const refuse = (why: string): never => {
    throw invalidTool(tool.name, why);
  };
  const oneOf = (what: string, value: unknown, known: readonly string[]): void => {
    if (known.some((each) => each === value)) return;
    refuse(`${what} must be one of ${known.join(', ')}${suggestion(String(value), known)}`);
  };
  const duration = (what: string, value: unknown): void => {
    if (!Number.isFinite(value) || (value as number) < 0) refuse(`${what} must be a number of milliseconds, 0 or more`);
  };
  if (typeof tool.name !== 'string' || !namePattern.test(tool.name)) {
    refuse('its name must be 1 to 64 of A-Z a-z 0-9 _ -');
  }
  oneOf('effect', tool.effect, effects);
  oneOf('class', tool.class, toolClasses);
  if (tool.movesMoney !== undefined && typeof tool.movesMoney !== 'boolean') refuse('movesMoney must be true or false');
  if (tool.onDuplicate !== undefined) oneOf('onDuplicate', tool.onDuplicate, onDuplicates);
  if (tool.onDuplicate === 'ask' && tool.class !== 'create') refuse('onDuplicate "ask" needs the class "create"');
  for (const each of tool.recovery) oneOf('recovery', each, recoveries);
  duration('windowMs', tool.windowMs);
  duration('lookupLagMs', tool.lookupLagMs);
  duration("its client's memoryMs", tool.memoryMs);
  if (tool.recovery.includes('reconcile') && !tool.lookup) refuse('recovery "reconcile" needs lookup(input, context)');
  if (tool.recovery.includes('natural') && !tool.resource) refuse('recovery "natural" needs resource(input)');
  if (tool.recovery.includes('natural') && tool.effect === 'delete' && !tool.gone) {
    refuse('recovery "natural" of a delete needs gone(input)');
  }
  if (tool.recovery.includes('resend') && tool.memoryMs === 0) {
    refuse('recovery "resend" needs a client with keyMemory over 0');
  }
}

/** The parts of a tool that have to fit together. */
type CheckedParts = Pick<Tool, 'name' | 'class' | 'windowMs' | 'lookupLagMs' | 'recovery' | 'effect'> & {
  /** How long the tool's upstream remembers an idempotency key, in ms. */
  readonly memoryMs: number;
  readonly onDuplicate?: unknown;
  readonly movesMoney?: unknown;
} & { readonly [Part in 'resource' | 'lookup' | 'gone']?: unknown };

/**
 * Converts a zod schema to the JSON Schema of its input side. Arguments and stored results are not parsed yet. The output
 * side forbids the fields that `z.object` drops, and clients would refuse a result that has more fields.
 */
function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...jsonSchema } = z.toJSONSchema(schema, { io: 'input' });
  return jsonSchema;
}

/** How many fields of a result that do not match a message names. */
const problemsMax = 3;

function outputProblem(schema: z.ZodType, result: unknown): string | undefined {
  const { error } = schema.safeParse(result);
  if (error === undefined) return undefined;
  const texts = error.issues
    .slice(0, problemsMax)
    .map((issue) => `${issue.path.map(String).join('.') || 'it'} ${issueText(issue)}`);
  const more = error.issues.length > problemsMax ? `, and ${error.issues.length - problemsMax} more` : '';
  return texts.join(', ') + more;
}

/** The code of a tool gets JavaScript numbers, so an integer that none of them carries is refused. */
function parse(schema: z.ZodObject, jsonSchema: Readonly<Record<string, unknown>>, value: unknown): ParsedInput {
  const given = nearestNumbers(value);
  const fault = given === value ? undefined : findJsonFault(given);
  if (fault) return { ok: false, issues: [{ path: fault.pointer, message: fault.reason }] };
  const parsed = schema.safeParse(given);
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, issues: inputIssues(parsed.error, jsonSchema) };
}
