import { arrayOf, isObject, type JsonSchema, objectOf, pointerTokens } from '../../core/json.ts';

/** The longest chain of references, and the most objects that are looked at. */
const referencesMax = 8;
const objectsMax = 500;
const depthMax = 6;

/** A property of the arguments, or of an object within them. */
export interface SchemaPlace {
  readonly path: readonly string[];
  readonly schema: JsonSchema;
  /** Whether every valid call has it. */
  readonly isSent: boolean;
  /** Whether each object around it is always sent, or needs nothing else, so that it can be made. */
  readonly canBeMade: boolean;
}

/**
 * Returns a schema in the place of a reference to it (`#/...`), and the only alternative to null in the place of a
 * choice. Their siblings win.
 */
export function resolvedSchema(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const { anyOf, oneOf, ...siblings } = followed(schema, root);
  const choices = arrayOf(anyOf ?? oneOf).filter(isObject);
  const given = choices.filter(({ type }) => type !== 'null');
  const [only] = given;
  if (only === undefined || given.length > 1) return followed(schema, root);
  return { ...followed(only, root), ...siblings };
}

function followed(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let current = schema;
  for (let count = 0; count < referencesMax && typeof current.$ref === 'string'; count += 1) {
    const { $ref, ...siblings } = current;
    if (!$ref.startsWith('#/')) return current;
    let target: unknown = root;
    for (const name of pointerTokens($ref.slice(1))) {
      target = Object.hasOwn(objectOf(target), name) ? objectOf(target)[name] : undefined;
    }
    if (!isObject(target)) return current;
    current = { ...target, ...siblings };
  }
  return current;
}

/** Yields the properties of objects within the arguments, the outer ones first. Items of lists are left out. */
export function* placesOf(root: JsonSchema): Generator<SchemaPlace> {
  const queue: SchemaPlace[] = [{ path: [], schema: root, isSent: true, canBeMade: true }];
  for (let at = 0; at < queue.length && at < objectsMax; at += 1) {
    const around = queue[at];
    if (around === undefined || around.path.length >= depthMax) continue;
    const { properties, required } = objectSchema(around.schema, root);
    for (const [name, given] of Object.entries(properties)) {
      const schema = resolvedSchema(objectOf(given), root);
      const others = [...required].some((each) => each !== name);
      const isSent = around.isSent && required.has(name);
      const canBeMade = around.canBeMade && (around.isSent || !others);
      const place = { path: [...around.path, name], schema, isSent, canBeMade };
      yield place;
      queue.push(place);
    }
  }
}

/** The properties of a schema and of the branches that all apply. */
function objectSchema(given: JsonSchema, root: JsonSchema) {
  const schema = resolvedSchema(given, root);
  const branches = arrayOf(schema.allOf)
    .filter(isObject)
    .map((each) => resolvedSchema(each, root));
  const all = [...branches, schema];
  return {
    properties: Object.assign({}, ...all.map((each) => objectOf(each.properties))) as JsonSchema,
    required: new Set(all.flatMap((each) => arrayOf(each.required))),
  };
}
