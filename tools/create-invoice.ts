import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { invoiceOutput, toId, toInvoice } from './parts/answers.ts';
import { amountMax, currency, given, minorUnits } from './parts/fields.ts';
import { invoiceCustomer, resolveCustomer } from './parts/invoice-customer.ts';
import { lookUpInvoice } from './parts/invoice-lookup.ts';
import { marked } from './parts/marker.ts';

const line = z
  .strictObject({
    description: z.string().trim().min(1).max(500).describe('What is billed, as the customer reads it.'),
    unit_amount: minorUnits.describe('Price of one, in minor units of the currency: 1250 is 12.50 USD, but 1250 JPY.'),
    quantity: z.int().min(1).max(1_000_000).default(1).describe('How many. Default 1.'),
  })
  .refine((given) => given.unit_amount * given.quantity <= amountMax, {
    message: `unit_amount times quantity must be at most ${amountMax}`,
  });

export const createInvoice = defineTool({
  name: 'create_invoice',
  title: 'Create invoice',
  description:
    'Creates an invoice for a customer, who is named by id, or by name and e-mail address (then found by the address, or created). With action "draft" it can still be changed and nothing is sent; "finalize" gives it its number and the page where it is paid; "send" also e-mails it to the customer. A repeat with the same customer, currency, amounts, quantities and due date within 24 hours bills nothing more: it returns the first result, or, if the wording, the memo or the action differs, a conflict that names the field and encloses the first result. A second identical invoice that is really meant needs the repeat_token of that answer.',
  effect: 'create',
  input: z
    .strictObject({
      customer: invoiceCustomer,
      currency,
      lines: z.array(line).min(1).max(100).describe('What is billed: 1 to 100 lines.'),
      due_days: z.int().min(1).max(365).default(30).describe('Days until it is due. Default 30.'),
      memo: z.string().trim().min(1).max(1_000).optional().describe('A note on the invoice that the customer reads.'),
      action: z
        .enum(['draft', 'finalize', 'send'])
        .default('draft')
        .describe('What to do with it: "draft" (default), "finalize", or "send" (finalize and e-mail it).'),
    })
    .refine(({ lines }) => lines.reduce((sum, each) => sum + each.unit_amount * each.quantity, 0) <= amountMax, {
      path: ['lines'],
      message: `together must be at most ${amountMax}`,
    }),
  output: invoiceOutput,
  client: stripe,
  /**
   * The customer, the amounts and the due date: what a second invoice would charge twice. Free text, the order of
   * lines and the action are left out, since a model rewrites them when it retries. They are in the fingerprint, so
   * that a difference is a conflict.
   */
  identity: ({ customer, currency, lines, due_days }) => ({
    customer: customer.id ?? customer.email,
    currency,
    lines: lines
      .map(({ unit_amount, quantity }) => [unit_amount, quantity] as const)
      .sort((one, other) => one[0] - other[0] || one[1] - other[1]),
    due_days,
  }),
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
    for (const [index, { description, unit_amount, quantity }] of lines.entries()) {
      await ctx.step(`line ${index + 1}`, async (idempotencyKey) => {
        const params = {
          customer,
          invoice: id,
          currency,
          description,
          quantity,
          unit_amount_decimal: client.Decimal.from(unit_amount),
          metadata: marked(marker, index + 1),
        };
        return toId(await client.invoiceItems.create(params, { idempotencyKey }));
      });
    }
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
