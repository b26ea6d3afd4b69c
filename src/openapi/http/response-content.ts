import { isDeeperThan } from '../../core/depth.ts';
import { nearestNumbers, parseJson, writeJson } from '../../core/exact-json.ts';
import { defined, isObject, type JsonSchema } from '../../core/json.ts';
import type { ContentItem, ContentResult } from '../../core/tool/types.ts';
import type { Method } from '../document/types.ts';
import { essenceOf, isJsonType } from './encode.ts';
import { RESULT, UNDOCUMENTED } from './response-schema.ts';
import { selectFields } from './select-fields.ts';
import type { HttpResponse } from './types.ts';

export { responseOutputSchema } from './response-schema.ts';

/** How a response is converted to content. */
export interface ContentOptions {
  readonly method: Method;
  /** The schema of the documented response. If set, the result always has structured content that matches it. */
  readonly schema?: JsonSchema;
  /** Returns whether a response (not yet under `result`) matches `schema`. @defaultValue matches everything */
  readonly matches?: (value: unknown) => boolean;
  /** JSON pointers of the fields to keep. `*` matches every item. @defaultValue keeps everything */
  readonly fields?: readonly string[];
  /** The longest text, in characters, without notes. */
  readonly charsMax: number;
  /** The URI of binary content: the request's URL, without secrets. */
  readonly uri: string;
  /** Returns whether an operation of the resource takes an entity tag. Else a model has no use for it. @defaultValue none does */
  readonly takesEtag?: () => boolean;
}

/** The longest image or sound, in characters of base64 (1 MiB). Models do not read it as text. */
const mediaCharsMax = 1_398_104;
const images: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);
const shownHeaders = ['location', 'etag', 'link', 'retry-after'] as const;
const headerCharsMax = 1_000;
/** Nested objects and lists. */
const depthMax = 200;
const lessAdvice = 'Request less: fewer fields, a filter, or smaller pages (such as limit, per_page or page)';

/** Content with the notes that follow it. */
interface ShownBody {
  readonly item?: ContentItem;
  readonly structured?: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
}

/**
 * Converts a response to content for a model. JSON becomes text and structured content, text becomes text, and binary
 * data becomes a block of its own. With a schema, the structured content always matches `responseOutputSchema`.
 * Never throws, because the request has succeeded.
 */
export function responseContent(response: HttpResponse, options: ContentOptions): ContentResult {
  const shown = showBody(response, options);
  const headers = shownHeaders.flatMap((name) => {
    const value = response.headers[name];
    return value === undefined || (name === 'etag' && options.takesEtag?.() !== true)
      ? []
      : [`${name}: ${cut(value.replace(/[^\x20-\x7e\x80-\uffff]+/g, ' '), headerCharsMax)}`];
  });
  const notes = [...shown.notes, ...(headers.length > 0 ? [headers.join('\n')] : [])];
  const content = [...(shown.item ? [shown.item] : []), ...(notes.length > 0 ? [textItem(notes.join('\n'))] : [])];
  const structured = shown.structured ?? (options.schema ? { [UNDOCUMENTED]: null } : undefined);
  return { content, ...defined({ structuredContent: structured }) };
}

