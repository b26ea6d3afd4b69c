import { createHash } from 'node:crypto';
import { writeJson } from '../../core/exact-json.ts';
import { defined, isObject, type JsonSchema } from '../../core/json.ts';
import type { ApiBody, BodyEncoding } from '../document/types.ts';
import {
  type BodyKey,
  decodeBase64File,
  type EncodedBody,
  encodeArgument,
  essenceOf,
  isAbsent,
  isJsonType,
  valueText,
} from './encode.ts';
import { isFileSchema, memberSchema, type PlacedProperty } from './place-arguments.ts';
import { stylePairs } from './styles.ts';

interface Part {
  readonly name: string;
  readonly filename?: string;
  readonly contentType?: string;
  readonly content: Buffer;
}

/**
 * Encodes `multipart/form-data` (RFC 7578). A file is a part with a filename, an object is a part in JSON, and each item
 * of a list is a part. The boundary depends on the content only, so the same arguments give the same bytes.
 */
export function encodeMultipart(
  contentType: string,
  given: readonly PlacedProperty[],
  encoding: ApiBody['encoding'],
  root: JsonSchema,
  key?: BodyKey,
): EncodedBody {
  const parts = given
    .filter(({ property }) => property !== key?.name)
    .flatMap((property) =>
      encodeArgument(property.argument, () => partsOf(property, encoding[property.property], root)),
    );
  const all = key ? [...parts, textPart(key.name, key.value)] : parts;
  const boundary = createBoundary(all);
  const chunks = all.flatMap((part) => [Buffer.from(`--${boundary}\r\n${partHead(part)}\r\n\r\n`), part.content, crlf]);
  return {
    contentType: `${essenceOf(contentType)}; boundary=${boundary}`,
    content: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]),
  };
}

const crlf = Buffer.from('\r\n');

function partsOf(given: PlacedProperty, encoding: BodyEncoding | undefined, root: JsonSchema): readonly Part[] {
  const { argument, property: name, value, schema } = given;
  if (isAbsent(value)) return [];
  if (encoding?.style !== undefined) {
    const { style, explode = style === 'form' } = encoding;
    const unchanged = (text: string): string => text;
    const pairs = stylePairs(name, value, { style, explode }, unchanged);
    return pairs.map(([encodedName, text]) => textPart(decodeURIComponent(encodedName), text));
  }
  if (Array.isArray(value)) {
    const items = memberSchema(schema, root);
    return value
      .filter((item) => !isAbsent(item))
      .map((item) => singlePart(argument, name, item, encoding, items, root));
  }
  return [singlePart(argument, name, value, encoding, schema, root)];
}

function singlePart(
  argument: string,
  name: string,
  value: unknown,
  encoding: BodyEncoding | undefined,
  schema: JsonSchema,
  root: JsonSchema,
): Part {
  const declared = encoding?.contentType?.split(',', 1)[0]?.trim();
  const contentType = declared === undefined || declared.includes('*') ? undefined : declared;
  const isNested = isObject(value) || Array.isArray(value);
  if (!isNested && (isFileSchema(schema, root) || isBinary(declared))) {
    const { bytes, mediaType } = decodeBase64File(argument, value);
    return {
      name,
      filename: name,
      contentType: mediaType ?? contentType ?? 'application/octet-stream',
      content: bytes,
    };
  }
  if (isNested || (contentType !== undefined && isJsonType(essenceOf(contentType)))) {
    const json = contentType !== undefined && isJsonType(essenceOf(contentType)) ? contentType : 'application/json';
    return { name, contentType: json, content: Buffer.from(writeJson(value)) };
  }
  return { ...textPart(name, valueText(value)), ...defined({ contentType }) };
}

function isBinary(contentType: string | undefined): boolean {
  return contentType !== undefined && !/^text\/|json|xml|yaml|^\*\/\*$/.test(contentType);
}

/** @throws URIError for a lone surrogate */
function textPart(name: string, text: string): Part {
  encodeURIComponent(text);
  return { name, content: Buffer.from(text) };
}

function partHead({ name, filename, contentType }: Part): string {
  const file = filename === undefined ? '' : `; filename="${quoted(filename)}"`;
  const type = contentType === undefined ? '' : `\r\nContent-Type: ${contentType.replace(/[^\x20-\x7e]/g, '')}`;
  return `Content-Disposition: form-data; name="${quoted(name)}"${file}${type}`;
}

/** Escapes a name as browsers do (WHATWG HTML, multipart/form-data encoding). */
function quoted(text: string): string {
  return text.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');
}

function createBoundary(parts: readonly Part[]): string {
  for (let round = 0; ; round += 1) {
    const hash = createHash('sha256').update(String(round));
    for (const part of parts) hash.update(`${part.content.length}:${partHead(part)}`).update(part.content);
    const boundary = `mcp-once-${hash.digest('hex').slice(0, 32)}`;
    if (!parts.some((part) => part.content.includes(boundary))) return boundary;
  }
}
