import { defined, type JsonSchema, objectOf } from '../../core/json.ts';
import type { ToolSchemas } from '../document/tool-schemas.ts';
import { withoutPath, withoutProperty } from '../policy/argument-schema.ts';
import { keyArgument } from '../policy/idempotency-key.ts';
import type { OperationPolicy } from '../policy/policy.ts';

/** The arguments of an operation that the model sets, and those that the tool fills in. */
export interface ModelInput {
  /** The input schema that the model sees. */
  readonly schema: JsonSchema;
  /** The places of all arguments, including filled-in ones, for building requests. */
  readonly schemas: ToolSchemas;
  /** Arguments that the tool fills in. */
  readonly filledIn: ReadonlySet<string>;
  /** A property that the tool fills in, of an argument that is the whole body. */
  readonly filledInProperty?: { readonly argument: string; readonly property: string };
  /** The model's name for the argument with the entity tag. */
  readonly etagArgument?: string;
}

/** The header with the time of the first send, beside `Repeatability-Request-ID` (OASIS Repeatable Requests 1.0). */
export const firstSentHeader = 'repeatability-first-sent';

/** Whether a key goes with the time of the first send. */
export function isRepeatability(key: OperationPolicy['key']): boolean {
  return key?.name.toLowerCase() === 'repeatability-request-id';
}

/** The model's name for the `If-Match` header. */
const ifMatchName = 'if_match';
/** The value with which the model asks the tool to read the entity tag first. */
export const FETCH_ETAG = 'fetch';

/**
 * Removes the arguments that the model must not set (the idempotency key, the marker, an id that is derived from the
 * key), and describes the entity tag.
 */
export function createModelInput(
  schemas: ToolSchemas,
  policy: OperationPolicy,
  configuredHeaders: readonly string[] = [],
): ModelInput {
  const key = policy.key && keyArgument(schemas, policy.key);
  const filledIn = new Set([
    ...[key, policy.lookup?.marker.argument, policy.clientId].flatMap((name) => name ?? []),
    ...headerArguments(schemas, configuredHeaders),
    ...(isRepeatability(policy.key) ? headerArguments(schemas, [firstSentHeader]) : []),
  ]);
  const filledInProperty = key === undefined ? keyProperty(schemas, policy) : undefined;
  const etagArgument = policy.etag && etagName(schemas, policy.etag.argument);
  const renamed = (name: string): string => (name === policy.etag?.argument ? (etagArgument ?? name) : name);
  const properties = Object.entries(objectOf(schemas.input.properties))
    .filter(([name]) => !filledIn.has(name))
    .map(([name, schema]) => {
      if (name === filledInProperty?.argument) {
        return [name, withoutProperty(objectOf(schema), filledInProperty.property, schemas)];
      }
      const [first, ...rest] = policy.key?.path ?? [];
      if (name === first && rest.length > 0) return [name, withoutPath(objectOf(schema), rest, schemas)];
      return renamed(name) === etagArgument ? [etagArgument, etagSchema] : [name, schema];
    });
  const places = Object.entries(schemas.places).map(([name, place]) => [renamed(name), place] as const);
  return Object.freeze({
    schema: inputSchema(schemas.input, Object.fromEntries(properties), filledIn, renamed),
    schemas: { ...schemas, places: Object.fromEntries(places) },
    filledIn,
    ...defined({ filledInProperty, etagArgument }),
  });
}

/** The arguments whose header the configuration sets. A model cannot contradict it. */
function headerArguments(schemas: ToolSchemas, headers: readonly string[]): readonly string[] {
  const names = new Set(headers.map((name) => name.toLowerCase()));
  return Object.entries(schemas.places).flatMap(([argument, place]) => {
    const isSet = place.in === 'parameter' && place.parameter.in === 'header';
    return isSet && names.has(place.parameter.name.toLowerCase()) ? [argument] : [];
  });
}

function inputSchema(
  input: JsonSchema,
  properties: Readonly<Record<string, unknown>>,
  filledIn: ReadonlySet<string>,
  renamed: (name: string) => string,
): JsonSchema {
  const { required: _, dependentRequired, ...rest } = input;
  const required = stringsOf(input.required).filter((name) => !filledIn.has(name));
  const dependencies = Object.entries(objectOf(dependentRequired)).flatMap(([name, needed]) => {
    const others = stringsOf(needed).filter((each) => !filledIn.has(each));
    return filledIn.has(name) || others.length === 0 ? [] : [[name, others] as const];
  });
  return Object.freeze({
    ...rest,
    type: 'object',
    properties,
    ...(required.length > 0 ? { required: required.map(renamed) } : {}),
    ...(dependencies.length > 0 ? { dependentRequired: Object.fromEntries(dependencies) } : {}),
    ...('additionalProperties' in rest || 'unevaluatedProperties' in rest ? {} : { additionalProperties: false }),
  });
}

function keyProperty(schemas: ToolSchemas, { key }: OperationPolicy): ModelInput['filledInProperty'] {
  const argument = Object.entries(schemas.places).find(([, place]) => place.in === 'whole-body')?.[0];
  return key?.in === 'body' && argument !== undefined ? { argument, property: key.name } : undefined;
}

/** Keeps the header's name if another argument is already named `if_match`. */
function etagName(schemas: ToolSchemas, argument: string): string {
  return Object.hasOwn(schemas.places, ifMatchName) ? argument : ifMatchName;
}

const etagSchema: JsonSchema = Object.freeze({
  type: 'string',
  minLength: 1,
  description: `The entity tag (ETag) of the version to change, with its quotes. Or "${FETCH_ETAG}" to read the tag just before the change, which then fails only if somebody changes the resource in between.`,
});

function stringsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
