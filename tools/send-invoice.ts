import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { invoiceOutput, toInvoice } from './parts/answers.ts';
import { invoiceId } from './parts/fields.ts';

export const sendInvoice = defineTool({
  name: 'send_invoice',
  title: 'Send invoice',
  description:
    'E-mails an invoice to its customer, who needs an e-mail address. A draft is finalized first. Void and uncollectible invoices are refused. A repeat within 24 hours returns the first result and sends nothing; a second e-mail that is really meant, such as a reminder, needs the repeat_token of that answer.',
  effect: 'create',
  input: z.strictObject({ invoice: invoiceId }),
  output: invoiceOutput,
  client: stripe,
  recovery: ['resend', 'reconcile'],
  /** Sending finalizes a draft first, so a draft was not sent. Whether another invoice was e-mailed is not visible. */
  async lookup({ invoice }, { client }) {
    const { status } = toInvoice(await client.invoices.retrieve(invoice));
    if (status === 'draft') return { status: 'absent' };
    return { status: 'unclear', reason: 'the invoice is finalized, but it is not known whether it was e-mailed' };
  },
  async run({ invoice }, { client, upstreamKey }) {
    return toInvoice(await client.invoices.sendInvoice(invoice, {}, { idempotencyKey: upstreamKey }));
  },
});
