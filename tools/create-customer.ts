import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { customerOutput, toCustomer } from './parts/answers.ts';
import { email, given, textOf } from './parts/fields.ts';
import { findMarked, marked, pageSize, since } from './parts/marker.ts';

export const createCustomer = defineTool({
  name: 'create_customer',
  title: 'Create customer',
  description:
    'Creates a customer who can then be invoiced or charged. Needs a name or an e-mail address. It does not look for an existing customer: use list_customers with the e-mail first if there may be one. A repeat with the same e-mail (or, without one, the same name) within 24 hours returns the first result and creates nothing.',
  effect: 'create',
  input: z
    .strictObject({
      name: textOf(256).optional().describe("The person's or company's name."),
      email: email.optional().describe('Where invoices go. Compared and stored in lower case.'),
      phone: textOf(20).optional().describe('Phone number.'),
      description: textOf(350).optional().describe('A note that only you see.'),
    })
    .refine(({ name, email }) => name !== undefined || email !== undefined, {
      message: 'a customer needs a name or an email',
    })
    // Some providers of models refuse anyOf at the root of a tool's schema.
    .meta({ if: { required: ['name'] }, else: { required: ['email'] } }),
  output: customerOutput,
  client: stripe,
  identity: ({ name, email }) => (email === undefined ? { name: name?.toLowerCase() } : { email }),
  conflictAdvice: () => 'To change the first customer, call update_customer.',
  recovery: ['resend', 'reconcile'],
  async lookup(_, { client, marker, sinceMs }) {
    // Not by e-mail address, which may have been changed since.
    const found = await findMarked(client.customers.list({ created: since(sinceMs), limit: pageSize }), marker);
    return found.status === 'found' ? { status: 'found', result: toCustomer(found.object) } : found;
  },
  async run(input, { client, marker, upstreamKey }) {
    const customer = await client.customers.create(
      { ...given(input), metadata: marked(marker) },
      { idempotencyKey: upstreamKey },
    );
    return toCustomer(customer);
  },
});
