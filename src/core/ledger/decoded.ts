import type { EntryCodec } from './codec.ts';
import { remember } from './lapse.ts';
import type { Held, LedgerEntry } from './record.ts';

/** How many records, and of how many characters, are kept decoded. */
const decodedMax = 256;
const decodedCharsMax = 16_384;

/** Reads entries; what was replayed lately is not parsed and checked again, since the same bytes say the same. */
export class DecodedEntries {
  readonly #codec: EntryCodec;
  readonly #known = new Map<string, Held>();

  constructor(codec: EntryCodec) {
    this.#codec = codec;
  }

  /** @throws McpOnceError `record_unreadable` */
  decode(key: string, bytes: string): LedgerEntry {
    const known = this.#known.get(key);
    if (known?.bytes === bytes) return known.record;
    const entry = this.#codec.decode(key, bytes);
    if (entry.kind === 'operation' && entry.status.state === 'succeeded' && bytes.length <= decodedCharsMax) {
      remember(this.#known, decodedMax, key, { record: deepFreeze(entry), bytes });
    }
    return entry;
  }
}

/** Its readers share it: whoever changed it would change every later replay. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
