import { Keyv } from 'keyv';
import { describeError, McpOnceError } from '../../errors.ts';

/**
 * Keyv's serialised envelope, `{"value":...}` without `expires`: the store expires, not Keyv, whose own
 * expiry is a read and then a delete, and has deleted a newer entry.
 *
 * Keyv's serializer walks every value in JavaScript to put a second ':' before strings that begin with one
 * (`:base64:` marks binary). Nearly no record holds such a string, and then `JSON.stringify` makes the same
 * bytes, natively.
 */
const keyv = new Keyv();
const serialize = keyv.serialize as NonNullable<Keyv['serialize']>;
const deserialize = keyv.deserialize as NonNullable<Keyv['deserialize']>;

/** In serialised JSON a quote inside a string is escaped, so this finds strings that begin with a colon, and some keys. */
const stringBeginsWithColon = /[:[,]\s*":/;
/** What `JSON.stringify` makes of a Buffer. */
const serialisedBuffer = '{"type":"Buffer","data":[';

/**
 * Exactly the bytes that `keyv.set(key, value)` stores.
 * @param value JSON data: no functions, symbols or holes in arrays.
 */
export function encodeEnvelope(value: unknown): string {
  const text = JSON.stringify({ value });
  if (!stringBeginsWithColon.test(text) && !text.includes(serialisedBuffer)) return text;
  // Keyv's type allows a promise for serializers of the user's own; its default one answers at once.
  return serialize({ value }) as string;
}

/**
 * What `keyv.get(key)` answers for these bytes.
 * @throws McpOnceError `record_unreadable` for anything but an envelope.
 */
export function decodeEnvelope(text: string): unknown {
  let envelope: unknown;
  try {
    envelope = stringBeginsWithColon.test(text) ? deserialize(text) : JSON.parse(text);
  } catch (error) {
    throw new McpOnceError('record_unreadable', `The stored value is not JSON: ${describeError(error)}.`);
  }
  if (typeof envelope !== 'object' || envelope === null || !('value' in envelope)) {
    throw new McpOnceError('record_unreadable', 'The stored value is not an envelope of Keyv\'s, {"value":...}.');
  }
  return envelope.value;
}
