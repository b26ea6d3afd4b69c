import { isObject, type JsonSchema, objectOf } from '../../core/json.ts';
import { type KeywordKind, schemaKeywords } from '../document/keywords.ts';

/**
 * The same schema with no defaults but those of required properties. A default tells what the API does where
 * nothing is said: sent, it would overwrite what is there (a PATCH), so only what must be sent may be filled in.
 */
export function requiredDefaults(schema: JsonSchema): JsonSchema {
  return pruned(schema, false) as JsonSchema;
}

/** Fills in what an optional body needs once it is given at all (`dependentRequired`), where there is a default. */
export function withNeeded(schema: JsonSchema, given: unknown): unknown {
  if (!isObject(given)) return given;
  const properties = objectOf(schema.properties);
  const needed = Object.entries(objectOf(schema.dependentRequired)).flatMap(([name, others]) => {
    return Object.hasOwn(given, name) && Array.isArray(others) ? (others as readonly string[]) : [];
  });
  const missing = needed.flatMap((name) => {
    const { default: standard } = objectOf(properties[name]);
    return Object.hasOwn(given, name) || standard === undefined ? [] : [[name, structuredClone(standard)] as const];
  });
  return missing.length === 0 ? given : { ...given, ...Object.fromEntries(missing) };
}

function pruned(schema: unknown, isRequired: boolean): unknown {
  if (!isObject(schema)) return schema;
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const kept = Object.entries(schema).flatMap(([keyword, value]): [string, unknown][] => {
    if (keyword === 'default') return isRequired ? [[keyword, value]] : [];
    return [[keyword, below(keyword, value, required)]];
  });
  return Object.fromEntries(kept);
}

function below(keyword: string, value: unknown, required: readonly unknown[]): unknown {
  switch (kindOf(keyword)) {
    case 'one':
      return pruned(value, false);
    case 'list':
      return Array.isArray(value) ? value.map((each) => pruned(each, false)) : value;
    case 'named':
    case 'patterns': {
      const entries = Object.entries(objectOf(value));
      const isOwn = keyword === 'properties';
      return Object.fromEntries(entries.map(([name, each]) => [name, pruned(each, isOwn && required.includes(name))]));
    }
    default:
      return value;
  }
}

function kindOf(keyword: string): KeywordKind | undefined {
  if (keyword === '$defs') return 'named';
  return Object.hasOwn(schemaKeywords, keyword) ? schemaKeywords[keyword] : undefined;
}
