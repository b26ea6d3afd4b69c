import type { Keyv } from 'keyv';
import { McpOnceError } from '../../errors.ts';

/** Separates a namespace from a key in the store, as in `@keyv/redis`. */
export const namespaceSeparator = '::';
export const defaultNamespace = 'mcp-once';

/** Converts between the keys of a Keyv instance and the keys in its store. */
export interface KeyNames {
  readonly prefix: string;
  toStore(key: string): string;
  fromStore(stored: string): string;
}

export function keyNames(prefix: string): KeyNames {
  return {
    prefix,
    toStore: (key) => prefix + key,
    fromStore: (stored) => stored.slice(prefix.length),
  };
}

/** An adapter that adds its own prefix to keys, such as `@keyv/redis` and the SQLite adapter. */
export interface PrefixingAdapter {
  readonly namespace?: string | undefined;
  createKeyPrefix(key: string, namespace?: string): string;
}

/**
 * Returns the names that `keyv.get(key)` uses: Keyv adds its prefix to the key (`useKeyPrefix`), and the adapter adds its
 * own prefix to the result.
 */
export function keyNamesOf(keyv: Keyv, adapter: PrefixingAdapter): KeyNames {
  const ofKeyv = keyv.useKeyPrefix && keyv.namespace ? `${keyv.namespace}:` : '';
  return keyNames(adapter.createKeyPrefix(ofKeyv, adapter.namespace));
}

/**
 * Checks that a Keyv instance uses Keyv's default format, which the primitives write directly to the store.
 * @throws McpOnceError `configuration_invalid` if it does not
 */
export function assertDefaultFormat(keyv: Keyv): void {
  const probe = keyv.compression ? undefined : keyv.serialize?.({ value: ':' });
  if (probe === '{"value":"::"}') return;
  throw new McpOnceError(
    'configuration_invalid',
    'The Keyv instance has its own serializer or compression, but the ledger needs Keyv\'s default format: leave "serialize", "deserialize" and "compression" out.',
  );
}
