import { KIND, kindOfFormat } from './fold-text.ts';
import { isVerbatim, OPAQUE, type Schema } from './schema-keywords.ts';

/** The types of JSON, as a set of bits. */
export const JSON_TYPE = Object.freeze({ string: 1, number: 2, boolean: 4, object: 8, array: 16, null: 32 });
const ALL_TYPES = 63;

const TYPE_BITS: Readonly<Record<string, number>> = Object.freeze({ ...JSON_TYPE, integer: JSON_TYPE.number });
/** The deepest nesting of unions that is read. */
const UNION_DEPTH_MAX = 8;
const DESCRIPTIONS_MAX = 4;

/** A part of a schema: all `facets` apply, and one branch of each of `unions`. */
export interface Branching {
  readonly facets: readonly Schema[];
  readonly unions: readonly (readonly Branching[])[];
  /** Counts that this part is read. Throws when the schema is too complex. */
  count(): void;
}

/** What a schema says about the meaning of a value, as far as folding needs it. */
export interface PlaceFacts {
  /** The types that the schema accepts, as bits of `JSON_TYPE`. */
  readonly types: number;
  /** The kinds that the formats and patterns of the schema stand for. */
  readonly kind: number;
  /** True if the schema gives a format, so that the name of the property says nothing more. */
  readonly hasFormat: boolean;
  /** True if a branch lists its values. */
  readonly isEnumerated: boolean;
  /** True if the items of a list must differ. */
  readonly isUnique: boolean;
  /** True if the schema lists the properties of an object, and says nothing about others. */
  readonly listsProperties: boolean;
  readonly description: string | undefined;
}

/** The facts about a place whose schema is too complex: nothing is known. */
export const NO_FACTS: PlaceFacts = Object.freeze({
  types: ALL_TYPES,
  kind: KIND.exact,
  hasFormat: true,
  isEnumerated: false,
  isUnique: false,
  listsProperties: false,
  description: undefined,
});

export function readFacts(place: Branching): PlaceFacts {
  const facets = allFacets(place, new Set());
  const formats = facets.flatMap(({ format }) => (typeof format === 'string' ? [format] : []));
  const kind = formats.reduce((kinds, format) => kinds | kindOfFormat(format), 0);
  const descriptions = facets.flatMap(({ description }) => (typeof description === 'string' ? [description] : []));
  const isExact = facets.some((facet) => isVerbatim(facet)) && (kind & KIND.url) === 0;
  return {
    types: typesOf(place, new Set()),
    kind: isExact ? KIND.exact : kind | (facets.some(isHexPattern) ? KIND.hex : 0),
    hasFormat: isExact || formats.length > 0,
    isEnumerated: facets.some((facet) => Array.isArray(facet.enum) || Object.hasOwn(facet, 'const')),
    isUnique: facets.some((facet) => facet.uniqueItems === true),
    listsProperties: facets.some(hasProperties) && !facets.some(takesOthers),
    description: descriptions.length > 0 ? descriptions.slice(0, DESCRIPTIONS_MAX).join('\n') : undefined,
  };
}

function hasProperties({ properties }: Schema): boolean {
  return typeof properties === 'object' && properties !== null && Object.keys(properties).length > 0;
}

function takesOthers(facet: Schema): boolean {
  const keywords = [facet.additionalProperties, facet.patternProperties, facet.unevaluatedProperties];
  return facet === OPAQUE || keywords.some((keyword) => keyword !== undefined && keyword !== false);
}

/** Returns the bit of a JSON value's type. */
export function typeBitOf(value: unknown): number {
  if (value === null) return JSON_TYPE.null;
  if (Array.isArray(value)) return JSON_TYPE.array;
  return TYPE_BITS[typeof value] ?? 0;
}

/** Returns the types that a place accepts. */
function typesOf(place: Branching, seen: ReadonlySet<Branching>): number {
  if (isTooDeep(place, seen)) return ALL_TYPES;
  const now = new Set([...seen, place]);
  let types = ALL_TYPES;
  for (const facet of place.facets) types &= facetTypes(facet);
  for (const union of place.unions) types &= union.reduce((any, branch) => any | typesOf(branch, now), 0);
  return types;
}

/** Tests whether the schema's types, enumerations and constants accept a text. Other keywords are not read. */
export function acceptsText(place: Branching, text: string, seen: ReadonlySet<Branching> = new Set()): boolean {
  if (isTooDeep(place, seen)) return true;
  const now = new Set([...seen, place]);
  return (
    place.facets.every((facet) => facetAcceptsText(facet, text)) &&
    place.unions.every((union) => union.some((branch) => acceptsText(branch, text, now)))
  );
}

/** Returns the strings that the schema lists, in any of its branches. */
export function listedTexts(place: Branching): string[] {
  return allFacets(place, new Set()).flatMap((facet) => {
    const values: readonly unknown[] = Array.isArray(facet.enum) ? facet.enum : [facet.const];
    return values.filter((value): value is string => typeof value === 'string');
  });
}

function allFacets(place: Branching, seen: Set<Branching>): Schema[] {
  if (isTooDeep(place, seen)) return [OPAQUE];
  const now = new Set([...seen, place]);
  return [...place.facets, ...place.unions.flat().flatMap((branch) => allFacets(branch, now))];
}

function isTooDeep(place: Branching, seen: ReadonlySet<Branching>): boolean {
  place.count();
  return seen.has(place) || seen.size > UNION_DEPTH_MAX;
}

function facetTypes(facet: Schema): number {
  const { type } = facet;
  const names: readonly unknown[] = Array.isArray(type) ? type : [type];
  let types = type === undefined ? ALL_TYPES : names.reduce<number>((any, name) => any | bitOfName(name), 0);
  if (Array.isArray(facet.enum)) types &= facet.enum.reduce<number>((any, value) => any | typeBitOf(value), 0);
  if (Object.hasOwn(facet, 'const')) types &= typeBitOf(facet.const);
  return facet.nullable === true ? types | JSON_TYPE.null : types;
}

function bitOfName(name: unknown): number {
  return typeof name === 'string' && Object.hasOwn(TYPE_BITS, name) ? (TYPE_BITS[name] ?? 0) : 0;
}

function facetAcceptsText(facet: Schema, text: string): boolean {
  if ((facetTypes(facet) & JSON_TYPE.string) === 0) return false;
  if (Array.isArray(facet.enum) && !facet.enum.includes(text)) return false;
  return !Object.hasOwn(facet, 'const') || facet.const === text;
}

/** Tests for a pattern of hexadecimal digits in either case. */
function isHexPattern({ pattern }: Schema): boolean {
  if (typeof pattern !== 'string' || pattern.length > 40) return false;
  return /^\^(?:0x|#)?\[(?=[^\]]*a-f)(?=[^\]]*A-F)(?:0-9|a-f|A-F|\\d){3}\](?:\+|\*|\{\d{1,3}(?:,\d{0,3})?\})\$$/.test(
    pattern,
  );
}
