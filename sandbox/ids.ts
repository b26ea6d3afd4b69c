import { createHash, randomBytes } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Returns a new id in Stripe's form: a prefix and 24 letters and digits, such as `in_1Q...`. */
export function newId(prefix: string): string {
  return `${prefix}_${letters(randomBytes(24))}`;
}

/**
 * Returns the API key that `serve` hands to its clients. It names the data file, so that operations are recognised
 * after a restart, whatever the port is then.
 */
export function localKeyOf(dataFile: string): string {
  return `sk_test_sandbox_${createHash('sha256').update(dataFile).digest('hex').slice(0, 16)}`;
}

/**
 * Returns the account of an API key. Each key has its own account, except that the keys of `localKeyOf` share
 * the account of `sk_test_sandbox`. A person with that key sees the same objects.
 */
export function accountOf(apiKey: string): string {
  const key = apiKey.replace(/^(sk_test_sandbox)_[0-9a-f]{16}$/, '$1');
  return `acct_${letters(createHash('sha256').update(key).digest()).slice(0, 16)}`;
}

/** Derives the prefix of a customer's invoice numbers from its id: eight capitals and digits. */
export function invoicePrefixOf(customerId: string): string {
  return createHash('sha256').update(customerId).digest('hex').slice(0, 8).toUpperCase();
}

function letters(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += alphabet.charAt(byte % alphabet.length);
  return out;
}
