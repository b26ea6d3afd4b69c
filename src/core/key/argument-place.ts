import type { KeepString } from './canonical-json.ts';
import { mentionsVerbatim, type Schema } from './schema-keywords.ts';
import { type ArgumentPlace, SchemaPlaces } from './schema-place.ts';

export type { ArgumentPlace, PropertyRule } from './schema-place.ts';

interface Known {
  readonly place: ArgumentPlace;
  readonly keepString: KeepString | undefined;
  readonly names: ReadonlySet<string>;
}

/** Caches what was read from each schema object. */
const memory = new WeakMap<Schema, Known>();

/** Returns the place of the arguments as a whole. A schema object must not change after its first use. */
export function placeOf(jsonSchema: Schema): ArgumentPlace {
  return known(jsonSchema).place;
}

/** Returns which strings are not normalised to NFC; undefined if the schema marks none. */
export function keepStringOf(jsonSchema: Schema): KeepString | undefined {
  return known(jsonSchema).keepString;
}

/** Returns whether the schema, or one of its branches, declares a property with this name. */
export function declaresProperty(jsonSchema: Schema, name: string): boolean {
  return known(jsonSchema).names.has(name);
}

/** Returns whether the string at `path`, relative to `place`, is marked as verbatim, directly or by a container. */
export function keepsString(place: ArgumentPlace, path: readonly (string | number)[]): boolean {
  let current = place;
  for (const step of path) {
    if (current.verbatim) return true;
    current = typeof step === 'number' ? current.item(step) : current.property(step).place;
  }
  return current.verbatim;
}

function known(jsonSchema: Schema): Known {
  let entry = memory.get(jsonSchema);
  if (entry === undefined) {
    const { root } = new SchemaPlaces(jsonSchema);
    const keepString: KeepString = (path) => keepsString(root, path);
    entry = { place: root, keepString: mentionsVerbatim(jsonSchema) ? keepString : undefined, names: root.named };
    memory.set(jsonSchema, entry);
  }
  return entry;
}
