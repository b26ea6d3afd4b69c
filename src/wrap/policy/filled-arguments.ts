import { parseJson, writeJson } from '../../core/exact-json.ts';
import { arrayOf, defined, isObject, type JsonObject, type JsonSchema, objectOf } from '../../core/json.ts';
import { keyText, sampleKeyText } from './key-field.ts';
import { valueAt } from './path.ts';
import { resolvedSchema } from './schema-places.ts';
import type { ArgumentPath, GuardDecision } from './types.ts';

/** Has the form of a marker (`markerOf`). */
const sampleMarker = `mcp_once_${'0'.repeat(32)}`;

/** An argument that is filled in when a call is sent, and what stands in its place before. */
export interface FilledArgument {
  readonly path: ArgumentPath;
  readonly sample: string;
}

/**
 * Returns each argument that is filled in when a call is sent. The samples are stored with the call's own arguments, so
 * that the record shows which arguments were filled in.
 */
export function filledArguments({ key, lookup }: GuardDecision): readonly FilledArgument[] {
  return [
    ...(key ? [{ path: key.path, sample: sampleKeyText(key) }] : []),
    ...(lookup ? [{ path: [lookup.marker.argument], sample: sampleMarker }] : []),
  ];
}

/**
 * Returns the arguments with the samples, or the place of a text or list that cannot hold one. An object around
 * a sample is made where it is missing.
 */
export function withSamples(
  value: JsonObject,
  filled: readonly FilledArgument[],
): { readonly value: JsonObject } | { readonly blocked: ArgumentPath } {
  let whole = value;
  for (const { path, sample } of filled) {
    const blocked = path.findIndex((_, index) => {
      const around = valueAt(whole, path.slice(0, index));
      return around !== undefined && around !== null && !isObject(around);
    });
    if (blocked !== -1) return { blocked: path.slice(0, blocked) };
    whole = withValueAt(whole, path, sample);
  }
  return { value: whole };
}

/** Returns the unchanged arguments with the samples. An object around a sample may be JSON text, and stays it. */
export function sampledAsCame(given: JsonObject, filled: readonly FilledArgument[]): JsonObject {
  return filled.reduce((whole, { path, sample }) => withValueAt(whole, path, sample), given);
}

/**
 * Returns the arguments to send.
 *
 * @throws when the first attempt filled in other arguments: the server would take this one for another call.
 */
export function fillArguments(
  decision: GuardDecision,
  input: JsonObject,
  { upstreamKey, marker }: { readonly upstreamKey: string; readonly marker: string },
): JsonObject {
  const { key, lookup } = decision;
  const other = filledArguments(decision).find(({ path, sample }) => filledAt(input, path) !== sample)?.path;
  if (other !== undefined) {
    const name = JSON.stringify(other.join('.'));
    throw new Error(`the server has changed: the first attempt did not fill in ${name} in the same way`);
  }
  let sent = input;
  if (key) sent = withValueAt(sent, key.path, keyText(key, upstreamKey));
  if (lookup) sent = withValueAt(sent, [lookup.marker.argument], marker);
  return sent;
}

/** Sets a member of objects within objects, without changing them. An object that is JSON text stays text. */
function withValueAt(object: JsonObject, [name = '', ...rest]: ArgumentPath, set: unknown): JsonObject {
  if (rest.length === 0) return { ...object, [name]: set };
  const around = Object.hasOwn(object, name) ? object[name] : {};
  const text = typeof around === 'string' ? around : undefined;
  const inner = text === undefined ? objectOf(around) : objectIn(text);
  const member = text !== undefined && inner !== undefined ? textWith(text, inner, rest, set) : undefined;
  return { ...object, [name]: member ?? withValueAt(inner ?? {}, rest, set) };
}

