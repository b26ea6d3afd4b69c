import type { JsonSchema } from '../../core/json.ts';
import type { ArgumentPlace, ToolSchemas } from '../document/schemas.ts';
import type { ApiOperation } from '../document/types.ts';
import { argumentSchema, propertyNames, propertySchemas, takesText } from './argument-schema.ts';
import type { ProviderProfile } from './profiles.ts';

/** An argument that the model never sees and the derived key fills. */
export interface HiddenKey {
  readonly in: 'header' | 'body';
  /** The header's name, or the property of the body. */
  readonly name: string;
}

/** A declared or known place of the idempotency key, and the longest text that it takes. */
export interface FoundKey extends HiddenKey {
  readonly charsMax: number;
  readonly why: string;
  /** Whether the document shows it in quotes, as the IETF draft has it. */
  readonly quoted: boolean;
}

/** Characters under which a cut key could be another operation's: 64 bits in hexadecimal. */
const keyCharsMin = 16;

const keyHeader = /idempoten|^paypal-request-id$/i;
const keyProperty = /^(x[-_]?)?idempoten(cy|t|ce)?[-_]?(key|id|token)$/i;
/** Names that are used for other things, too: only where the description says so, or nothing. */
const tokenName = /^(x[-_](amz[-_])?)?client[-_]?(request[-_]?)?token$/i;
/** Names that mostly mean tracing: only where the description says so. */
const requestIdName = /^(x[-_])?(client[-_])?request[-_]?id$/i;
const speaksOfIt = /idempoten|at most once|exactly once|only once|duplicat|safely retr/i;

/**
 * Where the operation takes its idempotency key: a header before a property of the body, the provider's own
 * before others, a declared one before one that the provider takes undeclared or that fern's extension names.
 * Undefined where it takes none, or cannot take one that is long enough.
 */
export function findKey(
  operation: ApiOperation,
  schemas: ToolSchemas,
  profile: ProviderProfile,
  fernHeaders: readonly string[],
): FoundKey | undefined {
  const found = Object.entries(schemas.places).flatMap(([argument, place]) => {
    const schema = argumentSchema(schemas, argument);
    if (place.in === 'whole-body') return declaredWithin(operation, schema, schemas, profile);
    return declared(place, schema, profile, fernHeaders) ?? [];
  });
  const [best] = found.sort((a, b) => rank(a, profile) - rank(b, profile));
  const key = best ?? undeclared(operation, profile, fernHeaders);
  return key && key.charsMax >= keyCharsMin ? key : undefined;
}

/** The argument that stands at a place of the key, to be hidden; undefined where the document declares none. */
export function keyArgument(schemas: ToolSchemas, key: HiddenKey): string | undefined {
  const entries = Object.entries(schemas.places);
  return entries.find(([, place]) => {
    if (place.in === 'body') return key.in === 'body' && place.property === key.name;
    if (place.in !== 'parameter' || key.in !== 'header') return false;
    return place.parameter.in === 'header' && sameHeader(place.parameter.name, key.name);
  })?.[0];
}

function declared(
  place: ArgumentPlace,
  schema: JsonSchema,
  profile: ProviderProfile,
  fernHeaders: readonly string[],
): FoundKey | undefined {
  if (place.in === 'parameter' && place.parameter.in === 'header') {
    const { name, description } = place.parameter;
    const isNamed = [...fernHeaders, profile.header].some((each) => each !== undefined && sameHeader(each, name));
    const text = description ?? textOf(schema.description);
    if (!takesText(schema) || (!isNamed && !isKey(name, keyHeader, text))) return undefined;
    return { in: 'header', name, ...limits(schema, profile), why: `its header ${name}` };
  }
  return place.in === 'body' ? declaredProperty(place.property, schema, profile) : undefined;
}

/** In a body that is one argument: only JSON can have a property put beside what the model gives. */
function declaredWithin(
  { body }: ApiOperation,
  schema: JsonSchema,
  schemas: ToolSchemas,
  profile: ProviderProfile,
): FoundKey[] {
  if (!/[/+]json\b/i.test(body?.contentType ?? '')) return [];
  return [...new Set(propertyNames(schema, schemas))].flatMap((name) => {
    const [first] = propertySchemas(schema, name, schemas);
    return declaredProperty(name, first ?? {}, profile) ?? [];
  });
}

function declaredProperty(property: string, schema: JsonSchema, profile: ProviderProfile): FoundKey | undefined {
  if (!takesText(schema)) return undefined;
  if (property !== profile.bodyField && !isKey(property, keyProperty, textOf(schema.description))) return undefined;
  return { in: 'body', name: property, ...limits(schema, profile), why: `its body's ${property}` };
}

function undeclared(
  operation: ApiOperation,
  profile: ProviderProfile,
  fernHeaders: readonly string[],
): FoundKey | undefined {
  const [fern] = fernHeaders;
  const limit = { charsMax: profile.keyCharsMax, quoted: false };
  if (fern !== undefined) return { in: 'header', name: fern, ...limit, why: `x-fern-idempotent, header ${fern}` };
  if (profile.header === undefined || !profile.undeclared?.includes(operation.method)) return undefined;
  return { in: 'header', name: profile.header, ...limit, why: `profile ${profile.name}, header ${profile.header}` };
}

function isKey(name: string, own: RegExp, description: string | undefined): boolean {
  if (own.test(name)) return true;
  if (tokenName.test(name)) return description === undefined || speaksOfIt.test(description);
  return requestIdName.test(name) && description !== undefined && speaksOfIt.test(description);
}

function rank(key: FoundKey, profile: ProviderProfile): number {
  const isOwn = key.in === 'header' ? sameHeader(key.name, profile.header ?? '') : key.name === profile.bodyField;
  return (isOwn ? 0 : 2) + (key.in === 'header' ? 0 : 1);
}

function limits(schema: JsonSchema, profile: ProviderProfile): Pick<FoundKey, 'charsMax' | 'quoted'> {
  const { maxLength, pattern } = schema;
  const charsMax = Math.min(profile.keyCharsMax, typeof maxLength === 'number' ? maxLength : profile.keyCharsMax);
  return { charsMax, quoted: typeof pattern === 'string' && /^\^?\\?"/.test(pattern) };
}

function sameHeader(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
