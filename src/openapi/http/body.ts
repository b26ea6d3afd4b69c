import { McpOnceError } from '../../core/errors.ts';
import { writeJson } from '../../core/exact-json.ts';
import { isObject, type JsonSchema } from '../../core/json.ts';
import type { ApiBody } from '../document/types.ts';
import {
  type BodyKey,
  decodeBase64File,
  type EncodedBody,
  encodeArgument,
  essenceOf,
  invalidArgument,
  isJsonType,
  percentEncode,
  valueText,
} from './encode.ts';
import { encodeMultipart } from './multipart.ts';
import { memberSchema, type PlacedArguments, type PlacedProperty } from './place-arguments.ts';
import { formPairs } from './styles.ts';

type Media = 'json' | 'form' | 'multipart' | 'text' | 'binary';

/**
 * Encodes a body in its media type. The same arguments give the same bytes.
 * @param root the tool's input schema, for references
 * @returns undefined without a body
 * @throws McpOnceError `invalid_input` naming the argument that this media type cannot contain; `tool_invalid` if the key
 *   must be a property but the body is not an object
 */
export function encodeBody(
  body: ApiBody,
  placed: PlacedArguments,
  root: JsonSchema,
  key?: BodyKey,
): EncodedBody | undefined {
  const whole = placed.wholeBody;
  const contentType = concreteType(body.contentType);
  const media = mediaOf(contentType);
  const isFormMedia = media === 'form' || media === 'multipart';
  if (whole && !(isFormMedia && isObject(whole.value))) return encodeWholeBody(contentType, media, whole, key);
  const given = whole && isObject(whole.value) ? propertiesOf(whole, whole.value, root) : placed.properties;
  if (given.length === 0 && !body.required && !key) return undefined;
  switch (media) {
    case 'json':
      return { contentType, content: writeJson(jsonObject(given, key)) };
    case 'form':
      return { contentType, content: encodeForm(given, body.encoding, key) };
    case 'multipart':
      return encodeMultipart(contentType, given, body.encoding, root, key);
    case 'text':
    case 'binary': {
      const argument = given[0]?.argument ?? '';
      if (given.length === 0 && !key) return { contentType, content: '' };
      throw invalidArgument(argument, `cannot be written as ${contentType}`, 'This operation cannot be called with it');
    }
  }
}

/** Replaces a range of media types (`image/*`), which cannot be sent: by JSON if the range allows it. */
function concreteType(contentType: string): string {
  const essence = essenceOf(contentType);
  if (!essence.includes('*')) return contentType;
  if (essence === 'text/*') return 'text/plain';
  if (essence === 'multipart/*') return 'multipart/form-data';
  return essence === '*/*' || essence === 'application/*' ? 'application/json' : 'application/octet-stream';
}

function mediaOf(contentType: string): Media {
  const essence = essenceOf(contentType);
  if (isJsonType(essence)) return 'json';
  if (essence === 'application/x-www-form-urlencoded') return 'form';
  if (essence.startsWith('multipart/')) return 'multipart';
  const isText = /^text\/|[/+](?:xml|yaml|x-yaml|graphql|javascript|sql|x-ndjson|jsonl|toml)$/.test(essence);
  return isText ? 'text' : 'binary';
}

/** Encodes a body that is a single argument. */
function encodeWholeBody(
  contentType: string,
  media: Media,
  whole: PlacedProperty,
  key: BodyKey | undefined,
): EncodedBody {
  if (key && !(media === 'json' && isObject(whole.value))) {
    const message = `The idempotency key cannot be sent as the property ${JSON.stringify(key.name)} because the body is not an object. Configure a header for the key.`;
    throw new McpOnceError('tool_invalid', message);
  }
  switch (media) {
    case 'json':
      return {
        contentType,
        content: writeJson(key ? { ...(whole.value as object), [key.name]: key.value } : whole.value),
      };
    case 'form':
    case 'multipart':
      throw invalidArgument(
        whole.argument,
        `must be an object: the body is ${essenceOf(contentType)}`,
        'Give an object',
      );
    case 'text':
      return { contentType, content: encodeArgument(whole.argument, () => validUnicode(valueText(whole.value))) };
    case 'binary':
      return { contentType, content: decodeBase64File(whole.argument, whole.value).bytes };
  }
}

/** @throws URIError for a lone surrogate, which UTF-8 would silently replace */
function validUnicode(text: string): string {
  encodeURIComponent(text);
  return text;
}

function propertiesOf(
  whole: PlacedProperty,
  value: Readonly<Record<string, unknown>>,
  root: JsonSchema,
): PlacedProperty[] {
  return Object.entries(value).map(([property, member]) => ({
    argument: `${whole.argument}.${property}`,
    property,
    value: member,
    schema: memberSchema(whole.schema, root, property),
  }));
}

function jsonObject(given: readonly PlacedProperty[], key: BodyKey | undefined): Record<string, unknown> {
  const entries = given.map(({ property, value }): [string, unknown] => [property, value]);
  return Object.fromEntries(key ? [...entries.filter(([name]) => name !== key.name), [key.name, key.value]] : entries);
}

function encodeForm(given: readonly PlacedProperty[], encoding: ApiBody['encoding'], key: BodyKey | undefined): string {
  const givenPairs = given
    .filter(({ property }) => property !== key?.name)
    .flatMap(({ argument, property, value }) =>
      encodeArgument(argument, () => formPairs(property, value, encoding[property])),
    );
  const all = key ? [...givenPairs, [percentEncode(key.name), percentEncode(key.value)]] : givenPairs;
  // A space becomes a plus (RFC 1866, 8.2.1). Pluses in values are already encoded.
  return all
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
    .replaceAll('%20', '+');
}
