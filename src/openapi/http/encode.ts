import { McpOnceError } from '../../core/errors.ts';

/** Everything but the unreserved characters of RFC 3986 is percent-encoded. @throws URIError for a lone surrogate. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * Reserved expansion (RFC 6570, 3.2.3): reserved characters and percent-encoded triples stay. Those that a query
 * gives a meaning of their own (`# [ ] & +`) are encoded all the same, as OpenAPI 3.1.1 asks of `allowReserved`.
 * @throws URIError for a lone surrogate.
 */
export function reservedEncode(text: string): string {
  return text.replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~:/?@!$'()*,;=]/gu, (piece) =>
    piece.length === 3 && piece.startsWith('%') ? piece : percentEncode(piece),
  );
}

/** A cookie's value: what is no cookie-octet (RFC 6265, 4.1.1) is percent-encoded, and the percent sign with it. */
export function cookieEncode(text: string): string {
  return text.replace(/[^\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]/gu, percentEncode);
}

/** A string as it is, any other JSON value as JSON: `5`, `true`, `{"a":1}`. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Whether a value is left out: `null` has no form outside of JSON (RFC 6570, 2.3: undefined). */
export function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * An argument that cannot be sent. Names it, and never holds its value; says neither that nothing was executed nor
 * ends in a full stop, since the engine's sentence goes on from it.
 * @param advice a sentence without its full stop
 */
export function invalidArgument(argument: string, problem: string, advice: string): McpOnceError {
  return new McpOnceError(
    'invalid_input',
    `the argument ${JSON.stringify(argument)} ${problem}; ${advice.charAt(0).toLowerCase()}${advice.slice(1)}`,
  );
}

/** Runs what writes an argument; text that is not Unicode is refused. @throws McpOnceError `invalid_input` */
export function writing<T>(argument: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw invalidArgument(argument, 'holds half of a surrogate pair, which is no text', 'Give valid Unicode');
  }
}

/** The type and subtype of a media type, in lower case, without parameters. */
export function essenceOf(contentType: string): string {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

export function isJsonType(essence: string): boolean {
  return /^[^/]+\/(?:[^/]*\+)?json$/.test(essence);
}
