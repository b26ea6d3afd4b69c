import { describeError, McpOnceError } from '../../core/errors.ts';
import type { JsonSchema } from '../../core/json.ts';
import { sentence, suggestion } from '../../core/suggest.ts';
import { type ToolSchemas, toolSchemas } from '../document/schemas.ts';
import type { ApiDocument, ApiOperation, OperationHead } from '../document/types.ts';
import { argumentSchema, itemSchema, propertyNames, propertySchemas, takesText } from './argument-schema.ts';
import { headPolicy } from './effect.ts';
import { documentOverride, type OperationOverride } from './extensions.ts';
import type { LookupRule } from './lookup.ts';

/** What was said of an operation, and by whom. */
export interface Said {
  readonly operation: ApiOperation;
  readonly schemas: ToolSchemas;
  /** By the document and the configuration together. */
  readonly override: OperationOverride;
  /** By the configuration alone. */
  readonly configured: OperationOverride | undefined;
  readonly document: ApiDocument;
  /** The argument that carries the idempotency key. */
  readonly keyArgument: string | undefined;
}

/** Characters of a marker (`markerOf`), and of a UUID without its hyphens. */
const markerChars = 41;
const clientIdChars = 32;

/**
 * Refuses what names something that is not there: passed over, an effect could happen twice.
 * @throws McpOnceError as `wrong` makes it.
 */
export function checkSaid(said: Said): void {
  const { identity, clientId, lookup } = said.override;
  for (const name of identity ?? []) {
    const names = givenNames(said);
    if (!names.includes(name)) throw wrong(said, ['identity'], unknown('identity', name, names));
  }
  if (clientId !== undefined) checkClientId(said, clientId);
  if (lookup) checkLookup(said, lookup);
}

/**
 * What is wrong with what was said of an operation: of the configuration `configuration_invalid`, since its author is
 * there to mend it; of the document `tool_invalid`, and the other operations are served.
 * @param members of which at least one is wrong.
 */
export function wrong(said: Said, members: readonly (keyof OperationOverride)[], why: string): McpOnceError {
  const { operation, configured, document } = said;
  const name = `${operation.method} ${operation.path}`;
  if (members.every((member) => configured?.[member] === undefined)) {
    return new McpOnceError('tool_invalid', sentence(`${name}: x-mcp-once: ${why}`));
  }
  return new McpOnceError('configuration_invalid', sentence(`${document.source}: operations: ${name}: ${why}`));
}

/** Finds an operation by its `operationId`, or as `METHOD /path`. */
export function findHead(document: ApiDocument, name: string): OperationHead | undefined {
  return document.heads.find((head) => head.operationId === name || `${head.method} ${head.path}` === name);
}

/** What a call itself brings: not what is filled in for it, and is the same, or another, for all of them. */
function givenNames({ schemas, override, keyArgument }: Said): string[] {
  const filled = [keyArgument, override.lookup?.marker.argument, override.clientId];
  return Object.keys(schemas.places).filter((name) => !filled.includes(name));
}

function checkClientId(said: Said, clientId: string): void {
  const { operation, schemas } = said;
  const ofPath = Object.entries(schemas.places).filter(([, place]) => {
    return place.in === 'parameter' && place.parameter.in === 'path';
  });
  const names = ofPath.map(([name]) => name);
  if (operation.method !== 'PUT') throw wrong(said, ['clientId'], 'clientId is for creations by PUT');
  if (!names.includes(clientId)) throw wrong(said, ['clientId'], unknown('clientId', clientId, names));
  checkText(said, 'clientId', clientId, clientIdChars);
}

function checkLookup(said: Said, lookup: LookupRule): void {
  const names = Object.keys(said.schemas.places);
  const { argument } = lookup.marker;
  if (!names.includes(argument)) throw wrong(said, ['lookup'], unknown('lookup.marker.argument', argument, names));
  checkText(said, 'lookup', argument, markerChars);
  const takes = lookupSchemas(said, lookup);
  const fault = argumentsFault(said, lookup, takes) ?? fieldFault(lookup, takes.answer);
  if (fault !== undefined) throw wrong(said, ['lookup'], fault);
}

