import { invalidArgument } from './encode.ts';

/** A body as it is sent. */
export interface WrittenBody {
  readonly contentType: string;
  readonly content: string | Uint8Array;
}

/** The key, where it is a property of the body. */
export interface BodyKey {
  readonly name: string;
  readonly value: string;
}

/** A file out of its base64 (RFC 4648, both alphabets, white space allowed), or out of a `data:` URL. */
export function decodeFile(argument: string, value: unknown): { bytes: Buffer; mediaType?: string } {
  const given = typeof value === 'string' ? value : '';
  const [, mediaType] = /^data:([^,;]*)(?:;[^,]*)?;base64,/i.exec(given) ?? [];
  const text = given.replace(/^data:[^,]*,/i, '').replace(/\s+/g, '');
  const digits = text.replace(/=+$/, '');
  const isBase64 = /^[A-Za-z0-9+/_-]*$/.test(digits) && text.length - digits.length <= 2 && digits.length % 4 !== 1;
  if (typeof value !== 'string' || !isBase64) {
    throw invalidArgument(argument, 'is not base64: it is sent as a file', "Give the file's bytes in base64");
  }
  return { bytes: Buffer.from(digits, 'base64'), ...(mediaType ? { mediaType } : {}) };
}
