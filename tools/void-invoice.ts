import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { invoiceOutput, toInvoice } from './parts/answers.ts';
import { invoiceId } from './parts/fields.ts';

const window = '24h';

export const voidInvoice = defineTool({
  name: 'void_invoice',
  title: 'Void invoice',
  description:
    'Voids an open or uncollectible invoice for good: it cannot be paid any more, and voiding cannot be undone. Drafts, paid invoices and invoices that are void already are refused. A repeat within 24 hours returns the first result.',
  effect: 'update',
  input: z.strictObject({ invoice: invoiceId }),
  output: invoiceOutput,
  client: stripe,
  resource: ({ invoice }) => `invoice:${invoice}`,
  // Nothing leaves "void", so the first result stays true for as long as it is kept.
  window,
  recovery: ['resend', 'reconcile'],
  /**
   * No marker, unlike elsewhere: "void" is an end state that is reached at most once, so an invoice that
   * is void has this operation's whole effect, whoever brought it about; and one that is not has none of it.
   */
  async lookup({ invoice }, { client }) {
    const found = toInvoice(await client.invoices.retrieve(invoice));
    return found.status === 'void' ? { status: 'found', result: found } : { status: 'absent' };
  },
  async run({ invoice }, { client, upstreamKey }) {
    return toInvoice(await client.invoices.voidInvoice(invoice, {}, { idempotencyKey: upstreamKey }));
  },
});
