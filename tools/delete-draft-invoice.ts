import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { invoiceThing, toDeleted, toInvoice } from './parts/answers.ts';
import { invoiceId } from './parts/fields.ts';
import { notADraft } from './parts/not-a-draft.ts';

export const deleteDraftInvoice = defineTool({
  name: 'delete_draft_invoice',
  title: 'Delete draft invoice',
  description:
    'Deletes a draft with its lines for good. Any other invoice is refused: it is voided with void_invoice instead. A repeat within 24 hours returns the first result. After that, the create_invoice call that made the draft creates it again.',
  effect: 'delete',
  input: z.strictObject({ invoice: invoiceId }),
  output: z.object({ id: z.string(), deleted: z.literal(true) }),
  client: stripe,
  resource: ({ invoice }) => `invoice:${invoice}`,
  undoes: ({ invoice }) => invoiceThing({ id: invoice }),
  // Ids are not used again, so the first result stays valid.
  window: '24h',
  // Stripe takes no idempotency keys for deletes.
  recovery: 'natural',
  gone: ({ invoice }) => ({ id: invoice, deleted: true as const }),
  async run({ invoice }, { client }) {
    try {
      return toDeleted(await client.invoices.del(invoice));
    } catch (error) {
      // Stripe's own refusal does not name the next step.
      if (!isRefused(error)) throw error;
      const { status } = toInvoice(await client.invoices.retrieve(invoice));
      throw status === 'draft' ? error : notADraft(status);
    }
  },
});

function isRefused(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && error.statusCode === 400;
}
