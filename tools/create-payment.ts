import { defineTool, z } from 'mcp-once';
import { stripe } from './clients/stripe.ts';
import { paymentOutput, paymentThing, toPayment } from './parts/answers.ts';
import { currency, customerId, email, given, idOf, minorUnits, textOf } from './parts/fields.ts';
import { findMarked, marked, pageSize, since } from './parts/marker.ts';

export const createPayment = defineTool({
  name: 'create_payment',
  title: 'Charge a payment',
  description:
    'Charges a stored payment method at once. A declined card is an error that says that nothing was charged: correct it or use another payment method and call again. Read "status" in the result: only "succeeded" means that the money is charged. A repeat with the same payer, amount and currency within 24 hours returns the first result and charges nothing; a second charge that is really meant needs the repeat_token of that answer. After the whole payment was refunded, the same call charges again.',
  effect: 'create',
  input: z.strictObject({
    amount: minorUnits.describe('In minor units of the currency: 1250 is 12.50 USD, but 1250 JPY.'),
    currency,
    payment_method: idOf('a payment method', 'pm').describe(
      'What is charged, such as "pm_123"; in the sandbox a test card, such as "pm_card_visa".',
    ),
    customer: customerId.optional().describe('Customer id. Needed when the payment method belongs to a customer.'),
    description: textOf(1_000).optional().describe('The purpose, shown in the dashboard.'),
    receipt_email: email.optional().describe('Where Stripe sends a receipt to.'),
  }),
  output: paymentOutput,
  client: stripe,
  // The same customer and amount with another card is a second try of one payment.
  identity: ({ amount, currency, customer, payment_method }) => ({
    amount,
    currency,
    payer: customer ?? payment_method,
  }),
  makes: paymentThing,
  recovery: ['resend', 'reconcile'],
  async lookup({ customer }, { client, marker, sinceMs }) {
    const list = client.paymentIntents.list({ ...given({ customer }), created: since(sinceMs), limit: pageSize });
    const found = await findMarked(list, marker, isCharge);
    if (found.status !== 'found') return found;
    if (found.object.status === 'requires_confirmation') {
      return { status: 'unclear', reason: 'the payment is there, but was never confirmed' };
    }
    return { status: 'found', result: toPayment(found.object) };
  },
  async run(input, { client, marker, upstreamKey }) {
    const { amount, currency, payment_method, customer, description, receipt_email } = input;
    const params = {
      amount,
      currency,
      payment_method,
      confirm: true,
      // The payer is not present and cannot be redirected.
      automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
      metadata: marked(marker),
      ...given({ customer, description, receipt_email }),
    } as const;
    const payment = await client.paymentIntents.create(params, { idempotencyKey: upstreamKey });
    return toPayment(payment);
  },
});

/**
 * Returns whether a payment intent is the effect. Declined (`requires_payment_method`) and canceled intents stay
 * at Stripe without a charge.
 */
function isCharge({ status }: { readonly status: string }): boolean {
  return status !== 'requires_payment_method' && status !== 'canceled';
}
