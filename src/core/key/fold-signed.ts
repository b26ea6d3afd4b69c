import { isPlainObject } from './check-json.ts';

/** Longer texts stay as they are. */
const SIGNED_CHARS_MAX = 32_768;
/** A signed token (RFC 7515). One with disclosures (SD-JWT) stays: its claims are hashes with a salt. */
const JWS = /^eyJ[\w-]{2,}\.(eyJ[\w-]{2,})\.[\w-]+$/;
const BASE64_OBJECT = /^eyJ[\w+/-]+={0,2}$/;
/** Claims that are new in each token about the same thing (RFC 7519; OpenID Connect). */
const claimsOfTry: ReadonlySet<string> = new Set(['iat', 'nbf', 'exp', 'jti', 'nonce']);
/** Members of a signed payment of x402 that are new for each try. */
const paymentOfTry: ReadonlySet<string> = new Set([
  'signature',
  'nonce',
  'validAfter',
  'validBefore',
  'payment-identifier',
]);
const DEPTH_MAX = 16;

/**
 * Returns what a signed text is about: the claims of a token, or the payment in the header of x402. Each try has a new
 * signature, nonce and time. A text of another form, and one that is about nothing else, stays.
 */
export function foldSigned(text: string): string {
  if (!text.startsWith('eyJ') || text.length > SIGNED_CHARS_MAX) return text;
  const [, claims] = JWS.exec(text) ?? [];
  if (claims !== undefined) return written('jws', withoutMembers(objectIn(claims), claimsOfTry), text);
  if (!BASE64_OBJECT.test(text)) return text;
  const header = objectIn(text);
  if (header === undefined || !Object.hasOwn(header, 'x402Version')) return text;
  return written('x402', withoutMembers(header, paymentOfTry), text);
}

/** Returns what a payment of x402 among the arguments is about; undefined for another object. */
export function foldPayment(object: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  if (!Object.hasOwn(object, 'x402Version')) return undefined;
  return withoutMembers(object, paymentOfTry) as Record<string, unknown>;
}

function written(form: string, about: unknown, text: string): string {
  if (!isPlainObject(about) || Object.keys(about).length === 0) return text;
  return `${form} ${JSON.stringify(about)}`;
}

function objectIn(base64: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Leaves out members at any depth, and sorts the others. */
function withoutMembers(value: unknown, names: ReadonlySet<string>, depth = 0): unknown {
  if (depth > DEPTH_MAX) return value;
  if (Array.isArray(value)) return value.map((item) => withoutMembers(item, names, depth + 1));
  if (!isPlainObject(value)) return value;
  const kept = Object.entries(value).filter(([name]) => !names.has(name));
  kept.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutMembers(member, names, depth + 1)]));
}
