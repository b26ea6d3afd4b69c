import type { JsonSchema, ToolSchemas } from '../types.ts';

/** How many references lead from one to the next at the most. */
const referencesMax = 16;

/** The schema of one argument, with the references that it begins with followed; empty where there is none. */
export function argumentSchema(schemas: ToolSchemas, argument: string): JsonSchema {
  let schema = memberOf(schemas.input.properties, argument);
  for (let count = 0; count < referencesMax; count += 1) {
    const { $ref: reference, ...beside } = schema;
    if (typeof reference !== 'string' || !reference.startsWith('#/$defs/')) return schema;
    const name = decodeURIComponent(reference.slice('#/$defs/'.length)).replaceAll('~1', '/').replaceAll('~0', '~');
    schema = { ...memberOf(schemas.input.$defs, name), ...beside };
  }
  return {};
}

/** Whether an argument may be a text. */
export function takesText({ type }: JsonSchema): boolean {
  return type === undefined || type === 'string' || (Array.isArray(type) && type.includes('string'));
}

function memberOf(value: unknown, name: string): JsonSchema {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return {};
  const member: unknown = (value as Readonly<Record<string, unknown>>)[name];
  return typeof member === 'object' && member !== null ? (member as JsonSchema) : {};
}