function showBody(response: HttpResponse, options: ContentOptions): ShownBody {
  const { body, truncated } = response;
  if (body.length === 0) return { notes: [emptyNote(response)] };
  const contentType = response.headers['content-type'];
  const essence = contentType === undefined ? '' : essenceOf(contentType);
  const cutNote = truncated
    ? ['The response is incomplete: it broke off, or is longer than the limit. This is its beginning.']
    : [];
  const text = isBinaryType(essence) ? undefined : decode(body, contentType ?? '', essence === '');
  if (text === undefined) return showBinary(response, essence || 'application/octet-stream', options, cutNote);
  const isJson = isJsonType(essence) || (essence === '' && /^\s*[[{]/.test(text));
  const parsed = isJson && !truncated ? parse(text) : undefined;
  const isDeep = parsed !== undefined && isDeeperThan(depthMax, parsed.value);
  if (parsed && !isDeep) return showJson(parsed.value, text, options);
  const fault = isDeep ? `This JSON has more than ${depthMax} levels, so it is shown as text.` : undefined;
  const claims =
    isJson && !truncated ? [fault ?? 'The API declared this response as JSON, but it is not valid JSON.'] : [];
  return showText(text, options, [...cutNote, ...claims]);
}

function emptyNote({ status, truncated }: HttpResponse): string {
  if (status === 304) return 'The API answered 304: not modified.';
  const rest = truncated ? 'the response body could not be read' : 'the response has no content';
  return `The API answered ${status}: the request succeeded, and ${rest}.`;
}

function showJson(value: unknown, raw: string, options: ContentOptions): ShownBody {
  const { fields, matches, schema, charsMax } = options;
  const kept = fields === undefined ? value : selectFields(value, fields);
  const notes = kept === undefined ? ['The response contains none of the configured fields.'] : [];
  const result = kept === undefined ? {} : kept;
  // The raw text keeps the digits of each number as the API wrote them.
  const text = fields === undefined ? withoutWhiteSpace(raw) : writeJson(result);
  if (text.length > charsMax) return showText(text, options, []);
  const matchesSchema = schema === undefined || matches === undefined || matches(nearestNumbers(result));
  const structured = matchesSchema ? (isObject(result) ? result : { [RESULT]: result }) : { [UNDOCUMENTED]: result };
  return { item: textItem(text), structured, notes };
}

function showText(text: string, { charsMax, schema }: ContentOptions, notes: readonly string[]): ShownBody {
  const shown = cut(text, charsMax);
  const isCut = shown.length < text.length;
  const cutNote = isCut ? [`Cut after ${shown.length} of ${text.length} characters. ${lessAdvice}.`] : [];
  const structured = schema ? { structured: { [UNDOCUMENTED]: shown } } : {};
  return { item: textItem(shown), ...structured, notes: [...notes, ...cutNote] };
}

function showBinary(
  response: HttpResponse,
  mimeType: string,
  options: ContentOptions,
  notes: readonly string[],
): ShownBody {
  const media = images.has(mimeType) ? 'image' : mimeType.startsWith('audio/') ? 'audio' : undefined;
  const chars = Math.ceil(response.body.length / 3) * 4;
  if (response.truncated || chars > (media ? mediaCharsMax : options.charsMax)) {
    const what = `The API answered ${response.status} with ${mimeType} of ${response.body.length} bytes`;
    const why = response.truncated ? ' or more, which could not be read completely' : ', which is too large to show';
    return { notes: [`${what}${why}. ${lessAdvice}.`] };
  }
  const data = response.body.toString('base64');
  const item: ContentItem = media
    ? { type: media, data, mimeType }
    : { type: 'resource', resource: { uri: options.uri, mimeType, blob: data } };
  return { item, notes };
}

function isBinaryType(essence: string): boolean {
  if (essence === '' || isJsonType(essence)) return false;
  if (
    /^text\/|[/+](?:xml|yaml|x-yaml|javascript|ecmascript|graphql|sql|toml|csv|x-ndjson|ndjson|jsonl)$/.test(essence)
  ) {
    return false;
  }
  return essence !== 'application/x-www-form-urlencoded';
}

/**
 * Decodes text in its declared charset. @param mayBeBinary true for a response without a media type: then NUL bytes and
 * invalid UTF-8 mean that it is not text.
 */
function decode(body: Buffer, contentType: string, mayBeBinary: boolean): string | undefined {
  if (mayBeBinary && body.subarray(0, 4_096).includes(0)) return undefined;
  const charset = /;\s*charset="?([^";\s]+)/i.exec(contentType)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset, { fatal: mayBeBinary }).decode(body);
  } catch {
    return mayBeBinary ? undefined : body.toString('utf8');
  }
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: parseJson(text) };
  } catch {
    return undefined;
  }
}

/** Expects valid JSON. Not one regular expression: it would run out of stack on strings with many escapes. */
function withoutWhiteSpace(json: string): string {
  const pieces: string[] = [];
  let at = 0;
  while (at < json.length) {
    const open = json.indexOf('"', at);
    if (open < 0) break;
    const next = endOfString(json, open);
    pieces.push(json.slice(at, open).replace(/[\t\n\r ]+/g, ''), json.slice(open, next));
    at = next;
  }
  return pieces.join('') + json.slice(at).replace(/[\t\n\r ]+/g, '');
}

function endOfString(json: string, open: number): number {
  for (let close = json.indexOf('"', open + 1); close >= 0; close = json.indexOf('"', close + 1)) {
    let slashes = 0;
    while (json[close - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return close + 1;
  }
  return json.length;
}

/** Shortens text without splitting a surrogate pair. */
function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : text.slice(0, charsMax).replace(/[\uD800-\uDBFF]$/, '');
}

function textItem(text: string): ContentItem {
  return { type: 'text', text };
}
