import { type CanonicalContext, NotExecuted, type RunContext, z } from 'mcp-once';
import type Stripe from 'stripe';
import { type CustomerOutput, toCustomer, toId } from './answers.ts';
import { address, customerId, given, textOf } from './fields.ts';
import { marked } from './marker.ts';

/** Step names, shared with the lookup that returns their results. */
export const customerSteps = { find: 'find customer', create: 'customer' } as const;

/** How many customers with one e-mail address are compared. */
const namesakesMax = 100;

/**
 * The customer to bill. One object with optional fields instead of a union, since models fill it more reliably and
 * some write null for omitted fields.
 */
export const invoiceCustomer = z
  .strictObject({
    id: customerId.optional(),
    name: textOf(256).optional().describe('Name, for a customer who may have to be created.'),
    email: address.optional().describe('E-mail address: finds the customer who has it, as written or in lower case.'),
  })
  .refine(({ id, name, email }) => (id === undefined) !== (name === undefined || email === undefined), {
    message: 'give either id, or name and email',
  })
  .refine(({ id, name, email }) => id === undefined || (name === undefined && email === undefined), {
    message: 'with an id, leave name and email out',
  })
  .meta({
    anyOf: [
      { required: ['id'], not: { anyOf: [{ required: ['name'] }, { required: ['email'] }] } },
      { required: ['name', 'email'], not: { required: ['id'] } },
    ],
  })
  .describe('Who is billed: {"id"} of an existing customer, or {"name", "email"} to find by e-mail or create.');

export type InvoiceCustomer = z.infer<typeof invoiceCustomer>;

/**
 * Names a customer by name and e-mail address, however the call does, so that the id and the address mean the same
 * invoice. The id of a customer who is created by the invoice would not do: the first call does not know it yet. Of
 * several customers with one address, the oldest is named like the only one, so that a customer who is added later
 * changes nothing. The others keep their ids, and so does a customer without an address.
 */
export async function canonicalCustomer(
  { id, name, email }: InvoiceCustomer,
  read: CanonicalContext<Stripe>['read'],
): Promise<InvoiceCustomer> {
  if (id !== undefined) {
    return read(`customer to bill: ${id}`, async (client) =>
      formOf(client, toCustomer(await client.customers.retrieve(id))),
    );
  }
  const written = { name: name?.toLowerCase() ?? '', email: email?.toLowerCase() ?? '' };
  try {
    return await read(`customer to bill: ${JSON.stringify(written)}`, async (client) => {
      const named = (await customersAt(client, email ?? '')).filter(hasName(written.name));
      const [only] = named;
      if (only === undefined || named.length > 1) throw new NobodyYet();
      return formOf(client, only);
    });
  } catch (error) {
    if (error instanceof NobodyYet) return written;
    throw error;
  }
}

/** Thrown so that the ledger keeps no answer: a customer of this name may be created before the next call. */
class NobodyYet extends Error {}

async function formOf(client: Stripe, { id, name, email }: CustomerOutput): Promise<InvoiceCustomer> {
  if (email === null) return { id };
  const form = { ...given({ name: name?.toLowerCase() }), email: email.trim().toLowerCase() };
  const { data } = await client.customers.list({ email, limit: namesakesMax });
  // Stripe lists the latest first. Where there are more, the oldest is not known, and the address stands for all.
  const isOldest = data.length === namesakesMax || data.length === 0 || data.at(-1)?.id === id;
  return isOldest ? form : { ...form, id };
}

function hasName(wanted: string) {
  return ({ name }: { readonly name?: string | null }): boolean => name?.toLowerCase() === wanted;
}

/** Returns the customers with an e-mail address, as written and in lower case: Stripe compares addresses exactly. */
async function customersAt(client: Stripe, email: string): Promise<readonly CustomerOutput[]> {
  const spellings = [...new Set([email, email.toLowerCase()])];
  const lists = await Promise.all(
    spellings.map((spelling) => client.customers.list({ email: spelling, limit: namesakesMax })),
  );
  return lists.flatMap((list) => list.data.map(toCustomer));
}

/** Returns the id of the customer to bill: as given, found by e-mail address, or created. */
export async function resolveCustomer({ id, name, email }: InvoiceCustomer, ctx: RunContext<Stripe>): Promise<string> {
  if (id !== undefined) return id;
  if (name === undefined || email === undefined) throw new NotExecuted('the customer is not named');
  const found = await ctx.read(customerSteps.find, () => findCustomer(ctx.client, name, email));
  if (found !== null) return found.id;
  const created = await ctx.step(customerSteps.create, async (idempotencyKey) =>
    toId(await ctx.client.customers.create(newCustomer(name, email, ctx.marker), { idempotencyKey })),
  );
  return created.id;
}

function newCustomer(name: string, email: string, marker: string) {
  return { name, email: email.toLowerCase(), metadata: marked(marker) };
}

/** Finds a customer by e-mail address. Among several, the name decides; if it is ambiguous, nobody is billed. */
async function findCustomer(client: Stripe, name: string, email: string): Promise<{ id: string } | null> {
  const data = await customersAt(client, email);
  const hasMore = data.length >= namesakesMax;
  const [only] = data;
  if (only === undefined) return null;
  if (data.length === 1) return toId(only);
  const [named, ...others] = data.filter(hasName(name.toLowerCase()));
  if (named !== undefined && others.length === 0 && !hasMore) return toId(named);
  const ids = data.slice(0, 5).map((customer) => customer.id);
  throw new NotExecuted(
    `several customers have this e-mail address (${ids.join(', ')}${data.length > 5 || hasMore ? ', ...' : ''}): call again with the id of the one to bill`,
  );
}
