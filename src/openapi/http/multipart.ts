import { createHash } from 'node:crypto';
import type { JsonSchema } from '../../core/json.ts';
import type { ApiBody, BodyEncoding } from '../document/types.ts';
import { essenceOf, isAbsent, isJsonType, isRecord, textOf, writing } from './encode.ts';
import { type BodyKey, decodeFile, type WrittenBody } from './file.ts';
import { isFile, memberSchema, type PlacedProperty } from './place.ts';
import { bracketed, pairs } from './styles.ts';

interface Part {
  readonly name: string;
  readonly filename?: string;
  readonly contentType?: string;
  readonly content: Buffer;
}

/**
 * `multipart/form-data` (RFC 7578). Files are parts with a filename, objects parts in JSON, lists one part an item.
 * The boundary is made from the content, so that the same arguments give the same bytes.
 */
export function multipart(
  contentType: string,
  given: readonly PlacedProperty[],
  encoding: ApiBody['encoding'],
  root: JsonSchema,
  key?: BodyKey,
): WrittenBody {
  const parts = given
    .filter(({ property }) => property !== key?.name)
    .flatMap((property) => writing(property.argument, () => partsOf(property, encoding[property.property], root)));
  const all = key ? [...parts, textPart(key.name, key.value)] : parts;
  const boundary = boundaryOf(all);
  const chunks = all.flatMap((part) => [Buffer.from(`--${boundary}\r\n${headOf(part)}\r\n\r\n`), part.content, crlf]);
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
    const keep = (text: string): string => text;
    const written =
      style === 'deepObject' ? bracketed(name, value, keep) : pairs(name, value, { style, explode }, keep);
    return written.map(([encodedName, text]) => textPart(decodeURIComponent(encodedName), text));
  }
  if (Array.isArray(value)) {
    const items = memberSchema(schema, root);
    return value.filter((item) => !isAbsent(item)).map((item) => onePart(argument, name, item, encoding, items, root));
  }
  return [onePart(argument, name, value, encoding, schema, root)];
}

function onePart(
  argument: string,
  name: string,
  value: unknown,
  encoding: BodyEncoding | undefined,
  schema: JsonSchema,
  root: JsonSchema,
): Part {
  const declared = encoding?.contentType?.split(',', 1)[0]?.trim();
  const contentType = declared === undefined || declared.includes('*') ? undefined : declared;
  const isNested = isRecord(value) || Array.isArray(value);
  if (!isNested && (isFile(schema, root) || isBinary(declared))) {
    const { bytes, mediaType } = decodeFile(argument, value);
    return {
      name,
      filename: name,
      contentType: mediaType ?? contentType ?? 'application/octet-stream',
      content: bytes,
    };
  }
  if (isNested || (contentType !== undefined && isJsonType(essenceOf(contentType)))) {
    const json = contentType !== undefined && isJsonType(essenceOf(contentType)) ? contentType : 'application/json';
    return { name, contentType: json, content: Buffer.from(JSON.stringify(value)) };
  }
  return { ...textPart(name, textOf(value)), ...(contentType === undefined ? {} : { contentType }) };
}

function isBinary(contentType: string | undefined): boolean {
  return contentType !== undefined && !/^text\/|json|xml|yaml|^\*\/\*$/.test(contentType);
}

/** @throws URIError for a lone surrogate. */
function textPart(name: string, text: string): Part {
  encodeURIComponent(text);
  return { name, content: Buffer.from(text) };
}

function headOf({ name, filename, contentType }: Part): string {
  const file = filename === undefined ? '' : `; filename="${quoted(filename)}"`;
  const type = contentType === undefined ? '' : `\r\nContent-Type: ${contentType.replace(/[^\x20-\x7e]/g, '')}`;
  return `Content-Disposition: form-data; name="${quoted(name)}"${file}${type}`;
}

/** As browsers do it (WHATWG HTML, multipart/form-data encoding). */
function quoted(text: string): string {
  return text.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');
}

function boundaryOf(parts: readonly Part[]): string {
  for (let round = 0; ; round += 1) {
    const hash = createHash('sha256').update(String(round));
    for (const part of parts) hash.update(`${part.content.length}:${headOf(part)}`).update(part.content);
    const boundary = `mcp-once-${hash.digest('hex').slice(0, 32)}`;
    if (!parts.some((part) => part.content.includes(boundary))) return boundary;
  }
}
