import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { invoiceOutput, invoiceThing, toId, toInvoice } from './parts/answers.ts';
import { currency, dueDays, given, memo } from './parts/fields.ts';
import { adviseOnInvoice } from './parts/invoice-advice.ts';
import { canonicalCustomer, invoiceCustomer, resolveCustomer } from './parts/invoice-customer.ts';
import { addLines, canonicalLines, invoiceLines, totalOf } from './parts/invoice-lines.ts';
import { lookUpInvoice } from './parts/invoice-lookup.ts';
import { marked } from './parts/marker.ts';

export const createInvoice = defineTool({
  name: 'create_invoice',
  title: 'Create invoice',
  description:
    'Creates an invoice for a customer, who is named by id, or by name and e-mail address (then found by the address, or created). With action "draft" nothing is sent, and update_draft_invoice, finalize_invoice, send_invoice and delete_draft_invoice continue from there; "finalize" gives it its number and the page where it is paid; "send" also e-mails it to the customer. A repeat with the same customer, currency, total and due date within 24 hours bills nothing more: it returns the first result, or, if the lines, the memo or the action differ, a conflict that encloses the first result and names the tool that changes it. The order of lines does not matter, nor whether equal lines are split. A second identical invoice that is really meant needs the repeat_token of that answer. After the invoice was voided or deleted, the same call creates it again.',
  effect: 'create',
  input: z.strictObject({
    customer: invoiceCustomer,
    currency,
    lines: invoiceLines.describe('What is billed: 1 to 100 lines.'),
    due_days: dueDays.default(30).describe('Days until it is due. Default 30.'),
    memo: memo.optional().describe('A note on the invoice that the customer reads.'),
    action: z
      .enum(['draft', 'finalize', 'send'])
      .default('draft')
      .describe('What to do with it: "draft" (default), "finalize", or "send" (finalize and e-mail it).'),
  }),
  output: invoiceOutput,
  client: stripe,
  canonical: async ({ customer, lines, ...others }, { read }) => ({
    ...others,
    customer: await canonicalCustomer(customer, read),
    lines: canonicalLines(lines),
  }),
  /**
   * What a second invoice would charge twice. Texts, the composition of the total and the action are left out, since a
   * model rewrites them when it retries. They are in the fingerprint, so that a difference is a conflict.
   */
  identity: ({ customer, currency, lines, due_days }) => ({
    customer: customer.id ?? customer.email,
    currency,
    total: totalOf(lines),
    due_days,
  }),
  makes: invoiceThing,
  conflictAdvice: adviseOnInvoice,
  recovery: ['resend', 'reconcile'],
  lookup: lookUpInvoice,
  async run(input, ctx) {
    const { client, marker } = ctx;
    const { currency, lines, due_days, memo, action } = input;
    const customer = await resolveCustomer(input.customer, ctx);
    const { id } = await ctx.step('invoice', async (idempotencyKey) => {
      const params = {
        customer,
        currency,
        collection_method: 'send_invoice',
        days_until_due: due_days,
        // Stripe must not finalize the invoice later or send reminders.
        auto_advance: false,
        pending_invoice_items_behavior: 'exclude',
        metadata: marked(marker),
        ...given({ description: memo }),
      } as const;
      return toId(await client.invoices.create(params, { idempotencyKey }));
    });
    await addLines(ctx, { id, customer, currency }, lines);
    if (action === 'draft') return ctx.read('totals', async () => toInvoice(await client.invoices.retrieve(id)));
    const finalized = await ctx.step('finalize', async (idempotencyKey) =>
      toInvoice(await client.invoices.finalizeInvoice(id, { auto_advance: false }, { idempotencyKey })),
    );
    if (action === 'finalize') return finalized;
    return ctx.step('send', async (idempotencyKey) =>
      toInvoice(await client.invoices.sendInvoice(id, {}, { idempotencyKey })),
    );
  },
});
