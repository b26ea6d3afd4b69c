import { isObject, type JsonSchema, nonBlankText, objectOf } from '../../core/json.ts';
import type { ArgumentTarget, ToolSchemas } from '../document/tool-schemas.ts';
import type { ApiOperation } from '../document/types.ts';
import { allowsString, argumentSchema, followed, propertyNames, propertySchemas } from './argument-schema.ts';
import type { ProviderProfile } from './profiles.ts';
import { saidBy } from './words.ts';

/** Where a request carries its idempotency key. The model never sees it. */
export interface KeyLocation {
  readonly in: 'header' | 'body' | 'argument';
  /** The header's name, the property of the body, or the last name of the path. */
  readonly name: string;
  /** For `argument`: the way to the key from the arguments. `*` stands for each item of a list or member of a map. */
  readonly path?: readonly string[];
}

/** A place for the idempotency key, declared by the document or known from elsewhere. */
export interface KeyCarrier extends KeyLocation {
  /** The longest key that it takes, in characters. */
  readonly charsMax: number;
  /** Names the place, for people. */
  readonly why: string;
  /** Whether the document shows the key in quotes, as in the IETF draft. */
  readonly quoted: boolean;
}

/** How a key is written, and how the provider handles it. */
export type KeyPolicy = KeyLocation & Pick<ProviderProfile, 'quoting' | 'keyCharsMax' | 'memoryMs' | 'inUseStatuses'>;

/** A shorter key could collide with that of another operation. 16 hexadecimal characters have 64 bits. */
const keyCharsMin = 16;

const keyHeader = /idempoten|^paypal-request-id$|^repeatability-request-id$/i;
const keyProperty = /^(x[-_]?)?idempoten(cy|t|ce)?[-_]?(key|id|token)$/i;
/** Names with other uses, too. They count unless a description says something else. */
const tokenName = /^(x[-_](amz[-_])?)?client[-_]?(request[-_]?)?token$/i;
/** Names that usually mean tracing. They count only if a description says so. */
const requestIdName = /^(x[-_])?(client[-_])?request[-_]?id$/i;
const mentionsIdempotency = /idempoten|at most once|exactly once|only once|duplicat|safely retr/i;

/**
 * Finds where the operation takes its idempotency key. The provider's own place wins over others, a header over a
 * property of the body, and a declared place over one that only the provider or Fern's extension knows. Returns
 * undefined for an operation without such a place, and if the place is too short for a safe key.
 */
export function findKeyCarrier(
  operation: ApiOperation,
  schemas: ToolSchemas,
  profile: ProviderProfile,
  fernHeaders: readonly string[],
): KeyCarrier | undefined {
  const found = Object.entries(schemas.places).flatMap(([argument, place]) => {
    if (isTarget(operation, schemas, argument)) return [];
    const schema = argumentSchema(schemas, argument);
    if (place.in === 'whole-body') return declaredWithin(operation, schema, schemas, profile);
    return declared(argument, place, schema, profile, fernHeaders) ?? [];
  });
  const [best] = found.sort((a, b) => rank(a, profile) - rank(b, profile));
  const isDeclared = Object.keys(schemas.places).some((argument) => isTarget(operation, schemas, argument));
  // A provider's own place may hold the key of the target.
  const key =
    best ?? nested(schemas, profile) ?? (isDeclared ? undefined : undeclared(operation, profile, fernHeaders));
  return key && key.charsMax >= keyCharsMin ? key : undefined;
}

const keyNames = /idempoten/i;
/** Says that a key belongs to something else: "the key of the payment to cancel". */
const otherThing =
  /\b(?:to (?:be )?|being |you want to |wish to )(?:cancel|void|refund|revers|retriev|fetch|get|look ?up|find|delet|remov|end|stop|updat|captur|complet|confirm|check)\w*|\b(?:original|earlier|previous|existing|other)\b[^.]{0,60}\b(?:request|payment|call|order|transfer|operation|transaction)|\bidentif(?:y|ies|ying) the (?!request|call|operation)\w+ (?:to|that|which|you)\b|\b(?:was|were|had been) (?:made|created|sent|used)\b/i;
/** Says that a key belongs to this request. */
const thisRequest =
  /\b(?:this|each|every|per|new|your|the same) (?:`?\w+`? ){0,2}?(?:request|call|attempt|operation)|\bretr(?:y|ies|ied)|\bunique\b/i;

