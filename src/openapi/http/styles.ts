import type { ApiParameter } from '../document/types.ts';
import { isAbsent, isRecord, percentEncode, textOf } from './encode.ts';

/** How one value is written: the style of a parameter, or of a property of a form. */
export interface Style {
  readonly style: ApiParameter['style'];
  readonly explode: boolean;
}

/** Turns text into what may stand at its place. */
export type Encode = (text: string) => string;

/** A name and a value as they are written, both encoded. */
export type Pair = readonly [name: string, value: string];

/**
 * A value in the styles of one string: `simple` (paths, headers), `label` and `matrix` (paths). Undefined values
 * and empty lists give the empty string. Source: OpenAPI 3.1.1, "Style Examples"; RFC 6570, 3.2.2 to 3.2.7.
 */
export function expand(name: string, value: unknown, { style, explode }: Style, encode: Encode): string {
  const values = valuesOf(value, encode);
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
 * A value in the styles of names and values: `form`, `spaceDelimited`, `pipeDelimited`, `deepObject` (queries,
 * cookies, forms). Undefined values and empty lists give none. Where the table of OpenAPI 3.1.1 says n/a: a single
 * value is written as `form`, a delimited style with `explode` as `form` with `explode`, and whatever is nested in
 * `deepObject` goes on with brackets, list items by their index.
 */
export function pairs(name: string, value: unknown, { style, explode }: Style, encode: Encode): readonly Pair[] {
  if (style === 'deepObject') return bracketed(name, value, encode);
  const values = valuesOf(value, encode);
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

/** `lines[0][amount]`: nested values by brackets, list items by their index. `null` and what is empty are left out. */
export function bracketed(name: string, value: unknown, encode: Encode): readonly Pair[] {
  if (isAbsent(value)) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => bracketed(`${name}[${index}]`, item, encode));
  if (isRecord(value)) {
    return Object.entries(value).flatMap(([key, item]) => bracketed(`${name}[${key}]`, item, encode));
  }
  return [[percentEncode(name), encode(textOf(value))]];
}

type Values =
  | { readonly type: 'one'; readonly text: string }
  | { readonly type: 'list'; readonly items: readonly string[] }
  | { readonly type: 'entries'; readonly entries: readonly Pair[] };

/** What is nested deeper than a style can say is JSON text. */
function valuesOf(value: unknown, encode: Encode): Values | undefined {
  if (isAbsent(value)) return undefined;
  if (Array.isArray(value)) {
    const items = value.filter((item) => !isAbsent(item)).map((item) => encode(textOf(item)));
    return items.length === 0 ? undefined : { type: 'list', items };
  }
  if (!isRecord(value)) return { type: 'one', text: encode(textOf(value)) };
  const entries = Object.entries(value)
    .filter(([, item]) => !isAbsent(item))
    .map(([key, item]): Pair => [encode(key), encode(textOf(item))]);
  return entries.length === 0 ? undefined : { type: 'entries', entries };
}
