import { z } from 'zod';
import { defined } from '../src/core/json.ts';
import { type Answer, ApiError, type ErrorBody, invalidParameter, refused } from './api-error.ts';
import { customers } from './customers.ts';
import { type Call, type Endpoint, endpoint, pageOf } from './endpoint.ts';
import {
  apiAmountMax,
  boolean,
  clearableEmail,
  clearableText,
  currencyCode,
  integerText,
  list,
  mergeMetadata,
  metadata,
  nonEmptyText,
  paging,
} from './params.ts';
import { type ChargeRecord, charges, chargeView, type PaymentRecord, payments, paymentView } from './payment-record.ts';
import { type TestCard, testCard } from './test-cards.ts';

const createFields = {
  payment_method: nonEmptyText().optional(),
  return_url: nonEmptyText().optional(),
  off_session: boolean.optional(),
  receipt_email: clearableEmail.optional(),
  amount: integerText(1, apiAmountMax),
  currency: currencyCode,
  confirm: boolean.optional(),
  customer: nonEmptyText().optional(),
  description: clearableText(1_000).optional(),
  metadata: metadata.optional(),
  automatic_payment_methods: z
    .strictObject({ enabled: boolean, allow_redirects: z.enum(['always', 'never']).optional() })
    .optional(),
  payment_method_types: list(nonEmptyText(), 10).optional(),
  capture_method: z.enum(['automatic', 'automatic_async']).optional(),
  setup_future_usage: z.enum(['off_session', 'on_session']).optional(),
  statement_descriptor: clearableText(22).optional(),
  statement_descriptor_suffix: clearableText(22).optional(),
};

type CreateParams = z.output<z.ZodObject<typeof createFields>>;

export const paymentEndpoints: readonly Endpoint[] = [
  endpoint('POST', '/v1/payment_intents', createFields, createPayment),
  endpoint('GET', '/v1/payment_intents', { ...paging, customer: nonEmptyText().optional() }, (call, params) => {
    const filter = defined({ customer: params.customer });
    return pageOf('/v1/payment_intents', call.objects.page(payments, filter, params), paymentView);
  }),
  endpoint('GET', '/v1/charges/:id', {}, (call, _, id) => chargeView(call.objects.load(charges, id))),
  endpoint('GET', '/v1/payment_intents/:id', {}, (call, _, id) => paymentView(call.objects.load(payments, id))),
];

function createPayment(call: Call, params: CreateParams): Answer | object {
  const automatic = params.automatic_payment_methods;
  if (automatic?.enabled === true && params.payment_method_types !== undefined) {
    throw invalidParameter(
      'You may only specify one of these parameters: automatic_payment_methods, payment_method_types.',
      'payment_method_types',
      'parameters_exclusive',
    );
  }
  if (params.confirm !== true && params.return_url !== undefined) {
    throw invalidParameter('return_url may only be given with confirm=true.', 'return_url');
  }
  if (params.customer !== undefined) call.objects.load(customers, params.customer, 'customer');
  const given = params.payment_method;
  if (given !== undefined) cardOf(given);
  const isAutomatic = params.payment_method_types === undefined && automatic?.enabled !== false;
  const allowRedirects = isAutomatic ? (automatic?.allow_redirects ?? 'always') : null;
  const draft = newPayment(call, {
    amount: params.amount,
    currency: params.currency,
    customer: params.customer ?? null,
    description: params.description ?? null,
    metadata: mergeMetadata({}, params.metadata),
    paymentMethod: given ?? null,
    status: given === undefined ? 'requires_payment_method' : 'requires_confirmation',
    methodTypes: params.payment_method_types ?? ['card'],
    allowRedirects,
    receiptEmail: params.receipt_email ?? null,
    statementDescriptor: params.statement_descriptor ?? null,
    statementDescriptorSuffix: params.statement_descriptor_suffix ?? null,
    setupFutureUsage: params.setup_future_usage ?? null,
  });
  if (params.confirm !== true) return paymentView(draft);
  return confirm(call, draft, allowRedirects === 'always' && params.return_url === undefined);
}

