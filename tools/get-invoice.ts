import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { invoiceOutput, toInvoice, toLine } from './parts/answers.ts';
import { invoiceId } from './parts/fields.ts';

/** How many lines are returned; `has_more_lines` says that there are more. */
const linesMax = 100;

export const getInvoice = defineTool({
  name: 'get_invoice',
  title: 'Get invoice',
  description: `Reads one invoice: status, number, totals, due date, the page where it is paid, and its lines (the first ${linesMax}). Changes nothing.`,
  effect: 'read',
  input: z.strictObject({ invoice: invoiceId }),
  output: invoiceOutput.extend({
    memo: z.string().nullable(),
    lines: z.array(
      z.object({
        description: z.string().nullable(),
        quantity: z.number().nullable(),
        amount: z.int().describe('Amount of the whole line, in minor units of the currency.'),
      }),
    ),
    has_more_lines: z.boolean(),
  }),
  client: stripe,
  async run({ invoice }, { client }) {
    const found = await client.invoices.retrieve(invoice);
    // An invoice carries its first ten lines only.
    const lines = found.lines.has_more
      ? await client.invoices.listLineItems(invoice, { limit: linesMax })
      : found.lines;
    return {
      ...toInvoice(found),
      memo: found.description ?? null,
      lines: lines.data.map(toLine),
      has_more_lines: lines.has_more,
    };
  },
});
