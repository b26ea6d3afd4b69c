import { createHash } from 'node:crypto';
import { encryptionKeysOf } from '../../src/config/encryption-keys.ts';
import { codecFor, type EntryCodec } from '../../src/core/ledger/codec.ts';

/** Returns a value for MCP_ONCE_ENCRYPTION_KEYS with these ids. The same id always has the same key. */
export function keysText(...ids: readonly string[]): string {
  return ids.map((id) => `${id}:${createHash('sha256').update(id).digest('base64')}`).join();
}

/** Returns a codec that seals with the first of these keys and opens with all of them. */
export function codecWith(...ids: readonly string[]): EntryCodec {
  return codecFor(ids.length === 0 ? [] : encryptionKeysOf(keysText(...ids)));
}

/** Returns a function whose codecs alternate between two keys, like processes during a rotation of keys. */
export function rotatingCodecs(): () => EntryCodec {
  const codecs = [codecWith('old', 'new'), codecWith('new', 'old')] as const;
  let asked = 0;
  return () => {
    asked += 1;
    return codecs[asked % 2 === 0 ? 0 : 1];
  };
}
