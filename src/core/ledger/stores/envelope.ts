import { describeError, McpOnceError } from '../../errors.ts';

/**
 * Keyv's serialised envelope, `{"value":...}` without `expires`: the store expires, not Keyv, whose own
 * expiry is a read and then a delete, and has deleted a newer entry.
 *
 * Keyv's serializer puts a second ':' before strings that begin with one, since `:base64:` marks binary.
 * Nearly no record holds such a string.
 */

/**
 * In serialised JSON, which has no white space, a quote inside a string is escaped: this finds every string
 * that begins with a colon, and some keys. Three searches are faster than one pattern.
 */
function mayHoldColonString(text: string): boolean {
  return text.includes(':":') || text.includes(',":') || text.includes('[":');
}

/**
 * Exactly the bytes that `keyv.set(key, value)` stores.
 * @param value JSON data: no functions, symbols or holes in arrays.
 */
export function encodeEnvelope(value: unknown): string {
  const text = JSON.stringify({ value });
  if (!mayHoldColonString(text)) return text;
  return JSON.stringify({ value }, (_, each) => (typeof each === 'string' && each.startsWith(':') ? `:${each}` : each));
}

/**
 * What `keyv.get(key)` answers for these bytes.
 * @throws McpOnceError `record_unreadable` for anything but an envelope.
 */
export function decodeEnvelope(text: string): unknown {
  let envelope: unknown;
  try {
    envelope = mayHoldColonString(text) ? JSON.parse(text, withoutColon) : JSON.parse(text);
  } catch (error) {
    throw new McpOnceError('record_unreadable', `The stored value is not JSON: ${describeError(error)}.`);
  }
  if (typeof envelope !== 'object' || envelope === null || !('value' in envelope)) {
    throw new McpOnceError('record_unreadable', 'The stored value is not an envelope of Keyv\'s, {"value":...}.');
  }
  return envelope.value;
}

function withoutColon(_: string, value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith(':')) return value;
  // Never written by us: text that begins so has two colons.
  if (value.startsWith(':base64:')) return Buffer.from(value.slice(8), 'base64');
  return value.slice(1);
}
