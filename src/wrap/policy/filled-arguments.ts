import type { JsonSchema } from '../../core/json.ts';
import { keyText, sampleKeyText } from './key-field.ts';
import type { GuardDecision } from './types.ts';

/** A marker has this form (`markerOf`). */
const sampleMarker = `mcp_once_${'0'.repeat(32)}`;

/**
 * The arguments that are filled in when a call is sent, each with a text of the form that it will have. They are
 * kept with the call's own arguments: a record says by them what was sent beside those.
 */
export function filledSamples({ key, lookup }: GuardDecision): Readonly<Record<string, string>> {
  return {
    ...(key ? { [key.name]: sampleKeyText(key) } : {}),
    ...(lookup ? { [lookup.marker.argument]: sampleMarker } : {}),
  };
}

/**
 * The arguments as they are sent.
 * @throws when they were first sent without what is filled in now: the server would take it for another call.
 */
export function fillArguments(
  decision: GuardDecision,
  input: Readonly<Record<string, unknown>>,
  { upstreamKey, marker }: { readonly upstreamKey: string; readonly marker: string },
): Record<string, unknown> {
  const { key, lookup } = decision;
  const other = Object.entries(filledSamples(decision)).find(([name, sample]) => input[name] !== sample)?.[0];
  if (other !== undefined) {
    throw new Error(`its server has changed: the call was first sent without ${JSON.stringify(other)} as it is now`);
  }
  return {
    ...input,
    ...(key ? { [key.name]: keyText(key, upstreamKey) } : {}),
    ...(lookup ? { [lookup.marker.argument]: marker } : {}),
  };
}

/**
 * The server's schema, in which what is filled in is always the same: so it is no part of what makes two calls
 * the same one, before and after the server takes it. `shownSchema` is what a model sees.
 */
export function schemaWithSamples(schema: JsonSchema, sample: Readonly<Record<string, string>>): JsonSchema {
  const names = Object.keys(sample);
  if (names.length === 0) return schema;
  const always = Object.fromEntries(Object.entries(sample).map(([name, text]) => [name, filledProperty(text)]));
  const { properties, required } = schema;
  return {
    ...schema,
    properties: { ...(properties as Record<string, unknown>), ...always },
    ...(Array.isArray(required) ? { required: required.filter((each) => !names.includes(each)) } : {}),
  };
}

/** A schema without what is filled in here: it is not asked for. */
export function schemaForModel(schema: JsonSchema): JsonSchema {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, unknown>);
  const shown = properties.filter(([, property]) => !isFilled(property));
  return shown.length === properties.length ? schema : { ...schema, properties: Object.fromEntries(shown) };
}

const mark = 'x-mcp-once-filled';

function filledProperty(text: string): JsonSchema {
  return { type: 'string', default: text, [mark]: true };
}

function isFilled(property: unknown): boolean {
  return typeof property === 'object' && property !== null && mark in property;
}
