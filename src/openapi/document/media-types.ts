import { type JsonObject, objectOf } from '../../core/json.ts';

/** One entry of a `content` object. */
export interface MediaType {
  /** Without wildcards: `application/*` becomes `application/json`. */
  readonly contentType: string;
  readonly media: JsonObject;
}

/** Chooses the media type that a request is easiest to write in: JSON, then forms, then text, then bytes. */
export function requestMedia(content: JsonObject, resolve: (media: unknown) => unknown): MediaType | undefined {
  return best(content, resolve, requestRank);
}

/** Chooses the first JSON media type, or else the first. */
export function responseMedia(content: JsonObject, resolve: (media: unknown) => unknown): MediaType | undefined {
  return best(content, resolve, (type) => (isJson(type) ? 0 : 1));
}

/** Tests for JSON, types with the suffix `+json` (RFC 6839, section 3.1), and wildcards that include JSON. */
export function isJson(contentType: string): boolean {
  return /^(application|text)\/(json|[\w.*+-]+\+json)\s*(;|$)|^\*\/\*|^application\/\*/i.test(contentType);
}

/** Tests for the two media types of HTML forms. */
export function isForm(contentType: string): boolean {
  return /^(application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(contentType);
}

/** Tests for media types that are text, such as plain text, XML and YAML. */
export function isTextual(contentType: string): boolean {
  return /^text\/|^application\/([\w.-]+\+)?(xml|yaml|x-yaml|javascript|graphql|sql|x-ndjson|jsonl)\b/i.test(
    contentType,
  );
}

function best(
  content: JsonObject,
  resolve: (media: unknown) => unknown,
  rank: (type: string) => number,
): MediaType | undefined {
  const types = Object.keys(content).filter((type) => /^[^\s/;]+\/[^\s/;]+/.test(type));
  const chosen = types.reduce<string | undefined>(
    (one, other) => (one !== undefined && rank(one) <= rank(other) ? one : other),
    undefined,
  );
  if (chosen === undefined) return undefined;
  const media = resolve(content[chosen]);
  return { contentType: withoutWildcard(chosen), media: objectOf(media) };
}

/** Ranks JSON Patch (RFC 6902) last among JSON: in a merge patch, the properties have names that explain them. */
function requestRank(type: string): number {
  if (/^application\/json\s*(;|$)/i.test(type)) return 0;
  if (/^application\/merge-patch\+json\s*(;|$)/i.test(type)) return 1;
  if (/^application\/json-patch\+json\s*(;|$)/i.test(type)) return 3;
  if (isJson(type)) return 2;
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) return 4;
  if (isForm(type)) return 5;
  if (/^text\//i.test(type)) return 6;
  return isTextual(type) ? 7 : 8;
}

function withoutWildcard(type: string): string {
  if (!type.includes('*')) return type;
  if (isJson(type)) return 'application/json';
  return type.startsWith('text/') ? 'text/plain' : 'application/octet-stream';
}
