import { createHash, randomBytes } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A new id as Stripe writes them: a prefix and 24 letters and digits, such as `in_1Q...`. */
export function newId(prefix: string): string {
  return `${prefix}_${letters(randomBytes(24))}`;
}

/** The account of an API key. One key, one account: the sandbox has no dashboard to make more keys in. */
export function accountOf(apiKey: string): string {
  return `acct_${letters(createHash('sha256').update(apiKey).digest()).slice(0, 16)}`;
}

/** The prefix of a customer's invoice numbers: eight capitals and digits, from its id. */
export function invoicePrefixOf(customerId: string): string {
  return createHash('sha256').update(customerId).digest('hex').slice(0, 8).toUpperCase();
}

function letters(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += alphabet.charAt(byte % alphabet.length);
  return out;
}
