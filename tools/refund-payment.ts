import { type CanonicalContext, defineTool, z } from 'mcp-once';
import type Stripe from 'stripe';
import { stripe } from './clients/stripe.ts';
import { paymentThing, refundOutput, toCharge, toPayment, toRefund } from './parts/answers.ts';
import { given, idOf, minorUnits } from './parts/fields.ts';
import { findMarked, marked, pageSize, since } from './parts/marker.ts';

export const refundPayment = defineTool({
  name: 'refund_payment',
  title: 'Refund payment',
  description:
    'Gives back a payment, or a part of it. Without an amount all that is left of it is refunded; more than is left is refused. It cannot be undone. A repeat for the same payment and amount within 24 hours returns the first result and refunds nothing: the payment may be named by its id or by that of its charge, and the amount of the whole payment may be left out. A second refund of the same amount that is really meant needs the repeat_token of that answer.',
  effect: 'create',
  input: z.strictObject({
    payment: idOf('a payment', 'pi', 'ch', 'py').describe('Id of the payment ("pi_123") or of its charge ("ch_123").'),
    amount: minorUnits
      .optional()
      .describe('In minor units of the currency: 1250 is 12.50 USD. Leave it out to refund all that is left.'),
    reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer']).optional().describe('Why it is refunded.'),
  }),
  output: refundOutput,
  client: stripe,
  async canonical({ payment, amount, reason }, { read }) {
    if (isIntent(payment) && amount === undefined) return { payment, reason };
    const whole = await wholeOf(payment, read);
    return { payment: whole.payment, amount: amount === whole.amount ? undefined : amount, reason };
  },
  identity: ({ payment, amount }) => ({ payment, amount: amount ?? 'all that is left' }),
  undoes: (_, { payment, fully_refunded }) =>
    payment !== null && fully_refunded ? paymentThing({ id: payment }) : undefined,
  recovery: ['resend', 'reconcile'],
  async lookup({ payment }, { client, marker, sinceMs }) {
    const expand = ['data.charge'];
    const list = client.refunds.list({ ...sourceOf(payment), created: since(sinceMs), limit: pageSize, expand });
    const found = await findMarked(list, marker);
    return found.status === 'found' ? { status: 'found', result: toRefund(found.object) } : found;
  },
  async run({ payment, amount, reason }, { client, marker, upstreamKey }) {
    const params = { ...sourceOf(payment), ...given({ amount, reason }), metadata: marked(marker), expand: ['charge'] };
    const refund = await client.refunds.create(params, { idempotencyKey: upstreamKey });
    return toRefund(refund);
  },
});

/** Returns the payment's own id and its whole amount, which do not change. Some charges belong to no payment intent. */
function wholeOf(payment: string, read: CanonicalContext<Stripe>['read']) {
  return read(`payment ${payment}`, async (client) => {
    if (isIntent(payment)) return { payment, amount: toPayment(await client.paymentIntents.retrieve(payment)).amount };
    const charge = toCharge(await client.charges.retrieve(payment));
    return { payment: charge.payment ?? payment, amount: charge.amount };
  });
}

function sourceOf(payment: string): { payment_intent: string } | { charge: string } {
  return isIntent(payment) ? { payment_intent: payment } : { charge: payment };
}

function isIntent(payment: string): boolean {
  return payment.startsWith('pi_');
}
