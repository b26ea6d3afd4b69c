import { McpOnceError } from '../../core/errors.ts';
import { withoutMark, writeJson } from '../../core/exact-json.ts';

/** Percent-encodes all but the unreserved characters of RFC 3986. @throws URIError for a lone surrogate */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * Encodes a value with `allowReserved` (RFC 6570, 3.2.3): keeps reserved characters and percent-encoded triples. Encodes
 * the characters with a meaning in queries (`# [ ] & +`), as OpenAPI 3.1.1 requires.
 * @throws URIError for a lone surrogate
 */
export function reservedEncode(text: string): string {
  return text.replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~:/?@!$'()*,;=]/gu, (piece) =>
    piece.length === 3 && piece.startsWith('%') ? piece : percentEncode(piece),
  );
}

/** Percent-encodes the percent sign and all characters that a cookie's value cannot contain (RFC 6265, 4.1.1). */
export function cookieEncode(text: string): string {
  return text.replace(/[^\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]/gu, percentEncode);
}

/** Returns a string unchanged, and any other value as JSON: `5`, `true`, `{"a":1}`. */
export function valueText(value: unknown): string {
  const plain = withoutMark(value);
  return typeof plain === 'string' ? plain : writeJson(plain);
}

/** Returns whether to leave out a value. `null` cannot be written outside of JSON (RFC 6570, 2.3: undefined). */
export function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

/**
 * Creates the error for an argument that cannot be sent. The message names the argument, but not its value. It has no
 * full stop, because the engine continues the sentence and adds that nothing was executed.
 * @param advice a sentence without a full stop
 */
export function invalidArgument(argument: string, problem: string, advice: string): McpOnceError {
  return new McpOnceError(
    'invalid_input',
    `the argument ${JSON.stringify(argument)} ${problem}; ${advice.charAt(0).toLowerCase()}${advice.slice(1)}`,
  );
}

/** Runs the encoder of an argument. @throws McpOnceError `invalid_input` for text that is not valid Unicode */
export function encodeArgument<T>(argument: string, encode: () => T): T {
  try {
    return encode();
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw invalidArgument(argument, 'contains half of a surrogate pair, which is not valid text', 'Give valid Unicode');
  }
}

/** Returns the type and subtype of a media type in lower case, without parameters. */
export function essenceOf(contentType: string): string {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

export function isJsonType(essence: string): boolean {
  return /^[^/]+\/(?:[^/]*\+)?json$/.test(essence);
}

/** An encoded body with its media type. */
export interface EncodedBody {
  readonly contentType: string;
  readonly content: string | Uint8Array;
}

/** An idempotency key that is sent as a property of the body. */
export interface BodyKey {
  readonly name: string;
  readonly value: string;
}

/** Decodes a file from base64 (RFC 4648, both alphabets, with white space) or from a `data:` URL. */
export function decodeBase64File(argument: string, value: unknown): { bytes: Buffer; mediaType?: string } {
  const given = typeof value === 'string' ? value : '';
  const [, mediaType] = /^data:([^,;]*)(?:;[^,]*)?;base64,/i.exec(given) ?? [];
  const text = given.replace(/^data:[^,]*,/i, '').replace(/\s+/g, '');
  const digits = text.replace(/=+$/, '');
  const isBase64 = /^[A-Za-z0-9+/_-]*$/.test(digits) && text.length - digits.length <= 2 && digits.length % 4 !== 1;
  if (typeof value !== 'string' || !isBase64) {
    throw invalidArgument(argument, 'is not base64, but it is sent as a file', "Give the file's bytes in base64");
  }
  return { bytes: Buffer.from(digits, 'base64'), ...(mediaType ? { mediaType } : {}) };
}
