import { isObject, type JsonSchema, objectOf } from '../../core/json.ts';
import { type KeywordKind, schemaKeywords } from '../document/schema-keywords.ts';

/**
 * Removes all defaults except those of required properties. A default describes what the API assumes for an absent
 * property. If a PATCH sent it, it would overwrite the stored value, so only required properties are filled in.
 */
export function keepRequiredDefaults(schema: JsonSchema): JsonSchema {
  return pruneDefaults(schema, false) as JsonSchema;
}

/** Fills in the defaults of properties that other given properties require (`dependentRequired`). */
export function fillDependentRequired(schema: JsonSchema, given: unknown): unknown {
  if (!isObject(given)) return given;
  const properties = objectOf(schema.properties);
  const needed = Object.entries(objectOf(schema.dependentRequired)).flatMap(([name, others]) => {
    return Object.hasOwn(given, name) && Array.isArray(others) ? (others as readonly string[]) : [];
  });
  const missing = needed.flatMap((name) => {
    const { default: value } = objectOf(properties[name]);
    return Object.hasOwn(given, name) || value === undefined ? [] : [[name, structuredClone(value)] as const];
  });
  return missing.length === 0 ? given : { ...given, ...Object.fromEntries(missing) };
}

/** Keywords that say which values match, and hold no defaults that apply to every value. Checking them may take long. */
const matchingKeywords: ReadonlySet<string> = new Set([
  'anyOf',
  'oneOf',
  'not',
  'contains',
  'propertyNames',
  'unevaluatedItems',
  'unevaluatedProperties',
  'uniqueItems',
  'enum',
  'const',
  'pattern',
  'format',
]);

/** Reduces a schema to the parts that fill in defaults. Returns undefined for a schema without defaults. */
export function withDefaultsOnly(schema: JsonSchema): JsonSchema | undefined {
  let hasDefault = false;
  const reduce = (value: unknown): unknown => {
    if (!isObject(value)) return value;
    if (value.default !== undefined) hasDefault = true;
    const kept = Object.entries(value).filter(([keyword]) => !matchingKeywords.has(keyword));
    return Object.fromEntries(
      kept.map(([keyword, each]) => [keyword, keyword === 'if' ? each : within(keyword, each)]),
    );
  };
  const within = (keyword: string, value: unknown): unknown => {
    switch (kindOf(keyword)) {
      case 'one':
        return reduce(value);
      case 'list':
        return Array.isArray(value) ? value.map(reduce) : value;
      case 'named':
      case 'patterns':
        return Object.fromEntries(Object.entries(objectOf(value)).map(([name, each]) => [name, reduce(each)]));
      default:
        return value;
    }
  };
  const reduced = reduce(schema) as JsonSchema;
  return hasDefault ? reduced : undefined;
}

function pruneDefaults(schema: unknown, isRequired: boolean): unknown {
  if (!isObject(schema)) return schema;
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const kept = Object.entries(schema).flatMap(([keyword, value]): [string, unknown][] => {
    if (keyword === 'default') return isRequired ? [[keyword, value]] : [];
    return [[keyword, pruneKeyword(keyword, value, required)]];
  });
  return Object.fromEntries(kept);
}

function pruneKeyword(keyword: string, value: unknown, required: readonly unknown[]): unknown {
  switch (kindOf(keyword)) {
    case 'one':
      return pruneDefaults(value, false);
    case 'list':
      return Array.isArray(value) ? value.map((each) => pruneDefaults(each, false)) : value;
    case 'named':
    case 'patterns': {
      const entries = Object.entries(objectOf(value));
      const isProperties = keyword === 'properties';
      return Object.fromEntries(
        entries.map(([name, each]) => [name, pruneDefaults(each, isProperties && required.includes(name))]),
      );
    }
    default:
      return value;
  }
}

function kindOf(keyword: string): KeywordKind | undefined {
  if (keyword === '$defs') return 'named';
  return Object.hasOwn(schemaKeywords, keyword) ? schemaKeywords[keyword] : undefined;
}
