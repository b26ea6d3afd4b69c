import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { invoiceOutput, invoiceThing, toInvoice } from './parts/answers.ts';
import { invoiceId } from './parts/fields.ts';

const window = '24h';

export const voidInvoice = defineTool({
  name: 'void_invoice',
  title: 'Void invoice',
  description:
    'Voids an open or uncollectible invoice for good: it cannot be paid any more, and voiding cannot be undone. Drafts, paid invoices and invoices that are void already are refused. A repeat within 24 hours returns the first result. A draft is deleted with delete_draft_invoice instead.',
  effect: 'update',
  input: z.strictObject({ invoice: invoiceId }),
  output: invoiceOutput,
  client: stripe,
  resource: ({ invoice }) => `invoice:${invoice}`,
  undoes: (_, voided) => invoiceThing(voided),
  // "void" is a final state, so the first result stays valid.
  window,
  recovery: ['resend', 'reconcile'],
  /**
   * Needs no marker: "void" is a final state that is reached at most once. A void invoice has the whole effect of
   * this operation, and any other invoice has none.
   */
  async lookup({ invoice }, { client }) {
    const found = toInvoice(await client.invoices.retrieve(invoice));
    return found.status === 'void' ? { status: 'found', result: found } : { status: 'absent' };
  },
  async run({ invoice }, { client, upstreamKey }) {
    return toInvoice(await client.invoices.voidInvoice(invoice, {}, { idempotencyKey: upstreamKey }));
  },
});
