import { isObject, type JsonObject, type JsonSchema, objectOf } from '../core/json.ts';

/** Keywords that hold schemas, by the form of their value. */
const named: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'definitions']);
const single: ReadonlySet<string> = new Set(['items', 'additionalProperties']);
const lists: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems']);
/** Keywords that say nothing about which values are valid. */
const annotations: ReadonlySet<string> = new Set([
  ...['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly', '$comment'],
]);
const depthMax = 64;

/** The state of one walk: the definitions at the root, to which references may point. */
interface Walk {
  readonly definitions: JsonObject;
}

/**
 * Returns an input schema in the form that clients accept. Some clients drop a property whose `type` is a list, some drop a
 * property with `anyOf`, and some refuse the tool. So an optional value that may be null is published with its one type, and
 * its description says that null is accepted. A required one keeps `anyOf` with null, since a client that follows the schema
 * would have to make up a value.
 *
 * Only the published schema changes. The tool's own schema validates the arguments.
 */
export function publishedSchema(schema: JsonSchema): JsonSchema {
  const definitions = { ...objectOf(schema.definitions), ...objectOf(schema.$defs) };
  return withParts(schema, { definitions }, 0) as JsonSchema;
}

/** Publishes the parts of a schema. Returns the schema itself if nothing changes. */
function withParts(schema: JsonObject, walk: Walk, depth: number): JsonObject {
  if (depth > depthMax) return schema;
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  let copy: Record<string, unknown> | undefined;
  for (const keyword of Object.keys(schema)) {
    const value = schema[keyword];
    const part = (each: unknown, isRequired = false): unknown =>
      isObject(each) ? published(each, isRequired, walk, depth + 1) : each;
    let next = value;
    if (single.has(keyword)) next = part(value);
    else if (lists.has(keyword) && Array.isArray(value)) next = mapped(value, (each) => part(each));
    else if (named.has(keyword) && isObject(value)) {
      next = mappedMembers(value, (each, name) => part(each, keyword === 'properties' && required.has(name)));
    }
    if (next === value) continue;
    copy ??= { ...schema };
    copy[keyword] = next;
  }
  return copy ?? schema;
}

function published(schema: JsonObject, isRequired: boolean, walk: Walk, depth: number): JsonObject {
  const inner = withParts(schema, walk, depth);
  const bare = withoutNull(inner);
  if (bare === undefined) return isRequired && refersToNull(inner, walk) ? withNull(inner) : inner;
  return isRequired ? withNull(bare) : noted(bare);
}

/** Returns the schema without null; undefined if it does not allow null in one of the usual ways. */
function withoutNull(schema: JsonObject): JsonObject | undefined {
  const { type } = schema;
  if (Array.isArray(type)) {
    const others = type.filter((each) => each !== 'null');
    if (others.length === 0 || (others.length === type.length && others.length > 1)) return undefined;
    const { default: standard, enum: listed, ...rest } = schema;
    return {
      ...withTypes(rest, others),
      ...(Array.isArray(listed) && { enum: listed.filter((each) => each !== null) }),
      ...(standard !== undefined && standard !== null && { default: standard }),
    };
  }
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
  return undefined;
}

/** Turns several types into alternatives, because some clients do not accept a list of types. */
function withTypes(schema: JsonObject, types: readonly unknown[]): JsonObject {
  const { type: _, ...rest } = schema;
  if (types.length === 1) return { type: types[0], ...rest };
  return rest.anyOf === undefined ? { ...rest, anyOf: types.map((type) => ({ type })) } : { ...rest, type: types };
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

/** A reference to a definition that allows null, which is published without it. */
function refersToNull({ $ref }: JsonObject, { definitions }: Walk): boolean {
  const name = typeof $ref === 'string' ? /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec($ref)?.[1] : undefined;
  const target = name === undefined ? undefined : definitions[name];
  return isObject(target) && withoutNull(target) !== undefined;
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
