/**
 * Marks a number whose text JavaScript cannot keep. A string that begins with it stands for that number: `mark + '123'`.
 * U+FDD0 is a noncharacter: Unicode reserves it for use inside of a program (The Unicode Standard, 23.7).
 */
const mark = '\uFDD0';
/** Finds text that may hold such a number: a shorter one always fits. */
const mayBeLong = /\d[\d.]{15}/;
/**
 * Finds text that may hold a number that JavaScript writes in another way: `-0`, `1.10`, `1e2`, `0.0000001`, or a long one. What
 * stands around a number in JSON keeps most prose out.
 */
const mayBeRewritten =
  /(?:^|[:,[])\s*(?:-?[\d.]{16}|-?0\.0{6}|(?:-0|-?\d+(?:\.\d*0|(?:\.\d+)?[eE][+-]?\d+))\s*(?:[,}\]\r\n]|$))/;
/** The mark, or an escape in a JSON string. */
const markOrEscape = new RegExp(String.raw`${mark}|\\(?:u[fF][dD][dD]0|.)`, 'g');
const escapedMark = /\\u[fF][dD][dD]0/;
const numberText = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/**
 * A marked number in JSON text, with the quotes of any number of enclosing strings. It is looked for once in a run of
 * backslashes, which may be long.
 */
const writtenNumber = new RegExp(String.raw`(?<!\\)(\\*")${mark}(-?\d[\d.eE+-]*)\1`, 'g');
const markBytes = Buffer.from(mark);
const quote = 0x22;
const minus = 0x2d;
/** The bit by which `{` differs from `[`, and `}` from `]`. */
const braceBit = 0x20;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const zero = 0x30;
const nine = 0x39;
const backslash = 0x5c;

/** In a JSON-RPC message, the arguments and the results of calls begin at this depth. Above are ids and codes. */
export const MESSAGE_CONTENT_DEPTH = 3;

/**
 * Parses JSON text. A number that a JavaScript number cannot carry becomes a marked string: an integer beyond 2^53 - 1, or
 * one with more digits than a double has. `writeJson` writes its text again, so that `1234567890123456789` passes unchanged.
 *
 * @param exactDepth the number of containers within which each number keeps its text: `1.10`, `1e2` and `-0`, too
 *
 * @throws SyntaxError
 *
 * @example
 * writeJson(parseJson('{"id":1234567890123456789}')) // '{"id":1234567890123456789}'
 * writeJson(parseJson('{"amount":1.10}', 0)) // '{"amount":1.10}'
 */
export function parseJson(text: string, exactDepth = Number.POSITIVE_INFINITY): unknown {
  // Parsed as it is at first, so that text which is not JSON fails.
  const plain: unknown = JSON.parse(text);
  const marked = markNumbers(text, exactDepth);
  return marked === text ? plain : JSON.parse(marked);
}

/** Returns a value as JSON text. Marked numbers become numbers, also in JSON text inside of strings. */
export function writeJson(value: unknown): string {
  return restoreNumbers(JSON.stringify(value));
}

/** Replaces marked numbers in JSON text by their digits. */
export function restoreNumbers(json: string): string {
  if (!json.includes(mark)) return json;
  return json.replace(writtenNumber, '$2').replaceAll(mark + mark, mark);
}

/** Tests whether UTF-8 text holds the mark. */
export function holdsMark(utf8: Buffer): boolean {
  return utf8.includes(markBytes);
}

/** Tests for a marked number. */
export function isMarkedNumber(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith(mark) && value.charAt(1) !== mark;
}

/** Returns the digits of a marked number, and any other value as it is. */
export function withoutMark(value: unknown): unknown {
  return isMarkedNumber(value) ? String(value).slice(1) : value;
}

/** Returns the value with the nearest JavaScript numbers instead of marked ones; the value itself if it has none. */
export function nearestNumbers<Value>(value: Value): Value {
  return nearest(value) as Value;
}

/** Returns whether the value holds a marked number, at any depth. */
export function holdsMarkedNumber(value: unknown): boolean {
  return nearest(value) !== value;
}

function nearest(value: unknown): unknown {
  return withNumbers(value, Number);
}

/**
 * Returns the value with one form for all texts of the same number: a JavaScript number where one carries it, else its marked
 * decimal digits. `1.10` and `1.1` become equal, `1e20` and `100000000000000000000`, too.
 */
export function foldedNumbers<Value>(value: Value): Value {
  return withNumbers(value, foldedNumber) as Value;
}

/** Deeper values are left as they are, so that the walk cannot exhaust the stack. */
const numbersDepthMax = 500;

/** Copies only what changes. */
function withNumbers(value: unknown, numberOf: (text: string) => unknown, depth = 0): unknown {
  if (typeof value === 'string') return isMarkedNumber(value) ? numberOf(value.slice(1)) : value;
  if (typeof value !== 'object' || value === null || depth > numbersDepthMax) return value;
  if (Array.isArray(value)) return withItems(value, numberOf, depth);
  let copy: Record<string, unknown> | undefined;
  const object = value as Record<string, unknown>;
  for (const name of Object.keys(object)) {
    const member = object[name];
    const next = withNumbers(member, numberOf, depth + 1);
    if (next === member) continue;
    copy ??= { ...object };
    copy[name] = next;
  }
  return copy ?? value;
}

