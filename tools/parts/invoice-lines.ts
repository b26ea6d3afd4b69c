import { type RunContext, z } from 'mcp-once';
import type Stripe from 'stripe';
import { toId } from './answers.ts';
import { amountMax, minorUnits, textOf } from './fields.ts';
import { marked } from './marker.ts';

const line = z
  .strictObject({
    description: textOf(500).describe('What is billed, as the customer reads it.'),
    unit_amount: minorUnits.describe('Price of one, in minor units of the currency: 1250 is 12.50 USD, but 1250 JPY.'),
    quantity: z.int().min(1).max(1_000_000).default(1).describe('How many. Default 1.'),
  })
  .refine((given) => amountOf(given) <= amountMax, {
    message: `unit_amount times quantity must be at most ${amountMax}`,
  });

type Line = z.infer<typeof line>;

export const invoiceLines = z
  .array(line)
  .min(1)
  .max(100)
  .refine((lines) => totalOf(lines) <= amountMax, { message: `together must be at most ${amountMax}` });

/** Returns the total of an invoice with these lines. */
export function totalOf(lines: readonly Line[]): number {
  return lines.reduce((sum, each) => sum + amountOf(each), 0);
}

/**
 * Returns lines in an order of their own, with one line for each item and price: two lines of 1 x 50 bill the same as one
 * of 2 x 50. The case and the spacing of the text do not matter.
 */
export function canonicalLines(lines: readonly Line[]): Line[] {
  const merged = new Map<string, Line>();
  for (const { description, unit_amount, quantity } of lines) {
    const item = description.toLowerCase().replace(/\s+/g, ' ');
    const key = JSON.stringify([item, unit_amount]);
    merged.set(key, { description: item, unit_amount, quantity: quantity + (merged.get(key)?.quantity ?? 0) });
  }
  return [...merged].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, each]) => each);
}

/** Adds the lines to a draft, each in a step of its own. */
export async function addLines(
  { client, marker, step }: Pick<RunContext<Stripe>, 'client' | 'marker' | 'step'>,
  draft: { readonly id: string; readonly customer: string; readonly currency: string },
  lines: readonly Line[],
): Promise<void> {
  for (const [index, { description, unit_amount, quantity }] of lines.entries()) {
    await step(`line ${index + 1}`, async (idempotencyKey) => {
      const params = {
        customer: draft.customer,
        invoice: draft.id,
        currency: draft.currency,
        description,
        quantity,
        unit_amount_decimal: client.Decimal.from(unit_amount),
        metadata: marked(marker, index + 1),
      };
      return toId(await client.invoiceItems.create(params, { idempotencyKey }));
    });
  }
}

function amountOf({ unit_amount, quantity }: { readonly unit_amount: number; readonly quantity: number }): number {
  return unit_amount * quantity;
}
