import { isObject, type JsonObject, nonBlankText, objectOf } from '../../core/json.ts';
import { remember } from './converted.ts';
import { type FlatBody, flattenBody } from './flatten.ts';
import { binarySchema, examplesOf, isBinaryType } from './keywords.ts';
import { isForm, isJson, isTextual, type MediaType, requestMedia } from './media.ts';
import type { Found, Resource } from './references.ts';
import type { SchemaStore } from './schema-store.ts';
import type { ApiBody, ApiParameter, BodyEncoding } from './types.ts';

const bodyStyles: readonly ApiParameter['style'][] = ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'];

/**
 * The body in the media type that a model can fill best. The schema of one whose properties can be arguments is
 * a plain object with `properties`, whatever references and `allOf` it was put together from.
 * @throws DocumentFault
 */
export function readBody(store: SchemaStore, requestBody: unknown, from: Resource): ApiBody | undefined {
  const found = store.find(requestBody, from);
  const body = objectOf(found.value);
  const resolve = (media: unknown) => store.find(media, found.resource).value;
  const chosen = isObject(body.content) ? requestMedia(body.content, resolve) : undefined;
  if (chosen === undefined) return undefined;
  const { contentType, media } = chosen;
  const description = nonBlankText(body.description);
  // Where Swagger 2.0 says how arrays of a form are written.
  const encodings = objectOf(media.encoding ?? body['x-encoding']);
  const encoding = Object.entries(encodings).map(([name, value]) => [name, encodingOf(objectOf(value))]);
  return {
    required: body.required === true,
    ...(description !== undefined && { description }),
    contentType,
    schema: schemaOf(store, chosen, found),
    encoding: Object.fromEntries(encoding),
  };
}

function schemaOf(store: SchemaStore, { contentType, media }: MediaType, { resource }: Found): ApiBody['schema'] {
  if (isJson(contentType) || isForm(contentType)) {
    const at = isForm(contentType) ? withFiles(store, media, resource) : { schema: media.schema, resource };
    const flat = flattenBody(store, at.schema, at.resource);
    if (flat) return flatSchema(flat);
    const examples = examplesOf([media.example]);
    return remember(store.convert(at.schema, at.resource, 'sent'), examples && { examples });
  }
  const description = nonBlankText(objectOf(store.find(media.schema, resource).value).description);
  if (!isTextual(contentType)) return binarySchema(description);
  const converted = store.convert(media.schema, resource, 'sent');
  if (converted.schema.type === 'string') return remember(converted);
  return { type: 'string', description: [description, `The text, as ${contentType}.`].filter(Boolean).join(' ') };
}

function flatSchema({ properties, required, description }: FlatBody): ApiBody['schema'] {
  return {
    type: 'object',
    ...(description !== undefined && { description }),
    properties: Object.fromEntries([...properties].map(([name, converted]) => [name, remember(converted)])),
    ...(required.length > 0 && { required }),
  };
}

/** Since 3.1 a part of a form without a type is bytes where its encoding has a binary media type. */
function withFiles(store: SchemaStore, media: JsonObject, from: Resource): { schema: unknown; resource: Resource } {
  const names = Object.entries(objectOf(media.encoding)).flatMap(([name, value]) => {
    const type = nonBlankText(objectOf(value).contentType)?.split(',')[0]?.trim();
    return type !== undefined && isBinaryType(type) ? [name] : [];
  });
  const { value, resource } = store.find(media.schema, from);
  if (!isObject(value) || !isObject(value.properties) || names.length === 0)
    return { schema: media.schema, resource: from };
  const properties = Object.entries(value.properties).map(([name, property]) => {
    const isBare = isObject(property) && property.type === undefined && property.$ref === undefined;
    return [name, isBare && names.includes(name) ? { ...property, type: 'string', format: 'binary' } : property];
  });
  return { schema: { ...value, properties: Object.fromEntries(properties) }, resource };
}

function encodingOf(encoding: JsonObject): BodyEncoding {
  const contentType = nonBlankText(encoding.contentType);
  const style = bodyStyles.find((each) => each === encoding.style);
  return {
    ...(contentType !== undefined && { contentType }),
    ...(style !== undefined && { style }),
    ...(typeof encoding.explode === 'boolean' && { explode: encoding.explode }),
    ...(typeof encoding.allowReserved === 'boolean' && { allowReserved: encoding.allowReserved }),
  };
}
