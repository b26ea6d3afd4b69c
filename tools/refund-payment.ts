import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { refundOutput, toRefund } from './parts/answers.ts';
import { given, idOf, minorUnits } from './parts/fields.ts';
import { findMarked, marked, pageSize, since } from './parts/marker.ts';

export const refundPayment = defineTool({
  name: 'refund_payment',
  title: 'Refund payment',
  description:
    'Gives back a payment, or a part of it. Without an amount all that is left of it is refunded; more than is left is refused. It cannot be undone. A repeat for the same payment and amount within 24 hours returns the first result and refunds nothing; a second refund of the same amount that is really meant needs the repeat_token of that answer.',
  effect: 'create',
  input: z.strictObject({
    payment: idOf('a payment', 'pi', 'ch', 'py').describe(
      'Id of the payment ("pi_123") or of its charge ("ch_123"). Call again with the same one: a refund named by the other id is another refund.',
    ),
    amount: minorUnits
      .optional()
      .describe('In minor units of the currency: 1250 is 12.50 USD. Leave it out to refund all that is left.'),
    reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer']).optional().describe('Why it is refunded.'),
  }),
  output: refundOutput,
  client: stripe,
  identity: ({ payment, amount }) => ({ payment, amount: amount ?? 'all that is left' }),
  recovery: ['resend', 'reconcile'],
  async lookup({ payment }, { client, marker, sinceMs }) {
    const list = client.refunds.list({ ...sourceOf(payment), created: since(sinceMs), limit: pageSize });
    const found = await findMarked(list, marker);
    return found.status === 'found' ? { status: 'found', result: toRefund(found.object) } : found;
  },
  async run({ payment, amount, reason }, { client, marker, upstreamKey }) {
    const params = { ...sourceOf(payment), ...given({ amount, reason }), metadata: marked(marker) };
    const refund = await client.refunds.create(params, { idempotencyKey: upstreamKey });
    return toRefund(refund);
  },
});

function sourceOf(payment: string): { payment_intent: string } | { charge: string } {
  return payment.startsWith('pi_') ? { payment_intent: payment } : { charge: payment };
}
