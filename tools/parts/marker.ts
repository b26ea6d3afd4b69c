/** The metadata key that holds the operation's marker. */
const markerKey = 'mcp_once';
/** The metadata key of an invoice item that holds its line number, from 1. */
const lineKey = 'mcp_once_line';

/** How many objects a lookup reads before its answer is `unclear`. */
const scannedMax = 1_000;
/** How many objects one list request returns. */
export const pageSize = 100;

interface Marked {
  readonly metadata: Readonly<Record<string, string>> | null;
}

/** The result of a search for a marked object. */
export type MarkerSearch<T> =
  | { readonly status: 'found'; readonly object: T }
  | { readonly status: 'absent' }
  | { readonly status: 'unclear'; readonly reason: string };

/** Returns metadata that marks an object, or an invoice item with its line number, as made by an operation. */
export function marked(marker: string, line?: number): Record<string, string> {
  return { [markerKey]: marker, ...(line === undefined ? {} : { [lineKey]: String(line) }) };
}

/** Returns whether the operation with this marker made the object. */
export function hasMarker(object: Marked, marker: string): boolean {
  return object.metadata?.[markerKey] === marker;
}

/** Returns the line number of an invoice item, or undefined if it carries none. */
export function lineOf(object: Marked): number | undefined {
  const line = Number(object.metadata?.[lineKey]);
  return Number.isInteger(line) && line > 0 ? line : undefined;
}

/** Returns Stripe's `created` filter, in whole seconds. */
export function since(sinceMs: number): { gte: number } {
  return { gte: Math.max(0, Math.floor(sinceMs / 1_000)) };
}

/**
 * Finds the object of a list that carries the marker and is an effect, which a declined payment is not. Stripe's
 * lists are read-after-write and its search is not. A list that is too long to read completely is `unclear`.
 */
export async function findMarked<T extends Marked>(
  list: AsyncIterable<T>,
  marker: string,
  isEffect: (object: T) => boolean = () => true,
): Promise<MarkerSearch<T>> {
  let found: T | undefined;
  let scanned = 0;
  for await (const object of list) {
    scanned += 1;
    if (scanned > scannedMax) {
      return { status: 'unclear', reason: `there are more than ${scannedMax} objects to look through` };
    }
    if (!hasMarker(object, marker) || !isEffect(object)) continue;
    if (found !== undefined) return { status: 'unclear', reason: 'more than one object carries its marker' };
    found = object;
  }
  return found === undefined ? { status: 'absent' } : { status: 'found', object: found };
}
