import { type CanonicalContext, NotExecuted, type RunContext, z } from 'mcp-once';
import type Stripe from 'stripe';
import { toCustomer, toId } from './answers.ts';
import { address, customerId, textOf } from './fields.ts';
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
 * invoice. A customer without an address keeps its id, and so does one of several with the same address. The id of a
 * customer who is created by the invoice would not do: the first call does not know it yet.
 */
export async function canonicalCustomer(
  { id, name, email }: InvoiceCustomer,
  read: CanonicalContext<Stripe>['read'],
): Promise<InvoiceCustomer> {
  if (id === undefined) return { name: name?.toLowerCase(), email: email?.toLowerCase() };
  const found = await read(`customer ${id}`, async (client) => {
    const { name, email } = toCustomer(await client.customers.retrieve(id));
    const others = email === null ? [] : (await client.customers.list({ email, limit: 2 })).data;
    return { name, email, isOnly: others.length === 1 };
  });
  if (found.email === null) return { id };
  const byAddress = { name: found.name?.toLowerCase(), email: found.email.trim().toLowerCase() };
  return found.isOnly ? byAddress : { ...byAddress, id };
}

/** Returns the id of the customer to bill: as given, found by e-mail address, or created. */
export async function resolveCustomer(given: InvoiceCustomer, ctx: RunContext<Stripe>): Promise<string> {
  const { id, name, email } = given;
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
  // Stripe compares addresses exactly.
  const spellings = [...new Set([email, email.toLowerCase()])];
  const lists = await Promise.all(
    spellings.map((spelling) => client.customers.list({ email: spelling, limit: namesakesMax })),
  );
  const data = lists.flatMap((list) => list.data);
  const hasMore = lists.some((list) => list.has_more);
  const [only] = data;
  if (only === undefined) return null;
  if (data.length === 1) return toId(only);
  const wanted = name.toLowerCase();
  const [named, ...others] = data.filter((customer) => customer.name?.toLowerCase() === wanted);
  if (named !== undefined && others.length === 0 && !hasMore) return toId(named);
  const ids = data.slice(0, 5).map((customer) => customer.id);
  throw new NotExecuted(
    `several customers have this e-mail address (${ids.join(', ')}${data.length > 5 || hasMore ? ', ...' : ''}): call again with the id of the one to bill`,
  );
}
