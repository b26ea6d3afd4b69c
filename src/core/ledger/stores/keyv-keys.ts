import type { Keyv } from 'keyv';
import { McpOnceError } from '../../errors.ts';

/** What stands between a namespace and a key in the store, as in `@keyv/redis`. */
export const namespaceSeparator = '::';
export const defaultNamespace = 'mcp-once';

/** How a Keyv instance and its adapter name a key in the store, and back. */
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

/** An adapter that prefixes keys by itself, as `@keyv/redis` and our SQLite adapter do. */
export interface PrefixingAdapter {
  readonly namespace?: string | undefined;
  createKeyPrefix(key: string, namespace?: string): string;
}

/**
 * The names that `keyv.get(key)` uses: Keyv puts its own prefix before the key (`useKeyPrefix`), then the
 * adapter puts its prefix before that.
 */
export function keyNamesOf(keyv: Keyv, adapter: PrefixingAdapter): KeyNames {
  const ofKeyv = keyv.useKeyPrefix && keyv.namespace ? `${keyv.namespace}:` : '';
  return keyNames(adapter.createKeyPrefix(ofKeyv, adapter.namespace));
}

/**
 * The primitives write Keyv's default format past Keyv, so the instance must use it too.
 * @throws McpOnceError `configuration_invalid` when it does not.
 */
export function assertDefaultFormat(keyv: Keyv): void {
  const probe = keyv.compression ? undefined : keyv.serialize?.({ value: ':' });
  if (probe === '{"value":"::"}') return;
  throw new McpOnceError(
    'configuration_invalid',
    'The Keyv instance has a serializer or a compression of its own: the ledger needs Keyv\'s default format, leave "serialize", "deserialize" and "compression" out.',
  );
}
