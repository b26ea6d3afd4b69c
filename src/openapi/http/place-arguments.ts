import { defined, isObject, type JsonSchema, objectOf } from '../../core/json.ts';
import { suggestion } from '../../core/suggest.ts';
import type { ToolSchemas } from '../document/tool-schemas.ts';
import type { ApiParameter } from '../document/types.ts';
import { invalidArgument, isAbsent } from './encode.ts';

/** A parameter that has a value. */
export interface PlacedParameter {
  readonly argument: string;
  readonly parameter: ApiParameter;
  readonly value: unknown;
}

/** A property of the body that has a value, with the schema that the model sees. */
export interface PlacedProperty {
  readonly argument: string;
  readonly property: string;
  readonly value: unknown;
  readonly schema: JsonSchema;
}

/** Arguments grouped by their place in the request, in the order of the schema. */
export interface PlacedArguments {
  readonly parameters: readonly PlacedParameter[];
  readonly properties: readonly PlacedProperty[];
  readonly wholeBody?: PlacedProperty;
}

/**
 * Groups arguments by their place in the request. An argument without a place becomes a property of the body if the
 * tool's schema allows additional properties. @throws McpOnceError `invalid_input` for other arguments without a place
 */
export function placeArguments(schemas: ToolSchemas, args: Readonly<Record<string, unknown>>): PlacedArguments {
  const parameters: PlacedParameter[] = [];
  const properties: PlacedProperty[] = [];
  const whole: PlacedProperty[] = [];
  for (const [argument, where] of Object.entries(schemas.places)) {
    const value = Object.hasOwn(args, argument) ? args[argument] : undefined;
    if (value === undefined) continue;
    const schema = propertySchema(schemas.input, argument);
    if (where.in === 'body') properties.push({ argument, property: where.property, value, schema });
    else if (where.in === 'whole-body') whole.push({ argument, property: '', value, schema });
    else if (!isAbsent(value)) parameters.push({ argument, parameter: where.parameter, value });
  }
  const known = Object.keys(schemas.places);
  const additional = schemas.input.additionalProperties;
  for (const [argument, value] of Object.entries(args)) {
    if (Object.hasOwn(schemas.places, argument) || value === undefined) continue;
    if (additional !== true && !isObject(additional)) {
      const advice = `Leave it out${suggestion(argument, known)}`.replace(/\?$/, '');
      throw invalidArgument(argument, 'is unknown', advice);
    }
    properties.push({ argument, property: argument, value, schema: isObject(additional) ? additional : {} });
  }
  return { parameters, properties, ...defined({ wholeBody: whole[0] }) };
}

function propertySchema(schema: JsonSchema, name: string): JsonSchema {
  const properties = objectOf(schema.properties);
  return objectOf(Object.hasOwn(properties, name) ? properties[name] : undefined);
}

/** Returns the schema of a property, or the schema of the items without a `name`. Follows references within `root`. */
export function memberSchema(schema: JsonSchema, root: JsonSchema, name?: string): JsonSchema {
  for (const each of schemaParts(schema, root)) {
    if (name === undefined && isObject(each.items)) return each.items;
    if (name !== undefined && Object.keys(propertySchema(each, name)).length > 0) return propertySchema(each, name);
  }
  return {};
}

/**
 * Returns whether strings of this schema are files in base64: `format: binary` (OpenAPI 3.0), `contentEncoding` or a
 * binary `contentMediaType` (3.1).
 */
export function isFileSchema(schema: JsonSchema, root: JsonSchema): boolean {
  return [...schemaParts(schema, root)].some((each) => {
    const media = each.contentMediaType;
    if (each.format === 'binary' || /^base64/.test(String(each.contentEncoding))) return true;
    return typeof media === 'string' && !/^text\/|json|xml/.test(media);
  });
}

/** Returns a schema with all its parts, without duplicates: references within `root`, `allOf`, `anyOf`, `oneOf`. */
function schemaParts(schema: JsonSchema, root: JsonSchema): ReadonlySet<JsonSchema> {
  const found = new Set([schema]);
  // The loop also visits schemas that it adds.
  for (const each of found) {
    const target = typeof each.$ref === 'string' ? resolveReference(each.$ref, root) : undefined;
    if (target) found.add(target);
    for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
      const list = each[keyword];
      for (const part of Array.isArray(list) ? list.filter(isObject) : []) found.add(part);
    }
  }
  return found;
}

function resolveReference(reference: string, root: JsonSchema): JsonSchema | undefined {
  if (!reference.startsWith('#/')) return undefined;
  let current: unknown = root;
  for (const token of reference.slice(2).split('/')) {
    const key = decodeUri(token).replaceAll('~1', '/').replaceAll('~0', '~');
    current = isObject(current) && Object.hasOwn(current, key) ? current[key] : undefined;
  }
  return isObject(current) ? current : undefined;
}

function decodeUri(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}