/** Whether an argument that is named like a key identifies what the operation acts on. It is then an ordinary argument. */
function isTarget(operation: ApiOperation, schemas: ToolSchemas, argument: string): boolean {
  const place = schemas.places[argument];
  if (place === undefined || place.in === 'whole-body') return false;
  const name = place.in === 'body' ? place.property : place.parameter.name;
  if (!keyNames.test(name)) return false;
  if (place.in === 'parameter' && place.parameter.in === 'path') return true;
  const own = place.in === 'parameter' ? place.parameter.description : undefined;
  const description = own ?? nonBlankText(argumentSchema(schemas, argument).description) ?? '';
  const texts = `${operation.path} ${operation.operationId ?? ''} ${operation.summary ?? ''}`;
  const isByKey = /\b(?:by|with|from)[-_ ]?(?:an?[-_ ])?idempoten/i.test(texts.replace(/([a-z])([A-Z])/g, '$1 $2'));
  const acts = saidBy(operation).some(({ act }) => act === 'delete' || act === 'read');
  if (isByKey && acts && !thisRequest.test(description)) return true;
  return otherThing.test(description) && (acts || !thisRequest.test(description));
}

/** Returns the argument for the key, which is hidden from the model; undefined if the document declares none. */
export function keyArgument(schemas: ToolSchemas, key: KeyLocation): string | undefined {
  const entries = Object.entries(schemas.places);
  if (key.in === 'argument') return key.path?.length === 1 ? key.path[0] : undefined;
  return entries.find(([, place]) => {
    if (place.in === 'body') return key.in === 'body' && place.property === key.name;
    if (place.in !== 'parameter' || key.in !== 'header') return false;
    return place.parameter.in === 'header' && sameHeader(place.parameter.name, key.name);
  })?.[0];
}

function declared(
  argument: string,
  place: ArgumentTarget,
  schema: JsonSchema,
  profile: ProviderProfile,
  fernHeaders: readonly string[],
): KeyCarrier | undefined {
  if (place.in === 'parameter' && place.parameter.in === 'header') {
    const { name, description } = place.parameter;
    const isNamed = [...fernHeaders, profile.header].some((each) => each !== undefined && sameHeader(each, name));
    const text = description ?? nonBlankText(schema.description);
    if (!allowsString(schema) || (!isNamed && !isKey(name, keyHeader, text))) return undefined;
    return { in: 'header', name, ...limits(schema, profile), why: `its header ${name}` };
  }
  if (place.in === 'parameter' && place.parameter.in === 'query') {
    const { name, description } = place.parameter;
    const text = description ?? nonBlankText(schema.description);
    if (!allowsString(schema) || !isKey(name, keyProperty, text)) return undefined;
    return { in: 'argument', name, path: [argument], ...limits(schema, profile), why: `its query parameter ${name}` };
  }
  return place.in === 'body' ? declaredProperty(place.property, schema, profile) : undefined;
}

/** How deep a key is searched within the arguments. */
const nestedDepthMax = 4;

/**
 * Finds a key within an object that each call must have, within each member of such a map, or within each item of such a
 * list. An optional object cannot carry the key of a call.
 */
function nested(schemas: ToolSchemas, profile: ProviderProfile): KeyCarrier | undefined {
  const isOwn = (name: string, schema: JsonSchema): boolean => {
    const description = nonBlankText(schema.description);
    if (!allowsString(schema) || (name !== profile.bodyField && !isKey(name, keyProperty, description))) return false;
    return !otherThing.test(description ?? '') || thisRequest.test(description ?? '');
  };
  const search = (schema: JsonSchema, way: readonly string[]): KeyCarrier | undefined => {
    const properties = Object.keys(objectOf(schema.properties));
    const own = way.length < 2 ? undefined : properties.find((name) => isOwn(name, member(schema, name, schemas)));
    if (own !== undefined) {
      const why = `its ${[...way, own].join('/')}`;
      return { in: 'argument', name: own, path: [...way, own], ...limits(member(schema, own, schemas), profile), why };
    }
    if (way.length >= nestedDepthMax) return undefined;
    const each = itemsOf(schema, schemas);
    if (each !== undefined) return search(each, [...way, '*']);
    const required = Array.isArray(schema.required) ? schema.required : [];
    for (const name of properties) {
      const found = required.includes(name) ? search(member(schema, name, schemas), [...way, name]) : undefined;
      if (found) return found;
    }
    return undefined;
  };
  const required = Array.isArray(schemas.input.required) ? schemas.input.required.map(String) : [];
  for (const [argument, place] of Object.entries(schemas.places)) {
    if (place.in === 'parameter' || !required.includes(argument)) continue;
    const schema = argumentSchema(schemas, argument);
    const items = itemsOf(schema, schemas);
    const found = items === undefined ? searchNamed(schema, argument) : search(items, [argument, '*']);
    if (found) return found;
  }
  return undefined;

  function searchNamed(schema: JsonSchema, argument: string): KeyCarrier | undefined {
    const properties = Object.keys(objectOf(schema.properties));
    const own = properties.find((name) => isOwn(name, member(schema, name, schemas)));
    // A body that is one argument is handled by its own properties.
    if (own === undefined || schemas.places[argument]?.in === 'whole-body') return search(schema, [argument]);
    const why = `its ${argument}/${own}`;
    return { in: 'argument', name: own, path: [argument, own], ...limits(member(schema, own, schemas), profile), why };
  }
}

