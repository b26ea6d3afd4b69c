import { McpOnceError } from '../../core/errors.ts';
import type { JsonSchema } from '../../core/json.ts';
import type { ApiBody } from '../document/types.ts';
import { essenceOf, invalidArgument, isJsonType, isRecord, percentEncode, textOf, writing } from './encode.ts';
import { type BodyKey, decodeFile, type WrittenBody } from './file.ts';
import { formPairs } from './form.ts';
import { multipart } from './multipart.ts';
import { memberSchema, type Placed, type PlacedProperty } from './place.ts';

type Media = 'json' | 'form' | 'multipart' | 'text' | 'binary';

/**
 * Writes a body in its media type. The same arguments give the same bytes.
 * @param root the tool's input schema, for references. @returns undefined where there is none to send.
 * @throws McpOnceError `invalid_input` naming the argument that cannot be written in this media type;
 *   `tool_invalid` where the key would have to be a property of a body that has none.
 */
export function writeBody(body: ApiBody, placed: Placed, root: JsonSchema, key?: BodyKey): WrittenBody | undefined {
  const whole = placed.wholeBody;
  const contentType = concrete(body.contentType);
  const media = mediaOf(contentType);
  const hasMembers = media === 'form' || media === 'multipart';
  if (whole && !(hasMembers && isRecord(whole.value))) return writeWhole(contentType, media, whole, key);
  const given = whole && isRecord(whole.value) ? membersOf(whole, whole.value, root) : placed.properties;
  if (given.length === 0 && !body.required && !key) return undefined;
  switch (media) {
    case 'json':
      return { contentType, content: JSON.stringify(objectOf(given, key)) };
    case 'form':
      return { contentType, content: form(given, body.encoding, key) };
    case 'multipart':
      return multipart(contentType, given, body.encoding, root, key);
    case 'text':
    case 'binary': {
      const argument = given[0]?.argument ?? '';
      if (given.length === 0 && !key) return { contentType, content: '' };
      throw invalidArgument(argument, `cannot be written as ${contentType}`, 'This operation cannot be called with it');
    }
  }
}

/** A range of media types (`image/*`) cannot be sent: JSON where it allows for it, else the plainest of the range. */
function concrete(contentType: string): string {
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

/** A body that is one argument. */
function writeWhole(contentType: string, media: Media, whole: PlacedProperty, key: BodyKey | undefined): WrittenBody {
  if (key && !(media === 'json' && isRecord(whole.value))) {
    const message = `The key cannot be the property ${JSON.stringify(key.name)} of a body that is no object: configure a header for it.`;
    throw new McpOnceError('tool_invalid', message);
  }
  switch (media) {
    case 'json':
      return {
        contentType,
        content: JSON.stringify(key ? { ...(whole.value as object), [key.name]: key.value } : whole.value),
      };
    case 'form':
    case 'multipart':
      throw invalidArgument(
        whole.argument,
        `must be an object: the body is ${essenceOf(contentType)}`,
        'Give an object',
      );
    case 'text':
      return { contentType, content: writing(whole.argument, () => checkedText(textOf(whole.value))) };
    case 'binary':
      return { contentType, content: decodeFile(whole.argument, whole.value).bytes };
  }
}

/** @throws URIError for a lone surrogate, which UTF-8 would silently replace. */
function checkedText(text: string): string {
  encodeURIComponent(text);
  return text;
}

function membersOf(
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

function objectOf(given: readonly PlacedProperty[], key: BodyKey | undefined): Record<string, unknown> {
  const entries = given.map(({ property, value }): [string, unknown] => [property, value]);
  return Object.fromEntries(key ? [...entries.filter(([name]) => name !== key.name), [key.name, key.value]] : entries);
}

function form(given: readonly PlacedProperty[], encoding: ApiBody['encoding'], key: BodyKey | undefined): string {
  const written = given
    .filter(({ property }) => property !== key?.name)
    .flatMap(({ argument, property, value }) =>
      writing(argument, () => formPairs(property, value, encoding[property])),
    );
  const all = key ? [...written, [percentEncode(key.name), percentEncode(key.value)]] : written;
  // RFC 1866, 8.2.1: a space is a plus; a plus of the value is encoded by then.
  return all
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
    .replaceAll('%20', '+');
}
