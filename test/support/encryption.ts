import { createHash } from 'node:crypto';
import { encryptionKeysOf } from '../../src/config/encryption-keys.ts';
import { codecFor, type EntryCodec } from '../../src/core/ledger/codec.ts';

/** What the variable holds for keys of these ids: the same id, the same key. */
export function keysText(...ids: readonly string[]): string {
  return ids.map((id) => `${id}:${createHash('sha256').update(id).digest('base64')}`).join();
}

/** A codec that seals with the first of these keys, and opens with all. */
export function codecWith(...ids: readonly string[]): EntryCodec {
  return codecFor(ids.length === 0 ? [] : encryptionKeysOf(keysText(...ids)));
}

/** Processes in the middle of a rotation: each codec that is asked for seals with another key than the one before. */
export function rotatingCodecs(): () => EntryCodec {
  const codecs = [codecWith('old', 'new'), codecWith('new', 'old')] as const;
  let asked = 0;
  return () => {
    asked += 1;
    return codecs[asked % 2 === 0 ? 0 : 1];
  };
}
