import { z } from 'zod';
import { BoundedMap } from '../bounded-map.ts';
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
  type StoredRecord,
  sealedKind,
  storedForm,
} from './record.ts';
import { encodeEnvelope } from './stores/envelope.ts';

/**
 * Encodes entries to the bytes in a store, and decodes them. The ledger compares and replaces stored bytes only, so
 * stores and the state table need no knowledge of encryption.
 */
export interface EntryCodec {
  /** @param key the key in the store. Sealed bytes can be opened under this key only. */
  encode(key: string, entry: LedgerEntry): string;
  /** @throws McpOnceError `record_unreadable`, also for an entry that names another key */
  decode(key: string, bytes: string): LedgerEntry;
  /** Returns false for bytes that `encode` would seal with another encryption key, or seal at all. */
  isCurrent(bytes: string): boolean;
}

/** Stores entries as JSON, not encrypted. */
export const plainCodec: EntryCodec = Object.freeze({
  encode: (_: string, entry: LedgerEntry) => encodeEntry(entry),
  decode: (key: string, bytes: string) => checkedKey(key, decodeEntry(bytes)),
  isCurrent: () => true,
});

const sealed = z.object({
  v: z.literal(recordFormat),
  kind: z.literal(sealedKind),
  keyId: z.string(),
  box: z.string(),
});

export interface CodecOptions {
  /**
   * Refuses entries that are not sealed. Somebody who can write to the store, but has no key, can then not replace an
   * entry by a plain one.
   * @defaultValue false, so that entries from before encryption stay readable
   */
  readonly sealedOnly?: boolean;
}

/**
 * Returns a codec that seals entries with the first key and opens entries sealed with any of the keys. It also reads
 * entries that are not sealed, unless `sealedOnly` is set. Without keys it returns `plainCodec`.
 */
export function codecFor(keys: readonly EncryptionKey[], { sealedOnly = false }: CodecOptions = {}): EntryCodec {
  const [first] = keys;
  if (first === undefined) return plainCodec;
  const known = new Map(keys.map((key) => [key.id, key]));
  // JSON does not escape base64, so the text around it is the same for every entry.
  const empty = encodeEnvelope({ v: recordFormat, kind: sealedKind, keyId: first.id, box: '' });
  const [before, after] = [empty.slice(0, -3), empty.slice(-3)];
  return Object.freeze({
    encode(key: string, entry: LedgerEntry): string {
      return before + seal(first, key, JSON.stringify(storedForm(entry))) + after;
    },
    decode(key: string, bytes: string): LedgerEntry {
      const value = readValue(bytes);
      if (isSealed(value)) return checkedKey(key, entryOf(opened(known, key, value)));
      if (sealedOnly) throw unreadable(plainRefused);
      return checkedKey(key, entryOf(value));
    },
    isCurrent(bytes: string): boolean {
      const parsed = sealed.safeParse(readValue(bytes));
      return parsed.success && parsed.data.keyId === first.id;
    },
  });
}

const plainRefused =
  'the stored record is not encrypted, and sealedOnly accepts only encrypted ones: if it is from before encryption, start without sealedOnly until it has expired; otherwise find out who wrote it to the store';

/**
 * Checks that an entry belongs to the key. A store may return the entry of another key after a fault, or somebody may
 * have copied it. A secret names no key, and the readers of other entries refuse its kind.
 */
function checkedKey(key: string, entry: LedgerEntry): LedgerEntry {
  if (entry.kind === 'secret' || entry.key === key) return entry;
  throw unreadable(
    'the stored record belongs to another key: the store returned a wrong record, or somebody copied it',
  );
}

function opened(known: ReadonlyMap<string, EncryptionKey>, key: string, value: unknown): unknown {
  const parsed = sealed.safeParse(value);
  if (!parsed.success) throw unreadable('this version cannot read the encryption format of the stored record');
  const { keyId, box } = parsed.data;
  const used = known.get(keyId);
  if (!used) {
    const id = JSON.stringify(keyId.slice(0, 64));
    throw unreadable(`the stored record is encrypted with the key ${id}, which is not in MCP_ONCE_ENCRYPTION_KEYS`);
  }
  const text = unseal(used, key, box);
  if (text === undefined) {
    throw unreadable(
      `the stored record cannot be decrypted with the key ${JSON.stringify(keyId)}: the record was altered or belongs to another operation, or this id now names another key`,
    );
  }
  return JSON.parse(text);
}

function unreadable(message: string): McpOnceError {
  return new McpOnceError('record_unreadable', message);
}

/** How many records are kept decoded. */
const decodedMax = 256;
/** The longest stored record that is kept decoded, in characters. */
const decodedCharsMax = 16_384;

/** Decodes entries. Keeps records that were replayed lately, so that the same bytes are not parsed and checked again. */
export class DecodedEntries {
  readonly #codec: EntryCodec;
  readonly #known = new BoundedMap<string, StoredRecord>(decodedMax);

  constructor(codec: EntryCodec) {
    this.#codec = codec;
  }

  /** @throws McpOnceError `record_unreadable` */
  decode(key: string, bytes: string): LedgerEntry {
    const known = this.#known.get(key);
    if (known?.bytes === bytes) return known.record;
    const entry = this.#codec.decode(key, bytes);
    if (entry.kind === 'operation' && entry.status.state === 'succeeded' && bytes.length <= decodedCharsMax) {
      this.#known.set(key, { record: deepFreeze(entry), bytes });
    }
    return entry;
  }
}

/** Freezes a record that many replays share. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
