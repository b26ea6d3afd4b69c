import type { JsonSchema } from '../../core/json.ts';
import { idempotencyKeyName, isAboutRepeats } from '../../core/key/per-try-fields.ts';
import { PatternTrials } from '../../core/schema/pattern-trials.ts';
import { placesOf } from './schema-places.ts';
import type { KeyField, McpTool } from './types.ts';

/** Names with other uses as well. They count unless the field's description is about something else. */
const tokenName = /^client[-_]?(request[-_]?)?token$/i;
/** Names that are usually about tracing. They count only if a description is about idempotency. */
const requestIdName = /^(x[-_])?(client[-_]?)?request[-_]?id$/i;

/** The extension of x402 that holds the key of a payment, as `payment-identifier.info.id` (specs/extensions/payment_identifier.md). */
const paymentIdentifier = 'payment-identifier';

/** A derived key (a UUID), and the fewest of its digits that still distinguish operations: 64 bits. */
const sampleKey = '3f2a9c0d-1e4b-8a6f-9b7c-5d0e2f4a6b8c';
const keyCharsMin = 16;
const digitsMax = 32;

/** Shared, so that a list of many slow patterns takes no longer than one. */
const trials = new PatternTrials();

/**
 * Finds the field in which a tool takes an idempotency key: a string of its input, or of an object within it that each
 * call can have, with a fitting name and enough room. The outermost one counts, and of those one with a name for keys only.
 */
export function findKeyField(tool: McpTool): KeyField | undefined {
  const found: (KeyField & { readonly rank: number })[] = [];
  for (const { path, schema: given, canBeMade } of placesOf(tool.inputSchema)) {
    const schema = canBeMade ? asText(given) : undefined;
    const chars = schema && isKey(path, textOf(schema.description), tool) ? charsOf(schema) : undefined;
    if (chars === undefined) continue;
    const isCertain = idempotencyKeyName.test(path.at(-1) ?? '');
    found.push({ path, chars, rank: path.length - (isCertain ? 0.5 : 0) });
  }
  const [first] = found.sort((a, b) => a.rank - b.rank);
  return first && { path: first.path, chars: first.chars };
}

/** Shortens an upstream key so that it fits the field. */
export function keyText({ chars }: KeyField, upstreamKey: string): string {
  return chars >= sampleKey.length ? upstreamKey : upstreamKey.replaceAll('-', '').slice(0, chars);
}

/** Returns a sample of the same form, for validating arguments before a key is derived. */
export function sampleKeyText(field: KeyField): string {
  return keyText(field, sampleKey);
}

function isKey(path: readonly string[], description: string | undefined, tool: McpTool): boolean {
  const name = path.at(-1) ?? '';
  if (idempotencyKeyName.test(name) || name === paymentIdentifier) return true;
  if (path.length > 1 && name === 'id' && path.slice(-3, -1).includes(paymentIdentifier)) return true;
  if (tokenName.test(name)) return description === undefined || isAboutRepeats.test(description);
  if (!requestIdName.test(name)) return false;
  if (description !== undefined && isAboutRepeats.test(description)) return true;
  const about = tool.description ?? '';
  return about.includes(name) && /idempoten|retr(y|ies|ied)/i.test(about);
}

/** Returns how many characters of a key fit the field; undefined when it cannot hold a key. */
function charsOf(schema: JsonSchema): number | undefined {
  const { maxLength, enum: values, const: value, format, pattern } = schema;
  if (values !== undefined || value !== undefined) return undefined;
  const room = typeof maxLength === 'number' ? maxLength : Number.POSITIVE_INFINITY;
  const longest = room >= sampleKey.length ? sampleKey.length : Math.min(room, digitsMax);
  if (format === 'uuid') return longest === sampleKey.length ? longest : undefined;
  const lengths = [...new Set([longest, Math.min(room, digitsMax)])];
  return lengths.find((chars) => chars >= keyCharsMin && fits(chars, pattern, schema.minLength));
}

function fits(chars: number, pattern: unknown, minLength: unknown): boolean {
  if (typeof minLength === 'number' && minLength > chars) return false;
  if (typeof pattern !== 'string') return true;
  try {
    return trials.matches(pattern, sampleKeyText({ path: [], chars })) === true;
  } catch {
    return false;
  }
}

/** Returns the schema of a field that may be a string, merged with its string alternative; else undefined. */
function asText(schema: JsonSchema): JsonSchema | undefined {
  const { type, anyOf, oneOf } = schema;
  const alternatives: unknown = anyOf ?? oneOf;
  if (Array.isArray(alternatives)) {
    const text = alternatives.find((each) => each?.type === 'string');
    return text === undefined ? undefined : { ...schema, ...text };
  }
  const isText = type === undefined || type === 'string' || (Array.isArray(type) && type.includes('string'));
  return isText ? schema : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
