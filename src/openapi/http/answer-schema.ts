import type { JsonSchema } from '../../core/json.ts';
import { isRecord } from './encode.ts';

/** The property that an answer goes under that does not obey its document. */
export const UNDOCUMENTED = 'undocumented_answer';

/** The property that an answer goes under that is no object. */
export const RESULT = 'result';

/**
 * The output schema of a tool whose documented answer is `schema`: an object that is the documented answer, or holds
 * it under `result` where that is no object, or holds what came instead under `undocumented_answer`. MCP 2025-11-25
 * wants an object at the root, and clients refuse an answer that does not obey.
 */
export function answerOutputSchema(schema: JsonSchema): JsonSchema {
  const { $defs, $schema, $id: _id, ...documented } = schema;
  const wrapped = { type: 'object', properties: { [RESULT]: documented }, required: [RESULT] };
  const undocumented = { type: 'object', properties: { [UNDOCUMENTED]: {} }, required: [UNDOCUMENTED] };
  const kind = kindOf(schema);
  const variants = kind === 'object' ? [documented] : kind === 'other' ? [wrapped] : [documented, wrapped];
  return {
    ...($schema === undefined ? {} : { $schema }),
    type: 'object',
    anyOf: [...variants, undocumented],
    ...($defs === undefined ? {} : { $defs }),
  };
}

/** Whether what a schema describes is an object, never one, or may be either. */
function kindOf(schema: JsonSchema): 'object' | 'other' | 'either' {
  let current: JsonSchema = schema;
  for (let depth = 0; depth < 8; depth += 1) {
    const types = [current.type].flat().filter((type) => type !== undefined);
    if (types.length > 0) {
      if (!types.includes('object')) return 'other';
      return types.length === 1 ? 'object' : 'either';
    }
    const name = typeof current.$ref === 'string' ? /^#\/\$defs\/([^/]+)$/.exec(current.$ref)?.[1] : undefined;
    const target = name !== undefined && isRecord(schema.$defs) ? schema.$defs[decoded(name)] : undefined;
    if (!isRecord(target)) return 'either';
    current = target;
  }
  return 'either';
}

function decoded(token: string): string {
  try {
    return decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return token;
  }
}
