import { isObject, type JsonObject, type JsonSchema } from '../core/json.ts';
import { declaresProperty } from '../core/key/argument-place.ts';

/**
 * The member of `structuredContent` that tells a model about a replay or a conflict. Some clients show the model nothing
 * else of a result.
 */
const noticeName = 'mcp_once';

/** What the model should know about the result that surrounds the notice. */
export interface Notice {
  /** True when nothing was executed for this call and the result is the stored one. */
  readonly replayed: boolean;
  /** True when this call was refused, and the result is that of the first call. */
  readonly conflict?: true;
  readonly note: string;
  /** The argument with which the same call is a second, separate operation. */
  readonly repeat_token?: string;
}

const noticeSchema: JsonSchema = Object.freeze({
  type: 'object',
  description:
    'Present only when there is something to know about the rest, such as that it is a stored result and this call executed nothing.',
  properties: Object.freeze({
    replayed: Object.freeze({ type: 'boolean' }),
    conflict: Object.freeze({ type: 'boolean' }),
    note: Object.freeze({ type: 'string' }),
    repeat_token: Object.freeze({ type: 'string' }),
  }),
  required: Object.freeze(['replayed', 'note']),
});
const noticeSchemaText = JSON.stringify(noticeSchema);

/** Keywords of a schema's root that leave the notice alone once its properties declare it. */
const simpleKeywords: ReadonlySet<string> = new Set([
  'type',
  'properties',
  'required',
  'additionalProperties',
  'unevaluatedProperties',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'definitions',
]);
/** Keywords that stay at the root when the rest moves into an alternative. */
const rootKeywords: ReadonlySet<string> = new Set(['$schema', '$id', '$defs', 'definitions', 'title', 'description']);
/** Keywords whose values are data, where `$ref` is an ordinary name. */
const dataKeywords: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'examples', 'example']);
const refKeywords: ReadonlySet<string> = new Set(['$ref', '$dynamicRef', '$recursiveRef']);

const widened = new WeakMap<JsonSchema, JsonSchema>();

/**
 * Returns an output schema that also accepts results with a notice. Clients check structured content against it, also
 * that of errors. The schema of a tool with a property of this name stays as it is.
 */
export function withNoticeSchema(schema: JsonSchema): JsonSchema {
  const known = widened.get(schema);
  if (known) return known;
  const wider = declaresMember(schema) || !mayBeObject(schema) ? schema : widen(schema);
  widened.set(schema, wider);
  return wider;
}

/**
 * Returns whether the results of a tool can carry a notice. A property of its own with this name is in the way, but not that
 * of a server which is guarded itself.
 */
export function takesNotice(outputSchema: JsonSchema | undefined): boolean {
  if (outputSchema === undefined || !declaresMember(outputSchema)) return true;
  const { properties } = outputSchema;
  return isObject(properties) && JSON.stringify(properties[noticeName]) === noticeSchemaText;
}

/** Adds a notice to structured content, after its own members. */
export function withNotice(structured: JsonObject, notice: Notice): JsonObject {
  return { ...structured, [noticeName]: notice };
}

/** Removes a member with the name of the notice that the tool does not declare: an upstream must not pretend a replay. */
export function withoutForgedNotice(structured: JsonObject, outputSchema: JsonSchema | undefined): JsonObject {
  if (!Object.hasOwn(structured, noticeName)) return structured;
  if (outputSchema !== undefined && declaresMember(outputSchema)) return structured;
  const { [noticeName]: _forged, ...rest } = structured;
  return rest;
}

function declaresMember(schema: JsonSchema): boolean {
  return declaresProperty(schema, noticeName);
}

function mayBeObject({ type }: JsonSchema): boolean {
  return type === undefined || [type].flat().includes('object');
}

function widen(schema: JsonSchema): JsonSchema {
  const properties = { ...(isObject(schema.properties) ? schema.properties : {}), [noticeName]: noticeSchema };
  const others = Object.keys(schema).filter((name) => !simpleKeywords.has(name) && !name.startsWith('x-'));
  if (others.length === 0) return Object.freeze({ ...schema, properties });
  const withNoticeOnly = { required: [noticeName] };
  if (others.length === 1 && Array.isArray(schema.anyOf) && schema.unevaluatedProperties === undefined) {
    return Object.freeze({ ...schema, properties, anyOf: [...schema.anyOf, withNoticeOnly] });
  }
  const root = Object.entries(schema).filter(([name]) => rootKeywords.has(name));
  const rest = Object.entries(schema).filter(([name]) => !rootKeywords.has(name));
  return Object.freeze({
    ...(movedRefs(Object.fromEntries(root)) as JsonSchema),
    ...(schema.type === undefined ? {} : { type: 'object' }),
    properties: { [noticeName]: noticeSchema },
    anyOf: [movedRefs(Object.fromEntries(rest)), withNoticeOnly],
  });
}

/** Corrects the references of a schema whose root, except its definitions, has become the first alternative. */
function movedRefs(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(movedRefs);
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([name, member]) => {
    if (dataKeywords.has(name)) return [name, member];
    if (refKeywords.has(name) && typeof member === 'string') return [name, movedRef(member)];
    return [name, movedRefs(member)];
  });
  return Object.fromEntries(members);
}

function movedRef(reference: string): string {
  if (reference === '#') return '#/anyOf/0';
  const isMoved = reference.startsWith('#/') && !/^#\/(?:\$defs|definitions)(?:\/|$)/.test(reference);
  return isMoved ? `#/anyOf/0${reference.slice(1)}` : reference;
}
