import { arrayOf, isObject, type JsonObject } from '../../core/json.ts';

/** How the value of a keyword of JSON Schema is read: undefined leaves it out, since a validator would refuse it. */
type Read = (value: unknown) => unknown;

const types = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);
const exampleCharsMax = 500;
const examplesMax = 3;
const enumMax = 1000;

const text: Read = (value) => (typeof value === 'string' && value.trim() !== '' ? value : undefined);
const flag: Read = (value) => (value === true ? true : undefined);
const choice: Read = (value) => (typeof value === 'boolean' ? value : undefined);
const number: Read = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);
const count: Read = (value) => (Number.isSafeInteger(value) && Number(value) >= 0 ? value : undefined);
const positive: Read = (value) =>
  typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : undefined;
const pattern: Read = (value) => (typeof value === 'string' && isPattern(value) ? value : undefined);
const anything: Read = (value) => value;

/** Keywords without schemas in them (JSON Schema 2020-12, validation and meta-data vocabularies). */
const plainKeywords: Readonly<Record<string, Read>> = {
  title: text,
  description: text,
  format: text,
  pattern,
  contentEncoding: text,
  contentMediaType: text,
  deprecated: flag,
  uniqueItems: choice,
  multipleOf: positive,
  minLength: count,
  maxLength: count,
  minItems: count,
  maxItems: count,
  minContains: count,
  maxContains: count,
  minProperties: count,
  maxProperties: count,
  default: anything,
  const: anything,
};

/** The keywords of a schema that hold no schemas, as JSON Schema 2020-12 has them, whatever dialect it is in. */
export function convertPlain(schema: JsonObject): Record<string, unknown> {
  const converted: Record<string, unknown> = {};
  const type = typeOf(schema.type);
  if (type !== undefined) converted.type = type;
  for (const [keyword, value] of Object.entries(schema)) {
    const read = Object.hasOwn(plainKeywords, keyword) ? plainKeywords[keyword] : undefined;
    const kept = read?.(value);
    if (kept !== undefined) converted[keyword] = kept;
  }
  Object.assign(converted, limitsOf(schema, 'minimum', 'exclusiveMinimum'));
  Object.assign(converted, limitsOf(schema, 'maximum', 'exclusiveMaximum'));
  const values = enumOf(schema.enum);
  if (values) converted.enum = values;
  const examples = examplesOf([schema.example, ...arrayOf(schema.examples)]);
  if (examples) converted.examples = examples;
  addBinary(schema, converted);
  return converted;
}

/** Adds `null` to what a schema of OpenAPI 3.0 (or Swagger 2.0, by custom) calls nullable. */
export function makeNullable(converted: Record<string, unknown>): Record<string, unknown> {
  const { type } = converted;
  if (typeof type === 'string' || Array.isArray(type)) {
    converted.type = [...new Set([type, 'null'].flat())];
    if (Array.isArray(converted.enum) && !converted.enum.includes(null)) converted.enum = [...converted.enum, null];
    return converted;
  }
  const isRestricted = ['$ref', 'allOf', 'anyOf', 'oneOf', 'enum'].some((keyword) => Object.hasOwn(converted, keyword));
  if (!isRestricted) return converted;
  const { title, description, deprecated, default: standard, examples, ...rest } = converted;
  const notes = { title, description, deprecated, default: standard, examples };
  const kept = Object.entries(notes).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(kept), anyOf: [rest, { type: 'null' }] };
}

/** True for a regular expression that a validator can compile. */
export function isPattern(value: string): boolean {
  try {
    new RegExp(value, 'u');
    return true;
  } catch {
    return false;
  }
}

/** Up to three examples that are short enough to help, or undefined. */
export function examplesOf(values: readonly unknown[]): unknown[] | undefined {
  const fitting = values.filter((value) => value !== undefined && JSON.stringify(value).length <= exampleCharsMax);
  const kept = distinct(fitting).slice(0, examplesMax);
  return kept.length > 0 ? kept : undefined;
}

