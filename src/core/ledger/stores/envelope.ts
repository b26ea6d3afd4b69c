import { describeError, McpOnceError } from '../../errors.ts';
import { sentence } from '../../suggest.ts';

/**
 * Keyv's serialised envelope, `{"value":...}` without `expires`. The store expires entries. Keyv's own expiry reads and
 * then deletes, and has deleted newer entries.
 *
 * Keyv's serializer adds a second ':' to strings that begin with ':', since `:base64:` marks binary data. Hardly any
 * record contains such a string.
 */

/**
 * Serialised JSON has no white space and escapes quotes inside of strings, so this finds every string that begins with a
 * colon, and some keys. Three searches are faster than one pattern.
 */
function mayHoldColonString(text: string): boolean {
  return text.includes(':":') || text.includes(',":') || text.includes('[":');
}

/**
 * Returns exactly the bytes that `keyv.set(key, value)` stores.
 * @param value JSON data: no functions, symbols or holes in arrays.
 */
export function encodeEnvelope(value: unknown): string {
  const text = JSON.stringify({ value });
  if (!mayHoldColonString(text)) return text;
  return JSON.stringify({ value }, (_, each) => (typeof each === 'string' && each.startsWith(':') ? `:${each}` : each));
}

/**
 * Returns what `keyv.get(key)` returns for these bytes.
 * @throws McpOnceError `record_unreadable` for anything but an envelope.
 */
export function decodeEnvelope(text: string): unknown {
  let envelope: unknown;
  try {
    envelope = mayHoldColonString(text) ? JSON.parse(text, withoutColon) : JSON.parse(text);
  } catch (error) {
    throw new McpOnceError('record_unreadable', sentence(`The stored value is not JSON: ${describeError(error)}`));
  }
  if (typeof envelope !== 'object' || envelope === null || !('value' in envelope)) {
    throw new McpOnceError('record_unreadable', 'The stored value is not a Keyv envelope, {"value":...}.');
  }
  return envelope.value;
}

function withoutColon(_: string, value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith(':')) return value;
  // mcp-once never writes this: it stores such a text with two colons.
  if (value.startsWith(':base64:')) return Buffer.from(value.slice(8), 'base64');
  return value.slice(1);
}
