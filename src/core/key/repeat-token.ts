import { createHmac, timingSafeEqual } from 'node:crypto';
import type { LaterOccurrence } from './derive-key.ts';

const TOKEN_FORMAT = 1;
/** 16 of 32 bytes are enough against guessing, since a token can only be tried online. */
const MAC_BYTES = 16;
/** `r1.<occurrence>.<generation>.<key>.<mac>`, the last two as 16 bytes in base64url; `u1` for an unknown outcome. */
const TOKEN = /^([ru])1\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.([\w-]{22})\.([\w-]{22})$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const COUNT_MAX = 999_999_999;

export interface RepeatTokenInput {
  /** Shared by all processes of a store. */
  readonly secret: string | Uint8Array;
  /** The key of the call's identity without any occurrence. */
  readonly baseKey: string;
  /** The key of the operation that was replayed. */
  readonly key: string;
  readonly generation: number;
  /** The occurrence of the replayed operation: 1 for the first. */
  readonly occurrence: number;
  /**
   * `repeat`: the caller has seen the result and wants another operation. `unknown`: the caller has checked that an
   * operation with an unknown outcome took no effect.
   */
  readonly kind: TokenKind;
}

export type TokenKind = 'repeat' | 'unknown';

export type OpenedToken =
  | { readonly ok: true; readonly kind: TokenKind; readonly later: LaterOccurrence }
  | { readonly ok: false; readonly reason: 'malformed' | 'forged' };

/**
 * Makes the proof that a caller has seen the replay of an operation and wants a second one. The token contains occurrence,
 * generation and key of the operation, and an HMAC-SHA256 (RFC 2104), cut to 128 bits, over them and the base key. It
 * needs no record, cannot be guessed, and is not valid for another operation. It has at most 68 characters of
 * `[A-Za-z0-9_.-]`.
 *
 * @throws RangeError for a key that is not a UUID, and for numbers that are not integers below 10^9
 */
export function makeRepeatToken(input: RepeatTokenInput): string {
  const { key, generation, occurrence } = input;
  if (!UUID.test(key)) throw new RangeError('a repeat token needs a key that is a UUID in lower case');
  if (!isCount(generation) || !isCount(occurrence))
    throw new RangeError('a repeat token needs whole counts below 10^9');
  const packed = Buffer.from(key.replaceAll('-', ''), 'hex').toString('base64url');
  return `${input.kind === 'repeat' ? 'r' : 'u'}1.${occurrence}.${generation}.${packed}.${macOf(input).toString('base64url')}`;
}

/**
 * Opens a token for the call whose identity has the key `baseKey`. The result is the occurrence after the replayed
 * operation. The same token always gives the same occurrence.
 *
 * `malformed`: not a token of this format. `forged`: invented, altered, or made with another secret or for another
 * operation. These cases cannot be distinguished.
 */
export function openRepeatToken(input: {
  readonly secret: string | Uint8Array;
  readonly baseKey: string;
  readonly token: string;
}): OpenedToken {
  const match = TOKEN.exec(input.token);
  if (match === null) return { ok: false, reason: 'malformed' };
  const [, letter, occurrenceText = '', generationText = '', packed = '', mac = ''] = match;
  const keyBytes = Buffer.from(packed, 'base64url');
  const macBytes = Buffer.from(mac, 'base64url');
  // 22 characters carry 4 bits more than 16 bytes. Only the canonical spelling is valid.
  if (keyBytes.toString('base64url') !== packed || macBytes.toString('base64url') !== mac) {
    return { ok: false, reason: 'malformed' };
  }
  const { secret, baseKey } = input;
  const kind: TokenKind = letter === 'r' ? 'repeat' : 'unknown';
  const claim = {
    kind,
    key: uuidText(keyBytes),
    generation: Number(generationText),
    occurrence: Number(occurrenceText),
  };
  if (!timingSafeEqual(macBytes, macOf({ secret, baseKey, ...claim }))) return { ok: false, reason: 'forged' };
  return {
    ok: true,
    kind,
    later: Object.freeze({ occurrence: claim.occurrence + 1, after: claim.key, generation: claim.generation }),
  };
}

/** A JSON array of strings and integers has a single text, so different inputs never share a MAC. */
function macOf({ secret, baseKey, key, generation, occurrence, kind }: RepeatTokenInput): Buffer {
  const claim = JSON.stringify([`mcp-once/${kind}`, TOKEN_FORMAT, baseKey, key, generation, occurrence]);
  return createHmac('sha256', secret).update(claim).digest().subarray(0, MAC_BYTES);
}

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= COUNT_MAX;
}