/** In Swagger 2.0 `file` is a type; what is none of JSON's types says nothing. */
function typeOf(type: unknown): string | string[] | undefined {
  if (type === 'file') return 'string';
  if (typeof type === 'string') return types.has(type) ? type : undefined;
  const known = [...new Set(arrayOf(type).filter((each) => typeof each === 'string' && types.has(each)))] as string[];
  return known.length > 0 ? known : undefined;
}

/** In OpenAPI 3.0 an exclusive limit is a flag beside the limit, since 3.1 a limit of its own. */
function limitsOf(schema: JsonObject, limit: string, exclusive: string): Record<string, unknown> {
  const value = number(schema[limit]);
  if (schema[exclusive] === true) return value === undefined ? {} : { [exclusive]: value };
  const other = number(schema[exclusive]);
  return { ...(value !== undefined && { [limit]: value }), ...(other !== undefined && { [exclusive]: other }) };
}

function enumOf(values: unknown): unknown[] | undefined {
  const kept = distinct(arrayOf(values));
  return kept.length > 0 && kept.length <= enumMax ? kept : undefined;
}

function distinct(values: readonly unknown[]): unknown[] {
  const seen = new Set<string>();
  return values.filter((value) => {
    const written = JSON.stringify(value);
    return seen.has(written) ? false : seen.add(written);
  });
}

/** A media type whose content no text of JSON can hold as it is. */
export function isBinaryType(mediaType: string): boolean {
  return /^(image|audio|video|font)\/|^application\/(octet-stream|pdf|zip|gzip|x-tar)/i.test(mediaType);
}

/** Bytes in a text: OpenAPI 3.0 calls them format binary, 3.1 a media type without an encoding. */
function addBinary(schema: JsonObject, converted: Record<string, unknown>): void {
  const { contentMediaType } = schema;
  const isRaw = typeof contentMediaType === 'string' && isBinaryType(contentMediaType) && !schema.contentEncoding;
  if (schema.format === 'byte' && converted.type === 'string') converted.contentEncoding ??= 'base64';
  if (schema.type !== 'file' && schema.format !== 'binary' && !isRaw) return;
  if (converted.type !== undefined && converted.type !== 'string') return;
  Object.assign(converted, binarySchema(converted.description));
  delete converted.format;
}

/** A schema of bytes: base64, since JSON has none. */
export function binarySchema(description?: unknown): Record<string, unknown> {
  const said = typeof description === 'string' ? `${description.trim()} ` : '';
  const note = 'The content, as base64 text.';
  return { type: 'string', contentEncoding: 'base64', description: said.includes(note) ? said.trim() : said + note };
}

/** How schemas lie in a keyword: one, a list, or by name. */
export type KeywordKind = 'one' | 'list' | 'named' | 'patterns' | 'texts';

/** Where a keyword holds schemas, and how. */
export const schemaKeywords: Readonly<Record<string, KeywordKind>> = {
  properties: 'named',
  patternProperties: 'patterns',
  additionalProperties: 'one',
  unevaluatedProperties: 'one',
  propertyNames: 'one',
  items: 'one',
  prefixItems: 'list',
  contains: 'one',
  unevaluatedItems: 'one',
  allOf: 'list',
  anyOf: 'list',
  oneOf: 'list',
  not: 'one',
  if: 'one',
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; the table is never awaited.
  then: 'one',
  else: 'one',
  dependentSchemas: 'named',
  dependentRequired: 'texts',
};

/** True where a schema holds other schemas, or refers to one. */
export function isComposite(schema: JsonObject): boolean {
  return (
    typeof schema.$ref === 'string' || Object.keys(schemaKeywords).some((keyword) => isObjectOrArray(schema[keyword]))
  );
}

function isObjectOrArray(value: unknown): boolean {
  return isObject(value) || Array.isArray(value);
}
