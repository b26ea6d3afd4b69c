import type { JsonSchema } from '../../core/json.ts';
import { suggestion } from '../../core/suggest.ts';
import type { ToolSchemas } from '../document/schemas.ts';
import type { ApiParameter } from '../document/types.ts';
import { invalidArgument, isAbsent, isRecord } from './encode.ts';

/** A parameter that has a value. */
export interface PlacedParameter {
  readonly argument: string;
  readonly parameter: ApiParameter;
  readonly value: unknown;
}

/** A property of the body that has a value; `schema` as the model sees it. */
export interface PlacedProperty {
  readonly argument: string;
  readonly property: string;
  readonly value: unknown;
  readonly schema: JsonSchema;
}

/** Arguments by where they go, in the order of the schema, whatever order they were given in. */
export interface Placed {
  readonly parameters: readonly PlacedParameter[];
  readonly properties: readonly PlacedProperty[];
  readonly wholeBody?: PlacedProperty;
}

/**
 * Sorts arguments by where they go. One without a place is a property of the body where the tool's schema says that
 * it takes more than it names, and refused elsewhere. @throws McpOnceError `invalid_input`
 */
export function place(schemas: ToolSchemas, args: Readonly<Record<string, unknown>>): Placed {
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
  const further = schemas.input.additionalProperties;
  for (const [argument, value] of Object.entries(args)) {
    if (Object.hasOwn(schemas.places, argument) || value === undefined) continue;
    if (further !== true && !isRecord(further)) {
      const advice = `Leave it out${suggestion(argument, known)}`.replace(/\?$/, '');
      throw invalidArgument(argument, 'is not one of this tool', advice);
    }
    properties.push({ argument, property: argument, value, schema: isRecord(further) ? further : {} });
  }
  return { parameters, properties, ...(whole[0] ? { wholeBody: whole[0] } : {}) };
}

function propertySchema(schema: JsonSchema, name: string): JsonSchema {
  const properties = schema.properties;
  const property = isRecord(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
  return isRecord(property) ? property : {};
}

/** The schema of a member of a value that `schema` describes: a property's, or the items' where no name is given. */
export function memberSchema(schema: JsonSchema, root: JsonSchema, name?: string): JsonSchema {
  for (const each of alternatives(schema, root)) {
    if (name === undefined && isRecord(each.items)) return each.items;
    if (name !== undefined && Object.keys(propertySchema(each, name)).length > 0) return propertySchema(each, name);
  }
  return {};
}

/**
 * Whether a string of this schema is the base64 of a file: OpenAPI 3.0 `format: binary`, 3.1 `contentEncoding` or a
 * `contentMediaType` that is no text.
 */
export function isFile(schema: JsonSchema, root: JsonSchema): boolean {
  return [...alternatives(schema, root)].some((each) => {
    const media = each.contentMediaType;
    if (each.format === 'binary' || /^base64/.test(String(each.contentEncoding))) return true;
    return typeof media === 'string' && !/^text\/|json|xml/.test(media);
  });
}

/** A schema and all that it is made of, each once: references within `root`, `allOf`, `anyOf`, `oneOf`. */
function alternatives(schema: JsonSchema, root: JsonSchema): ReadonlySet<JsonSchema> {
  const found = new Set([schema]);
  // What is added while a set is gone through is gone through, too.
  for (const each of found) {
    const target = typeof each.$ref === 'string' ? referenced(each.$ref, root) : undefined;
    if (target) found.add(target);
    for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
      const list = each[keyword];
      for (const further of Array.isArray(list) ? list.filter(isRecord) : []) found.add(further);
    }
  }
  return found;
}

function referenced(reference: string, root: JsonSchema): JsonSchema | undefined {
  if (!reference.startsWith('#/')) return undefined;
  let current: unknown = root;
  for (const token of reference.slice(2).split('/')) {
    const key = safeDecode(token).replaceAll('~1', '/').replaceAll('~0', '~');
    current = isRecord(current) && Object.hasOwn(current, key) ? current[key] : undefined;
  }
  return isRecord(current) ? current : undefined;
}

function safeDecode(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}
