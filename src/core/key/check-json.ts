import { McpOnceError } from '../errors.ts';

/** The limits of JSON values from outside. */
export interface JsonLimits {
  /** The deepest nesting of containers, counting the outermost. */
  readonly depthMax: number;
  /** The size of the value as JSON in UTF-8 without white space, in bytes. */
  readonly bytesMax: number;
}

export const ARGUMENT_LIMITS: JsonLimits = Object.freeze({ depthMax: 64, bytesMax: 1_048_576 });

/** The reason why a value is refused, and the JSON pointer (RFC 6901) of the place. Contains no value. */
export interface JsonFault {
  readonly pointer: string;
  readonly reason: string;
}

const POINTER_CHARS_MAX = 200;

/** A fault inside of the walk. Its path grows while the walk returns, so a valid value costs no path handling. */
interface Fault {
  readonly reason: string;
  readonly path: (string | number)[];
}

interface Walk {
  readonly limits: JsonLimits;
  bytes: number;
  /** Whether values that have no canonical form are noted, and not refused. */
  readonly notes: boolean;
  /** Whether there is a value without a canonical form, or a marked number. */
  isUnusual: boolean;
}

/**
 * Refuses values that JSON cannot represent exactly or that exceed the limits:
 *
 * - integers beyond 2^53 - 1 and non-finite numbers (RFC 7493 section 2.2)
 * - lone surrogates in strings and names (RFC 7493 section 2.1)
 * - own `__proto__` properties, and names that become equal in Unicode NFC
 * - values that are not JSON
 * - nesting deeper than `depthMax`, cycles included, and more than `bytesMax`
 *
 * The recursion stops at `depthMax` and the walk at `bytesMax`, so hostile input exhausts neither stack nor time.
 *
 * @throws McpOnceError `invalid_input` with the JSON pointer of the place, without the value
 */
export function checkJson(value: unknown, limits: JsonLimits = ARGUMENT_LIMITS): void {
  const fault = findFault(value, 1, walkWithin(limits));
  if (fault !== undefined) throw jsonRefusal(fault.reason, fault.path);
}

/** Returns the first fault that `checkJson` would throw, or undefined. */
export function findJsonFault(value: unknown, limits: JsonLimits = ARGUMENT_LIMITS): JsonFault | undefined {
  return asJsonFault(findFault(value, 1, walkWithin(limits)));
}

/**
 * Returns the first fault of a value that somebody else judges: it breaks a limit, or is not JSON. `isUnusual` says that
 * `countedForm` must change the value before it is compared with others.
 */
export function inspectJson(value: unknown, limits: JsonLimits): { fault: JsonFault | undefined; isUnusual: boolean } {
  const walk = walkWithin(limits, true);
  const fault = asJsonFault(findFault(value, 1, walk));
  return { fault, isUnusual: walk.isUnusual };
}

function walkWithin(limits: JsonLimits, notes = false): Walk {
  return { limits, bytes: 0, notes, isUnusual: false };
}

function asJsonFault(fault: Fault | undefined): JsonFault | undefined {
  return fault && { pointer: pointerOf(fault.path), reason: fault.reason };
}

export function jsonRefusal(reason: string, path: readonly (string | number)[]): McpOnceError {
  const pointer = pointerOf(path);
  return new McpOnceError('invalid_input', `${pointer === '' ? 'the value as a whole' : pointer} ${reason}`);
}

/** Returns a JSON pointer (RFC 6901) of at most 200 characters. It is well-formed Unicode even if a name is not. */
export function pointerOf(path: readonly (string | number)[]): string {
  const pointer = path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const bounded = pointer.length > POINTER_CHARS_MAX ? `${pointer.slice(0, POINTER_CHARS_MAX)}...` : pointer;
  return bounded.replace(/\p{Surrogate}/gu, '\ufffd').replace(/\p{Cc}/gu, '?');
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function findFault(value: unknown, depth: number, walk: Walk): Fault | undefined {
  const fault = typeof value === 'object' && value !== null ? inContainer(value, depth, walk) : inScalar(value, walk);
  if (fault !== undefined) return fault;
  if (walk.bytes > walk.limits.bytesMax) return overLimit(walk);
  return undefined;
}

function inScalar(value: unknown, walk: Walk): Fault | undefined {
  switch (typeof value) {
    case 'string':
      return countString(value, walk) ? undefined : at('contains half a surrogate pair');
    case 'number':
      if (!Number.isFinite(value)) return at('is not a finite number');
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        return at('is an integer beyond 2^53 - 1, which JSON does not carry exactly: send it as a string if you can');
      }
      walk.bytes += String(value).length;
      return undefined;
    case 'boolean':
      walk.bytes += value ? 4 : 5;
      return undefined;
    case 'object':
      walk.bytes += 4;
      return undefined;
    default:
      return at(`is ${typeof value}, which JSON does not have`);
  }
}

