import { NotExecuted, type RunContext, z } from 'mcp-once';
import type Stripe from 'stripe';
import { toId } from './answers.ts';
import { customerId, email } from './fields.ts';
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
    name: z.string().trim().min(1).max(256).optional().describe('Name, for a customer who may have to be created.'),
    email: email.optional().describe('E-mail address, taken in lower case: finds the customer who has exactly it.'),
  })
  .refine(({ id, name, email }) => (id === undefined) !== (name === undefined || email === undefined), {
    message: 'give either id, or name and email',
  })
  .refine(({ id, name, email }) => id === undefined || (name === undefined && email === undefined), {
    message: 'with an id, leave name and email out',
  })
  .describe(
    'Who is billed: {"id"} of an existing customer, or {"name", "email"} to find by e-mail or create. Call again with the same ones: an invoice for the id and one for the address are two invoices.',
  );

export type InvoiceCustomer = z.infer<typeof invoiceCustomer>;

/** Returns the id of the customer to bill: as given, found by e-mail address, or created. */
export async function resolveCustomer(given: InvoiceCustomer, ctx: RunContext<Stripe>): Promise<string> {
  const { id, name, email } = given;
  if (id !== undefined) return id;
  if (name === undefined || email === undefined) throw new NotExecuted('the customer is not named');
  const found = await ctx.read(customerSteps.find, () => findCustomer(ctx.client, name, email));
  if (found !== null) return found.id;
  const created = await ctx.step(customerSteps.create, async (idempotencyKey) =>
    toId(await ctx.client.customers.create({ name, email, metadata: marked(ctx.marker) }, { idempotencyKey })),
  );
  return created.id;
}

/** Finds a customer by e-mail address. Among several, the name decides; if it is ambiguous, nobody is billed. */
async function findCustomer(client: Stripe, name: string, email: string): Promise<{ id: string } | null> {
  const { data, has_more: hasMore } = await client.customers.list({ email, limit: namesakesMax });
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
