import { defined, type JsonSchema } from '../../core/json.ts';
import { keyText, sampleKeyText } from './key-field.ts';
import type { GuardDecision } from './types.ts';

/** Has the form of a marker (`markerOf`). */
const sampleMarker = `mcp_once_${'0'.repeat(32)}`;

/**
 * Returns a sample for each argument that is filled in when a call is sent. The samples are stored with the call's own
 * arguments, so that the record shows which arguments were filled in.
 */
export function filledSamples({ key, lookup }: GuardDecision): Readonly<Record<string, string>> {
  const samples: Record<string, string> = {};
  if (key) samples[key.name] = sampleKeyText(key);
  if (lookup) samples[lookup.marker.argument] = sampleMarker;
  return samples;
}

/**
 * Returns the arguments to send.
 *
 * @throws when the first attempt filled in other arguments: the server would take this one for another call.
 */
export function fillArguments(
  decision: GuardDecision,
  input: Readonly<Record<string, unknown>>,
  { upstreamKey, marker }: { readonly upstreamKey: string; readonly marker: string },
): Record<string, unknown> {
  const { key, lookup } = decision;
  const other = Object.entries(filledSamples(decision)).find(([name, sample]) => input[name] !== sample)?.[0];
  if (other !== undefined) {
    throw new Error(
      `the server has changed: the first attempt did not fill in ${JSON.stringify(other)} in the same way`,
    );
  }
  const sent: Record<string, unknown> = { ...input };
  if (key) sent[key.name] = keyText(key, upstreamKey);
  if (lookup) sent[lookup.marker.argument] = marker;
  return sent;
}

/**
 * Returns the server's schema with each filled-in argument as a constant default. So these arguments do not change a
 * call's fingerprint, whether the server takes them or not. A model sees `schemaForModel`.
 */
export function schemaWithSamples(schema: JsonSchema, sample: Readonly<Record<string, string>>): JsonSchema {
  const names = Object.keys(sample);
  if (names.length === 0) return schema;
  const constants = Object.fromEntries(Object.entries(sample).map(([name, text]) => [name, filledProperty(text)]));
  const { properties, required } = schema;
  return {
    ...schema,
    properties: { ...(properties as Record<string, unknown>), ...constants },
    ...defined({ required: Array.isArray(required) ? required.filter((each) => !names.includes(each)) : undefined }),
  };
}

/** Returns the schema without the arguments that are filled in. */
export function schemaForModel(schema: JsonSchema): JsonSchema {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, unknown>);
  const shown = properties.filter(([, property]) => !isFilled(property));
  return shown.length === properties.length ? schema : { ...schema, properties: Object.fromEntries(shown) };
}

const filledMark = 'x-mcp-once-filled';

function filledProperty(text: string): JsonSchema {
  return { type: 'string', default: text, [filledMark]: true };
}

function isFilled(property: unknown): boolean {
  return typeof property === 'object' && property !== null && filledMark in property;
}
