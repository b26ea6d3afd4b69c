import type { KeepString } from './canonical-json.ts';
import { isPlainObject } from './check-json.ts';

const FIELDS_MAX = 20;
const FIELD_CHARS_MAX = 120;
const DEPTH_MAX = 64;

interface Comparison {
  readonly fields: string[];
  readonly keepString: KeepString | undefined;
  readonly path: (string | number)[];
}

/**
 * Lists the fields in which two argument objects differ, by readable names (`lines[0].description`) and without values.
 * Lists at most 20 fields: those of the first object in its order, then fields that only the second object has. A string
 * that differs only in its Unicode form does not count, unless `keepString` returns true for it.
 */
export function differingFields(
  a: Record<string, unknown>,
  b: Record<string, unknown>,
  keepString?: KeepString,
): string[] {
  const comparison: Comparison = { fields: [], keepString, path: [] };
  compare(a, b, comparison);
  return comparison.fields;
}

/**
 * Lists those of some JSON pointers whose values differ between two argument objects, by readable names. The values are no
 * lists or objects. Where an object was sent as JSON text, the texts are compared.
 */
export function differingPointers(
  pointers: readonly string[],
  a: Record<string, unknown>,
  b: Record<string, unknown>,
): string[] {
  const paths = pointers.map((pointer) => pointer.slice(1).split('/').map(unescaped));
  return paths
    .filter((path) => valueAt(a, path) !== valueAt(b, path))
    .map((path) => nameOf(path.map((step) => (/^\d{1,9}$/.test(step) ? Number(step) : step))));
}

function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return found;
    found = memberOf(found as Record<string, unknown>, step);
  }
  return found;
}

function compare(a: unknown, b: unknown, comparison: Comparison): void {
  const { fields, path } = comparison;
  if (fields.length >= FIELDS_MAX || a === b) return;
  const deeper = path.length < DEPTH_MAX;
  if (deeper && Array.isArray(a) && Array.isArray(b)) compareItems(a, b, comparison);
  else if (deeper && isPlainObject(a) && isPlainObject(b)) compareMembers(a, b, comparison);
  else if (!sameText(a, b, comparison)) fields.push(nameOf(path));
}

function sameText(a: unknown, b: unknown, { keepString, path }: Comparison): boolean {
  if (typeof a !== 'string' || typeof b !== 'string' || keepString?.(path) === true) return false;
  return a.normalize('NFC') === b.normalize('NFC');
}

function compareItems(a: readonly unknown[], b: readonly unknown[], comparison: Comparison): void {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    if (comparison.fields.length >= FIELDS_MAX) return;
    comparison.path.push(index);
    compare(a[index], b[index], comparison);
    comparison.path.pop();
  }
}

function compareMembers(a: Record<string, unknown>, b: Record<string, unknown>, comparison: Comparison): void {
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (comparison.fields.length >= FIELDS_MAX) return;
    comparison.path.push(name);
    compare(memberOf(a, name), memberOf(b, name), comparison);
    comparison.path.pop();
  }
}

function memberOf(object: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Returns a name such as `lines[0].description`, of at most 120 characters. A name that is not a plain word is quoted. */
function nameOf(path: readonly (string | number)[]): string {
  const name = path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(step)) return `${text}[${JSON.stringify(step.slice(0, FIELD_CHARS_MAX))}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
  return name.length > FIELD_CHARS_MAX ? `${name.slice(0, FIELD_CHARS_MAX)}...` : name;
}
