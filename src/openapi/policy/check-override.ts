import { describeError, McpOnceError } from '../../core/errors.ts';
import { arrayOf, type JsonSchema, pointerTokens } from '../../core/json.ts';
import { sentence, suggestion } from '../../core/suggest.ts';
import { findOperation } from '../document/operation-patterns.ts';
import { type ToolSchemas, toolSchemas } from '../document/tool-schemas.ts';
import type { ApiDocument, ApiOperation } from '../document/types.ts';
import { allowsString, argumentSchema, itemSchema, propertyNames, propertySchemas } from './argument-schema.ts';
import { fieldPointer, type LookupRule } from './lookup.ts';
import { documentOverride, type OperationOverride } from './overrides.ts';
import { policyBasis } from './policy-basis.ts';
import { traitsOf } from './traits.ts';

/** An override and what it is checked against. */
export interface OverrideContext {
  readonly operation: ApiOperation;
  readonly schemas: ToolSchemas;
  /** The overrides of document and configuration, merged. */
  readonly override: OperationOverride;
  /** The override of the configuration alone. */
  readonly configured: OperationOverride | undefined;
  readonly document: ApiDocument;
  /** The argument that carries the idempotency key. */
  readonly keyArgument: string | undefined;
}

/** The length of a marker (`markerOf`). */
const markerChars = 41;
/** The length of a UUID without its hyphens. */
const clientIdChars = 32;

/**
 * Checks that an override fits its operation. An ignored misspelling could let an effect happen twice.
 * @throws McpOnceError from `overrideError`.
 */
export function checkOverride(context: OverrideContext): void {
  const { identity, clientId, lookup } = context.override;
  for (const name of identity ?? []) {
    const names = callerArguments(context);
    const argument = name.startsWith('/') ? pointerTokens(name)[0] : name;
    if (argument === undefined || !names.includes(argument))
      throw overrideError(context, ['identity'], unknown('identity', name, names));
  }
  if (clientId !== undefined) checkClientId(context, clientId);
  if (lookup) checkLookup(context, lookup);
}

/**
 * Returns the error for an override that does not fit. A fault in the configuration is `configuration_invalid`, since the
 * operator can fix it. A fault in the document is `tool_invalid`, and the other operations are served.
 * @param members the members that are involved.
 */
export function overrideError(
  context: OverrideContext,
  members: readonly (keyof OperationOverride)[],
  why: string,
): McpOnceError {
  const { operation, configured, document } = context;
  const name = `${operation.method} ${operation.path}`;
  if (members.every((member) => configured?.[member] === undefined)) {
    return new McpOnceError('tool_invalid', sentence(`${name}: x-mcp-once: ${why}`));
  }
  return new McpOnceError('configuration_invalid', sentence(`${document.source}: operations: ${name}: ${why}`));
}

/** Returns the arguments that the caller gives. Arguments that the engine fills in cannot tell two calls apart. */
function callerArguments({ schemas, override, keyArgument }: OverrideContext): string[] {
  const filled = [keyArgument, override.lookup?.marker.argument, override.clientId];
  return Object.keys(schemas.places).filter((name) => !filled.includes(name));
}

function checkClientId(context: OverrideContext, clientId: string): void {
  const { operation, schemas } = context;
  const pathArguments = Object.entries(schemas.places).filter(([, place]) => {
    return place.in === 'parameter' && place.parameter.in === 'path';
  });
  const names = pathArguments.map(([name]) => name);
  if (operation.method !== 'PUT') throw overrideError(context, ['clientId'], 'clientId needs a PUT operation');
  if (!names.includes(clientId)) throw overrideError(context, ['clientId'], unknown('clientId', clientId, names));
  checkRoom(context, 'clientId', clientId, clientIdChars);
}

function checkLookup(context: OverrideContext, lookup: LookupRule): void {
  const names = Object.keys(context.schemas.places);
  const { argument } = lookup.marker;
  if (!names.includes(argument))
    throw overrideError(context, ['lookup'], unknown('lookup.marker.argument', argument, names));
  checkRoom(context, 'lookup', argument, markerChars);
  const takes = lookupSchemas(context, lookup);
  const fault = argumentsFault(context, lookup, takes) ?? fieldFault(lookup, takes.answer);
  if (fault !== undefined) throw overrideError(context, ['lookup'], fault);
}