/** The schema of each item of a list, or of each member of a map. */
function itemsOf(schema: JsonSchema, schemas: ToolSchemas): JsonSchema | undefined {
  if (isObject(schema.items)) return followed(schema.items, schemas);
  const isMap = schema.properties === undefined && isObject(schema.additionalProperties);
  return isMap ? followed(objectOf(schema.additionalProperties), schemas) : undefined;
}

function member(schema: JsonSchema, name: string, schemas: ToolSchemas): JsonSchema {
  return followed(objectOf(objectOf(schema.properties)[name]), schemas);
}

/** Returns the arguments with the key at its path. Each member of a map or list gets a key of its own. */
export function withKeyAt(
  args: Readonly<Record<string, unknown>>,
  path: readonly string[],
  keyOf: (members: readonly string[]) => string,
): Readonly<Record<string, unknown>> {
  const fill = (value: unknown, way: readonly string[], members: readonly string[]): unknown => {
    const [name, ...rest] = way;
    if (name === undefined) return keyOf(members);
    if (name === '*') {
      if (Array.isArray(value)) return value.map((each, at) => fill(each, rest, [...members, String(at)]));
      const entries = Object.entries(objectOf(value));
      return Object.fromEntries(entries.map(([each, inner]) => [each, fill(inner, rest, [...members, each])]));
    }
    if (!isObject(value)) return value;
    return { ...value, [name]: fill(value[name], rest, members) };
  };
  return fill(args, path, []) as Readonly<Record<string, unknown>>;
}

/** Looks into a body that is one argument. The key can be added beside the model's properties only in JSON. */
function declaredWithin(
  { body }: ApiOperation,
  schema: JsonSchema,
  schemas: ToolSchemas,
  profile: ProviderProfile,
): KeyCarrier[] {
  if (!/[/+]json\b/i.test(body?.contentType ?? '')) return [];
  return [...new Set(propertyNames(schema, schemas))].flatMap((name) => {
    const [first] = propertySchemas(schema, name, schemas);
    return declaredProperty(name, first ?? {}, profile) ?? [];
  });
}

function declaredProperty(property: string, schema: JsonSchema, profile: ProviderProfile): KeyCarrier | undefined {
  if (!allowsString(schema)) return undefined;
  if (property !== profile.bodyField && !isKey(property, keyProperty, nonBlankText(schema.description)))
    return undefined;
  return { in: 'body', name: property, ...limits(schema, profile), why: `its body's ${property}` };
}

function undeclared(
  operation: ApiOperation,
  profile: ProviderProfile,
  fernHeaders: readonly string[],
): KeyCarrier | undefined {
  const [fern] = fernHeaders;
  const limit = { charsMax: profile.keyCharsMax, quoted: false };
  if (fern !== undefined) return { in: 'header', name: fern, ...limit, why: `x-fern-idempotent, header ${fern}` };
  if (profile.header === undefined || !profile.undeclared?.includes(operation.method)) return undefined;
  return { in: 'header', name: profile.header, ...limit, why: `profile ${profile.name}, header ${profile.header}` };
}

function isKey(name: string, own: RegExp, description: string | undefined): boolean {
  if (own.test(name)) return true;
  if (tokenName.test(name)) return description === undefined || mentionsIdempotency.test(description);
  return requestIdName.test(name) && description !== undefined && mentionsIdempotency.test(description);
}

function rank(key: KeyCarrier, profile: ProviderProfile): number {
  const isOwn = key.in === 'header' ? sameHeader(key.name, profile.header ?? '') : key.name === profile.bodyField;
  return (isOwn ? 0 : 2) + (key.in === 'header' ? 0 : 1);
}

function limits(schema: JsonSchema, profile: ProviderProfile): Pick<KeyCarrier, 'charsMax' | 'quoted'> {
  const { maxLength, pattern } = schema;
  const charsMax = Math.min(profile.keyCharsMax, typeof maxLength === 'number' ? maxLength : profile.keyCharsMax);
  return { charsMax, quoted: typeof pattern === 'string' && /^\^?\\?"/.test(pattern) };
}

function sameHeader(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/**
 * Writes the derived key as the provider takes it. A key that is too long loses its hyphens and is then cut to at least
 * 64 bits. A structured-field string gets quotes (RFC 9651, section 3.3.3).
 */
export function keyValue(key: Pick<KeyPolicy, 'quoting' | 'keyCharsMax'>, derived: string): string {
  const short = derived.length <= key.keyCharsMax ? derived : derived.replaceAll('-', '').slice(0, key.keyCharsMax);
  return key.quoting === 'quoted' ? `"${short}"` : short;
}

/**
 * Derives the id of a resource that the client names, as a UUID made of the marker. The id is the same for every attempt
 * and recovery of one operation, and different for every other operation.
 */
export function clientIdOf(marker: string, charsMax: number): string {
  const hex = marker.replace(/^mcp_once_/, '').replaceAll('-', '');
  if (charsMax < 36) return hex;
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
