import type { JsonSchema } from '../../core/json.ts';
import type { Converted } from './schema-store.ts';

/** What a schema of an operation was converted from: `toolSchemas` finds its definitions by it. */
const origins = new WeakMap<JsonSchema, Converted>();

/** A schema of its own, that may be shown to others; the definitions that it refers to stay known. */
export function remember(converted: Converted, changes?: Readonly<Record<string, unknown>>): JsonSchema {
  const schema: JsonSchema = changes === undefined ? converted.schema : { ...converted.schema, ...changes };
  origins.set(schema, converted);
  return schema;
}

/** What a schema was converted from; undefined for one that somebody else made. */
export function originOf(schema: JsonSchema): Converted | undefined {
  return origins.get(schema);
}
