import { McpOnceError } from '../../core/errors.ts';
import { arrayOf, isObject, type JsonSchema, objectOf, unescapePointerToken } from '../../core/json.ts';
import type { ToolSchemas } from '../document/tool-schemas.ts';

/** Limit on references that lead from one to the next. */
const referencesMax = 16;
/** Limit on the alternatives of one schema. Further ones are not read. */
const familyMax = 1_000;
const copiesMax = 200;
const branchings = ['allOf', 'anyOf', 'oneOf'] as const;

/** Returns the schema of one argument with the references at its root followed. It is empty for an unknown argument. */
export function argumentSchema(schemas: ToolSchemas, argument: string): JsonSchema {
  return followed(memberOf(schemas.input.properties, argument), schemas);
}

/** Returns the schemas of a property in a schema and its alternatives. */
export function propertySchemas(schema: JsonSchema, name: string, schemas: ToolSchemas): JsonSchema[] {
  return familyOf(schema, schemas).flatMap((each) => {
    const own = memberOf(each.properties, name);
    return Object.keys(own).length > 0 ? [followed(own, schemas)] : [];
  });
}

/** Returns the names of the properties of a schema and its alternatives. */
export function propertyNames(schema: JsonSchema, schemas: ToolSchemas): string[] {
  return familyOf(schema, schemas).flatMap((each) => Object.keys(objectOf(each.properties)));
}

/** Returns the schema of the items of an array, if it has one. */
export function itemSchema(schema: JsonSchema, schemas: ToolSchemas): JsonSchema | undefined {
  const items = familyOf(schema, schemas).map((each) => each.items);
  return items.find(isObject);
}

/**
 * Removes a property from a schema and its alternatives. Referenced schemas are copied for that.
 * @throws McpOnceError `tool_invalid` if there are too many of them.
 */
export function withoutProperty(schema: JsonSchema, name: string, schemas: ToolSchemas): JsonSchema {
  let copies = 0;
  // A reference that leads back to one of its ancestors stays as it is.
  const remove = (current: JsonSchema, ancestors: readonly unknown[]): JsonSchema => {
    const identity = current.$ref ?? current;
    if (ancestors.includes(identity) || !propertyNames(current, schemas).includes(name)) return current;
    copies += 1;
    if (copies > copiesMax) throw new McpOnceError('tool_invalid', 'its body has too many alternatives.');
    const copy = { ...followed(current, schemas) };
    if (copy.properties !== undefined) {
      copy.properties = Object.fromEntries(Object.entries(objectOf(copy.properties)).filter(([each]) => each !== name));
    }
    if (Array.isArray(copy.required)) copy.required = copy.required.filter((each) => each !== name);
    for (const word of branchings) {
      const list = copy[word];
      if (Array.isArray(list)) copy[word] = list.map((each) => remove(each, [...ancestors, identity]));
    }
    return copy;
  };
  return remove(schema, []);
}

/** Removes the property at the end of a path of names. `*` stands for the items of a list and the members of a map. */
export function withoutPath(schema: JsonSchema, path: readonly string[], schemas: ToolSchemas): JsonSchema {
  const [name, ...rest] = path;
  if (name === undefined) return schema;
  if (rest.length === 0) return withoutProperty(schema, name, schemas);
  const copy = { ...followed(schema, schemas) };
  if (name === '*') {
    const word = isObject(copy.items) ? 'items' : 'additionalProperties';
    return { ...copy, [word]: withoutPath(objectOf(copy[word]), rest, schemas) };
  }
  const properties = objectOf(copy.properties);
  return { ...copy, properties: { ...properties, [name]: withoutPath(objectOf(properties[name]), rest, schemas) } };
}

/** Returns a schema with all its alternatives, also through references, each once. */
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
      waiting.push(...arrayOf(here[word]).filter(isObject));
    }
  }
  return family;
}

/** Returns a schema with the references at its root followed. */
export function followed(start: JsonSchema, schemas: ToolSchemas): JsonSchema {
  let schema = start;
  for (let count = 0; count < referencesMax; count += 1) {
    const { $ref: reference, ...beside } = schema;
    if (typeof reference !== 'string' || !reference.startsWith('#/$defs/')) return schema;
    const name = unescapePointerToken(decodeURIComponent(reference.slice('#/$defs/'.length)));
    schema = { ...memberOf(schemas.input.$defs, name), ...beside };
  }
  return {};
}

/** Tests whether an argument may be a string. */
export function allowsString({ type }: JsonSchema): boolean {
  return type === undefined || type === 'string' || (Array.isArray(type) && type.includes('string'));
}

function memberOf(value: unknown, name: string): JsonSchema {
  return isObject(value) && Object.hasOwn(value, name) ? objectOf(value[name]) : {};
}
