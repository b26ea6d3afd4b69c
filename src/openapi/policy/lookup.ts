import type { HttpResponse } from '../http/types.ts';

/** How an effect is found by another operation. */
export interface LookupRule {
  /** The `operationId`, or `METHOD /path`, of a read. */
  readonly operation: string;
  /** Its arguments: a text, or `$name` for the call's own argument, `$marker` for the marker. */
  readonly arguments: Readonly<Record<string, string>>;
  /** JSON pointer to the list in its answer; '' for the answer itself. */
  readonly items: string;
  /** The argument or property of the call that carries the marker, and the field of an item that shows it. */
  readonly marker: { readonly argument: string; readonly field: string };
}

/** How many items of one answer are looked at. */
const itemsMax = 10_000;
/** Sizes that lists are cut to when nobody says otherwise, besides every multiple of ten. */
const usualPages: ReadonlySet<number> = new Set([15, 25, 75]);

/** What the list of a lookup says of the effect. */
export type Found =
  | { readonly status: 'found'; readonly item: unknown }
  | { readonly status: 'absent' }
  | { readonly status: 'unclear'; readonly reason: string };

/** The arguments of the read that looks an effect up, from the call's own and its marker. Unset ones are left out. */
export function lookupArguments(
  rule: LookupRule,
  args: Readonly<Record<string, unknown>>,
  marker: string,
): Record<string, unknown> {
  const filled = Object.entries(rule.arguments).map(([name, text]) => {
    const asked = /^\$(.+)$/.exec(text)?.[1];
    return [name, asked === undefined ? text : asked === 'marker' ? marker : args[asked]] as const;
  });
  return Object.fromEntries(filled.filter(([, value]) => value !== undefined));
}

/**
 * Finds the item that carries the marker. A list without it says "absent" only where it is certainly whole: a
 * page of a longer one must not be taken for all of it, since the operation would then run a second time.
 * @param pageSizes what the read was told, or takes by default, as the length of a page.
 */
export function findItem(
  rule: LookupRule,
  answer: Pick<HttpResponse, 'body' | 'headers' | 'truncated'>,
  marker: string,
  pageSizes: readonly number[],
): Found {
  if (answer.truncated) return unclear('the answer of the lookup is too long to be read whole');
  const body = jsonOf(answer.body);
  if (body === undefined) return unclear('the answer of the lookup is not JSON');
  const at = valueAt(body, rule.items);
  if (typeof at !== 'object' || at === null) {
    return unclear(`the answer of the lookup has no list at ${JSON.stringify(rule.items)}`);
  }
  const items: readonly unknown[] = Array.isArray(at) ? at : [at];
  const item = items.slice(0, itemsMax).find((each) => carries(each, rule.marker.field, marker));
  if (item !== undefined) return { status: 'found', item };
  if (!Array.isArray(at)) return unclear('the lookup gave something that does not carry the marker');
  if (
    items.length > itemsMax ||
    isPage(items.length, pageSizes) ||
    goesOn(body, rule.items, items.length, answer.headers)
  ) {
    return unclear('the lookup gave one page of a longer list, perhaps: let it ask for the marker itself');
  }
  return { status: 'absent' };
}

/** Follows a JSON pointer (RFC 6901) through own members; undefined where it leads nowhere. */
function valueAt(value: unknown, pointer: string): unknown {
  let current = value;
  for (const step of pointer.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return undefined;
    current = (current as Readonly<Record<string, unknown>>)[name];
  }
  return current;
}

/** A body as JSON; undefined where it is none. */
export function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The field, by its name or as a JSON pointer, is the marker or holds it: nothing else in the world has that text. */
function carries(item: unknown, field: string, marker: string): boolean {
  const value = valueAt(item, field.startsWith('/') ? field : `/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  return typeof value === 'string' && value.includes(marker);
}

function isPage(length: number, pageSizes: readonly number[]): boolean {
  return length > 0 && (length % 10 === 0 || usualPages.has(length) || pageSizes.includes(length));
}

/**
 * The usual signs of a further page: RFC 8288, RFC 9110 (14.4), Stripe, Google, JSON:API, AWS, Spring. They stand at the
 * root, or in whatever the list stands in.
 */
function goesOn(body: unknown, items: string, length: number, headers: Readonly<Record<string, string>>): boolean {
  if (/;\s*rel="?[^",;]*\bnext\b/i.test(headers.link ?? '') || headers['content-range'] !== undefined) return true;
  const counts = ['x-total-count', 'x-total', 'total-count', 'x-total-results'].map((name) => Number(headers[name]));
  if (counts.some((count) => count > length)) return true;
  const steps = items.split('/');
  const around = steps.map((_, index) => steps.slice(0, index).join('/')).filter((_, index) => index > 0);
  return ['', ...around].some((pointer) => saysMore(valueAt(body, pointer), length));
}

function saysMore(holder: unknown, length: number): boolean {
  const inIt = (names: readonly string[]): unknown[] =>
    names.flatMap((name) =>
      ['', '/meta', '/pagination', '/paging', '/page', '/pageInfo'].map((at) => valueAt(holder, `${at}/${name}`)),
    );
  if (inIt(flags).some((value) => value === true) || inIt(['last', 'is_last', 'isLast']).includes(false)) return true;
  if (inIt(totals).some((value) => typeof value === 'number' && value > length)) return true;
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

function unclear(reason: string): Found {
  return { status: 'unclear', reason };
}
