import type Stripe from 'stripe';
import { z } from 'zod';
import type { Kind } from './objects.ts';

const paymentRecord = z.object({
  id: z.string(),
  created: z.number(),
  livemode: z.boolean(),
  amount: z.number(),
  currency: z.string(),
  customer: z.string().nullable(),
  description: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  status: z.enum(['requires_payment_method', 'requires_confirmation', 'succeeded', 'canceled']),
  paymentMethod: z.string().nullable(),
  methodTypes: z.array(z.string()),
  /** Whether payment methods that redirect are allowed; null unless payment methods are automatic. */
  allowRedirects: z.enum(['always', 'never']).nullable(),
  clientSecret: z.string(),
  latestCharge: z.string().nullable(),
  lastError: z.object({ code: z.string(), declineCode: z.string().nullable(), message: z.string() }).nullable(),
  receiptEmail: z.string().nullable(),
  statementDescriptor: z.string().nullable(),
  statementDescriptorSuffix: z.string().nullable(),
  setupFutureUsage: z.enum(['off_session', 'on_session']).nullable(),
  canceledAt: z.number().nullable(),
  cancellationReason: z.string().nullable(),
});

export type PaymentRecord = z.output<typeof paymentRecord>;

export const payments: Kind<PaymentRecord> = {
  name: 'payment_intents',
  noun: 'payment_intent',
  prefix: 'pi',
  schema: paymentRecord,
  columns: (record) => ({ customer: record.customer, status: record.status }),
};

const chargeRecord = z.object({
  id: z.string(),
  created: z.number(),
  livemode: z.boolean(),
  amount: z.number(),
  amountRefunded: z.number(),
  currency: z.string(),
  customer: z.string().nullable(),
  description: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  paymentIntent: z.string(),
  paymentMethod: z.string(),
  brand: z.string(),
  last4: z.string(),
  status: z.enum(['succeeded', 'failed']),
  failure: z.object({ code: z.string(), declineCode: z.string().nullable(), message: z.string() }).nullable(),
  receiptEmail: z.string().nullable(),
});

export type ChargeRecord = z.output<typeof chargeRecord>;

export const charges: Kind<ChargeRecord> = {
  name: 'charges',
  noun: 'charge',
  prefix: 'ch',
  schema: chargeRecord,
  columns: (record) => ({ customer: record.customer, parent: record.paymentIntent, status: record.status }),
};

export function paymentView(record: PaymentRecord): Stripe.PaymentIntent {
  const succeeded = record.status === 'succeeded';
  const error = record.lastError;
  return {
    id: record.id,
    object: 'payment_intent',
    allowed_payment_method_types: null,
    amount: record.amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: succeeded ? record.amount : 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods:
      record.allowRedirects === null ? null : { enabled: true, allow_redirects: record.allowRedirects },
    canceled_at: record.canceledAt,
    cancellation_reason: record.cancellationReason,
    capture_method: 'automatic_async',
    client_secret: record.clientSecret,
    confirmation_method: 'automatic',
    created: record.created,
    currency: record.currency,
    customer: record.customer,
    customer_account: null,
    description: record.description,
    excluded_payment_method_types: null,
    last_payment_error:
      error === null
        ? null
        : {
            type: 'card_error',
            code: error.code,
            message: error.message,
            ...(error.declineCode === null ? {} : { decline_code: error.declineCode }),
            ...(record.latestCharge === null ? {} : { charge: record.latestCharge }),
          },
    latest_charge: record.latestCharge,
    livemode: record.livemode,
    managed_payments: null,
    metadata: record.metadata,
    next_action: null,
    on_behalf_of: null,
    payment_method: record.paymentMethod,
    payment_method_configuration_details: null,
    payment_method_options: { card: cardOptions },
    payment_method_types: record.methodTypes,
    payment_record: null,
    processing: null,
    receipt_email: record.receiptEmail,
    review: null,
    setup_future_usage: record.setupFutureUsage,
    shipping: null,
    source: null,
    statement_descriptor: record.statementDescriptor,
    statement_descriptor_suffix: record.statementDescriptorSuffix,
    status: record.status,
    transfer_data: null,
    transfer_group: null,
  };
}

const cardOptions: Stripe.PaymentIntent.PaymentMethodOptions.Card = {
  installments: null,
  mandate_options: null,
  network: null,
  request_three_d_secure: 'automatic',
};

export function chargeView(record: ChargeRecord): Stripe.Charge {
  const succeeded = record.status === 'succeeded';
  return {
    id: record.id,
    object: 'charge',
    amount: record.amount,
    amount_captured: succeeded ? record.amount : 0,
    amount_refunded: record.amountRefunded,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
    calculated_statement_descriptor: 'MCP-ONCE SANDBOX',
    captured: succeeded,
    created: record.created,
    currency: record.currency,
    customer: record.customer,
    description: record.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: record.failure?.code ?? null,
    failure_message: record.failure?.message ?? null,
    fraud_details: {},
    livemode: record.livemode,
    metadata: record.metadata,
    on_behalf_of: null,
    outcome: {
      advice_code: null,
      network_advice_code: null,
      network_decline_code: null,
      network_status: succeeded ? 'approved_by_network' : 'declined_by_network',
      reason: record.failure?.declineCode ?? record.failure?.code ?? null,
      risk_level: 'normal',
      seller_message: succeeded ? 'Payment complete.' : 'The bank did not accept this payment.',
      type: succeeded ? 'authorized' : 'issuer_declined',
    },
    paid: succeeded,
    payment_intent: record.paymentIntent,
    payment_method: record.paymentMethod,
    payment_method_details: { type: 'card', card: cardDetails(record) },
    receipt_email: record.receiptEmail,
    receipt_number: null,
    receipt_url: null,
    refunded: succeeded && record.amountRefunded === record.amount,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: record.status,
    transfer_data: null,
    transfer_group: null,
  };
}

function cardDetails(record: ChargeRecord): Stripe.Charge.PaymentMethodDetails.Card {
  return {
    amount_authorized: record.status === 'succeeded' ? record.amount : null,
    authorization_code: null,
    brand: record.brand,
    checks: null,
    country: 'US',
    electronic_commerce_indicator: null,
    exp_month: 12,
    exp_year: 2034,
    funding: 'credit',
    installments: null,
    last4: record.last4,
    mandate: null,
    network: record.brand,
    network_token: null,
    network_transaction_id: null,
    regulated_status: 'unregulated',
    three_d_secure: null,
    transaction_link_id: null,
    wallet: null,
  };
}
