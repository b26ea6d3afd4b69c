import { McpOnceError } from '../../core/errors.ts';
import { arrayOf, defined, isObject, type JsonSchema, objectOf } from '../../core/json.ts';
import { type ConvertedSchema, conversionOf, cutDefinition, type Definition, schemaCharsMax } from './schema-store.ts';
import type { ApiBody, ApiOperation, ApiParameter } from './types.ts';

/** Where the value of one argument goes in the request. */
export type ArgumentTarget =
  | { readonly in: 'parameter'; readonly parameter: ApiParameter }
  /** A property of the body, which is an object. */
  | { readonly in: 'body'; readonly property: string }
  /** The whole body, if its properties cannot be separate arguments. */
  | { readonly in: 'whole-body' };

/** The schemas of a tool and where its arguments go. */
export interface ToolSchemas {
  /** The schema of the arguments: a self-contained object schema with its own `$defs`. */
  readonly input: JsonSchema;
  /** Where each argument goes, in the order of the schema. */
  readonly places: Readonly<Record<string, ArgumentTarget>>;
  /** The self-contained schema of the successful response, if the document has one in JSON. */
  readonly answer?: JsonSchema;
}

/** An argument before it gets its final name. */
interface Argument {
  /** The name in the API. */
  readonly name: string;
  /** Comes before the name if two arguments have the same one. */
  readonly location: string;
  readonly place: ArgumentTarget;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

/** An argument that the engine adds itself, and a name that is unsafe as a property. */
const reservedNames = ['repeat_token', '__proto__'];
const nameCharsMax = 64;
/** Characters of a cut definition, with the punctuation around its name. */
const cutChars = JSON.stringify(cutDefinition).length + 4;
/** Depths that are tried one after the other if the arguments alone are too long. */
const depths = [6, 4, 3, 2, 1, 0];

/**
 * Builds the flat input schema of a tool and the schema of its response. Each is self-contained JSON Schema 2020-12 with
 * at most 60,000 characters. The deepest parts that do not fit are replaced by a note.
 * @param operation from a document's `resolve()`, or a copy with the same schemas.
 * @throws McpOnceError `tool_invalid` if even the arguments alone do not fit.
 */
export function toolSchemas(operation: ApiOperation): ToolSchemas {
  const inOrder = argumentsOf(operation);
  const { schemas, definitions, chars } = fitSchemas(
    operation,
    inOrder.map(({ schema }) => schema),
  );
  const named = nameArguments(inOrder);
  const names = [...named.keys()];
  const required = [...named].filter(([, { isRequired }]) => isRequired).map(([name]) => name);
  const needed = requiredTogether(operation.body, named);
  const $defs = definitionsOf(definitions, schemaCharsMax - chars);
  const input = {
    type: 'object',
    properties: Object.fromEntries(names.map((name, index) => [name, schemas[index] ?? {}])),
    ...defined({ required: required.length > 0 ? required : undefined, dependentRequired: needed }),
    additionalProperties: false,
    ...defined({ $defs }),
  };
  const answer = answerOf(operation);
  const places = Object.fromEntries([...named].map(([name, { place }]) => [name, place]));
  return { input, places, ...defined({ answer }) };
}

function argumentsOf({ parameters, body }: ApiOperation): Argument[] {
  const list: Argument[] = parameters.map((parameter) => ({
    name: parameter.name,
    location: parameter.in,
    place: { in: 'parameter', parameter },
    schema: parameter.schema,
    isRequired: parameter.required,
  }));
  if (body === undefined) return list;
  if (!isFlat(body.schema)) {
    const { schema, required } = body;
    const described = body.description && !schema.description ? { ...schema, description: body.description } : schema;
    return [
      ...list,
      { name: 'body', location: 'body', place: { in: 'whole-body' }, schema: described, isRequired: required },
    ];
  }
  const required = new Set(body.required ? arrayOf(body.schema.required) : []);
  for (const [name, schema] of Object.entries(objectOf(body.schema.properties))) {
    const place = { in: 'body', property: name } as const;
    list.push({ name, location: 'body', place, schema: objectOf(schema), isRequired: required.has(name) });
  }
  return list;
}

/** Tests for an object schema whose properties can be separate arguments. */
function isFlat(schema: JsonSchema): boolean {
  const isPlain = ['$ref', 'allOf', 'anyOf', 'oneOf', 'not'].every((keyword) => schema[keyword] === undefined);
  return isPlain && schema.type === 'object' && Object.keys(objectOf(schema.properties)).length > 0;
}

/** Gives arguments their final names. Equal names get their location as a prefix, and unsafe characters are replaced. */
function nameArguments(list: readonly Argument[]): Map<string, Argument> {
  const named = new Map<string, Argument>();
  const isShared = (name: string) => list.filter((each) => each.name === name).length > 1;
  // Unchanged names are reserved first, so that a changed name never takes one.
  const keepsName = ({ name }: Argument) =>
    wellFormed(name) === name && !isShared(name) && !reservedNames.includes(name);
  const kept = new Set(list.filter(keepsName).map(({ name }) => name));
  for (const argument of list) {
    if (keepsName(argument)) {
      named.set(argument.name, argument);
      continue;
    }
    const { name, location } = argument;
    const base = isShared(name) || reservedNames.includes(name) ? `${location}_${name}` : name;
    const well = wellFormed(base);
    let unique = well;
    for (let n = 2; kept.has(unique) || named.has(unique); n += 1) {
      unique = `${well.slice(0, nameCharsMax - String(n).length - 1)}_${n}`;
    }
    named.set(unique, argument);
  }
  return named;
}

function wellFormed(name: string): string {
  return name.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, nameCharsMax) || '_';
}

