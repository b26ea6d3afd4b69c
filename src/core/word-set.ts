/**
 * Returns the words of a text as a set. White space separates them.
 *
 * @example
 * wordSet('get list read').has('list') // true
 */
export function wordSet(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
