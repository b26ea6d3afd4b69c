import { Counter } from './limits.ts';

/** How many requests to an issuer may be open at once. */
export interface IntrospectionSlotSettings {
  /** For all tokens together, whether or not they were good before. */
  readonly sharedMax: number;
  /** For tokens that were good before, in addition. */
  readonly reservedMax: number;
  /** How many of the reserved slots one subject may hold. */
  readonly reservedPerSubjectMax: number;
}

export const introspectionSlots: IntrospectionSlotSettings = Object.freeze({
  sharedMax: 128,
  reservedMax: 32,
  reservedPerSubjectMax: 8,
});

/** Gives a slot back. */
type Release = () => void;

/**
 * Shares the requests to an issuer among the peers that cause them, because anybody can send random tokens. A peer may
 * hold as many shared slots as are free, so one peer takes half of them at most and leaves the others some. Tokens that
 * were good before have slots of their own, which no number of peers can take.
 */
export class IntrospectionSlots {
  readonly #settings: IntrospectionSlotSettings;
  readonly #peers = new Counter();
  readonly #subjects = new Counter();
  #sharedFree: number;
  #reservedFree: number;

  constructor(settings: IntrospectionSlotSettings) {
    this.#settings = settings;
    this.#sharedFree = settings.sharedMax;
    this.#reservedFree = settings.reservedMax;
  }

  /**
   * Returns undefined when no slot is free for the caller.
   * @param peer the caller's address, as `peerGroup` returns it
   * @param knownSubject the subject of a token that was good before
   */
  take(peer: string, knownSubject: string | undefined): Release | undefined {
    const isReserved =
      knownSubject !== undefined &&
      this.#reservedFree > 0 &&
      this.#subjects.of(knownSubject) < this.#settings.reservedPerSubjectMax;
    return isReserved ? this.#takeReserved(knownSubject) : this.#takeShared(peer);
  }

  #takeReserved(subject: string): Release {
    this.#reservedFree -= 1;
    this.#subjects.add(subject);
    return () => {
      this.#reservedFree += 1;
      this.#subjects.remove(subject);
    };
  }

  #takeShared(peer: string): Release | undefined {
    if (this.#peers.of(peer) >= this.#sharedFree) return undefined;
    this.#sharedFree -= 1;
    this.#peers.add(peer);
    return () => {
      this.#sharedFree += 1;
      this.#peers.remove(peer);
    };
  }
}

/**
 * Returns the part of an address that one caller cannot change at will: an IPv4 address, or the first 64 bits of an
 * IPv6 address.
 */
export function peerGroup(address = ''): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [head = '', tail] = address.split('::');
  const [first, last] = [wordsOf(head), wordsOf(tail ?? '')];
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0');
  const network = [...first, ...zeros, ...last].slice(0, 4);
  return `${network.map((word) => Number.parseInt(word, 16).toString(16)).join(':')}::/64`;
}

function wordsOf(part: string): readonly string[] {
  return part === '' ? [] : part.split(':');
}
