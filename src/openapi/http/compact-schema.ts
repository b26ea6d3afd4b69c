import { isObject, type JsonSchema } from '../../core/json.ts';

/** The longest output schema, in characters of JSON. Output schemas are most of a long list of tools. */
export const outputSchemaCharsMax = 2_560;

/** How deep a schema that is too long is kept, tried one after the other. */
const depths = [4, 2];
/** A schema with more parts, such as `"a":{"type":"string"}`, is longer than the limit. */
const partsMax = outputSchemaCharsMax / 10;
/** Texts are hardly ever more than this part of a schema. */
const textsShareMax = 3;
const referencesMax = 16;

const annotations: ReadonlySet<string> = new Set([
  ...['title', 'description', 'examples', 'example', 'default', 'deprecated', '$comment', 'readOnly', 'writeOnly'],
]);
/** Keywords that a shortened part could make refuse a value that matched before. */
const forbidding = /^(?:not|if|then|else|contains|dependentSchemas|unevaluated\w+|\$defs)$/;
const named: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'dependentSchemas']);
const single: ReadonlySet<string> = new Set(['items', 'additionalProperties', 'propertyNames', 'not', 'contains']);
const lists: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems']);

class TooManyParts extends Error {}

/**
 * Shortens an output schema that is too long: first its texts, then its deepest parts, which become any value. The result
 * accepts whatever the schema accepts. Undefined if even the outermost parts are too long.
 */
export function compactSchema(schema: JsonSchema): JsonSchema | undefined {
  const longest = outputSchemaCharsMax * textsShareMax;
  // Most schemas that are too long are many times too long: their text is not made.
  const length = charsAtLeast(schema, longest) > longest ? longest + 1 : JSON.stringify(schema).length;
  if (length <= outputSchemaCharsMax) return schema;
  const plain = length <= longest ? (withoutTexts(schema) as JsonSchema) : undefined;
  if (plain !== undefined && fits(plain)) return plain;
  for (const depth of depths) {
    const cut = cutAt(schema, depth);
    if (cut !== undefined && fits(cut)) return cut;
  }
  return undefined;
}

/** Counts the characters of the names and texts in a value, and stops beyond the limit. Its JSON text is longer. */
function charsAtLeast(value: unknown, limit: number): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 1;
  let chars = 2;
  for (const [name, member] of Object.entries(value)) {
    chars += (Array.isArray(value) ? 1 : name.length + 4) + charsAtLeast(member, limit - chars);
    if (chars > limit) break;
  }
  return chars;
}

function fits(schema: JsonSchema): boolean {
  return JSON.stringify(schema).length <= outputSchemaCharsMax;
}

/** Copies a schema without its texts. */
function withoutTexts(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const entries = Object.entries(schema).filter(([keyword]) => !annotations.has(keyword));
  return Object.fromEntries(entries.map(([keyword, value]) => [keyword, mapParts(keyword, value, withoutTexts)]));
}

/** Applies a function to the schemas in the value of a keyword. */
function mapParts(keyword: string, value: unknown, change: (part: unknown) => unknown): unknown {
  if (single.has(keyword)) return change(value);
  if (lists.has(keyword)) return Array.isArray(value) ? value.map(change) : value;
  if (!named.has(keyword) || !isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, change(part)]));
}

/** Copies a schema with its references followed, and with what is deeper as any value. */
function cutAt(schema: JsonSchema, depthMax: number): JsonSchema | undefined {
  let parts = 0;
  const copyOf = (part: unknown, depth: number): unknown => {
    if (!isObject(part)) return part;
    parts += 1;
    if (parts > partsMax) throw new TooManyParts();
    const here = depth < 0 ? undefined : followed(part, schema.$defs);
    if (here === undefined) return {};
    const kept = Object.entries(here).filter(([keyword]) => !annotations.has(keyword) && !forbidding.test(keyword));
    const copy = Object.fromEntries(
      kept.map(([keyword, value]) => [keyword, mapParts(keyword, value, (each) => copyOf(each, depth - 1))]),
    );
    // A value may match several alternatives once they are shortened.
    const { oneOf, ...rest } = copy;
    return oneOf === undefined || rest.anyOf !== undefined ? rest : { ...rest, anyOf: oneOf };
  };
  try {
    return copyOf(schema, depthMax) as JsonSchema;
  } catch (error) {
    if (error instanceof TooManyParts) return undefined;
    throw error;
  }
}

/** Follows the references at the root of a part; undefined for one that leads nowhere. */
function followed(part: JsonSchema, definitions: unknown): JsonSchema | undefined {
  let current = part;
  for (let count = 0; count < referencesMax; count += 1) {
    if (typeof current.$ref !== 'string') return current;
    const name = /^#\/\$defs\/([^/]+)$/.exec(current.$ref)?.[1];
    const key = name === undefined ? undefined : decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~');
    const target = isObject(definitions) && key !== undefined ? definitions[key] : undefined;
    if (!isObject(target)) return undefined;
    current = target;
  }
  return undefined;
}