type NewPayment = Omit<
  PaymentRecord,
  'id' | 'created' | 'livemode' | 'clientSecret' | 'latestCharge' | 'lastError' | 'canceledAt' | 'cancellationReason'
>;

function newPayment(call: Call, fields: NewPayment): PaymentRecord {
  const id = call.newId('pi');
  const record: PaymentRecord = {
    ...fields,
    id,
    created: call.now,
    livemode: call.livemode,
    clientSecret: call.newId(`${id}_secret`),
    latestCharge: null,
    lastError: null,
    canceledAt: null,
    cancellationReason: null,
  };
  call.objects.insert(payments, record, call.nowMs);
  call.effect('payment_intent.created', id);
  return record;
}

function confirm(call: Call, intent: PaymentRecord, lacksReturnUrl: boolean): Answer | object {
  const name = intent.paymentMethod;
  if (name === null) {
    throw refused(
      "You cannot confirm this PaymentIntent because it's missing a payment method. Give payment_method, such as pm_card_visa.",
      undefined,
      'payment_intent_unexpected_state',
    );
  }
  if (lacksReturnUrl) {
    throw refused(
      'This PaymentIntent is configured to accept payment methods that might redirect your customer, so a return_url must be provided. If you do not want redirects, set automatic_payment_methods[enabled] to true and automatic_payment_methods[allow_redirects] to never.',
      'return_url',
    );
  }
  const done = attempt(call, intent, cardOf(name));
  return done.lastError === null ? paymentView(done) : declined(done);
}

/** Charges the card. The intent then succeeds or requires another payment method. */
function attempt(call: Call, intent: PaymentRecord, card: TestCard): PaymentRecord {
  const paymentMethod = call.newId('pm');
  const chargeMade: ChargeRecord = {
    id: call.newId('ch'),
    created: call.now,
    livemode: call.livemode,
    amount: intent.amount,
    amountRefunded: 0,
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    metadata: intent.metadata,
    paymentIntent: intent.id,
    paymentMethod,
    brand: card.brand,
    last4: card.last4,
    status: card.decline === null ? 'succeeded' : 'failed',
    failure: card.decline,
    receiptEmail: intent.receiptEmail,
  };
  call.objects.insert(charges, chargeMade, call.nowMs);
  call.effect(card.decline === null ? 'charge.succeeded' : 'charge.failed', chargeMade.id);
  return call.objects.save(payments, {
    ...intent,
    status: card.decline === null ? 'succeeded' : 'requires_payment_method',
    paymentMethod: card.decline === null ? paymentMethod : null,
    latestCharge: chargeMade.id,
    lastError: card.decline,
  });
}

/** Returns the 402 answer of a declined card. Its writes are kept, as at Stripe. */
function declined(intent: PaymentRecord): Answer {
  const error: ErrorBody = {
    type: 'card_error',
    code: intent.lastError?.code ?? 'card_declined',
    message: intent.lastError?.message ?? 'Your card was declined.',
    doc_url: `https://docs.stripe.com/error-codes#${(intent.lastError?.code ?? 'card_declined').replaceAll('_', '-')}`,
    payment_intent: paymentView(intent),
  };
  if (intent.lastError?.declineCode) error.decline_code = intent.lastError.declineCode;
  if (intent.latestCharge !== null) error.charge = intent.latestCharge;
  return { status: 402, body: { error }, effects: 'kept' };
}

function cardOf(name: string): TestCard {
  const card = testCard(name);
  if (card !== undefined) return card;
  throw new ApiError(400, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    param: 'payment_method',
    message: `No such PaymentMethod: '${name.slice(0, 100)}' (the sandbox has Stripe's test cards, such as pm_card_visa and pm_card_chargeDeclined)`,
  });
}
