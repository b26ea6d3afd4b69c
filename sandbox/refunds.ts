import type Stripe from 'stripe';
import { z } from 'zod';
import { defined } from '../src/core/json.ts';
import { invalidParameter, refused } from './api-error.ts';
import { type Call, type Endpoint, endpoint, pageOf } from './endpoint.ts';
import type { Kind } from './objects.ts';
import { apiAmountMax, integerText, list, mergeMetadata, metadata, nonEmptyText, paging } from './params.ts';
import { type ChargeRecord, charges, chargeView, payments } from './payment-record.ts';

const refundRecord = z.object({
  id: z.string(),
  created: z.number(),
  amount: z.number(),
  currency: z.string(),
  charge: z.string(),
  paymentIntent: z.string(),
  customer: z.string().nullable(),
  reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer']).nullable(),
  metadata: z.record(z.string(), z.string()),
});

export type RefundRecord = z.output<typeof refundRecord>;

export const refunds: Kind<RefundRecord> = {
  name: 'refunds',
  noun: 'refund',
  prefix: 're',
  schema: refundRecord,
  // No list filters refunds by status, so this column holds the charge that lists filter by.
  columns: (record) => ({ parent: record.paymentIntent, status: record.charge }),
};

export const refundEndpoints: readonly Endpoint[] = [
  endpoint(
    'POST',
    '/v1/refunds',
    {
      payment_intent: nonEmptyText().optional(),
      charge: nonEmptyText().optional(),
      amount: integerText(1, apiAmountMax).optional(),
      reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer']).optional(),
      metadata: metadata.optional(),
      expand: list(z.literal('charge'), 1).optional(),
    },
    (call, params) => {
      const charge = refundable(call, params.payment_intent, params.charge);
      const amount = checkedAmount(charge, params.amount);
      const record: RefundRecord = {
        id: call.newId('re'),
        created: call.now,
        amount,
        currency: charge.currency,
        charge: charge.id,
        paymentIntent: charge.paymentIntent,
        customer: charge.customer,
        reason: params.reason ?? null,
        metadata: mergeMetadata({}, params.metadata),
      };
      call.objects.save(charges, { ...charge, amountRefunded: charge.amountRefunded + amount });
      call.objects.insert(refunds, record, call.nowMs);
      call.effect('refund.created', record.id);
      return refundView(record, params.expand && refundedCharge(call, record));
    },
  ),
  endpoint(
    'GET',
    '/v1/refunds',
    {
      ...paging,
      payment_intent: nonEmptyText().optional(),
      charge: nonEmptyText().optional(),
      expand: list(z.literal('data.charge'), 1).optional(),
    },
    (call, params) => {
      const filter = defined({ parent: params.payment_intent, status: params.charge });
      return pageOf('/v1/refunds', call.objects.page(refunds, filter, params), (record) =>
        refundView(record, params.expand && refundedCharge(call, record)),
      );
    },
  ),
];

function refundedCharge(call: Call, record: RefundRecord): Stripe.Charge {
  return chargeView(call.objects.load(charges, record.charge));
}

/** Returns the charge that the parameters name. @throws ApiError if it cannot be refunded. */
function refundable(call: Call, paymentIntent: string | undefined, charge: string | undefined): ChargeRecord {
  if ((paymentIntent === undefined) === (charge === undefined)) {
    throw invalidParameter(
      'Exactly one of the following params must be passed: charge, payment_intent.',
      'payment_intent',
      paymentIntent === undefined ? 'parameter_missing' : 'parameters_exclusive',
    );
  }
  if (charge !== undefined) {
    const record = call.objects.load(charges, charge, 'charge');
    if (record.status === 'succeeded') return record;
    throw refused(`Charge ${charge} has failed and cannot be refunded.`, 'charge', 'charge_not_refundable');
  }
  const intent = call.objects.load(payments, paymentIntent ?? '', 'payment_intent');
  const latest = intent.latestCharge === null ? undefined : call.objects.find(charges, intent.latestCharge);
  if (latest?.status === 'succeeded') return latest;
  throw refused(`This PaymentIntent (${intent.id}) does not have a successful charge to refund.`, 'payment_intent');
}

function checkedAmount(charge: ChargeRecord, wanted: number | undefined): number {
  const left = charge.amount - charge.amountRefunded;
  if (left === 0) {
    throw refused(`Charge ${charge.id} has already been refunded.`, undefined, 'charge_already_refunded');
  }
  if (wanted !== undefined && wanted > left) {
    throw refused(
      `Refund amount (${wanted} ${charge.currency}, in minor units) is greater than unrefunded amount on charge (${left}).`,
      'amount',
    );
  }
  return wanted ?? left;
}

export function refundView(record: RefundRecord, charge?: Stripe.Charge): Stripe.Refund {
  return {
    id: record.id,
    object: 'refund',
    amount: record.amount,
    balance_transaction: null,
    charge: charge ?? record.charge,
    created: record.created,
    currency: record.currency,
    customer: record.customer,
    customer_account: null,
    destination_details: {
      type: 'card',
      card: { type: 'refund', reference_status: 'pending', reference_type: 'acquirer_reference_number' },
    },
    metadata: record.metadata,
    payment_intent: record.paymentIntent,
    payment_method: null,
    reason: record.reason,
    receipt_number: null,
    source_transfer_reversal: null,
    status: 'succeeded',
    transfer_reversal: null,
  };
}
