import { arrayOf, defined, isObject, type JsonObject, nonBlankText, objectOf } from '../../core/json.ts';
import { documentText } from './document-text.ts';
import { isForm, isJson, isTextual, type MediaType, requestMedia } from './media-types.ts';
import type { LocatedValue, Resource } from './references.ts';
import { binarySchema, examplesOf, isBinaryType } from './schema-keywords.ts';
import { isObjectType } from './schema-parts.ts';
import { type ConvertedSchema, type SchemaStore, schemaOf } from './schema-store.ts';
import type { ApiBody, ApiParameter, BodyEncoding } from './types.ts';

const bodyStyles: readonly ApiParameter['style'][] = ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'];

/**
 * Reads the body in the media type that a model can fill best. If the properties of the body can be arguments, its schema
 * is a plain object with `properties`, without references or `allOf` at its root.
 * @throws DocumentFault
 */
export function readRequestBody(store: SchemaStore, requestBody: unknown, from: Resource): ApiBody | undefined {
  const found = store.find(requestBody, from);
  const body = objectOf(found.value);
  const resolve = (media: unknown) => store.find(media, found.resource).value;
  const chosen = isObject(body.content) ? requestMedia(body.content, resolve) : undefined;
  if (chosen === undefined) return undefined;
  const { contentType, media } = chosen;
  // `prepareSwaggerPath` puts the encodings of a Swagger 2.0 form here.
  const encodings = objectOf(media.encoding ?? body['x-encoding']);
  const encoding = Object.entries(encodings).map(([name, value]) => [name, encodingOf(objectOf(value))]);
  return {
    required: body.required === true,
    ...defined({ description: documentText(body.description) }),
    contentType,
    schema: bodySchema(store, chosen, found),
    encoding: Object.fromEntries(encoding),
  };
}

function bodySchema(
  store: SchemaStore,
  { contentType, media }: MediaType,
  { resource }: LocatedValue,
): ApiBody['schema'] {
  if (isJson(contentType) || isForm(contentType)) {
    const at = isForm(contentType) ? withBinaryParts(store, media, resource) : { schema: media.schema, resource };
    const flat = flattenBody(store, at.schema, at.resource);
    if (flat) return flatSchema(flat);
    const examples = examplesOf([media.example]);
    return schemaOf(store.convert(at.schema, at.resource, 'sent'), examples && { examples });
  }
  const description = documentText(objectOf(store.find(media.schema, resource).value).description);
  if (!isTextual(contentType)) return binarySchema(description);
  const converted = store.convert(media.schema, resource, 'sent');
  if (converted.schema.type === 'string') return schemaOf(converted);
  return { type: 'string', description: [description, `The text, as ${contentType}.`].filter(Boolean).join(' ') };
}

function flatSchema({ properties, required, description }: FlatBody): ApiBody['schema'] {
  return {
    type: 'object',
    ...defined({ description }),
    properties: Object.fromEntries([...properties].map(([name, converted]) => [name, schemaOf(converted)])),
    ...(required.length > 0 && { required }),
  };
}

/** Since 3.1 a form property without a type is binary if its encoding has a binary media type. */
function withBinaryParts(
  store: SchemaStore,
  media: JsonObject,
  from: Resource,
): { schema: unknown; resource: Resource } {
  const names = Object.entries(objectOf(media.encoding)).flatMap(([name, value]) => {
    const type = nonBlankText(objectOf(value).contentType)?.split(',')[0]?.trim();
    return type !== undefined && isBinaryType(type) ? [name] : [];
  });
  const { value, resource } = store.find(media.schema, from);
  if (!isObject(value) || !isObject(value.properties) || names.length === 0)
    return { schema: media.schema, resource: from };
  const properties = Object.entries(value.properties).map(([name, property]) => {
    const isUntyped = isObject(property) && property.type === undefined && property.$ref === undefined;
    return [name, isUntyped && names.includes(name) ? { ...property, type: 'string', format: 'binary' } : property];
  });
  return { schema: { ...value, properties: Object.fromEntries(properties) }, resource };
}

function encodingOf(encoding: JsonObject): BodyEncoding {
  return defined({
    contentType: nonBlankText(encoding.contentType),
    style: bodyStyles.find((each) => each === encoding.style),
    explode: typeof encoding.explode === 'boolean' ? encoding.explode : undefined,
    allowReserved: typeof encoding.allowReserved === 'boolean' ? encoding.allowReserved : undefined,
  });
}

/** A body whose properties can be separate arguments. */
interface FlatBody {
  readonly properties: ReadonlyMap<string, ConvertedSchema>;
  readonly required: readonly string[];
  readonly description?: string;
}

interface FlatParts {
  readonly properties: Map<string, { schema: unknown; resource: Resource }>;
  readonly required: Set<string>;
  /** The schemas in `oneOf` and `anyOf`. */
  readonly alternatives: { schema: unknown; resource: Resource }[];
  readonly seen: Set<unknown>;
}

/**
 * Collects the properties of a body that is an object, also through references and `allOf`. Returns undefined for any
 * other body. Also for one whose `oneOf` or `anyOf` adds properties: separate arguments would not show which of them
 * belong together.
 */
function flattenBody(store: SchemaStore, schema: unknown, resource: Resource): FlatBody | undefined {
  const flat: FlatParts = { properties: new Map(), required: new Set(), alternatives: [], seen: new Set() };
  if (!collectParts(store, schema, resource, flat)) return undefined;
  for (const each of flat.alternatives) {
    const other: FlatParts = { properties: new Map(), required: new Set(), alternatives: [], seen: new Set() };
    if (!collectParts(store, each.schema, each.resource, other) || other.alternatives.length > 0) return undefined;
    if ([...other.properties.keys()].some((name) => !flat.properties.has(name))) return undefined;
  }
  const properties = new Map<string, ConvertedSchema>();
  for (const [name, each] of flat.properties) {
    if (name === '__proto__' || store.isHidden(each.schema, each.resource, 'sent')) continue;
    properties.set(name, store.convert(each.schema, each.resource, 'sent'));
  }
  if (properties.size === 0) return undefined;
  const root = store.find(schema, resource).value;
  const required = [...flat.required].filter((name) => properties.has(name));
  return { properties, required, ...defined({ description: documentText(objectOf(root).description) }) };
}

/** Adds the parts of a schema to `flat`. Returns false for a schema that is not an object's. */
function collectParts(store: SchemaStore, schema: unknown, from: Resource, flat: FlatParts): boolean {
  const { value, resource } = store.find(schema, from);
  if (!isObject(value) || !isObjectType(value)) return false;
  if (flat.seen.has(value)) return true;
  flat.seen.add(value);
  if (isObject(value.properties)) {
    for (const [name, property] of Object.entries(value.properties)) addProperty(flat, name, property, resource);
  }
  for (const name of arrayOf(value.required)) if (typeof name === 'string') flat.required.add(name);
  for (const each of [...arrayOf(value.oneOf), ...arrayOf(value.anyOf)]) {
    flat.alternatives.push({ schema: each, resource });
  }
  const parts = [...arrayOf(value.allOf), ...(typeof value.$ref === 'string' ? [referenceOf(value)] : [])];
  return parts.every((part) => collectParts(store, part, resource, flat));
}

/** Adds a property. If two parts of an `allOf` declare it, both schemas apply. */
function addProperty(flat: FlatParts, name: string, property: unknown, resource: Resource): void {
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
