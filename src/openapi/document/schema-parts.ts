import { createHash } from 'node:crypto';
import { arrayOf, isObject, type JsonObject } from '../../core/json.ts';
import type { LocatedValue, Resource } from './references.ts';

/** Keywords that inform people and validate nothing. */
const annotations: ReadonlySet<string> = new Set(['title', 'description', 'deprecated', 'default', 'examples']);

/** Siblings of a `$ref` that count in Swagger 2.0 and OpenAPI 3.0. Strictly, those versions ignore all of them. */
const toleratedSiblings = new Set([
  'title',
  'description',
  'deprecated',
  'default',
  'example',
  'nullable',
  'x-nullable',
]);

/** Returns the siblings of a `$ref` that count, or undefined without any. */
export function referenceSiblings(schema: JsonObject, ignoresRefSiblings: boolean): JsonObject | undefined {
  const { $ref: _, ...siblings } = schema;
  const kept = Object.entries(siblings).filter(([keyword]) => !ignoresRefSiblings || toleratedSiblings.has(keyword));
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

/** Merges the converted target of a reference with the converted siblings of the `$ref`. */
export function withSiblings(base: JsonObject, siblings: JsonObject): Record<string, unknown> {
  const canMerge = Object.keys(siblings).every((keyword) => annotations.has(keyword) || !Object.hasOwn(base, keyword));
  return canMerge ? { ...base, ...siblings } : { ...siblings, allOf: [base, ...arrayOf(siblings.allOf)] };
}

/** Returns the schema without these names in `required`. */
export function withoutRequired(schema: JsonObject, names: ReadonlySet<string>): JsonObject {
  if (!Array.isArray(schema.required)) return schema;
  const { required: _, ...rest } = schema;
  const required = schema.required.filter((name) => !names.has(name));
  return required.length > 0 ? { ...rest, required } : rest;
}

/** Names a definition in `$defs`. The name does not depend on which operation is resolved first. */
export function definitionName({ resource, pointer }: LocatedValue, main: Resource): string {
  const name = /^\/components\/schemas\/([A-Za-z0-9_.-]{1,64})$/.exec(pointer)?.[1];
  if (resource === main && name !== undefined) return name;
  const hash = createHash('sha256')
    .update(`${resource === main ? '' : resource.url}#${pointer}`)
    .digest('hex');
  const last = pointer.slice(pointer.lastIndexOf('/') + 1).replace(/[^A-Za-z0-9_.-]+/g, '_');
  return `${last.slice(0, 40)}_${hash.slice(0, 8)}`;
}

/** Tests for an array of distinct strings. */
export function isDistinctNames(value: unknown): boolean {
  const areStrings = Array.isArray(value) && value.every((each) => typeof each === 'string');
  return areStrings && new Set(value).size === value.length;
}

/** Tests for a schema that allows only objects (and null). */
export function isObjectType(schema: unknown): boolean {
  return (
    isObject(schema) && [schema.type].flat().every((type) => type === undefined || type === 'object' || type === 'null')
  );
}
