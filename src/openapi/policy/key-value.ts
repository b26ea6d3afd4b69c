import type { OperationPolicy } from './policy.ts';

/**
 * The derived key as the provider takes it: cut to its length where it has to be (a UUID's hyphens go first, 64
 * bits are left at the least), in quotes where it wants a structured-field string (RFC 9651 section 3.3.3).
 */
export function keyValue(key: NonNullable<OperationPolicy['key']>, derived: string): string {
  const short = derived.length <= key.keyCharsMax ? derived : derived.replaceAll('-', '').slice(0, key.keyCharsMax);
  return key.quoting === 'quoted' ? `"${short}"` : short;
}

/**
 * The id of something that the client names itself: a UUID out of the marker, which is the same for every sending,
 * recovery and attempt of one operation, and for no other operation.
 */
export function clientIdOf(marker: string, charsMax: number): string {
  const hex = marker.replace(/^mcp_once_/, '').replaceAll('-', '');
  if (charsMax < 36) return hex;
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
