import { defineTool, z } from '../../src/index.ts';
import { orderResult } from '../support/orders.ts';

/** The tool that the benches call: one step, a result of 1 KB, no delay. */
export const createOrder = defineTool({
  name: 'create_order',
  title: 'Create order',
  description: 'Creates an order for a customer. For benchmarks only: it has no effect.',
  effect: 'create',
  input: z.strictObject({
    customer: z.string().describe('The id of the customer.'),
    currency: z.string().length(3).default('eur').describe('The currency, ISO 4217.'),
    lines: z
      .array(
        z.strictObject({
          description: z.string().max(200).describe('What is ordered.'),
          unit_amount: z.int().min(0).describe('The price of one, in minor units.'),
          quantity: z.int().min(1).default(1).describe('How many.'),
        }),
      )
      .min(1)
      .max(100),
    memo: z.string().max(500).optional().describe('A note for the customer.'),
  }),
  output: z.object({
    id: z.string(),
    status: z.string(),
    total: z.int(),
    currency: z.string(),
    lines: z.array(z.object({ id: z.string(), description: z.string(), amount: z.int(), quantity: z.int() })),
    url: z.string(),
  }),
  run: (_input, context) => context.step('order', async () => orderResult),
});