function withItems(items: readonly unknown[], numberOf: (text: string) => unknown, depth: number): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < items.length; index += 1) {
    const next = withNumbers(items[index], numberOf, depth + 1);
    if (next === items[index]) continue;
    copy ??= [...items];
    copy[index] = next;
  }
  return copy ?? items;
}

function foldedNumber(text: string): unknown {
  const value = Number(text);
  const decimal = decimalOf(text);
  const isExact = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (isExact && decimalOf(String(value)) === decimal) return value === 0 ? 0 : value;
  return mark + decimal;
}

/** The longest number that is written without an exponent, in digits. */
const plainDigitsMax = 400;

/** Returns the same text for all texts of one number, without an exponent where it is short enough. */
function decimalOf(text: string): string {
  const [, sign = '', whole = '', fraction = '', power = '0'] = numberParts.exec(text) ?? [];
  // Nobody means such a number, and its exponent is not exact.
  if (power.length > 15) return text;
  const significant = (whole + fraction).replace(/^0+/, '');
  const digits = withoutEndZeros(significant);
  if (digits === '') return '0';
  const exponent = Number(power) - fraction.length + significant.length - digits.length;
  if (Math.abs(exponent) > plainDigitsMax) return `${sign}${digits}e${exponent}`;
  if (exponent >= 0) return sign + digits + '0'.repeat(exponent);
  const padded = digits.padStart(1 - exponent, '0');
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

const numberParts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * Returns JSON text, or a part of it that does not end within a string, with marked strings in place of long numbers. Text
 * of a caller that holds the mark is changed so that `restoreNumbers` gives it back.
 *
 * @param exactDepth the number of containers within which each number is marked that JavaScript would write in another way
 */
export function markNumbers(json: string, exactDepth = Number.POSITIVE_INFINITY): string {
  const mayDiffer = exactDepth === Number.POSITIVE_INFINITY ? mayBeLong : mayBeRewritten;
  const hasMark = json.includes(mark) || escapedMark.test(json);
  if (!hasMark && !mayDiffer.test(json)) return json;
  const pieces: string[] = [];
  let from = 0;
  let depth = 0;
  const replace = (start: number, end: number, by: string): void => {
    pieces.push(json.slice(from, start), by);
    from = end;
  };
  for (let at = 0; at < json.length; ) {
    const code = json.charCodeAt(at);
    const start = at;
    if (code === quote) {
      at = endOfString(json, start);
      if (hasMark) {
        const string = json.slice(start, at);
        if (string.includes(mark) || escapedMark.test(string)) replace(start, at, withDoubledMarks(string));
      }
    } else if (code === minus || (code >= zero && code <= nine)) {
      numberText.lastIndex = start;
      const found = numberText.exec(json)?.[0] ?? json.charAt(start);
      at += found.length;
      const isKeptHere = (depth < exactDepth || String(Number(found)) === found) && isKept(found);
      if (!isKeptHere) replace(start, at, `"${mark}${found}"`);
    } else {
      if ((code | braceBit) === openBrace) depth += 1;
      else if ((code | braceBit) === closeBrace) depth -= 1;
      at += 1;
    }
  }
  return from === 0 ? json : pieces.join('') + json.slice(from);
}

/** A text of the caller that holds the mark is not a number. */
function withDoubledMarks(string: string): string {
  return string.replace(markOrEscape, (found) => (found === mark || found.length > 2 ? found + found : found));
}

/** Returns the place behind a string that begins at `open`. */
function endOfString(text: string, open: number): number {
  for (let at = open + 1; at < text.length; ) {
    const close = text.indexOf('"', at);
    if (close === -1) break;
    let slashes = 0;
    while (text.charCodeAt(close - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return close + 1;
    at = close + 1;
  }
  return text.length;
}

/** Whether a JavaScript number carries the number of this text. */
function isKept(text: string): boolean {
  const value = Number(text);
  if (!Number.isFinite(value)) return false;
  if (Number.isInteger(value)) return Number.isSafeInteger(value) && !hasOtherDigits(text, value);
  return !hasOtherDigits(text, value);
}

/** Compares only texts with more digits than every double keeps (15, IEEE 754). */
function hasOtherDigits(text: string, value: number): boolean {
  const digits = digitsOf(text);
  return digits.length > 15 && digits !== digitsOf(String(value));
}

/** The significant digits of a number, without sign, point, exponent and outer zeros. */
function digitsOf(text: string): string {
  const digits = text.replace(/[eE].*$/, '').replace(/[-.]/g, '');
  return withoutEndZeros(digits.replace(/^0+/, ''));
}

/** Takes linear time, unlike a regular expression. */
function withoutEndZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === zero) end -= 1;
  return digits.slice(0, end);
}
