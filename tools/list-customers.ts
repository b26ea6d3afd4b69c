import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { customerOutput, toCustomer } from './parts/answers.ts';
import { given, nextOf, nextOutput, page } from './parts/fields.ts';

export const listCustomers = defineTool({
  name: 'list_customers',
  title: 'List customers',
  description:
    'Lists customers, newest first, a page at a time; those with one e-mail address, if asked. Changes nothing.',
  effect: 'read',
  input: z.strictObject({
    email: z
      .email()
      .max(254)
      .optional()
      .describe('Only customers with exactly this address; upper and lower case differ.'),
    ...page,
  }),
  output: z.object({ customers: z.array(customerOutput), next: nextOutput }),
  client: stripe,
  async run({ email, limit, after }, { client }) {
    const list = await client.customers.list({ limit, ...given({ email, starting_after: after }) });
    return { customers: list.data.map(toCustomer), next: nextOf(list) };
  },
});
