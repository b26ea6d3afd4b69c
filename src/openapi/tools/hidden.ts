import type { JsonSchema } from '../../core/json.ts';
import type { ToolSchemas } from '../document/schemas.ts';
import { withoutProperty } from '../policy/argument-schema.ts';
import { keyArgument } from '../policy/idempotency-key.ts';
import type { OperationPolicy } from '../policy/policy.ts';

/** What the model sees of an operation's arguments, and what is filled in for it. */
export interface ShownSchemas {
  /** For the model. */
  readonly input: JsonSchema;
  /** With every place, also of what is hidden; for making requests. */
  readonly schemas: ToolSchemas;
  /** Arguments that are filled in here. */
  readonly hidden: ReadonlySet<string>;
  /** A property of an argument that is the whole body, filled in here likewise. */
  readonly hiddenWithin?: { readonly argument: string; readonly property: string };
  /** The argument that carries the entity tag, as the model knows it. */
  readonly etag?: string;
}

/** How the argument of `If-Match` is called. */
const etagName = 'if_match';
/** What the model gives where the tag is to be read first. */
export const FETCH_ETAG = 'fetch';

/**
 * Takes away what the model must not fill in (the idempotency key, the marker, an id that is derived from the
 * key), and says of the entity tag what it may be.
 */
export function showSchemas(schemas: ToolSchemas, policy: OperationPolicy): ShownSchemas {
  const key = policy.key && keyArgument(schemas, policy.key);
  const hidden = new Set([key, policy.lookup?.marker.argument, policy.clientId].flatMap((name) => name ?? []));
  const within = key === undefined ? keyWithin(schemas, policy) : undefined;
  const etag = policy.etag && nameOfEtag(schemas, policy.etag.argument);
  const renamed = (name: string): string => (name === policy.etag?.argument && etag !== undefined ? etag : name);
  const places = Object.entries(schemas.places).map(([name, place]) => [renamed(name), place] as const);
  const properties = Object.entries(objectOf(schemas.input.properties))
    .filter(([name]) => !hidden.has(name))
    .map(([name, schema]) => {
      if (name === within?.argument) return [name, withoutProperty(objectOf(schema), within.property, schemas)];
      return renamed(name) === etag ? [etag, etagSchema] : [name, schema];
    });
  const required = listOf(schemas.input.required).filter((name) => !hidden.has(name));
  const { required: _, dependentRequired, ...rest } = schemas.input;
  const together = Object.entries(objectOf(dependentRequired)).flatMap(([name, needed]) => {
    const others = listOf(needed).filter((each) => !hidden.has(each));
    return hidden.has(name) || others.length === 0 ? [] : [[name, others] as const];
  });
  const input: JsonSchema = Object.freeze({
    ...rest,
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.length > 0 ? { required: required.map(renamed) } : {}),
    ...(together.length > 0 ? { dependentRequired: Object.fromEntries(together) } : {}),
    ...('additionalProperties' in rest || 'unevaluatedProperties' in rest ? {} : { additionalProperties: false }),
  });
  const all: ToolSchemas = { ...schemas, places: Object.fromEntries(places) };
  return Object.freeze({
    input,
    schemas: all,
    hidden,
    ...(within ? { hiddenWithin: within } : {}),
    ...(etag === undefined ? {} : { etag }),
  });
}

function keyWithin(schemas: ToolSchemas, { key }: OperationPolicy): ShownSchemas['hiddenWithin'] {
  const argument = Object.entries(schemas.places).find(([, place]) => place.in === 'whole-body')?.[0];
  return key?.in === 'body' && argument !== undefined ? { argument, property: key.name } : undefined;
}

/** Its own name where another argument has ours. */
function nameOfEtag(schemas: ToolSchemas, argument: string): string {
  return Object.hasOwn(schemas.places, etagName) ? argument : etagName;
}

const etagSchema: JsonSchema = Object.freeze({
  type: 'string',
  minLength: 1,
  description: `The entity tag (ETag) of the version that is to be changed, as it was read, quotes included; or "${FETCH_ETAG}": it is read just before the change, which then fails only if something else changes it in between.`,
});

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