/** Of the operation that a lookup asks. @throws McpOnceError as `wrong` makes it. */
function lookupSchemas(said: Said, { operation: name }: LookupRule): ToolSchemas {
  const { document } = said;
  const read = findHead(document, name);
  if (!read) {
    const known = document.heads.flatMap(({ operationId, method, path }) => [operationId ?? [], `${method} ${path}`]);
    throw wrong(said, ['lookup'], unknown('lookup.operation', name, known.flat()));
  }
  const asked = `lookup.operation ${JSON.stringify(name)}`;
  let isRead: boolean;
  let schemas: ToolSchemas;
  try {
    isRead = headPolicy(read, documentOverride(read)).effect === 'read';
    schemas = toolSchemas(document.operation(read));
  } catch (error) {
    throw wrong(said, ['lookup'], `${asked} cannot be called: ${describeError(error)}`);
  }
  if (!isRead) throw wrong(said, ['lookup'], `${asked} is no read`);
  return schemas;
}

function argumentsFault(said: Said, lookup: LookupRule, takes: ToolSchemas): string | undefined {
  const known = Object.keys(takes.places);
  const given = givenNames(said);
  for (const [name, text] of Object.entries(lookup.arguments)) {
    if (!known.includes(name)) return unknown('lookup.arguments', name, known);
    const asked = /^\$(.+)$/.exec(text)?.[1];
    if (asked === undefined || asked === 'marker' || given.includes(asked)) continue;
    if (asked === lookup.marker.argument) return `lookup.arguments.${name}: what carries the marker is "$marker"`;
    return unknown(`lookup.arguments.${name}`, asked, given);
  }
  const required: readonly unknown[] = Array.isArray(takes.input.required) ? takes.input.required : [];
  const missing = required.find((name): name is string => {
    const isGiven = typeof name !== 'string' || Object.hasOwn(lookup.arguments, name);
    return !isGiven && argumentSchema(takes, name).default === undefined;
  });
  if (missing === undefined) return undefined;
  return `lookup.arguments lacks ${JSON.stringify(missing)}, which ${lookup.operation} requires`;
}

/** Held against the documented answer, as far as that says which members there are. */
function fieldFault({ items, marker }: LookupRule, answer: JsonSchema | undefined): string | undefined {
  if (answer === undefined) return undefined;
  const schemas: ToolSchemas = { input: answer, places: {} };
  const field = marker.field.startsWith('/')
    ? marker.field
    : `/${marker.field.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  let at: JsonSchema = answer;
  const walk = (part: string, pointer: string): string | undefined => {
    for (const step of pointer.split('/').slice(1)) {
      const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
      const [next] = propertySchemas(at, name, schemas);
      const known = propertyNames(at, schemas);
      if (next === undefined) return known.length === 0 ? '' : unknown(part, name, [...new Set(known)]);
      at = next;
    }
    return undefined;
  };
  const inItems = walk('lookup.items', items);
  if (inItems !== undefined) return inItems === '' ? undefined : inItems;
  at = itemSchema(at, schemas) ?? at;
  return walk('lookup.marker.field', field) || undefined;
}

/** What we fill in has to fit: cut, it would find nothing, or another effect. */
function checkText(said: Said, part: 'clientId' | 'lookup', argument: string, chars: number): void {
  const schema = argumentSchema(said.schemas, argument);
  const { maxLength } = schema;
  if (takesText(schema) && !(typeof maxLength === 'number' && maxLength < chars)) return;
  const name = part === 'lookup' ? 'lookup.marker.argument' : part;
  throw wrong(said, [part], `${name} ${JSON.stringify(argument)} must be a text that may have ${chars} characters`);
}

function unknown(part: string, name: string, known: readonly string[]): string {
  const there = known.length === 0 ? '' : `; there are: ${known.slice(0, 20).join(', ')}`;
  return `${part}: ${JSON.stringify(name.slice(0, 64))} is not known${suggestion(name, known) || there}`;
}
