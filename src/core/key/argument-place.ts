import type { KeepString } from './canonical-json.ts';
import { mentionsVerbatim, type Schema } from './schema-keywords.ts';
import { type ArgumentPlace, SchemaPlaces } from './schema-place.ts';

export type { ArgumentPlace, PropertyRule } from './schema-place.ts';

interface Known {
  readonly place: ArgumentPlace;
  readonly keepString: KeepString | undefined;
  readonly names: ReadonlySet<string>;
}

/** A memory only, so that a schema is read once: the same schema object always gives the same answers. */
const memory = new WeakMap<Schema, Known>();

/** The place of the arguments as a whole. A schema object must not change after its first use. */
export function placeOf(jsonSchema: Schema): ArgumentPlace {
  return known(jsonSchema).place;
}

/** Says which strings stay out of Unicode normalisation; undefined when the schema names none. */
export function keepStringOf(jsonSchema: Schema): KeepString | undefined {
  return known(jsonSchema).keepString;
}

/** True when the tool's own schema, or a branch of it, has a property of this name. */
export function declaresProperty(jsonSchema: Schema, name: string): boolean {
  return known(jsonSchema).names.has(name);
}

/** Whether a string at `path`, counted from `place`, stays as it is: it or what it lies in is marked so. */
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
