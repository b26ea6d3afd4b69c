/** The key under which the marker of the operation stands in the metadata of what it made. */
const markerKey = 'mcp_once';
/** Of an invoice item: which line it is, counted from 1. */
const lineKey = 'mcp_once_line';

/** How many objects a lookup goes through before it says that it cannot tell. */
const scannedMax = 1_000;
/** How many one request lists. */
export const pageSize = 100;

interface Marked {
  readonly metadata: Readonly<Record<string, string>> | null;
}

/** What looking through a list came to. */
export type Found<T> =
  | { readonly status: 'found'; readonly object: T }
  | { readonly status: 'absent' }
  | { readonly status: 'unclear'; readonly reason: string };

/** The metadata that marks an object as made by an operation, or an invoice item as one of its lines. */
export function marked(marker: string, line?: number): Record<string, string> {
  return { [markerKey]: marker, ...(line === undefined ? {} : { [lineKey]: String(line) }) };
}

/** Whether an object was made by the operation of this marker. */
export function hasMarker(object: Marked, marker: string): boolean {
  return object.metadata?.[markerKey] === marker;
}

/** Which line of its invoice an item is; undefined when it does not say. */
export function lineOf(object: Marked): number | undefined {
  const line = Number(object.metadata?.[lineKey]);
  return Number.isInteger(line) && line > 0 ? line : undefined;
}

/** Stripe's filter for what was created since then; its times are whole seconds. */
export function since(sinceMs: number): { gte: number } {
  return { gte: Math.max(0, Math.floor(sinceMs / 1_000)) };
}

/**
 * The one object of a list that carries the marker and is an effect (a declined payment is none). Lists
 * are read-after-write at Stripe; its search is not, so it is not asked. Of a list too long to go through
 * whole nothing is concluded.
 */
export async function findMarked<T extends Marked>(
  list: AsyncIterable<T>,
  marker: string,
  isEffect: (object: T) => boolean = () => true,
): Promise<Found<T>> {
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
