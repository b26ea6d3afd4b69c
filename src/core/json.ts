/** A JSON Schema 2020-12. The type says only that it is an object: its keywords are unchecked data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A JSON object: neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value where it is a JSON object, else an empty one: for looking up members of unchecked data. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

type Defined<Members> = { [Name in keyof Members]?: Exclude<Members[Name], undefined> };

/**
 * Drops the members whose value is undefined, for types that tell an absent member from an undefined one.
 *
 * @example
 * defined({ prefix, account }) // { account: 'main' } where prefix is undefined
 */
export function defined<Members extends object>(members: Members): Defined<Members> {
  const kept: Defined<Members> = {};
  for (const name of Object.keys(members) as (keyof Members)[]) {
    const value = members[name];
    if (value !== undefined) kept[name] = value as Exclude<Members[keyof Members], undefined>;
  }
  return kept;
}
