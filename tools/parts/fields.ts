import { z } from 'mcp-once';

/** Input fields that several tools share. */

/** Stripe takes amounts of at most eight digits. */
export const amountMax = 99_999_999;

export const currency = z
  .string()
  .regex(/^[A-Za-z]{3}$/, 'must be a three-letter ISO 4217 code')
  .toLowerCase()
  .describe('Three-letter ISO 4217 code, such as "usd" or "eur".');

export const minorUnits = z.int().min(1).max(amountMax);

/** A text that is not blank. */
export function textOf(charsMax: number) {
  return z.string().trim().min(1).max(charsMax).regex(/\S/, 'must not be blank');
}

/** An e-mail address as it was written. */
export const address = z.string().trim().max(254).check(z.email());
export const email = address.toLowerCase();

export const dueDays = z.int().min(1).max(365);
export const memo = textOf(1_000);

export const customerId = idOf('a customer', 'cus').describe('Customer id, such as "cus_123".');
export const invoiceId = idOf('an invoice', 'in').describe('Invoice id, such as "in_123" (not its number).');

/** Returns a schema for ids of Stripe objects with these prefixes. It accepts only characters that are safe in a path. */
export function idOf(what: string, ...prefixes: readonly [string, ...string[]]) {
  const prefix = prefixes.length === 1 ? prefixes[0] : `(${prefixes.join('|')})`;
  const examples = prefixes.map((each) => `${each}_...`).join(' or ');
  return z
    .string()
    .max(255)
    .regex(new RegExp(`^${prefix}_[A-Za-z0-9_]+$`), `must be the id of ${what}: ${examples}`);
}

/** Drops undefined fields: Stripe's parameters are either absent or set. */
export function given<T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof T]?: Exclude<T[Name], undefined> };
}

/** One page of a list. */
export const page = {
  limit: z.int().min(1).max(100).default(20).describe('How many to return at most, 1 to 100. Default 20.'),
  after: z.string().max(255).regex(/^\w+$/).optional().describe('To get the next page: the "next" of the page before.'),
};

export const nextOutput = z
  .string()
  .nullable()
  .describe('Pass it as "after" to get the next page; null when this is the last.');

/** Returns the id that the next page starts after, or null on the last page. */
export function nextOf(list: { readonly data: readonly { readonly id: string }[]; readonly has_more: boolean }) {
  return list.has_more ? (list.data.at(-1)?.id ?? null) : null;
}
