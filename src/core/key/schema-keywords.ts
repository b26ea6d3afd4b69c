import { unescapePointerToken } from '../json.ts';
import { sameJson } from './canonical-json.ts';
import { isPlainObject } from './check-json.ts';

/** A JSON Schema whose keywords are unchecked data. */
export type Schema = Record<string, unknown>;

/**
 * What a schema says about null as the value of a property.
 *
 * - `refuses`, `allows`: the schema declares the property.
 * - `closed`: the schema does not declare the property, and forbids it.
 * - `open`: the schema does not declare the property, and allows it.
 */
export type NullRule = 'refuses' | 'allows' | 'closed' | 'open';

/** Replaces a reference that cannot be followed. Nothing is known about it, so it allows everything. */
export const OPAQUE: Schema = Object.freeze({});
/** Replaces the schema `false`, which no value satisfies. */
const NEVER: Schema = Object.freeze({ type: Object.freeze([]) });

const VERBATIM_FORMATS: ReadonlySet<unknown> = new Set(['binary', 'byte', 'path', 'uri', 'uri-reference']);
const POINTER_STEPS_MAX = 64;

/** A flattened schema. All `facets` apply at once, and one branch of each of `branchings`. */
export interface FlatSchema {
  readonly facets: readonly Schema[];
  readonly branchings: readonly (readonly unknown[])[];
}

/**
 * Follows the keywords that always apply (`$ref`, `allOf`), and separates those that apply in some cases (`anyOf`,
 * `oneOf`, `if`, `dependentSchemas`). Stops after `facetsMax` facets. Ignores `not`, which says nothing about null, defaults or normalisation.
 */
export function flatten(schemas: readonly unknown[], root: Schema, facetsMax: number): FlatSchema {
  const facets = new Set<Schema>();
  const branchings = new Map<unknown, readonly unknown[]>();
  const waiting = [...schemas];
  while (waiting.length > 0 && facets.size <= facetsMax) {
    const schema = waiting.pop();
    if (schema === false) facets.add(NEVER);
    if (!isPlainObject(schema) || facets.has(schema)) continue;
    facets.add(schema);
    if (typeof schema.$ref === 'string') waiting.push(resolve(schema.$ref, root));
    if (schema.$dynamicRef !== undefined || schema.$recursiveRef !== undefined) facets.add(OPAQUE);
    if (Array.isArray(schema.allOf)) for (const each of schema.allOf) waiting.push(each);
    for (const branches of [schema.anyOf, schema.oneOf]) {
      if (Array.isArray(branches) && branches.length > 0) branchings.set(branches, branches);
    }
    if (schema.if !== undefined) branchings.set(schema.if, [schema.then ?? true, schema.else ?? true]);
    for (const dependent of valuesOf(schema.dependentSchemas)) branchings.set(dependent, [dependent, true]);
  }
  return { facets: [...facets], branchings: [...branchings.values()] };
}

/** Returns whether this facet itself allows null, without following references. */
export function holdsNull(facet: Schema): boolean {
  if (!typeIncludes(facet, 'null')) return false;
  if (Array.isArray(facet.enum) && !facet.enum.includes(null)) return false;
  return !Object.hasOwn(facet, 'const') || facet.const === null;
}

export function holdsObject(facet: Schema): boolean {
  return typeIncludes(facet, 'object');
}

/** Returns the schema of a property that this facet declares; undefined if it does not. */
export function propertySchema(facet: Schema, name: string): unknown {
  const properties = propertiesOf(facet);
  return Object.hasOwn(properties, name) ? properties[name] : undefined;
}

export function propertiesOf(facet: Schema): Schema {
  return isPlainObject(facet.properties) ? facet.properties : {};
}

/** Returns the schema of undeclared properties. Does not run patterns, since they come from outside. */
export function otherSchema(facet: Schema): unknown[] {
  if (facet === OPAQUE) return [OPAQUE];
  return facet.patternProperties === undefined && isPlainObject(facet.additionalProperties)
    ? [facet.additionalProperties]
    : [];
}

