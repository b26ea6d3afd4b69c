import { isObject } from '../json.ts';
import { normalised } from './phrases.ts';

/** What an error says about the idempotency key of its request. */
export type KeyTrouble =
  /** The key came with another request before, which may have taken effect. */
  | 'used'
  /** A request with the key is under way. */
  | 'busy';

/** How many causes of an error are read. */
const causesMax = 8;
const textCharsMax = 4_096;

/**
 * How upstreams say that a key came before: Stripe `idempotency_error`, Square IDEMPOTENCY_KEY_REUSED, AWS
 * IdempotentParameterMismatch, PayPal DUPLICATE_REQUEST_ID, and the IETF draft
 * (https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07#section-2.7).
 */
const usedPhrases: readonly RegExp[] = [
  /\bidempoten(?:t|cy)\b[^\n]{0,200}\b(?:same (?:param|request|payload|body|endpoint|arg|data)\w*|different|mismatch\w*|re ?used?|already|before|previously|conflict)\b/,
  /\b(?:different|other|another|mismatch\w*|duplicated?|re ?us(?:ed?|ing)|already used) (?:\w+ ){0,6}idempoten(?:t|cy)\b/,
  /\bduplicate request id\b|\brequest id (?:was |has been |is )?(?:already|re ?used)\b/,
];
const busyPhrases: readonly RegExp[] = [
  /\bidempoten(?:t|cy)\b[^\n]{0,200}\b(?:in use|in progress|in flight|outstanding|concurrent(?:ly)?|still)\b/,
  /\b(?:in progress|in flight|outstanding|concurrent|still) (?:\w+ ){0,8}idempoten(?:t|cy)\b/,
];

/** Reads what a text or code says about the key; undefined where it says nothing. */
export function keyTroubleIn(text: string): KeyTrouble | undefined {
  if (!/idempoten|request.?id/i.test(text)) return undefined;
  const plain = normalised(text.slice(0, textCharsMax));
  if (busyPhrases.some((pattern) => pattern.test(plain))) return 'busy';
  return usedPhrases.some((pattern) => pattern.test(plain)) ? 'used' : undefined;
}

/** Reads what an error, or one of its causes, says about the key. */
export function keyTroubleOf(error: unknown): KeyTrouble | undefined {
  let current = error;
  for (let depth = 0; depth < causesMax && isObject(current); depth += 1) {
    const { message, code, facts, cause } = current as UpstreamError;
    // The message of an error with facts is ours: only the facts are what the upstream said.
    const texts = 'facts' in current ? [...(facts?.texts ?? []), ...(facts?.codes ?? [])] : [message, code];
    for (const text of texts) {
      const trouble = typeof text === 'string' ? keyTroubleIn(text) : undefined;
      if (trouble !== undefined) return trouble;
    }
    current = cause;
  }
  return undefined;
}

/** The members of an error that may say so. */
interface UpstreamError {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly facts?: { readonly texts?: readonly string[]; readonly codes?: readonly string[] } | undefined;
  readonly cause?: unknown;
}
