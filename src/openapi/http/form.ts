import type { BodyEncoding } from '../document/types.ts';
import { essenceOf, isAbsent, isJsonType, percentEncode, reservedEncode } from './encode.ts';
import { bracketed, type Pair, pairs } from './styles.ts';

/**
 * One property of a form: by its `encoding` where the document gives one; else a list of plain values repeats its
 * name, and what is nested goes by brackets (`lines[0][amount]`), as Stripe, Rails and PHP take it.
 */
export function formPairs(name: string, value: unknown, encoding: BodyEncoding = {}): readonly Pair[] {
  if (isAbsent(value)) return [];
  const { style, explode, allowReserved, contentType } = encoding;
  const encode = allowReserved ? reservedEncode : percentEncode;
  if (style !== undefined || explode !== undefined || allowReserved !== undefined) {
    const how = style ?? 'form';
    return pairs(name, value, { style: how, explode: explode ?? how === 'form' }, encode);
  }
  if (contentType !== undefined && isJsonType(essenceOf(contentType))) {
    return [[percentEncode(name), percentEncode(JSON.stringify(value))]];
  }
  const isPlainList = Array.isArray(value) && value.every((item) => isAbsent(item) || typeof item !== 'object');
  return isPlainList ? pairs(name, value, { style: 'form', explode: true }, encode) : bracketed(name, value, encode);
}