export function requires(facet: Schema, name: string): boolean {
  return Array.isArray(facet.required) && facet.required.includes(name);
}

export function requiredNames(facet: Schema): string[] {
  return Array.isArray(facet.required) ? facet.required.filter((name) => typeof name === 'string') : [];
}

/** Reads `prefixItems` and `items` of 2020-12, and `items` as a list and `additionalItems` of earlier drafts. */
export function itemSchemas(facet: Schema, index: number): unknown[] {
  if (facet === OPAQUE) return [OPAQUE];
  const own = listOf(facet)[index];
  if (own !== undefined) return [own];
  const rest = Array.isArray(facet.items) ? facet.additionalItems : facet.items;
  return rest === undefined ? [] : [rest];
}

export function positionsOf(facet: Schema): number {
  return listOf(facet).length;
}

function listOf({ prefixItems, items }: Schema): readonly unknown[] {
  if (Array.isArray(prefixItems)) return prefixItems;
  return Array.isArray(items) ? items : [];
}

/** Null stays if one branch allows null, or allows undeclared properties. */
export function unionNullRule(branches: readonly NullRule[]): NullRule {
  if (branches.includes('allows')) return 'allows';
  if (branches.includes('open')) return 'open';
  return branches.includes('refuses') ? 'refuses' : 'closed';
}

/** Returns the default that all facets share; undefined if they differ. */
export function agreedDefault(facets: readonly Schema[]): { readonly value: unknown } | undefined {
  const [first, ...others] = facets;
  if (first === undefined || others.some((other) => !sameJson(other.default, first.default))) return undefined;
  return { value: first.default };
}

/** Tests for `contentEncoding` of JSON Schema, formats of OpenAPI, and the keyword `x-mcp-once-verbatim`. */
export function isVerbatim(facet: Schema): boolean {
  return (
    VERBATIM_FORMATS.has(facet.format) ||
    facet.contentEncoding !== undefined ||
    facet['x-mcp-once-verbatim'] === true ||
    facet === OPAQUE
  );
}

/** Returns whether any part of the schema is verbatim, or may be. */
export function mentionsVerbatim(schema: Schema): boolean {
  const seen = new Set<unknown>();
  const waiting: unknown[] = [schema];
  while (waiting.length > 0) {
    const part = waiting.pop();
    if (typeof part !== 'object' || part === null || seen.has(part)) continue;
    seen.add(part);
    if (isPlainObject(part) && (isVerbatim(part) || isOpen(part, schema))) return true;
    // Not spread: a list of values may be longer than an argument list.
    for (const each of Object.values(part)) waiting.push(each);
  }
  return false;
}

/** Tests for a reference that cannot be followed. */
function isOpen(schema: Schema, root: Schema): boolean {
  if (schema.$dynamicRef !== undefined || schema.$recursiveRef !== undefined) return true;
  return typeof schema.$ref === 'string' && resolve(schema.$ref, root) === OPAQUE;
}

function typeIncludes(facet: Schema, type: string): boolean {
  if (facet.type === undefined) return true;
  return Array.isArray(facet.type) ? facet.type.includes(type) : facet.type === type;
}

/** Follows references within the document, which are JSON pointers (RFC 6901) in a fragment. Others are opaque. */
function resolve(reference: string, root: Schema): unknown {
  if (reference === '#') return root;
  const steps = reference.startsWith('#/') ? reference.slice(2).split('/') : [];
  if (steps.length === 0 || steps.length > POINTER_STEPS_MAX) return OPAQUE;
  let current: unknown = root;
  for (const step of steps) {
    const name = unescapePointerToken(decode(step));
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return OPAQUE;
    current = (current as Record<string, unknown>)[name];
  }
  return current === undefined ? OPAQUE : current;
}

function decode(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

function valuesOf(value: unknown): unknown[] {
  return isPlainObject(value) ? Object.values(value) : [];
}