function inContainer(value: object, depth: number, walk: Walk): Fault | undefined {
  if (depth > walk.limits.depthMax) return at(`is nested deeper than ${walk.limits.depthMax}`);
  walk.bytes += 2;
  if (Array.isArray(value)) return inItems(value, depth, walk);
  if (!isPlainObject(value)) return at('is not a plain JSON object');
  return inMembers(value, depth, walk);
}

function inItems(items: readonly unknown[], depth: number, walk: Walk): Fault | undefined {
  if (items.length > walk.limits.bytesMax) return overLimit(walk);
  walk.bytes += items.length > 0 ? items.length - 1 : 0;
  for (let index = 0; index < items.length; index++) {
    const fault = findFault(items[index], depth + 1, walk);
    if (fault !== undefined) return within(index, fault);
  }
  return undefined;
}

function inMembers(object: Record<string, unknown>, depth: number, walk: Walk): Fault | undefined {
  const names = Object.keys(object);
  let foreign = false;
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const before = walk.bytes;
    if (!countString(name, walk)) return within(name, at('is a property name with half a surrogate pair'));
    if (name === '__proto__') {
      if (!walk.notes) return within(name, at('is a property name that is not accepted'));
      walk.isUnusual = true;
    }
    foreign ||= walk.bytes - before !== name.length + 2;
    walk.bytes += index === 0 ? 1 : 2;
    const fault = findFault(object[name], depth + 1, walk);
    if (fault !== undefined) return within(name, fault);
  }
  const fault = foreign ? sameNames(names) : undefined;
  if (fault === undefined || !walk.notes) return fault;
  walk.isUnusual = true;
  return undefined;
}

/** Called only for objects with a name outside of plain ASCII. */
function sameNames(names: readonly string[]): Fault | undefined {
  const seen = new Set<string>();
  for (const name of names) {
    const normal = name.normalize('NFC');
    if (seen.has(normal)) return within(name, at('is the same property name as another one in Unicode NFC'));
    seen.add(normal);
  }
  return undefined;
}

/** Adds the bytes of the string as JSON. Returns false for half a surrogate pair. Stops early beyond the limit. */
function countString(text: string, walk: Walk): boolean {
  let bytes = 2;
  if (text.length > walk.limits.bytesMax) {
    walk.bytes += text.length;
    return true;
  }
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) bytes += unit >= 0x20 ? (unit === 0x22 || unit === 0x5c ? 2 : 1) : escapeBytes(unit);
    else if (unit < 0x800) bytes += 2;
    else if (unit < 0xd800 || unit > 0xdfff) {
      bytes += 3;
      walk.isUnusual ||= unit === 0xfdd0 || unit === 0xfdd1;
    } else {
      const next = text.charCodeAt(index + 1);
      const isPair = unit <= 0xdbff && next >= 0xdc00 && next <= 0xdfff;
      if (!isPair && !walk.notes) return false;
      walk.isUnusual ||= !isPair;
      bytes += isPair ? 4 : 6;
      if (isPair) index++;
    }
  }
  walk.bytes += bytes;
  return true;
}

/** Counts two bytes for `\b \t \n \f \r` and six bytes for other control characters (`\u001f`). */
function escapeBytes(unit: number): number {
  return unit === 0x08 || unit === 0x09 || unit === 0x0a || unit === 0x0c || unit === 0x0d ? 2 : 6;
}

function overLimit(walk: Walk): Fault {
  return at(`brings the whole over the limit of ${walk.limits.bytesMax} bytes`);
}

function at(reason: string): Fault {
  return { reason, path: [] };
}

function within(step: string | number, fault: Fault): Fault {
  fault.path.unshift(step);
  return fault;
}
