import { createHash } from 'node:crypto';
import { arrayOf, isObject, type JsonObject } from '../../core/json.ts';
import type { Found, Resource } from './references.ts';

/** Keywords that say something to people and restrict nothing. */
export const annotations: ReadonlySet<string> = new Set(['title', 'description', 'deprecated', 'default', 'examples']);

/** Those that count beside a `$ref` of Swagger 2.0 and OpenAPI 3.0; by the letter none does. */
const oldSiblings = new Set(['title', 'description', 'deprecated', 'default', 'example', 'nullable', 'x-nullable']);

/** What stands beside a `$ref` and counts, or undefined. */
export function referenceSiblings(schema: JsonObject, isOld: boolean): JsonObject | undefined {
  const { $ref: _, ...siblings } = schema;
  const kept = Object.entries(siblings).filter(([keyword]) => !isOld || oldSiblings.has(keyword));
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

/** A converted schema and what was converted from the siblings of its reference, as one. */
export function withSiblings(
  base: JsonObject,
  siblings: JsonObject,
  notes: ReadonlySet<string>,
): Record<string, unknown> {
  const isSafe = Object.keys(siblings).every((keyword) => notes.has(keyword) || !Object.hasOwn(base, keyword));
  return isSafe ? { ...base, ...siblings } : { ...siblings, allOf: [base, ...arrayOf(siblings.allOf)] };
}

/** A schema that does not require these properties. */
export function withoutNames(schema: JsonObject, names: ReadonlySet<string>): JsonObject {
  if (!Array.isArray(schema.required)) return schema;
  const { required: _, ...rest } = schema;
  const required = schema.required.filter((name) => !names.has(name));
  return required.length > 0 ? { ...rest, required } : rest;
}

/** The same in every run, whichever operation is asked for first. */
export function definitionName({ resource, pointer }: Found, main: Resource): string {
  const name = /^\/components\/schemas\/([A-Za-z0-9_.-]{1,64})$/.exec(pointer)?.[1];
  if (resource === main && name !== undefined) return name;
  const hash = createHash('sha256')
    .update(`${resource === main ? '' : resource.url}#${pointer}`)
    .digest('hex');
  const last = pointer.slice(pointer.lastIndexOf('/') + 1).replace(/[^A-Za-z0-9_.-]+/g, '_');
  return `${last.slice(0, 40)}_${hash.slice(0, 8)}`;
}

/** True for distinct texts. */
export function isTexts(value: unknown): boolean {
  const isText = Array.isArray(value) && value.every((each) => typeof each === 'string');
  return isText && new Set(value).size === value.length;
}

/** True for a schema whose values can only be objects. */
export function isObjectType(schema: unknown): boolean {
  return (
    isObject(schema) && [schema.type].flat().every((type) => type === undefined || type === 'object' || type === 'null')
  );
}
