import type { ArgumentPath } from './types.ts';

/** A step of the simple kind of JSONPath (RFC 9535): `.name`, `['name']`, `["name"]` or `[0]`. */
const step = /^(?:\.([\p{L}_$][\p{L}\p{N}_$-]*)|\['([^']*)'\]|\["([^"]*)"\]|\[(\d{1,9})\])/u;

/**
 * Parses a path in JSON: a JSON pointer (RFC 6901: empty, or beginning with `/`) or a JSONPath to a single place
 * (`$`, `$.a.b`, `$.lines[0]['unit price']`). Returns undefined for anything else.
 */
export function parsePath(text: string): ArgumentPath | undefined {
  if (text === '' || text === '$') return [];
  if (text.startsWith('/')) {
    const parts = text.slice(1).split('/');
    if (parts.some((part) => /~(?![01])/.test(part))) return undefined;
    return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  }
  if (!text.startsWith('$')) return undefined;
  const path: string[] = [];
  let rest = text.slice(1);
  while (rest !== '') {
    const found = step.exec(rest);
    if (!found) return undefined;
    path.push(found[1] ?? found[2] ?? found[3] ?? found[4] ?? '');
    rest = rest.slice(found[0].length);
  }
  return path;
}

/** Parses a path, or the bare name of a member. */
export function parseField(text: string): ArgumentPath {
  return parsePath(text) ?? [text];
}

/** Returns the value at a path, or undefined. */
export function valueAt(value: unknown, path: ArgumentPath): unknown {
  let current = value;
  for (const name of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return undefined;
    current = (current as Readonly<Record<string, unknown>>)[name];
  }
  return current;
}

/** Formats a path as a JSON pointer. */
export function toPointer(path: ArgumentPath): string {
  return path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
