import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { invoiceOutput, toInvoice } from './parts/answers.ts';
import { customerId, given, nextOf, nextOutput, page } from './parts/fields.ts';

export const listInvoices = defineTool({
  name: 'list_invoices',
  title: 'List invoices',
  description:
    'Lists invoices, newest first, a page at a time; of one customer or in one status, if asked. Changes nothing.',
  effect: 'read',
  input: z.strictObject({
    customer: customerId.optional(),
    status: z.enum(['draft', 'open', 'paid', 'uncollectible', 'void']).optional().describe('Only invoices in it.'),
    ...page,
  }),
  output: z.object({ invoices: z.array(invoiceOutput), next: nextOutput }),
  client: stripe,
  async run({ customer, status, limit, after }, { client }) {
    const list = await client.invoices.list({ limit, ...given({ customer, status, starting_after: after }) });
    return { invoices: list.data.map(toInvoice), next: nextOf(list) };
  },
});
