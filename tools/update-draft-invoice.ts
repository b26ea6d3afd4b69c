import { defineTool, NotExecuted, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { invoiceOutput, toDraft, toId, toInvoice } from './parts/answers.ts';
import { dueDays, given, invoiceId, memo } from './parts/fields.ts';
import { addLines, invoiceLines } from './parts/invoice-lines.ts';
import { notADraft } from './parts/not-a-draft.ts';

export const updateDraftInvoice = defineTool({
  name: 'update_draft_invoice',
  title: 'Update draft invoice',
  description:
    'Changes the memo, the due date or the lines of a draft. Fields that are not given stay as they are; lines that are given replace all lines of the draft. An invoice that is not a draft is refused: void it with void_invoice and create another one. The same change again within two minutes returns the first result, unless the invoice was changed otherwise in between.',
  effect: 'update',
  input: z
    .strictObject({
      invoice: invoiceId,
      memo: memo.optional().describe('New note on the invoice that the customer reads.'),
      due_days: dueDays.optional().describe('Days from now until it is due.'),
      lines: invoiceLines.optional().describe('All lines that it has from now on: 1 to 100.'),
    })
    .refine((input) => Object.keys(input).length > 1, { message: 'give at least one field to change' })
    .meta({ minProperties: 2 }),
  output: invoiceOutput,
  client: stripe,
  resource: ({ invoice }) => `invoice:${invoice}`,
  recovery: 'resend',
  async run({ invoice: id, memo, due_days, lines }, ctx) {
    const { client, read, step } = ctx;
    const draft = await read('draft', async () => toDraft(await client.invoices.retrieve(id)));
    if (draft.status !== 'draft') throw notADraft(draft.status);
    const old = await read('old lines', async () =>
      lines ? idsOf(await client.invoices.listLineItems(id, { limit: 100 })) : [],
    );
    const fields = given({ description: memo, days_until_due: due_days });
    if (Object.keys(fields).length > 0) {
      await step('fields', async (idempotencyKey) =>
        toId(await client.invoices.update(id, fields, { idempotencyKey })),
      );
    }
    if (old.length > 0) {
      const removed = { lines: old.map((line) => ({ id: line, behavior: 'delete' as const })) };
      await step('old lines removed', async (idempotencyKey) =>
        toId(await client.invoices.removeLines(id, removed, { idempotencyKey })),
      );
    }
    if (lines) await addLines(ctx, { ...draft, id }, lines);
    return read('totals', async () => toInvoice(await client.invoices.retrieve(id)));
  },
});

/** @throws NotExecuted when there are more lines than one request removes. */
function idsOf({ data, has_more }: { readonly data: readonly { id: string }[]; readonly has_more: boolean }): string[] {
  if (has_more) throw new NotExecuted('the draft has more than 100 lines, which this tool does not replace');
  return data.map(({ id }) => id);
}
