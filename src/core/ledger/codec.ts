import { z } from 'zod';
import { McpOnceError } from '../errors.ts';
import { type EncryptionKey, seal, unseal } from './encryption.ts';
import {
  decodeEntry,
  encodeEntry,
  entryOf,
  isSealed,
  type LedgerEntry,
  readValue,
  recordFormat,
  sealedKind,
  storedForm,
} from './record.ts';
import { encodeEnvelope } from './stores/envelope.ts';

/**
 * How entries become the bytes of a store, and are read again. What the ledger compares and replaces are always the
 * stored bytes themselves, so that a store, and the state table, know nothing of encryption.
 */
export interface EntryCodec {
  /** @param key under which the bytes are stored: bytes that are sealed open under no other. */
  encode(key: string, entry: LedgerEntry): string;
  /** @throws McpOnceError `record_unreadable` */
  decode(key: string, bytes: string): LedgerEntry;
  /** False for an entry that `encode` would seal otherwise: with another key, or at all. */
  isCurrent(bytes: string): boolean;
}

/** Entries as they are, in JSON. */
export const plainCodec: EntryCodec = Object.freeze({
  encode: (_: string, entry: LedgerEntry) => encodeEntry(entry),
  decode: (_: string, bytes: string) => decodeEntry(bytes),
  isCurrent: () => true,
});

const sealed = z.object({
  v: z.literal(recordFormat),
  kind: z.literal(sealedKind),
  keyId: z.string(),
  box: z.string(),
});

/**
 * Entries sealed with the first of the keys, and opened with whichever of them they were sealed with. What was
 * written before anything was sealed is read as it is. Without keys: `plainCodec`.
 */
export function codecFor(keys: readonly EncryptionKey[]): EntryCodec {
  const [first] = keys;
  if (first === undefined) return plainCodec;
  const known = new Map(keys.map((key) => [key.id, key]));
  // Base64 is the same in JSON: what stands around it is made once.
  const empty = encodeEnvelope({ v: recordFormat, kind: sealedKind, keyId: first.id, box: '' });
  const [before, after] = [empty.slice(0, -3), empty.slice(-3)];
  return Object.freeze({
    encode(key: string, entry: LedgerEntry): string {
      return before + seal(first, key, JSON.stringify(storedForm(entry))) + after;
    },
    decode(key: string, bytes: string): LedgerEntry {
      const value = readValue(bytes);
      return isSealed(value) ? entryOf(opened(known, key, value)) : entryOf(value);
    },
    isCurrent(bytes: string): boolean {
      const parsed = sealed.safeParse(readValue(bytes));
      return parsed.success && parsed.data.keyId === first.id;
    },
  });
}

function opened(known: ReadonlyMap<string, EncryptionKey>, key: string, value: unknown): unknown {
  const parsed = sealed.safeParse(value);
  if (!parsed.success) throw unreadable('the stored record is encrypted in a way that this version does not read');
  const { keyId, box } = parsed.data;
  const used = known.get(keyId);
  if (!used) {
    const id = JSON.stringify(keyId.slice(0, 64));
    throw unreadable(`the stored record is encrypted with the key ${id}, which is not in MCP_ONCE_ENCRYPTION_KEYS`);
  }
  const text = unseal(used, key, box);
  if (text === undefined) {
    throw unreadable(
      `the stored record does not open with the key ${JSON.stringify(keyId)}: it was changed, it belongs to another operation, or that id now names another key`,
    );
  }
  return JSON.parse(text);
}

function unreadable(message: string): McpOnceError {
  return new McpOnceError('record_unreadable', message);
}
