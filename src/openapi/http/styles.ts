import { isObject } from '../../core/json.ts';
import type { ApiParameter, BodyEncoding } from '../document/types.ts';
import { essenceOf, isAbsent, isJsonType, percentEncode, reservedEncode, valueText } from './encode.ts';

/** How a value is encoded: the style of a parameter, or of a property of a form. */
export interface Style {
  readonly style: ApiParameter['style'];
  readonly explode: boolean;
}

/** Encodes text for its place in the request. */
export type Encode = (text: string) => string;

/** An encoded name and an encoded value. */
export type Pair = readonly [name: string, value: string];

/**
 * Encodes a value as one string, in the style `simple` (paths, headers), `label` or `matrix` (paths). Absent values and
 * empty lists become the empty string. Source: OpenAPI 3.1.1, "Style Examples"; RFC 6570, 3.2.2 to 3.2.7.
 */
export function expandStyle(name: string, value: unknown, { style, explode }: Style, encode: Encode): string {
  const values = styleValues(value, encode);
  if (values === undefined) return '';
  const label = style === 'label' ? '.' : '';
  if (style === 'matrix') return matrix(percentEncode(name), values, explode);
  switch (values.type) {
    case 'one':
      return label + values.text;
    case 'list':
      return label + values.items.join(explode && label ? '.' : ',');
    case 'entries': {
      const each = values.entries.map(([key, text]) => (explode ? `${key}=${text}` : `${key},${text}`));
      return label + each.join(explode && label ? '.' : ',');
    }
  }
}

function matrix(name: string, values: Values, explode: boolean): string {
  const named = (text: string): string => (text === '' ? `;${name}` : `;${name}=${text}`);
  switch (values.type) {
    case 'one':
      return named(values.text);
    case 'list':
      return explode ? values.items.map(named).join('') : named(values.items.join(','));
    case 'entries':
      return explode
        ? values.entries.map(([key, text]) => (text === '' ? `;${key}` : `;${key}=${text}`)).join('')
        : named(values.entries.flat().join(','));
  }
}

/**
 * Encodes a value as pairs, in the style `form`, `spaceDelimited`, `pipeDelimited` or `deepObject` (queries, cookies,
 * forms). Absent values and empty lists have no pairs. The table of OpenAPI 3.1.1 leaves three cases open: single values
 * use `form`, delimited styles with `explode` use `form` with `explode`, and nested values of `deepObject` use more
 * brackets, with the index for list items.
 */
export function stylePairs(name: string, value: unknown, { style, explode }: Style, encode: Encode): readonly Pair[] {
  if (style === 'deepObject') return bracketPairs(name, value, encode);
  const values = styleValues(value, encode);
  if (values === undefined) return [];
  const encodedName = percentEncode(name);
  switch (values.type) {
    case 'one':
      return [[encodedName, values.text]];
    case 'list':
      return explode
        ? values.items.map((item) => [encodedName, item])
        : [[encodedName, values.items.join(delimiter(style))]];
    case 'entries':
      return explode ? values.entries : [[encodedName, values.entries.flat().join(delimiter(style))]];
  }
}

function delimiter(style: Style['style']): string {
  if (style === 'spaceDelimited') return '%20';
  return style === 'pipeDelimited' ? '%7C' : ',';
}

/** Encodes nested values with brackets, as in `lines[0][amount]`. Leaves out `null`, empty lists and empty objects. */
function bracketPairs(name: string, value: unknown, encode: Encode): readonly Pair[] {
  if (isAbsent(value)) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => bracketPairs(`${name}[${index}]`, item, encode));
  if (isObject(value)) {
    return Object.entries(value).flatMap(([key, item]) => bracketPairs(`${name}[${key}]`, item, encode));
  }
  return [[percentEncode(name), encode(valueText(value))]];
}

type Values =
  | { readonly type: 'one'; readonly text: string }
  | { readonly type: 'list'; readonly items: readonly string[] }
  | { readonly type: 'entries'; readonly entries: readonly Pair[] };

/** Encodes values that are too deep for a style as JSON text. */
function styleValues(value: unknown, encode: Encode): Values | undefined {
  if (isAbsent(value)) return undefined;
  if (Array.isArray(value)) {
    const items = value.filter((item) => !isAbsent(item)).map((item) => encode(valueText(item)));
    return items.length === 0 ? undefined : { type: 'list', items };
  }
  if (!isObject(value)) return { type: 'one', text: encode(valueText(value)) };
  const entries = Object.entries(value)
    .filter(([, item]) => !isAbsent(item))
    .map(([key, item]): Pair => [encode(key), encode(valueText(item))]);
  return entries.length === 0 ? undefined : { type: 'entries', entries };
}

/**
 * Encodes one property of a form by its `encoding` in the document. Without one, a list of plain values repeats its name,
 * and nested values use brackets (`lines[0][amount]`), as Stripe, Rails and PHP expect.
 */
export function formPairs(name: string, value: unknown, encoding: BodyEncoding = {}): readonly Pair[] {
  if (isAbsent(value)) return [];
  const { style, explode, allowReserved, contentType } = encoding;
  const encode = allowReserved ? reservedEncode : percentEncode;
  if (style !== undefined || explode !== undefined || allowReserved !== undefined) {
    const chosen = style ?? 'form';
    return stylePairs(name, value, { style: chosen, explode: explode ?? chosen === 'form' }, encode);
  }
  if (contentType !== undefined && isJsonType(essenceOf(contentType))) {
    return [[percentEncode(name), percentEncode(JSON.stringify(value))]];
  }
  const isPlainList = Array.isArray(value) && value.every((item) => isAbsent(item) || typeof item !== 'object');
  return isPlainList
    ? stylePairs(name, value, { style: 'form', explode: true }, encode)
    : bracketPairs(name, value, encode);
}
