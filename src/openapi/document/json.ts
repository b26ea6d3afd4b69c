/** A JSON object of unknown members. */
export type Members = Readonly<Record<string, unknown>>;

/** True for what JSON calls an object. */
export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The members of an object, and none of anything else. */
export function membersOf(value: unknown): Members {
  return isMembers(value) ? value : {};
}

/** The elements of an array, and none of anything else. */
export function elementsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A text that says something, or undefined. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

/** A JSON pointer one step further down (RFC 6901, section 3). */
export function pointerTo(pointer: string, token: string): string {
  return `${pointer}/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Something in a document that keeps an operation from being served. Callers add where. */
export class DocumentFault extends Error {}
