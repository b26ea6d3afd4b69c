import { sameJson } from './canonical-json.ts';
import { isPlainObject } from './check-json.ts';

export type Schema = Record<string, unknown>;

/** What a schema says of null as a property. `closed`: nothing, and lets no such property in. `open`: nothing. */
export type NullRule = 'refuses' | 'allows' | 'closed' | 'open';

/** In place of a reference that cannot be followed: nothing is known of it, so everything is possible. */
export const OPAQUE: Schema = Object.freeze({});
/** In place of the schema `false`: no value fits. */
const NEVER: Schema = Object.freeze({ type: Object.freeze([]) });

const VERBATIM_FORMATS: ReadonlySet<unknown> = new Set(['binary', 'byte', 'path', 'uri', 'uri-reference']);
const POINTER_STEPS_MAX = 64;

/** A schema taken apart: all `facets` hold at once; of each branching one branch holds. */
export interface FlatSchema {
  readonly facets: readonly Schema[];
  readonly branchings: readonly (readonly unknown[])[];
}

/**
 * Follows what always holds (`$ref`, `allOf`) and sets apart what holds in one case or another
 * (`anyOf`, `oneOf`, `if`, `dependentSchemas`). `not` says nothing that is needed here.
 */
export function flatten(schemas: readonly unknown[], root: Schema): FlatSchema {
  const facets = new Set<Schema>();
  const branchings = new Map<unknown, readonly unknown[]>();
  const waiting = [...schemas];
  while (waiting.length > 0) {
    const schema = waiting.pop();
    if (schema === false) facets.add(NEVER);
    if (!isPlainObject(schema) || facets.has(schema)) continue;
    facets.add(schema);
    if (typeof schema.$ref === 'string') waiting.push(resolve(schema.$ref, root));
    if (schema.$dynamicRef !== undefined || schema.$recursiveRef !== undefined) facets.add(OPAQUE);
    if (Array.isArray(schema.allOf)) waiting.push(...schema.allOf);
    for (const branches of [schema.anyOf, schema.oneOf]) {
      if (Array.isArray(branches) && branches.length > 0) branchings.set(branches, branches);
    }
    if (schema.if !== undefined) branchings.set(schema.if, [schema.then ?? true, schema.else ?? true]);
    for (const dependent of valuesOf(schema.dependentSchemas)) branchings.set(dependent, [dependent, true]);
  }
  return { facets: [...facets], branchings: [...branchings.values()] };
}

/** Whether null passes this facet by itself, whatever it refers to. */
export function holdsNull(facet: Schema): boolean {
  if (!typeIncludes(facet, 'null')) return false;
  if (Array.isArray(facet.enum) && !facet.enum.includes(null)) return false;
  return !Object.hasOwn(facet, 'const') || facet.const === null;
}

export function holdsObject(facet: Schema): boolean {
  return typeIncludes(facet, 'object');
}

/** What this facet itself says of a property that it names. */
export function propertySchema(facet: Schema, name: string): unknown {
  const properties = propertiesOf(facet);
  return Object.hasOwn(properties, name) ? properties[name] : undefined;
}

export function propertiesOf(facet: Schema): Schema {
  return isPlainObject(facet.properties) ? facet.properties : {};
}

/** The schema of a property that is not named. Patterns are not run: they come from outside. */
export function otherSchema(facet: Schema): unknown[] {
  if (facet === OPAQUE) return [OPAQUE];
  return facet.patternProperties === undefined && isPlainObject(facet.additionalProperties)
    ? [facet.additionalProperties]
    : [];
}

export function requires(facet: Schema, name: string): boolean {
  return Array.isArray(facet.required) && facet.required.includes(name);
}

/** `prefixItems` and `items` of 2020-12, `items` as a list and `additionalItems` of the drafts before. */
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

/** One branch that allows null, or that lets anything in, is enough to leave null alone. */
export function unionNullRule(branches: readonly NullRule[]): NullRule {
  if (branches.includes('allows')) return 'allows';
  if (branches.includes('open')) return 'open';
  return branches.includes('refuses') ? 'refuses' : 'closed';
}

/** The default that all these have in common. */
export function agreedDefault(facets: readonly Schema[]): { readonly value: unknown } | undefined {
  const [first, ...others] = facets;
  if (first === undefined || others.some((other) => !sameJson(other.default, first.default))) return undefined;
  return { value: first.default };
}

/** Marked by JSON Schema (`contentEncoding`), by OpenAPI's formats, or by our own word. */
export function isVerbatim(facet: Schema): boolean {
  return (
    VERBATIM_FORMATS.has(facet.format) ||
    facet.contentEncoding !== undefined ||
    facet['x-mcp-once-verbatim'] === true ||
    facet === OPAQUE
  );
}

/** Whether anything in the schema document is marked so, or may be. */
export function mentionsVerbatim(schema: Schema): boolean {
  const seen = new Set<unknown>();
  const waiting: unknown[] = [schema];
  while (waiting.length > 0) {
    const part = waiting.pop();
    if (typeof part !== 'object' || part === null || seen.has(part)) continue;
    seen.add(part);
    if (isPlainObject(part) && (isVerbatim(part) || isOpen(part, schema))) return true;
    waiting.push(...Object.values(part));
  }
  return false;
}

/** Refers to something that cannot be followed. */
function isOpen(schema: Schema, root: Schema): boolean {
  if (schema.$dynamicRef !== undefined || schema.$recursiveRef !== undefined) return true;
  return typeof schema.$ref === 'string' && resolve(schema.$ref, root) === OPAQUE;
}

function typeIncludes(facet: Schema, type: string): boolean {
  if (facet.type === undefined) return true;
  return Array.isArray(facet.type) ? facet.type.includes(type) : facet.type === type;
}

/** Only references within the document, as JSON pointer (RFC 6901) in a fragment; others are opaque. */
function resolve(reference: string, root: Schema): unknown {
  if (reference === '#') return root;
  const steps = reference.startsWith('#/') ? reference.slice(2).split('/') : [];
  if (steps.length === 0 || steps.length > POINTER_STEPS_MAX) return OPAQUE;
  let current: unknown = root;
  for (const step of steps) {
    const name = decode(step).replaceAll('~1', '/').replaceAll('~0', '~');
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
