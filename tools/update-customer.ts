import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { customerOutput, toCustomer } from './parts/answers.ts';
import { customerId, email, given, textOf } from './parts/fields.ts';

const field = z.enum(['name', 'email', 'phone', 'description']);

export const updateCustomer = defineTool({
  name: 'update_customer',
  title: 'Update customer',
  description:
    "Changes a customer's name, e-mail address, phone number or description. Fields that are not given stay as they are; those listed in clear are emptied. The same change again within two minutes returns the first result, unless the customer was changed otherwise in between.",
  effect: 'update',
  input: z
    .strictObject({
      customer: customerId,
      name: textOf(256).optional().describe('New name.'),
      email: email.optional().describe('New e-mail address; stored in lower case.'),
      phone: textOf(20).optional().describe('New phone number.'),
      description: textOf(350).optional().describe('New note that only you see.'),
      clear: z.array(field).min(1).max(4).optional().describe('Fields to empty. A field is either given or cleared.'),
    })
    .refine((input) => field.options.some((name) => input[name] !== undefined) || input.clear !== undefined, {
      message: 'give at least one field to change or to clear',
    })
    .refine((input) => input.clear?.every((name) => input[name] === undefined) ?? true, {
      path: ['clear'],
      message: 'a field is either given or cleared, not both',
    })
    .meta({ minProperties: 2, dependentSchemas: Object.fromEntries(field.options.map(notCleared)) }),
  output: customerOutput,
  client: stripe,
  resource: ({ customer }) => `customer:${customer}`,
  // Setting the same fields again is harmless while no later write came in between.
  recovery: ['resend', 'natural'],
  async run({ customer, clear = [], ...fields }, { client, upstreamKey }) {
    // Stripe empties a field that is set to an empty string.
    const emptied = Object.fromEntries(clear.map((name) => [name, '']));
    const changes = { ...given(fields), ...emptied };
    const updated = await client.customers.update(customer, changes, { idempotencyKey: upstreamKey });
    return toCustomer(updated);
  },
});

/** Returns the rule of JSON Schema that a field which is given is not cleared. */
function notCleared(name: z.infer<typeof field>) {
  return [name, { properties: { clear: { not: { contains: { const: name } } } } }] as const;
}