/** Returns the schemas of the operation that a lookup calls. @throws McpOnceError from `overrideError`. */
function lookupSchemas(context: OverrideContext, { operation: name }: LookupRule): ToolSchemas {
  const { document } = context;
  const read = findOperation(document, name);
  if (!read) {
    const known = document.listedOperations.flatMap(({ operationId, method, path }) => [
      operationId ?? [],
      `${method} ${path}`,
    ]);
    throw overrideError(context, ['lookup'], unknown('lookup.operation', name, known.flat()));
  }
  const what = `lookup.operation ${JSON.stringify(name)}`;
  let isRead: boolean;
  let schemas: ToolSchemas;
  try {
    isRead = policyBasis(read, documentOverride(read), traitsOf(document, read)).effect === 'read';
    schemas = toolSchemas(document.resolve(read));
  } catch (error) {
    throw overrideError(context, ['lookup'], `${what} cannot be called: ${describeError(error)}`);
  }
  if (!isRead) throw overrideError(context, ['lookup'], `${what} is not a read operation`);
  return schemas;
}

function argumentsFault(context: OverrideContext, lookup: LookupRule, takes: ToolSchemas): string | undefined {
  const known = Object.keys(takes.places);
  const given = callerArguments(context);
  for (const [name, text] of Object.entries(lookup.arguments)) {
    if (!known.includes(name)) return unknown('lookup.arguments', name, known);
    const variable = /^\$(.+)$/.exec(text)?.[1];
    if (variable === undefined || variable === 'marker' || given.includes(variable)) continue;
    if (variable === lookup.marker.argument) return `lookup.arguments.${name}: write "$marker" for the marker`;
    return unknown(`lookup.arguments.${name}`, variable, given);
  }
  const missing = arrayOf(takes.input.required).find((name): name is string => {
    const isGiven = typeof name !== 'string' || Object.hasOwn(lookup.arguments, name);
    return !isGiven && argumentSchema(takes, name).default === undefined;
  });
  if (missing === undefined) return undefined;
  return `lookup.arguments lacks ${JSON.stringify(missing)}, which ${lookup.operation} requires`;
}

/** Checks `items` and `marker.field` against the documented response, as far as its schema names properties. */
function fieldFault({ items, marker }: LookupRule, answer: JsonSchema | undefined): string | undefined {
  if (answer === undefined) return undefined;
  const schemas: ToolSchemas = { input: answer, places: {} };
  const list = walk(answer, items, schemas);
  if (!list.schema) return list.missing && unknown('lookup.items', list.missing.name, list.missing.known);
  const item = itemSchema(list.schema, schemas) ?? list.schema;
  const { missing } = walk(item, fieldPointer(marker.field), schemas);
  return missing && unknown('lookup.marker.field', missing.name, missing.known);
}

interface WalkResult {
  /** Undefined if the pointer leads out of the schema. */
  readonly schema?: JsonSchema;
  /** The first name that is not among the named properties; undefined where the schema names none. */
  readonly missing?: { readonly name: string; readonly known: readonly string[] };
}

/** Follows a JSON pointer through the properties of a schema. */
function walk(start: JsonSchema, pointer: string, schemas: ToolSchemas): WalkResult {
  let schema = start;
  for (const name of pointerTokens(pointer)) {
    const [next] = propertySchemas(schema, name, schemas);
    if (next === undefined) {
      const known = [...new Set(propertyNames(schema, schemas))];
      return known.length === 0 ? {} : { missing: { name, known } };
    }
    schema = next;
  }
  return { schema };
}

/** Checks that an argument has room for a marker or id. A cut one would find nothing, or the wrong effect. */
function checkRoom(context: OverrideContext, part: 'clientId' | 'lookup', argument: string, chars: number): void {
  const schema = argumentSchema(context.schemas, argument);
  const { maxLength } = schema;
  if (allowsString(schema) && !(typeof maxLength === 'number' && maxLength < chars)) return;
  const name = part === 'lookup' ? 'lookup.marker.argument' : part;
  throw overrideError(
    context,
    [part],
    `${name} ${JSON.stringify(argument)} must be a string that allows ${chars} characters`,
  );
}

function unknown(part: string, name: string, known: readonly string[]): string {
  const choices = known.length === 0 ? '' : `; use one of: ${known.slice(0, 20).join(', ')}`;
  return `${part}: ${JSON.stringify(name.slice(0, 64))} is not known${suggestion(name, known) || choices}`;
}
