import type { JsonSchema } from '../../core/json.ts';
import type { ContentItem, ContentResult } from '../../core/tool/types.ts';
import type { Method } from '../document/types.ts';
import { RESULT, UNDOCUMENTED } from './answer-schema.ts';
import { essenceOf, isJsonType, isRecord } from './encode.ts';
import { keepFields } from './fields.ts';
import type { HttpResponse } from './types.ts';

export { answerOutputSchema } from './answer-schema.ts';

/** How an answer is shown. */
export interface ContentOptions {
  readonly method: Method;
  /** Of the documented answer, where the tool declares `answerOutputSchema` of it: then there is structured content always. */
  readonly schema?: JsonSchema;
  /** Whether a value obeys `schema`, as it came: not yet under `result`. Default: all do. */
  readonly matches?: (value: unknown) => boolean;
  /** JSON pointers of what is kept, `*` for every item. */
  readonly fields?: readonly string[];
  /** The longest text, in characters; notes come on top. */
  readonly charsMax: number;
  /** Names the content where it is binary: the request's URL, without secrets. */
  readonly uri: string;
}

/** The longest image or sound, in characters of base64 (1 MiB): models take it as such, not as text. */
const mediaCharsMax = 1_398_104;
const images: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);
const shownHeaders = ['location', 'etag', 'link', 'retry-after'] as const;
const headerCharsMax = 1_000;
/** Containers within containers. */
const depthMax = 200;
const lessAdvice = 'Ask for less: fewer fields, a filter, or smaller pages (such as limit, per_page or page)';

/** What is shown before the notes, and what the notes are. */
interface Shown {
  readonly item?: ContentItem;
  readonly structured?: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
}

/**
 * An answer as content for a model. JSON is text and structured content; text is text; what is binary a block of
 * its own. With a schema there is always structured content that obeys `answerOutputSchema`, under
 * `undocumented_answer` where the answer does not obey the document. Never throws: the request has succeeded.
 */
export function contentOf(answer: HttpResponse, options: ContentOptions): ContentResult {
  const shown = show(answer, options);
  const headers = shownHeaders.flatMap((name) => {
    const value = answer.headers[name];
    return value === undefined
      ? []
      : [`${name}: ${cut(value.replace(/[^\x20-\x7e\x80-\uffff]+/g, ' '), headerCharsMax)}`];
  });
  const notes = [...shown.notes, ...(headers.length > 0 ? [headers.join('\n')] : [])];
  const content = [...(shown.item ? [shown.item] : []), ...(notes.length > 0 ? [textItem(notes.join('\n'))] : [])];
  const structured = shown.structured ?? (options.schema ? { [UNDOCUMENTED]: null } : undefined);
  return { content, ...(structured ? { structuredContent: structured } : {}) };
}

function show(answer: HttpResponse, options: ContentOptions): Shown {
  const { body, truncated } = answer;
  if (body.length === 0) {
    return { notes: [emptyNote(answer)] };
  }
  const contentType = answer.headers['content-type'];
  const essence = contentType === undefined ? '' : essenceOf(contentType);
  const cutNote = truncated ? ['The answer broke off, or is longer than may be read: this is its beginning.'] : [];
  const text = isBinaryType(essence) ? undefined : decode(body, contentType ?? '', essence === '');
  if (text === undefined) return showBinary(answer, essence || 'application/octet-stream', options, cutNote);
  const isJson = isJsonType(essence) || (essence === '' && /^\s*[[{]/.test(text));
  const parsed = isJson && !truncated ? parse(text) : undefined;
  const isDeep = parsed !== undefined && isDeeperThan(depthMax, parsed.value);
  if (parsed && !isDeep) return showJson(parsed.value, text, options);
  const fault = isDeep ? `This JSON is nested deeper than ${depthMax}: it is shown as text.` : undefined;
  const claims = isJson && !truncated ? [fault ?? 'The API says that this is JSON, which it is not.'] : [];
  return showText(text, options, [...cutNote, ...claims]);
}

function emptyNote({ status, truncated }: HttpResponse): string {
  if (status === 304) return 'The API answered 304: not modified.';
  const rest = truncated ? 'its answer could not be read' : 'there is no content in its answer';
  return `The API answered ${status}: the request succeeded, and ${rest}.`;
}

function showJson(value: unknown, raw: string, options: ContentOptions): Shown {
  const { fields, matches, schema, charsMax } = options;
  const kept = fields === undefined ? value : keepFields(value, fields);
  const notes = kept === undefined ? ['The answer holds none of the fields that are kept of it.'] : [];
  const result = kept === undefined ? {} : kept;
  // As it came, but for white space: a number beyond 2^53 keeps all its digits in the text.
  const text = fields === undefined ? withoutWhiteSpace(raw) : JSON.stringify(result);
  if (text.length > charsMax) return showText(text, options, []);
  if (/\d{16}/.test(raw) && holdsUnsafeInteger(result)) {
    notes.push('Integers beyond 2^53 are rounded in the structured content, and where fields were chosen.');
  }
  const obeys = schema === undefined || matches === undefined || matches(result);
  const structured = obeys ? (isRecord(result) ? result : { [RESULT]: result }) : { [UNDOCUMENTED]: result };
  return { item: textItem(text), structured, notes };
}

function showText(text: string, { charsMax, schema }: ContentOptions, notes: readonly string[]): Shown {
  const shown = cut(text, charsMax);
  const isCut = shown.length < text.length;
  const cutNote = isCut ? [`Cut after ${shown.length} of ${text.length} characters. ${lessAdvice}.`] : [];
  const structured = schema ? { structured: { [UNDOCUMENTED]: shown } } : {};
  return { item: textItem(shown), ...structured, notes: [...notes, ...cutNote] };
}

function showBinary(answer: HttpResponse, mimeType: string, options: ContentOptions, notes: readonly string[]): Shown {
  const media = images.has(mimeType) ? 'image' : mimeType.startsWith('audio/') ? 'audio' : undefined;
  const chars = Math.ceil(answer.body.length / 3) * 4;
  if (answer.truncated || chars > (media ? mediaCharsMax : options.charsMax)) {
    const what = `The API answered ${answer.status} with ${mimeType} of ${answer.body.length} bytes`;
    const why = answer.truncated ? ' or more, which could not be read whole' : ', which is too long to be shown';
    return { notes: [`${what}${why}. ${lessAdvice}.`] };
  }
  const data = answer.body.toString('base64');
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

/** Text in its declared charset. @param guess without a media type, what is no UTF-8 or holds NUL is no text. */
function decode(body: Buffer, contentType: string, guess: boolean): string | undefined {
  if (guess && body.subarray(0, 4_096).includes(0)) return undefined;
  const charset = /;\s*charset="?([^";\s]+)/i.exec(contentType)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset, { fatal: guess }).decode(body);
  } catch {
    return guess ? undefined : body.toString('utf8');
  }
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

/** Level by level: what recurses, as JSON.stringify does, runs out of stack where it is deep. */
function isDeeperThan(max: number, value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > max) return true;
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []));
  }
  return false;
}

/** Of valid JSON only. By hand: a pattern that skips strings with many escapes runs out of stack. */
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

function holdsUnsafeInteger(value: unknown, depth = 0): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
  if (typeof value !== 'object' || value === null || depth > 64) return false;
  return Object.values(value).some((member) => holdsUnsafeInteger(member, depth + 1));
}

/** The beginning, never half of a surrogate pair. */
function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : text.slice(0, charsMax).replace(/[\uD800-\uDBFF]$/, '');
}

function textItem(text: string): ContentItem {
  return { type: 'text', text };
}
