import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { invoiceOutput, toInvoice } from './parts/answers.ts';
import { invoiceId } from './parts/fields.ts';

export const finalizeInvoice = defineTool({
  name: 'finalize_invoice',
  title: 'Finalize invoice',
  description:
    'Finalizes a draft: it gets its number and the page where the customer pays it, and can no longer be changed, only voided. Nothing is e-mailed: send_invoice does that. An invoice that is not a draft is refused. A repeat within 24 hours returns the first result.',
  effect: 'update',
  input: z.strictObject({ invoice: invoiceId }),
  output: invoiceOutput,
  client: stripe,
  resource: ({ invoice }) => `invoice:${invoice}`,
  // An invoice never becomes a draft again, so the first result stays valid.
  window: '24h',
  recovery: ['resend', 'reconcile'],
  /** Needs no marker: an invoice is finalized at most once. */
  async lookup({ invoice }, { client }) {
    const found = toInvoice(await client.invoices.retrieve(invoice));
    return found.status === 'draft' ? { status: 'absent' } : { status: 'found', result: found };
  },
  async run({ invoice }, { client, upstreamKey }) {
    const options = { idempotencyKey: upstreamKey };
    return toInvoice(await client.invoices.finalizeInvoice(invoice, { auto_advance: false }, options));
  },
});
