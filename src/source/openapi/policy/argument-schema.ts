import type { JsonSchema, ToolSchemas } from '../types.ts';

/** How many references lead from one to the next at the most. */
const referencesMax = 16;

/** The schema of one argument, with the references that it begins with followed; empty where there is none. */
export function argumentSchema(schemas: ToolSchemas, argument: string): JsonSchema {
  return followed(memberOf(schemas.input.properties, argument), schemas);
}

/** The schemas that a property may have in a schema and its alternatives. */
export function propertySchemas(schema: JsonSchema, name: string, schemas: ToolSchemas, depth = 0): JsonSchema[] {
  if (depth > depthMax) return [];
  const here = followed(schema, schemas);
  const own = memberOf(here.properties, name);
  const below = alternativesOf(here).flatMap((each) => propertySchemas(each, name, schemas, depth + 1));
  return Object.keys(own).length > 0 ? [followed(own, schemas), ...below] : below;
}

/** The names of the properties of a schema and its alternatives. */
export function propertyNames(schema: JsonSchema, schemas: ToolSchemas, depth = 0): string[] {
  if (depth > depthMax) return [];
  const here = followed(schema, schemas);
  const below = alternativesOf(here).flatMap((each) => propertyNames(each, schemas, depth + 1));
  return [...Object.keys(objectOf(here.properties)), ...below];
}

/** A schema without a property, in itself and in its alternatives; what they refer to is copied for it. */
export function withoutProperty(schema: JsonSchema, name: string, schemas: ToolSchemas, depth = 0): JsonSchema {
  if (depth > depthMax || !propertyNames(schema, schemas).includes(name)) return schema;
  const here = followed(schema, schemas);
  const { [name]: _, ...properties } = objectOf(here.properties);
  const required = Array.isArray(here.required) ? here.required.filter((each) => each !== name) : undefined;
  const branches = branchings.flatMap((word) => {
    const list = here[word];
    return Array.isArray(list) ? [[word, list.map((each) => withoutProperty(each, name, schemas, depth + 1))]] : [];
  });
  return {
    ...here,
    ...(here.properties === undefined ? {} : { properties }),
    ...(required ? { required } : {}),
    ...Object.fromEntries(branches),
  };
}

/** Alternatives within alternatives; deeper ones are not read. */
const depthMax = 8;
const branchings = ['allOf', 'anyOf', 'oneOf'] as const;

function alternativesOf(schema: JsonSchema): JsonSchema[] {
  return branchings.flatMap((word) => (Array.isArray(schema[word]) ? (schema[word] as JsonSchema[]) : []));
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