/** Returns the text of an object with a member set. All other text stays as it is, unless the object has that member. */
function textWith(text: string, object: JsonObject, path: ArgumentPath, set: unknown): string {
  const [name = '', ...rest] = path;
  const open = text.indexOf('{') + 1;
  const member = (value: unknown): string => `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  const isOwn = Object.hasOwn(object, name);
  const replaced = isOwn && text.startsWith(member(object[name]), open) ? member(object[name]).length : 0;
  if (rest.length === 0 && (replaced > 0 || !isOwn)) {
    const separator = replaced > 0 || Object.keys(object).length === 0 ? '' : ',';
    const made = text.slice(0, open) + member(set) + separator + text.slice(open + replaced);
    // The text may hold the member twice.
    if (valueAt(objectIn(made), path) === set) return made;
  }
  return writeJson(withValueAt(object, path, set));
}

/** Returns the value at a path, also in objects that are JSON text. */
export function filledAt(value: unknown, [name = '', ...rest]: ArgumentPath): unknown {
  const object = typeof value === 'string' ? objectIn(value) : value;
  const member = valueAt(object, [name]);
  return rest.length === 0 ? member : filledAt(member, rest);
}

function objectIn(text: string): JsonObject | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value = parseJson(text, 0);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the server's schema with each filled-in argument as a constant default. So these arguments do not change a
 * call's fingerprint, whether the server takes them or not. A model sees `schemaForModel`.
 */
export function schemaWithSamples(schema: JsonSchema, filled: readonly FilledArgument[]): JsonSchema {
  return filled.reduce((made, { path, sample }) => filledSchema(made, path, sample, made), schema);
}

function filledSchema(given: JsonSchema, path: ArgumentPath, sample: string, root: JsonSchema): JsonSchema {
  const [name = '', ...rest] = path;
  // A copy of what it refers to, which others may refer to as well.
  const { allOf, ...schema } = resolvedSchema(given, root);
  const parts = arrayOf(allOf).map((each) => (isObject(each) ? resolvedSchema(each, root) : each));
  const properties: JsonObject = Object.assign(
    {},
    ...parts.map((each) => objectOf(objectOf(each).properties)),
    objectOf(schema.properties),
  );
  const required = [schema, ...parts].flatMap((each) => arrayOf(objectOf(each).required));
  const branches = parts.map(withoutProperties).filter((each) => !isObject(each) || Object.keys(each).length > 0);
  const member =
    rest.length === 0 ? filledProperty(sample) : filledSchema(objectOf(properties[name]), rest, sample, root);
  return {
    ...schema,
    ...(branches.length > 0 ? { allOf: branches } : {}),
    properties: { ...properties, [name]: member },
    ...(required.length > 0 || schema.required !== undefined
      ? { required: rest.length === 0 ? without(required, name) : [...new Set(required)] }
      : {}),
  };
}

/** A branch whose properties have moved to the schema around it. */
function withoutProperties(branch: unknown): unknown {
  if (!isObject(branch)) return branch;
  const { type: _type, properties: _properties, required: _required, ...others } = branch;
  return others;
}

function without(required: readonly unknown[], name: string): readonly unknown[] {
  return [...new Set(required)].filter((each) => each !== name);
}

/** Returns the schema without the arguments that are filled in, and without objects that would hold nothing else. */
export function schemaForModel(schema: JsonSchema): JsonSchema {
  const shown = withoutFilled(schema);
  if (shown === schema) return schema;
  // Definitions that only the hidden arguments refer to would still name them.
  const { $defs, definitions, ...others } = shown;
  return ($defs ?? definitions) !== undefined && !JSON.stringify(others).includes('"$ref"') ? others : shown;
}

function withoutFilled(schema: JsonSchema): JsonSchema {
  const properties = Object.entries(objectOf(schema.properties));
  let { required } = schema;
  const shown = properties.flatMap(([name, property]): [string, unknown][] => {
    if (!isObject(property)) return [[name, property]];
    if (filledMark in property) return [];
    const inner = withoutFilled(property);
    if (inner !== property && Object.keys(objectOf(inner.properties)).length === 0) {
      required = without(arrayOf(required), name);
      return [];
    }
    return [[name, inner]];
  });
  const isSame = shown.length === properties.length && shown.every(([, each], at) => each === properties[at]?.[1]);
  return isSame ? schema : { ...schema, ...defined({ required }), properties: Object.fromEntries(shown) };
}

const filledMark = 'x-mcp-once-filled';

function filledProperty(text: string): JsonSchema {
  return { type: 'string', default: text, [filledMark]: true };
}
