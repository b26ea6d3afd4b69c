import { appendToPointer, pointerTokens } from '../../core/json.ts';
import type { HttpResponse } from '../http/types.ts';

/** Describes how another operation finds the effect. */
export interface LookupRule {
  /** The `operationId`, or `METHOD /path`, of a read. */
  readonly operation: string;
  /** Its arguments: a text, `$name` for an argument of the call, or `$marker` for the marker. */
  readonly arguments: Readonly<Record<string, string>>;
  /** JSON pointer to the list in its response; '' for the response itself. */
  readonly items: string;
  /** The argument of the call that carries the marker, and the field of an item that shows it. */
  readonly marker: { readonly argument: string; readonly field: string };
}

/** Limit on the items of one response that are searched. */
const itemsMax = 10_000;
/** Common default page sizes that are not multiples of ten. */
const usualPageSizes: ReadonlySet<number> = new Set([15, 25, 75]);

/** What the list of a lookup shows about the effect. */
export type LookupResult =
  | { readonly status: 'found'; readonly item: unknown }
  | { readonly status: 'absent' }
  | { readonly status: 'unclear'; readonly reason: string };

/** Fills in the arguments of the lookup from the call's arguments and its marker. Unset ones are left out. */
export function lookupArguments(
  rule: LookupRule,
  args: Readonly<Record<string, unknown>>,
  marker: string,
): Record<string, unknown> {
  const filled = Object.entries(rule.arguments).map(([name, text]) => {
    const variable = /^\$(.+)$/.exec(text)?.[1];
    return [name, variable === undefined ? text : variable === 'marker' ? marker : args[variable]] as const;
  });
  return Object.fromEntries(filled.filter(([, value]) => value !== undefined));
}

/**
 * Finds the item that carries the marker. The result is "absent" only for a list that is certainly complete. To mistake
 * one page for the complete list would execute the operation a second time.
 * @param pageSizes page sizes that the lookup was sent or that are its defaults.
 */
export function findItem(
  rule: LookupRule,
  response: Pick<HttpResponse, 'body' | 'headers' | 'truncated'>,
  marker: string,
  pageSizes: readonly number[],
): LookupResult {
  if (response.truncated) return unclear('the response of the lookup is too long to be read completely');
  const body = parsedBody(response.body);
  if (body === undefined) return unclear('the response of the lookup is not JSON');
  const at = valueAt(body, rule.items);
  if (typeof at !== 'object' || at === null) {
    return unclear(`the response of the lookup has no list at ${JSON.stringify(rule.items)}`);
  }
  const items: readonly unknown[] = Array.isArray(at) ? at : [at];
  const item = items.slice(0, itemsMax).find((each) => carries(each, rule.marker.field, marker));
  if (item !== undefined) return { status: 'found', item };
  if (!Array.isArray(at)) return unclear('the lookup returned an item that does not carry the marker');
  if (
    items.length > itemsMax ||
    isPage(items.length, pageSizes) ||
    hasMore(body, rule.items, items.length, response.headers)
  ) {
    return unclear('the lookup may have returned one page of a longer list: make it filter by the marker');
  }
  return { status: 'absent' };
}

/** Reads the value at a JSON pointer. Returns undefined if the pointer leads nowhere. */
function valueAt(value: unknown, pointer: string): unknown {
  let current = value;
  for (const name of pointerTokens(pointer)) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return undefined;
    current = (current as Readonly<Record<string, unknown>>)[name];
  }
  return current;
}

/** Parses a body as JSON. Returns undefined if it is not JSON. */
export function parsedBody(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Tests whether a field, by name or JSON pointer, contains the marker. No other value contains that text. */
function carries(item: unknown, field: string, marker: string): boolean {
  const value = valueAt(item, fieldPointer(field));
  return typeof value === 'string' && value.includes(marker);
}

/** Returns a field, given by its name or as a JSON pointer, as a pointer. */
export function fieldPointer(field: string): string {
  return field.startsWith('/') ? field : appendToPointer('', field);
}

function isPage(length: number, pageSizes: readonly number[]): boolean {
  return length > 0 && (length % 10 === 0 || usualPageSizes.has(length) || pageSizes.includes(length));
}

/**
 * Looks for the usual signs of a further page: RFC 8288, RFC 9110 (14.4), Stripe, Google, JSON:API, AWS, Spring. They are
 * in headers, at the root of the body, or in an object around the list.
 */
function hasMore(body: unknown, items: string, length: number, headers: Readonly<Record<string, string>>): boolean {
  if (/;\s*rel="?[^",;]*\bnext\b/i.test(headers.link ?? '') || headers['content-range'] !== undefined) return true;
  const counts = ['x-total-count', 'x-total', 'total-count', 'x-total-results'].map((name) => Number(headers[name]));
  if (counts.some((count) => count > length)) return true;
  const steps = items.split('/');
  const around = steps.map((_, index) => steps.slice(0, index).join('/')).filter((_, index) => index > 0);
  return ['', ...around].some((pointer) => announcesMore(valueAt(body, pointer), length));
}

function announcesMore(holder: unknown, length: number): boolean {
  const valuesOf = (names: readonly string[]): unknown[] =>
    names.flatMap((name) =>
      ['', '/meta', '/pagination', '/paging', '/page', '/pageInfo'].map((at) => valueAt(holder, `${at}/${name}`)),
    );
  if (valuesOf(flags).some((value) => value === true) || valuesOf(['last', 'is_last', 'isLast']).includes(false))
    return true;
  if (valuesOf(totals).some((value) => typeof value === 'number' && value > length)) return true;
  return cursors.some((pointer) => !isEmpty(valueAt(holder, pointer)));
}

const flags = ['has_more', 'hasMore', 'has_next', 'hasNext', 'hasNextPage', 'has_next_page', 'more'];
const totals = [
  ...['total', 'total_count', 'totalCount', 'total_items', 'totalItems', 'total_results', 'totalResults'],
  ...['totalElements', 'total_elements', 'count'],
];
const cursors = [
  '/next',
  '/next_page',
  '/nextPage',
  '/next_cursor',
  '/nextCursor',
  '/next_page_token',
  '/nextPageToken',
  '/NextToken',
  '/nextToken',
  '/next_url',
  '/links/next',
  '/_links/next',
  '/paging/next',
  '/pagination/next',
  '/meta/next_cursor',
  '/nextLink',
  '/@odata.nextLink',
];

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === false;
}

function unclear(reason: string): LookupResult {
  return { status: 'unclear', reason };
}
