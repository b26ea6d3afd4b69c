import { McpOnceError } from '../../core/errors.ts';
import { arrayOf, isObject, type JsonSchema, objectOf } from '../../core/json.ts';
import { originOf } from './converted.ts';
import { type Converted, cutDefinition, type Definition, schemaCharsMax } from './schema-store.ts';
import type { ApiBody, ApiOperation, ApiParameter } from './types.ts';

/** Where one argument of the tool goes. */
export type ArgumentPlace =
  | { readonly in: 'parameter'; readonly parameter: ApiParameter }
  /** A property of a body that is an object. */
  | { readonly in: 'body'; readonly property: string }
  /** The whole body, where it is no plain object. */
  | { readonly in: 'whole-body' };

/** The flat input of a tool, and where each of its arguments goes. */
export interface ToolSchemas {
  /** An object schema, self-contained: what it shares lies in its `$defs`. */
  readonly input: JsonSchema;
  /** By argument name, in the order of the schema. */
  readonly places: Readonly<Record<string, ArgumentPlace>>;
  /** Of the successful answer, where the document gives one in JSON; self-contained. */
  readonly answer?: JsonSchema;
}

/** One argument, before it has its final name. */
interface Argument {
  /** As the API knows it. */
  readonly name: string;
  /** Put before the name where two have the same. */
  readonly location: string;
  readonly place: ArgumentPlace;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

/** An argument of the engine's own, and a name that no object can have. */
const reservedNames = ['repeat_token', '__proto__'];
const nameCharsMax = 64;
/** Of a definition that is cut, with the punctuation around its name. */
const cutChars = JSON.stringify(cutDefinition).length + 4;
/** What is tried, one after the other, where the arguments alone are too long. */
const depths = [6, 4, 3, 2, 1, 0];

/**
 * The flat input of a tool and the schema of its answer, each an object schema of JSON Schema 2020-12 that holds all
 * that it refers to, and of at most 60,000 characters: what lies deepest is left out, and says so.
 * @param operation from a document's `operation()`, or a copy of it with the same schemas.
 * @throws McpOnceError `tool_invalid` where even its bare arguments are longer than that.
 */
export function toolSchemas(operation: ApiOperation): ToolSchemas {
  const inOrder = argumentsOf(operation);
  const { schemas, definitions, chars } = fitting(
    operation,
    inOrder.map(({ schema }) => schema),
  );
  const named = nameArguments(inOrder);
  const names = [...named.keys()];
  const required = [...named].filter(([, { isRequired }]) => isRequired).map(([name]) => name);
  const needed = neededTogether(operation.body, named);
  const $defs = definitionsOf(definitions, schemaCharsMax - chars);
  const input = {
    type: 'object',
    properties: Object.fromEntries(names.map((name, index) => [name, schemas[index] ?? {}])),
    ...(required.length > 0 && { required }),
    ...(needed && { dependentRequired: needed }),
    additionalProperties: false,
    ...($defs && { $defs }),
  };
  const answer = answerOf(operation);
  const places = Object.fromEntries([...named].map(([name, { place }]) => [name, place]));
  return { input, places, ...(answer && { answer }) };
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

/** True for an object that is described by its properties alone. */
function isFlat(schema: JsonSchema): boolean {
  const isPlain = ['$ref', 'allOf', 'anyOf', 'oneOf', 'not'].every((keyword) => schema[keyword] === undefined);
  return isPlain && schema.type === 'object' && Object.keys(objectOf(schema.properties)).length > 0;
}

/** By final name: those that share a name are told apart by location, and all are names that a model may write. */
function nameArguments(list: readonly Argument[]): Map<string, Argument> {
  const named = new Map<string, Argument>();
  const isShared = (name: string) => list.filter((each) => each.name === name).length > 1;
  // What keeps its own name goes first, so that a changed one never takes it.
  const isKept = ({ name }: Argument) => wellFormed(name) === name && !isShared(name) && !reservedNames.includes(name);
  const kept = new Set(list.filter(isKept).map(({ name }) => name));
  for (const argument of list) {
    if (isKept(argument)) {
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

/** An optional body that is given at all must be whole: each of its arguments needs the required ones. */
function neededTogether(
  body: ApiBody | undefined,
  named: ReadonlyMap<string, Argument>,
): Readonly<Record<string, readonly string[]>> | undefined {
  if (body === undefined || body.required || !isFlat(body.schema)) return undefined;
  const required = new Set(arrayOf(body.schema.required));
  const ofBody = [...named].filter(([, { place }]) => place.in === 'body');
  const needed = ofBody.filter(([, { name }]) => required.has(name)).map(([name]) => name);
  if (needed.length === 0 || ofBody.length < 2) return undefined;
  const others = ofBody.map(([name]) => [name, needed.filter((each) => each !== name)] as const);
  return Object.fromEntries(others.filter(([, names]) => names.length > 0));
}

interface Fitting {
  readonly schemas: readonly JsonSchema[];
  readonly definitions: readonly Definition[];
  readonly chars: number;
}

/** The arguments' schemas, as deep as they fit. */
function fitting(operation: ApiOperation, schemas: readonly JsonSchema[]): Fitting {
  // So many names alone are too long.
  const isHopeless = schemas.length * nameCharsMax > schemaCharsMax;
  if (!isHopeless) {
    const whole = measured(schemas.map((schema) => ({ schema, definitions: originOf(schema)?.definitions ?? [] })));
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

function measured(parts: readonly Pick<Converted, 'schema' | 'definitions'>[]): Fitting {
  const schemas = parts.map(({ schema }) => schema);
  const definitions = [...new Set(parts.flatMap((part) => part.definitions))];
  return { schemas, definitions, chars: JSON.stringify(schemas).length + parts.length * nameCharsMax };
}

/** What a parameter says itself stays. */
function cutAt(schema: JsonSchema, depth: number): Pick<Converted, 'schema' | 'definitions'> {
  const shallow = originOf(schema)?.shallow(depth);
  if (shallow === undefined) return { schema, definitions: [] };
  const description = typeof schema.description === 'string' ? schema.description.slice(0, 300) : undefined;
  return { ...shallow, schema: { ...(description !== undefined && { description }), ...shallow.schema } };
}

/** The definitions that are needed, nearest first, as far as there is room; the others say that they are cut. */
function definitionsOf(
  roots: readonly Definition[],
  charsMax: number,
): Readonly<Record<string, JsonSchema>> | undefined {
  const known = new Map<string, JsonSchema>();
  const asked = new Set<Definition>();
  // Whatever is asked for has at least the room to say that it is cut.
  const roomFor = (definitions: readonly Definition[]) =>
    definitions.reduce((chars, each) => (asked.has(each) ? chars : chars + each.name.length + cutChars), 0);
  let left = charsMax - roomFor(roots);
  for (const root of roots) asked.add(root);
  for (const definition of asked) {
    const converted = definition.converted();
    const chars = converted.chars - cutChars + roomFor(converted.definitions);
    const isRoom = chars <= left;
    known.set(definition.name, isRoom ? converted.schema : cutDefinition);
    if (!isRoom) continue;
    left -= chars;
    for (const each of converted.definitions) asked.add(each);
  }
  return known.size === 0 ? undefined : Object.fromEntries(known);
}

function answerOf(operation: ApiOperation): JsonSchema | undefined {
  const schema = Object.values(operation.responses).find((response) => response.schema)?.schema;
  if (!isObject(schema)) return undefined;
  const origin = originOf(schema);
  // A reference alone is replaced by what it names: an answer's schema has to say at its root what it is.
  const only = schema.$ref !== undefined && Object.keys(schema).length === 1 ? origin?.definitions[0] : undefined;
  const root = only?.converted() ?? origin;
  if (root === undefined) return schema;
  const $defs = definitionsOf(root.definitions, schemaCharsMax - root.chars);
  return $defs ? { ...root.schema, $defs } : root.schema;
}
