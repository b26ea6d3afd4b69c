import { arrayOf, isObject, type JsonObject, type JsonSchema, objectOf } from '../core/json.ts';

/** Keywords that hold schemas, by the form of their value. */
const named: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'definitions']);
const single: ReadonlySet<string> = new Set(['items', 'additionalProperties']);
const alternatives: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'allOf']);
const lists: ReadonlySet<string> = new Set(['items', 'prefixItems']);
/** Keywords that say nothing about which values are valid. */
const annotations: ReadonlySet<string> = new Set([
  ...['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly', '$comment'],
]);
const depthMax = 64;

/**
 * Where a schema stands. A value of an `optional` property may be left out instead of null. One that is `needed` may not: a
 * required property, an item of a list, a value of a map. For a `branch` of alternatives, the schema around it says it.
 */
type Place = 'optional' | 'needed' | 'branch';

/** The state of one walk. */
interface Walk {
  readonly root: JsonObject;
  /** Whether the targets of references allow null; undefined while one is being determined. */
  readonly targets: Map<string, boolean | undefined>;
}

/**
 * Returns an input schema in the form that clients accept. Some clients drop a property whose `type` is a list, some drop a
 * property with `anyOf`, and some refuse the tool. So an optional value that may be null is published with its one type, and
 * its description says that null is accepted. A required one keeps `anyOf` with null, since a client that follows the schema
 * would have to make up a value; so do an item of a list and a value of a map.
 *
 * Only the published schema changes. The tool's own schema validates the arguments.
 */
export function publishedSchema(schema: JsonSchema): JsonSchema {
  return withParts(schema, { root: schema, targets: new Map() }, 0, []) as JsonSchema;
}

/** Publishes the parts of a schema. Returns the schema itself if nothing changes. */
function withParts(schema: JsonObject, walk: Walk, depth: number, needed: readonly unknown[]): JsonObject {
  if (depth > depthMax) return schema;
  const conditions = arrayOf(schema.allOf).flatMap((each) => arrayOf(objectOf(each).required));
  const required = [...needed, ...arrayOf(schema.required), ...conditions];
  let copy: Record<string, unknown> | undefined;
  for (const keyword of Object.keys(schema)) {
    const value = schema[keyword];
    const part = (each: unknown, place: Place): unknown =>
      isObject(each) ? published(each, place, walk, depth + 1, place === 'branch' ? required : []) : each;
    let next = value;
    if (lists.has(keyword) && Array.isArray(value)) next = mapped(value, (each) => part(each, 'needed'));
    else if (single.has(keyword)) next = part(value, 'needed');
    else if (alternatives.has(keyword) && Array.isArray(value)) next = mapped(value, (each) => part(each, 'branch'));
    else if (named.has(keyword) && isObject(value)) {
      const isNeeded = (name: string) =>
        keyword === 'patternProperties' || (keyword === 'properties' && required.includes(name));
      next = mappedMembers(value, (each, name) => part(each, isNeeded(name) ? 'needed' : 'optional'));
    }
    if (next === value) continue;
    copy ??= { ...schema };
    copy[keyword] = next;
  }
  return copy ?? schema;
}

function published(
  schema: JsonObject,
  place: Place,
  walk: Walk,
  depth: number,
  needed: readonly unknown[],
): JsonObject {
  const bare = withoutNull(withParts(schema, walk, depth, needed));
  if (bare === undefined) return Array.isArray(schema.type) ? { ...schema, type: 'null' } : schema;
  if (place === 'branch' || allowsNull(schema, walk, depth) !== true) return bare;
  if (place === 'needed') return withNull(bare);
  // The definition says it.
  return schema.$ref === undefined ? noted(bare) : bare;
}

/**
 * Whether a schema allows null and says so; undefined if it does not say anything about types. All keywords of a schema must
 * allow it.
 */
function allowsNull(schema: unknown, walk: Walk, depth: number): boolean | undefined {
  if (!isObject(schema)) return schema === false ? false : undefined;
  if (depth > depthMax) return undefined;
  const inner = (keyword: string) => arrayOf(schema[keyword]).map((each) => allowsNull(each, walk, depth + 1));
  const { type, enum: listed, const: only, $ref } = schema;
  const all: (boolean | undefined)[] = [...inner('allOf')];
  if (type !== undefined) all.push([type].flat().includes('null'));
  if (Array.isArray(listed)) all.push(listed.includes(null) && undefined);
  if ('const' in schema) all.push(only === null);
  if (typeof $ref === 'string') all.push(targetAllowsNull($ref, walk, depth));
  for (const keyword of ['anyOf', 'oneOf']) {
    if (!Array.isArray(schema[keyword])) continue;
    const branches = inner(keyword);
    all.push(branches.includes(true) || (branches.includes(undefined) ? undefined : false));
  }
  return all.includes(false) ? false : all.includes(true) || undefined;
}

