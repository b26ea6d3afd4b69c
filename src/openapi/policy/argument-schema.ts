import { McpOnceError } from '../../core/errors.ts';
import type { JsonSchema } from '../../core/json.ts';
import type { ToolSchemas } from '../document/schemas.ts';

/** How many references lead from one to the next at the most. */
const referencesMax = 16;

/** The schema of one argument, with the references that it begins with followed; empty where there is none. */
export function argumentSchema(schemas: ToolSchemas, argument: string): JsonSchema {
  return followed(memberOf(schemas.input.properties, argument), schemas);
}

/** The schemas that a property may have in a schema and its alternatives. */
export function propertySchemas(schema: JsonSchema, name: string, schemas: ToolSchemas): JsonSchema[] {
  return familyOf(schema, schemas).flatMap((each) => {
    const own = memberOf(each.properties, name);
    return Object.keys(own).length > 0 ? [followed(own, schemas)] : [];
  });
}

/** The names of the properties of a schema and its alternatives. */
export function propertyNames(schema: JsonSchema, schemas: ToolSchemas): string[] {
  return familyOf(schema, schemas).flatMap((each) => Object.keys(objectOf(each.properties)));
}

/** The schema of the items of a list; undefined where nothing is said of them. */
export function itemSchema(schema: JsonSchema, schemas: ToolSchemas): JsonSchema | undefined {
  const items = familyOf(schema, schemas).map((each) => each.items);
  return items.find((each): each is JsonSchema => typeof each === 'object' && each !== null && !Array.isArray(each));
}

/**
 * A schema without a property, in itself and in its alternatives; what they refer to is copied for it.
 * @throws McpOnceError `tool_invalid` where there are too many of them.
 */
export function withoutProperty(schema: JsonSchema, name: string, schemas: ToolSchemas): JsonSchema {
  return without(schema, name, { schemas, within: [], left: { copies: copiesMax } });
}

interface Removal {
  readonly schemas: ToolSchemas;
  /** The references that led here: one that leads back is left as it is. */
  readonly within: readonly unknown[];
  readonly left: { copies: number };
}

function without(schema: JsonSchema, name: string, removal: Removal): JsonSchema {
  const { schemas, within, left } = removal;
  if (within.includes(schema.$ref ?? schema) || !propertyNames(schema, schemas).includes(name)) return schema;
  left.copies -= 1;
  if (left.copies < 0) throw new McpOnceError('tool_invalid', 'its body has too many alternatives.');
  const below = { ...removal, within: [...within, schema.$ref ?? schema] };
  const here = followed(schema, schemas);
  const { [name]: _, ...properties } = objectOf(here.properties);
  const required = Array.isArray(here.required) ? here.required.filter((each) => each !== name) : undefined;
  const branches = branchings.flatMap((word) => {
    const list = here[word];
    return Array.isArray(list) ? [[word, list.map((each) => without(each, name, below))]] : [];
  });
  return {
    ...here,
    ...(here.properties === undefined ? {} : { properties }),
    ...(required ? { required } : {}),
    ...Object.fromEntries(branches),
  };
}

/** How many schemas one may be made of; what goes beyond is not read. */
const familyMax = 1_000;
const copiesMax = 200;
const branchings = ['allOf', 'anyOf', 'oneOf'] as const;

/** A schema and all of its alternatives, whatever they refer to once. */
function familyOf(schema: JsonSchema, schemas: ToolSchemas): readonly JsonSchema[] {
  const family: JsonSchema[] = [];
  const seen = new Set<unknown>();
  const waiting = [schema];
  for (let each = waiting.shift(); each !== undefined && family.length < familyMax; each = waiting.shift()) {
    const identity = Object.keys(each).length === 1 ? (each.$ref ?? each) : each;
    if (seen.has(identity)) continue;
    seen.add(identity);
    const here = followed(each, schemas);
    family.push(here);
    for (const word of branchings) {
      const list = here[word];
      if (Array.isArray(list))
        waiting.push(...(list.filter((one) => typeof one === 'object' && one !== null) as JsonSchema[]));
    }
  }
  return family;
}

function followed(start: JsonSchema, schemas: ToolSchemas): JsonSchema {
  let schema = start;
  for (let count = 0; count < referencesMax; count += 1) {
    const { $ref: reference, ...beside } = schema;
    if (typeof reference !== 'string' || !reference.startsWith('#/$defs/')) return schema;
    const name = decodeURIComponent(reference.slice('#/$defs/'.length)).replaceAll('~1', '/').replaceAll('~0', '~');
    schema = { ...memberOf(schemas.input.$defs, name), ...beside };
  }
  return {};
}

/** Whether an argument may be a text. */
export function takesText({ type }: JsonSchema): boolean {
  return type === undefined || type === 'string' || (Array.isArray(type) && type.includes('string'));
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function memberOf(value: unknown, name: string): JsonSchema {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return {};
  const member: unknown = (value as Readonly<Record<string, unknown>>)[name];
  return typeof member === 'object' && member !== null ? (member as JsonSchema) : {};
}
