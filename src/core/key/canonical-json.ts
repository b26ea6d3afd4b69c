import { hash } from 'node:crypto';
import { isPlainObject, jsonRefusal } from './check-json.ts';

export { ARGUMENT_LIMITS, checkJson } from './check-json.ts';

/** Returns whether the string at a path is left out of Unicode normalisation. */
export type KeepString = (path: readonly (string | number)[]) => boolean;

export interface CanonicalOptions {
  /** Tells which strings are not normalised, such as paths and binary data. Called only for strings that NFC changes. */
  readonly keepString?: KeepString | undefined;
  /**
   * `nfc` normalises strings and property names to Unicode NFC, since the same text can be encoded in several ways.
   * `verbatim` is pure RFC 8785, which normalises nothing (section 3.1).
   * @defaultValue 'nfc'
   */
  readonly unicode?: 'nfc' | 'verbatim' | undefined;
}

/** The deepest nesting of containers, counting the outermost. Bounds the recursion. */
const DEPTH_MAX = 64;
/** Finds characters other than printable ASCII, `"` and `\`. Text without them is its own JSON text and in NFC. */
const NEEDS_CARE = /[^ !#-[\]-~]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The state of one canonicalisation. `path` is the place of the present value. */
interface CanonicalWalk {
  readonly nfc: boolean;
  readonly keepString: KeepString | undefined;
  readonly path: (string | number)[];
}

/**
 * Returns the canonical text of a JSON value by RFC 8785: numbers as ECMAScript writes them, -0 as 0, property names
 * sorted by UTF-16 code units, no white space. By default the text is in NFC. Equal texts mean equal values.
 *
 * It does not limit the size and accepts large integers, like the RFC. Call `checkJson` first for values from outside.
 *
 * @throws McpOnceError `invalid_input` with the JSON pointer of the place, for values that are not JSON, for nesting
 * deeper than 64, and for two property names that are equal in NFC
 */
export function canonicalize(value: unknown, options: CanonicalOptions = {}): string {
  return textOf(value, { nfc: options.unicode !== 'verbatim', keepString: options.keepString, path: [] });
}

/** Returns the SHA-256 of the canonical text in UTF-8, as 64 hexadecimal digits. Throws like `canonicalize`. */
export function fingerprintOf(value: unknown, options: CanonicalOptions = {}): string {
  return hash('sha256', canonicalize(value, options), 'hex');
}

/**
 * Removes properties that are `undefined`, as `JSON.stringify` does. Used for values that a tool's `identity` or
 * `resource` returns, where an absent optional field is `undefined`. `canonicalize` checks everything else.
 */
export function withoutUndefined(value: unknown, depth = 1): unknown {
  if (depth > DEPTH_MAX) return value;
  if (Array.isArray(value)) return value.map((item) => withoutUndefined(item, depth + 1));
  if (!isPlainObject(value)) return value;
  const defined = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(defined.map(([name, member]) => [name, withoutUndefined(member, depth + 1)]));
}

function textOf(value: unknown, run: CanonicalWalk): string {
  switch (typeof value) {
    case 'string':
      return stringText(value, run);
    case 'number':
      if (!Number.isFinite(value)) throw jsonRefusal('is not a finite number', run.path);
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      break;
    default:
      throw jsonRefusal(`is ${typeof value}, which JSON does not have`, run.path);
  }
  if (value === null) return 'null';
  if (run.path.length >= DEPTH_MAX) throw jsonRefusal(`is nested deeper than ${DEPTH_MAX}`, run.path);
  if (Array.isArray(value)) return arrayText(value, run);
  if (!isPlainObject(value)) throw jsonRefusal('is not a plain JSON object', run.path);
  return objectText(value, run);
}

function arrayText(items: readonly unknown[], run: CanonicalWalk): string {
  let text = '[';
  for (let index = 0; index < items.length; index++) {
    run.path.push(index);
    text += (index === 0 ? '' : ',') + textOf(items[index], run);
    run.path.pop();
  }
  return `${text}]`;
}

function objectText(object: Record<string, unknown>, run: CanonicalWalk): string {
  const names = Object.keys(object);
  if (run.nfc && names.some((name) => NEEDS_CARE.test(name))) return normalizedObjectText(object, names, run);
  names.sort();
  let text = '{';
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    run.path.push(name);
    text += `${(index === 0 ? '' : ',') + quote(name, run)}:${textOf(object[name], run)}`;
    run.path.pop();
  }
  return `${text}}`;
}

/** Handles the rare names that NFC may change. Sorts them in their normal form, and refuses names that become equal. */
function normalizedObjectText(object: Record<string, unknown>, names: readonly string[], run: CanonicalWalk): string {
  const pairs = names.map((name) => ({ name, normal: name.normalize('NFC') }));
  pairs.sort((a, b) => (a.normal < b.normal ? -1 : a.normal > b.normal ? 1 : 0));
  let previous: string | undefined;
  const members = pairs.map(({ name, normal }) => {
    run.path.push(name);
    if (normal === previous) throw jsonRefusal('is the same property name as another one in Unicode NFC', run.path);
    previous = normal;
    const member = `${quote(normal, run)}:${textOf(object[name], run)}`;
    run.path.pop();
    return member;
  });
  return `{${members.join(',')}}`;
}

function stringText(text: string, run: CanonicalWalk): string {
  if (!NEEDS_CARE.test(text)) return `"${text}"`;
  if (!run.nfc) return quote(text, run);
  const normal = text.normalize('NFC');
  const kept = normal !== text && run.keepString?.(run.path) === true;
  return quote(kept ? text : normal, run);
}

/** ECMAScript escapes strings as RFC 8785 section 3.2.2.2 requires. A lone surrogate is refused. */
function quote(text: string, run: CanonicalWalk): string {
  if (!NEEDS_CARE.test(text)) return `"${text}"`;
  if (LONE_SURROGATE.test(text)) throw jsonRefusal('contains half a surrogate pair', run.path);
  return JSON.stringify(text);
}

/** Returns whether two values have the same canonical text. A value without one is equal to nothing. */
export function sameJson(a: unknown, b: unknown, options: CanonicalOptions = {}): boolean {
  if (a === b) return true;
  if (typeof a !== typeof b) return false;
  try {
    return canonicalize(a, options) === canonicalize(b, options);
  } catch {
    return false;
  }
}
