import { hash } from 'node:crypto';
import { isPlainObject, jsonRefusal } from './check-json.ts';

export { ARGUMENT_LIMITS, checkJson } from './check-json.ts';

/** Says of the string at a path whether it is kept as it is, out of Unicode normalisation. */
export type KeepString = (path: readonly (string | number)[]) => boolean;

export interface CanonicalOptions {
  /** Strings that stay as they are (paths, binary), by their path. Asked only where NFC would change one. */
  readonly keepString?: KeepString | undefined;
  /**
   * `nfc` (the default): strings and property names in Unicode NFC, since one text can be typed in
   * several ways. `verbatim`: pure RFC 8785, which normalises nothing (section 3.1).
   */
  readonly unicode?: 'nfc' | 'verbatim' | undefined;
}

/** Containers within containers, the outermost counted. It bounds the recursion here. */
const DEPTH_MAX = 64;
/** Printable ASCII without `"` and `\`: its JSON text is itself, and it is in NFC. */
const NEEDS_CARE = /[^ !#-[\]-~]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** What one run carries along; the path is only there where somebody asks for it. */
interface CanonicalWalk {
  readonly nfc: boolean;
  readonly keepString: KeepString | undefined;
  readonly path: (string | number)[];
}

/**
 * The canonical text of a JSON value: RFC 8785 (numbers as ECMAScript writes them, -0 as 0,
 * property names sorted by UTF-16 code units, no white space), in NFC unless told otherwise.
 * Equal texts mean equal values.
 *
 * It does not bound bytes and lets large integers pass, as the RFC does; for what comes from outside
 * call `checkJson` first.
 *
 * @throws McpOnceError `invalid_input`, naming the place by JSON pointer, for what is not JSON, for
 * nesting over 64 and for two property names that are one in NFC.
 */
export function canonicalize(value: unknown, options: CanonicalOptions = {}): string {
  return textOf(value, { nfc: options.unicode !== 'verbatim', keepString: options.keepString, path: [] });
}

/** SHA-256 of the canonical text in UTF-8, as 64 hexadecimal digits. Throws as `canonicalize` does. */
export function fingerprintOf(value: unknown, options: CanonicalOptions = {}): string {
  return hash('sha256', canonicalize(value, options), 'hex');
}

/**
 * The same value without the properties that are `undefined`, as `JSON.stringify` would leave them
 * out: for what a tool's own code returns (`identity`, `resource`), where an optional field that was
 * not given is `undefined`. Everything else is left for `canonicalize` to accept or refuse.
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

/** The rare case: names that NFC may change are sorted as what they become, and stay apart. */
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

/** ECMAScript escapes exactly as RFC 8785 section 3.2.2.2 asks; half a pair would be escaped, and is refused. */
function quote(text: string, run: CanonicalWalk): string {
  if (!NEEDS_CARE.test(text)) return `"${text}"`;
  if (LONE_SURROGATE.test(text)) throw jsonRefusal('holds half a surrogate pair', run.path);
  return JSON.stringify(text);
}

/** True when two values have one canonical text. Values that have none are equal to nothing. */
export function sameJson(a: unknown, b: unknown, options: CanonicalOptions = {}): boolean {
  if (a === b) return true;
  if (typeof a !== typeof b) return false;
  try {
    return canonicalize(a, options) === canonicalize(b, options);
  } catch {
    return false;
  }
}
