import { arrayOf, isObject, type JsonObject, nonBlankText } from '../../core/json.ts';
import type { Resource } from './references.ts';
import { isObjectType } from './schema-parts.ts';
import type { Converted, SchemaStore } from './schema-store.ts';

/** The properties of a body that can be arguments of their own. */
export interface FlatBody {
  readonly properties: ReadonlyMap<string, Converted>;
  readonly required: readonly string[];
  readonly description?: string;
}

interface Flat {
  readonly properties: Map<string, { schema: unknown; resource: Resource }>;
  readonly required: Set<string>;
  /** Schemas of which one or another holds besides. */
  readonly alternatives: { schema: unknown; resource: Resource }[];
  readonly seen: Set<unknown>;
}

/**
 * Takes a body apart that is an object with properties at its root, also through references and `allOf`. Undefined
 * for any other, and where an alternative (`oneOf`, `anyOf`) brings properties of its own: then which ones belong
 * together would be lost.
 */
export function flattenBody(store: SchemaStore, schema: unknown, resource: Resource): FlatBody | undefined {
  const flat: Flat = { properties: new Map(), required: new Set(), alternatives: [], seen: new Set() };
  if (!collect(store, schema, resource, flat)) return undefined;
  for (const each of flat.alternatives) {
    const other: Flat = { properties: new Map(), required: new Set(), alternatives: [], seen: new Set() };
    if (!collect(store, each.schema, each.resource, other) || other.alternatives.length > 0) return undefined;
    if ([...other.properties.keys()].some((name) => !flat.properties.has(name))) return undefined;
  }
  const properties = new Map<string, Converted>();
  for (const [name, each] of flat.properties) {
    if (name === '__proto__' || store.isHidden(each.schema, each.resource, 'sent')) continue;
    properties.set(name, store.convert(each.schema, each.resource, 'sent'));
  }
  if (properties.size === 0) return undefined;
  const root = store.find(schema, resource).value;
  const description = isObject(root) ? nonBlankText(root.description) : undefined;
  const required = [...flat.required].filter((name) => properties.has(name));
  return { properties, required, ...(description !== undefined && { description }) };
}

/** False for what is no object by its own words. */
function collect(store: SchemaStore, schema: unknown, from: Resource, flat: Flat): boolean {
  const { value, resource } = store.find(schema, from);
  if (!isObject(value) || !isObjectType(value)) return false;
  if (flat.seen.has(value)) return true;
  flat.seen.add(value);
  if (isObject(value.properties)) {
    for (const [name, property] of Object.entries(value.properties)) add(flat, name, property, resource);
  }
  for (const name of arrayOf(value.required)) if (typeof name === 'string') flat.required.add(name);
  for (const each of [...arrayOf(value.oneOf), ...arrayOf(value.anyOf)]) {
    flat.alternatives.push({ schema: each, resource });
  }
  const parts = [...arrayOf(value.allOf), ...(typeof value.$ref === 'string' ? [referenceOf(value)] : [])];
  return parts.every((part) => collect(store, part, resource, flat));
}

/** Two parts of an allOf may say something of one property: then both hold. */
function add(flat: Flat, name: string, property: unknown, resource: Resource): void {
  const before = flat.properties.get(name);
  const isOther = before !== undefined && before.schema !== property && before.resource === resource;
  const both = isOther && isObject(property) && isObject(before.schema) ? [before.schema, property] : undefined;
  const schema = both
    ? { allOf: both, ...(both.some((each) => each.readOnly === true) && { readOnly: true }) }
    : property;
  flat.properties.set(name, { schema, resource });
}

function referenceOf(schema: JsonObject): JsonObject {
  return { $ref: schema.$ref };
}
