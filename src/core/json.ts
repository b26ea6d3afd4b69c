/** A JSON Schema 2020-12. The type says only that it is an object: its keywords are unchecked data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A JSON object whose members are unchecked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Tests whether a value is a JSON object: neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the value if it is a JSON object, otherwise an empty object. Reads members of unchecked data. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

/** Returns the value if it is an array, otherwise an empty array. */
export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Returns the value if it is a string that is not blank, otherwise undefined. */
export function nonBlankText(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

/** Extends a JSON pointer by one member name or index (RFC 6901, section 3). */
export function appendToPointer(pointer: string, token: string): string {
  return `${pointer}/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Splits a JSON pointer into unescaped tokens. An empty pointer, which names the whole value, has none. */
export function pointerTokens(pointer: string): string[] {
  return pointer.split('/').slice(1).map(unescapePointerToken);
}

/** Decodes `~1` and `~0` in one token of a JSON pointer (RFC 6901, section 4). */
export function unescapePointerToken(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
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
