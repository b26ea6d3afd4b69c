/**
 * Marks a number whose text JavaScript cannot keep. A string that begins with it stands for that number: `mark + '123'`.
 * U+FDD0 is a noncharacter: Unicode reserves it for use inside of a program (The Unicode Standard, 23.7).
 */
const mark = '\uFDD0';
/** Finds text that may hold such a number: a shorter one always fits. */
const mayBeLong = /\d[\d.]{15}/;
/** The mark, or an escape in a JSON string. */
const markOrEscape = new RegExp(String.raw`${mark}|\\(?:u[fF][dD][dD]0|.)`, 'g');
const escapedMark = /\\u[fF][dD][dD]0/;
const numberText = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** A marked number in JSON text, with the quotes of any number of enclosing strings. */
const writtenNumber = new RegExp(String.raw`(\\*")${mark}(-?\d[\d.eE+-]*)\1`, 'g');
const markBytes = Buffer.from(mark);
const quote = 0x22;
const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;
const backslash = 0x5c;

/**
 * Parses JSON text. A number that a JavaScript number cannot carry becomes a marked string: an integer beyond 2^53 - 1, or
 * one with more digits than a double has. `writeJson` writes its text again, so that `1234567890123456789` passes unchanged.
 *
 * @throws SyntaxError
 *
 * @example
 * writeJson(parseJson('{"id":1234567890123456789}')) // '{"id":1234567890123456789}'
 */
export function parseJson(text: string): unknown {
  // Parsed as it is at first, so that text which is not JSON fails.
  const plain: unknown = JSON.parse(text);
  return isPlain(text) ? plain : JSON.parse(markNumbers(text));
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
  if (typeof value === 'string') return isMarkedNumber(value) ? Number(value.slice(1)) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map(nearest);
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  let copy: Record<string, unknown> | undefined;
  for (const [name, member] of Object.entries(value)) {
    const next = nearest(member);
    if (next === member) continue;
    copy ??= { ...value };
    copy[name] = next;
  }
  return copy ?? value;
}

/**
 * Returns JSON text, or a part of it that does not end within a string, with marked strings in place of long numbers. Text
 * of a caller that holds the mark is changed so that `restoreNumbers` gives it back.
 */
export function markNumbers(json: string): string {
  if (isPlain(json)) return json;
  const pieces: string[] = [];
  let from = 0;
  const replace = (start: number, end: number, by: string): void => {
    pieces.push(json.slice(from, start), by);
    from = end;
  };
  for (let at = 0; at < json.length; ) {
    const code = json.charCodeAt(at);
    const start = at;
    if (code === quote) {
      at = endOfString(json, start);
      const string = json.slice(start, at);
      if (string.includes(mark) || escapedMark.test(string)) replace(start, at, withDoubledMarks(string));
    } else if (code === minus || (code >= zero && code <= nine)) {
      numberText.lastIndex = start;
      const found = numberText.exec(json)?.[0] ?? json.charAt(start);
      at += found.length;
      if (!isKept(found)) replace(start, at, `"${mark}${found}"`);
    } else at += 1;
  }
  return pieces.join('') + json.slice(from);
}

function isPlain(json: string): boolean {
  return !mayBeLong.test(json) && !json.includes(mark) && !escapedMark.test(json);
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
  return text
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '');
}
