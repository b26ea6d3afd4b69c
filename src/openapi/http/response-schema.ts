import { defined, isObject, type JsonSchema } from '../../core/json.ts';

/** The property that holds a response which does not match the documented schema. */
export const UNDOCUMENTED = 'undocumented_answer';

/** The property that holds a response which is not a JSON object. */
export const RESULT = 'result';

/**
 * Returns the output schema of a tool whose documented response is `schema`. The output is the response itself, or an
 * object with the response under `result` (not an object) or `undocumented_answer` (does not match `schema`).
 * MCP 2025-11-25 requires an object at the root, and clients reject output that does not match.
 */
export function responseOutputSchema(schema: JsonSchema): JsonSchema {
  const { $defs, $schema, $id: _id, ...documented } = schema;
  const wrapped = { type: 'object', properties: { [RESULT]: documented }, required: [RESULT] };
  const undocumented = { type: 'object', properties: { [UNDOCUMENTED]: {} }, required: [UNDOCUMENTED] };
  const kind = valueKind(schema);
  const variants = kind === 'object' ? [documented] : kind === 'other' ? [wrapped] : [documented, wrapped];
  return {
    ...defined({ $schema }),
    type: 'object',
    anyOf: [...variants, undocumented],
    ...defined({ $defs }),
  };
}

/** Returns whether the values of a schema are always objects, never objects, or either. */
function valueKind(schema: JsonSchema): 'object' | 'other' | 'either' {
  let current: JsonSchema = schema;
  for (let depth = 0; depth < 8; depth += 1) {
    const types = [current.type].flat().filter((type) => type !== undefined);
    if (types.length > 0) {
      if (!types.includes('object')) return 'other';
      return types.length === 1 ? 'object' : 'either';
    }
    const name = typeof current.$ref === 'string' ? /^#\/\$defs\/([^/]+)$/.exec(current.$ref)?.[1] : undefined;
    const target = name !== undefined && isObject(schema.$defs) ? schema.$defs[decodePointerToken(name)] : undefined;
    if (!isObject(target)) return 'either';
    current = target;
  }
  return 'either';
}

function decodePointerToken(token: string): string {
  try {
    return decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return token;
  }
}
