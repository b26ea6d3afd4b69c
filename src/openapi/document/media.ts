import { isObject, type JsonObject } from '../../core/json.ts';

/** One media type of a `content`, and what is said of it. */
export interface MediaType {
  /** Concrete: a wildcard has become what it stands for best. */
  readonly contentType: string;
  readonly media: JsonObject;
}

/** The one of several media types that a request is best written in. */
export function requestMedia(content: JsonObject, resolve: (media: unknown) => unknown): MediaType | undefined {
  return best(content, resolve, requestRank);
}

/** The first JSON media type, or the first of all. */
export function responseMedia(content: JsonObject, resolve: (media: unknown) => unknown): MediaType | undefined {
  return best(content, resolve, (type) => (isJson(type) ? 0 : 1));
}

/** True for JSON and what is written in it (RFC 6839, section 3.1), and for any type. */
export function isJson(contentType: string): boolean {
  return /^(application|text)\/(json|[\w.*+-]+\+json)\s*(;|$)|^\*\/\*|^application\/\*/i.test(contentType);
}

/** True for the two types of HTML's forms. */
export function isForm(contentType: string): boolean {
  return /^(application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(contentType);
}

/** True for what can be given as a text: plain, XML, YAML and the like. */
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
  return { contentType: concrete(chosen), media: isObject(media) ? media : {} };
}

/** Lists of changes (RFC 6902) come last of JSON: a merge patch is an object with names that say something. */
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

function concrete(type: string): string {
  if (!type.includes('*')) return type;
  if (isJson(type)) return 'application/json';
  return type.startsWith('text/') ? 'text/plain' : 'application/octet-stream';
}
