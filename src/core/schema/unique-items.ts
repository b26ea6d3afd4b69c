import { isObject } from '../json.ts';

/** The definition of `uniqueItems` for ajv, whose own one compares each item with each other item. */
export const uniqueItemsKeyword = Object.freeze({
  keyword: 'uniqueItems',
  type: 'array' as const,
  schemaType: 'boolean' as const,
  error: { message: 'must NOT have duplicate items' },
  compile: (isUnique: boolean) => (items: readonly unknown[]) => !isUnique || areUnique(items),
});

function areUnique(items: readonly unknown[]): boolean {
  const seen = new Set<unknown>();
  for (const item of items) {
    const key = typeof item === 'object' && item !== null ? `json:${sortedJson(item)}` : primitiveKey(item);
    if (seen.has(key)) return false;
    seen.add(key);
  }
  return true;
}

/** Keeps text apart from the keys of objects. */
function primitiveKey(item: unknown): unknown {
  return typeof item === 'string' ? `text:${item}` : item;
}

/** Writes equal values as equal text: the members of objects are sorted. */
function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${sortedJson(value[name])}`).join()}}`;
}