/** Makes each argument of an optional body require the body's required ones: a body is sent completely or not at all. */
function requiredTogether(
  body: ApiBody | undefined,
  named: ReadonlyMap<string, Argument>,
): Readonly<Record<string, readonly string[]>> | undefined {
  if (body === undefined || body.required || !isFlat(body.schema)) return undefined;
  const required = new Set(arrayOf(body.schema.required));
  const fromBody = [...named].filter(([, { place }]) => place.in === 'body');
  const needed = fromBody.filter(([, { name }]) => required.has(name)).map(([name]) => name);
  if (needed.length === 0 || fromBody.length < 2) return undefined;
  const others = fromBody.map(([name]) => [name, needed.filter((each) => each !== name)] as const);
  return Object.fromEntries(others.filter(([, names]) => names.length > 0));
}

interface FittedSchemas {
  readonly schemas: readonly JsonSchema[];
  readonly definitions: readonly Definition[];
  readonly chars: number;
}

/** Keeps the arguments' schemas as deep as they fit. */
function fitSchemas(operation: ApiOperation, schemas: readonly JsonSchema[]): FittedSchemas {
  // With so many arguments even the names do not fit.
  const isHopeless = schemas.length * nameCharsMax > schemaCharsMax;
  if (!isHopeless) {
    const whole = measured(schemas.map((schema) => ({ schema, definitions: conversionOf(schema)?.definitions ?? [] })));
    if (whole.chars <= schemaCharsMax) return whole;
  }
  for (const depth of isHopeless ? [] : depths) {
    const shallow = measured(schemas.map((schema) => cutAt(schema, depth)));
    if (shallow.chars <= schemaCharsMax) return shallow;
  }
  throw new McpOnceError(
    'tool_invalid',
    `${operation.method} ${operation.path} (${operation.pointer}) cannot be called: the names and descriptions of its arguments are longer than ${schemaCharsMax} characters.`,
  );
}

function measured(parts: readonly Pick<ConvertedSchema, 'schema' | 'definitions'>[]): FittedSchemas {
  const schemas = parts.map(({ schema }) => schema);
  const definitions = [...new Set(parts.flatMap((part) => part.definitions))];
  return { schemas, definitions, chars: JSON.stringify(schemas).length + parts.length * nameCharsMax };
}

/** Cuts a schema at a depth, but keeps the parameter's own description. */
function cutAt(schema: JsonSchema, depth: number): Pick<ConvertedSchema, 'schema' | 'definitions'> {
  const shallow = conversionOf(schema)?.shallow(depth);
  if (shallow === undefined) return { schema, definitions: [] };
  const description = typeof schema.description === 'string' ? schema.description.slice(0, 300) : undefined;
  return { ...shallow, schema: { ...(description !== undefined && { description }), ...shallow.schema } };
}

/** Collects the referenced definitions, nearest first. A definition that does not fit is replaced by a note. */
function definitionsOf(
  roots: readonly Definition[],
  charsMax: number,
): Readonly<Record<string, JsonSchema>> | undefined {
  const collected = new Map<string, JsonSchema>();
  const wanted = new Set<Definition>();
  // Reserves room for the note of each wanted definition.
  const roomFor = (definitions: readonly Definition[]) =>
    definitions.reduce((chars, each) => (wanted.has(each) ? chars : chars + each.name.length + cutChars), 0);
  let left = charsMax - roomFor(roots);
  for (const root of roots) wanted.add(root);
  for (const definition of wanted) {
    const converted = definition.converted();
    const chars = converted.chars - cutChars + roomFor(converted.definitions);
    const isRoom = chars <= left;
    collected.set(definition.name, isRoom ? converted.schema : cutDefinition);
    if (!isRoom) continue;
    left -= chars;
    for (const each of converted.definitions) wanted.add(each);
  }
  return collected.size === 0 ? undefined : Object.fromEntries(collected);
}

function answerOf({ responses }: ApiOperation): JsonSchema | undefined {
  return selfContained(Object.values(responses).find((response) => response.schema)?.schema);
}

/** Returns the self-contained schema of the documented errors. */
export function errorSchemaOf({ errorSchema }: ApiOperation): JsonSchema | undefined {
  return selfContained(errorSchema?.());
}

/** The self-contained schemas of definitions. Many operations answer with the same one. */
const ofDefinitions = new WeakMap<Definition, JsonSchema>();

function selfContained(schema: JsonSchema | undefined): JsonSchema | undefined {
  if (!isObject(schema)) return undefined;
  const conversion = conversionOf(schema);
  // Replaces a mere reference by its target, since the root of an output schema must be an object schema.
  const only = schema.$ref !== undefined && Object.keys(schema).length === 1 ? conversion?.definitions[0] : undefined;
  const known = only && ofDefinitions.get(only);
  if (known !== undefined) return known;
  const root = only?.converted() ?? conversion;
  if (root === undefined) return schema;
  const $defs = definitionsOf(root.definitions, schemaCharsMax - root.chars);
  const whole = $defs ? { ...root.schema, $defs } : root.schema;
  if (only !== undefined) ofDefinitions.set(only, whole);
  return whole;
}
