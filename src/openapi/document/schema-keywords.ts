import { arrayOf, defined, isObject, type JsonObject } from '../../core/json.ts';
import { documentText } from './document-text.ts';

/** Reads the value of a JSON Schema keyword. Undefined leaves out a value that a validator would reject. */
type Read = (value: unknown) => unknown;

const types = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);
const exampleCharsMax = 500;
const examplesMax = 3;
const enumMax = 1000;
/** Compiling a longer pattern takes too long. */
const patternCharsMax = 4_096;

const text: Read = (value) => (typeof value === 'string' && value.trim() !== '' ? value : undefined);
const flag: Read = (value) => (value === true ? true : undefined);
const choice: Read = (value) => (typeof value === 'boolean' ? value : undefined);
const number: Read = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);
const count: Read = (value) => (Number.isSafeInteger(value) && Number(value) >= 0 ? value : undefined);
const positive: Read = (value) =>
  typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : undefined;
const pattern: Read = (value) => (typeof value === 'string' && isPattern(value) ? value : undefined);
const anything: Read = (value) => value;

/** Keywords that contain no schemas (JSON Schema 2020-12, validation and meta-data vocabularies). */
const plainKeywords: Readonly<Record<string, Read>> = {
  title: documentText,
  description: documentText,
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

/** Converts the keywords that contain no schemas from any dialect to JSON Schema 2020-12. */
export function convertPlainKeywords(schema: JsonObject): Record<string, unknown> {
  const converted: Record<string, unknown> = {};
  const type = typeOf(schema.type);
  if (type !== undefined) converted.type = type;
  for (const [keyword, value] of Object.entries(schema)) {
    const read = Object.hasOwn(plainKeywords, keyword) ? plainKeywords[keyword] : undefined;
    const kept = read?.(value);
    if (kept !== undefined) converted[keyword] = kept;
  }
  if (hasLimit(schema)) {
    Object.assign(converted, limitsOf(schema, 'minimum', 'exclusiveMinimum'));
    Object.assign(converted, limitsOf(schema, 'maximum', 'exclusiveMaximum'));
  }
  const values = schema.enum === undefined ? undefined : enumOf(schema.enum);
  if (values) converted.enum = values;
  const hasExample = schema.example !== undefined || schema.examples !== undefined;
  const examples = hasExample ? examplesOf([schema.example, ...arrayOf(schema.examples)]) : undefined;
  if (examples) converted.examples = examples;
  addBinary(schema, converted);
  return converted;
}

/** Allows `null` in a schema that is `nullable` (OpenAPI 3.0) or `x-nullable` (a Swagger 2.0 convention). */
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

/** Tests whether a validator can compile a regular expression. */
export function isPattern(value: string): boolean {
  if (value.length > patternCharsMax) return false;
  try {
    new RegExp(value, 'u');
    return true;
  } catch {
    return false;
  }
}

/** Keeps up to three short examples. Returns undefined if no example is left. */
export function examplesOf(values: readonly unknown[]): unknown[] | undefined {
  const fitting = values.filter((value) => value !== undefined && JSON.stringify(value).length <= exampleCharsMax);
  const kept = distinct(fitting).slice(0, examplesMax);
  return kept.length > 0 ? kept : undefined;
}

/** Keeps the types that JSON Schema knows. `file` is a type of Swagger 2.0. */
function typeOf(type: unknown): string | string[] | undefined {
  if (type === 'file') return 'string';
  if (typeof type === 'string') return types.has(type) ? type : undefined;
  const known = [...new Set(arrayOf(type).filter((each) => typeof each === 'string' && types.has(each)))] as string[];
  return known.length > 0 ? known : undefined;
}

function hasLimit({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonObject): boolean {
  return (minimum ?? maximum ?? exclusiveMinimum ?? exclusiveMaximum) !== undefined;
}

/** Reads a limit. An exclusive limit is a flag beside the limit in OpenAPI 3.0, and a number of its own since 3.1. */
function limitsOf(schema: JsonObject, limit: string, exclusive: string): Record<string, unknown> {
  const value = number(schema[limit]);
  if (schema[exclusive] === true) return value === undefined ? {} : { [exclusive]: value };
  const other = number(schema[exclusive]);
  return defined({ [limit]: value, [exclusive]: other });
}

function enumOf(values: unknown): unknown[] | undefined {
  const kept = distinct(arrayOf(values));
  return kept.length > 0 && kept.length <= enumMax ? kept : undefined;
}

function distinct(values: readonly unknown[]): unknown[] {
  const seen = new Set<string>();
  return values.filter((value) => {
    const text = JSON.stringify(value);
    return seen.has(text) ? false : seen.add(text);
  });
}

/** Tests for media types whose content a JSON string cannot hold unencoded. */
export function isBinaryType(mediaType: string): boolean {
  return /^(image|audio|video|font)\/|^application\/(octet-stream|pdf|zip|gzip|x-tar)/i.test(mediaType);
}

/** Describes bytes as base64. OpenAPI 3.0 marks bytes by the format `binary`, 3.1 by a media type without an encoding. */
function addBinary(schema: JsonObject, converted: Record<string, unknown>): void {
  const { contentMediaType } = schema;
  const isRaw = typeof contentMediaType === 'string' && isBinaryType(contentMediaType) && !schema.contentEncoding;
  if (schema.format === 'byte' && converted.type === 'string') converted.contentEncoding ??= 'base64';
  if (schema.type !== 'file' && schema.format !== 'binary' && !isRaw) return;
  if (converted.type !== undefined && converted.type !== 'string') return;
  Object.assign(converted, binarySchema(converted.description));
  delete converted.format;
}

/** Returns the schema of bytes, which JSON transports as base64. */
export function binarySchema(description?: unknown): Record<string, unknown> {
  const own = typeof description === 'string' ? `${description.trim()} ` : '';
  const note = 'The content, as base64 text.';
  return { type: 'string', contentEncoding: 'base64', description: own.includes(note) ? own.trim() : own + note };
}

/** What a keyword contains: one schema, a list, schemas by name or by pattern, or lists of names. */
export type KeywordKind = 'one' | 'list' | 'named' | 'patterns' | 'names';

/** The keywords that contain schemas or names of properties. */
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
  dependentRequired: 'names',
};

/** Tests whether a schema contains other schemas or refers to one. */
export function isComposite(schema: JsonObject): boolean {
  return (
    typeof schema.$ref === 'string' || Object.keys(schemaKeywords).some((keyword) => isObjectOrArray(schema[keyword]))
  );
}

function isObjectOrArray(value: unknown): boolean {
  return isObject(value) || Array.isArray(value);
}