/** Follows a reference, also to a definition that refers to another. Each target is judged once. */
function targetAllowsNull($ref: string, walk: Walk, depth: number): boolean | undefined {
  if (walk.targets.has($ref)) return walk.targets.get($ref);
  walk.targets.set($ref, undefined);
  const parts = /^#(?:\/[^/]*)*$/.test($ref) ? $ref.split('/').slice(1) : undefined;
  const target = parts?.reduce<unknown>((value, part) => {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }, walk.root);
  const answer = allowsNull(target, walk, depth + 1);
  walk.targets.set($ref, answer);
  return answer;
}

/** Returns the schema without null, and with single types. Returns undefined if it allows nothing but null. */
function withoutNull(schema: JsonObject): JsonObject | undefined {
  if (isNull(schema)) return undefined;
  const { type } = schema;
  if (Array.isArray(type) && type.length > 0) {
    const others = type.filter((each) => each !== 'null');
    const { default: standard, enum: listed, ...rest } = schema;
    const values = Array.isArray(listed) ? listed.filter((each) => each !== null) : undefined;
    if (others.length === 0 || values?.length === 0) return undefined;
    const bare = {
      ...withTypes(rest, others),
      ...(values !== undefined && { enum: values }),
      ...(standard !== undefined && standard !== null && { default: standard }),
    };
    return withoutNullBranch(bare);
  }
  return withoutNullBranch(schema);
}

function withoutNullBranch(schema: JsonObject): JsonObject | undefined {
  for (const keyword of ['anyOf', 'oneOf']) {
    const branches = schema[keyword];
    if (!Array.isArray(branches) || !branches.some(isNull)) continue;
    const others = branches.filter((each) => !isNull(each));
    const { [keyword]: _, ...rest } = schema;
    if (rest.default === null) delete (rest as Record<string, unknown>).default;
    const [only] = others;
    if (others.length !== 1 || !isObject(only)) return others.length === 0 ? undefined : { ...rest, [keyword]: others };
    const isFree = Object.keys(only).every((name) => !Object.hasOwn(rest, name) || annotations.has(name));
    return isFree ? { ...only, ...rest } : { ...rest, [keyword]: others };
  }
  return schema;
}

/** Turns several types into alternatives, because some clients do not accept a list of types. */
function withTypes(schema: JsonObject, types: readonly unknown[]): JsonObject {
  const { type: _, ...rest } = schema;
  if (types.length === 1) return { type: types[0], ...rest };
  const anyOf = types.map((type) => ({ type }));
  if (rest.anyOf === undefined) return { ...rest, anyOf };
  return { ...rest, anyOf, allOf: [...arrayOf(rest.allOf), { anyOf: rest.anyOf }] };
}

function withNull(schema: JsonObject): JsonObject {
  const outer = Object.entries(schema).filter(([keyword]) => isAnnotation(keyword));
  const inner = Object.entries(schema).filter(([keyword]) => !isAnnotation(keyword));
  const branches = inner.length === 1 && Array.isArray(schema.anyOf) ? schema.anyOf : [Object.fromEntries(inner)];
  return { ...Object.fromEntries(outer), anyOf: [...branches, { type: 'null' }] };
}

function isAnnotation(keyword: string): boolean {
  return annotations.has(keyword) || keyword.startsWith('x-');
}

function noted(schema: JsonObject): JsonObject {
  const text = typeof schema.description === 'string' ? schema.description.trimEnd() : '';
  if (/\bnull\b/i.test(text)) return schema;
  const end = text === '' ? '' : /[.!?:]$/.test(text) ? `${text} ` : `${text}. `;
  return { ...schema, description: `${end}Accepts null.` };
}

function isNull(schema: unknown): boolean {
  return isObject(schema) && (schema.type === 'null' || ('const' in schema && schema.const === null));
}

function mapped(values: readonly unknown[], change: (value: unknown) => unknown): readonly unknown[] {
  const next = values.map(change);
  return next.some((each, index) => each !== values[index]) ? next : values;
}

function mappedMembers(values: JsonObject, change: (value: unknown, name: string) => unknown): JsonObject {
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(values)) {
    const next = change(values[name], name);
    if (next === values[name]) continue;
    copy ??= { ...values };
    copy[name] = next;
  }
  return copy ?? values;
}
