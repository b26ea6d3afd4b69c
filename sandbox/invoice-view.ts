import type Stripe from 'stripe';
import { customers } from './customers.ts';
import { type Call, listObject, type WireFormat } from './endpoint.ts';
import { type ItemRecord, items, lineView } from './invoice-items.ts';
import type { InvoiceRecord } from './invoice-record.ts';

/** An invoice carries its first ten lines; `GET /v1/invoices/:id/lines` has the rest. */
const linesEmbedded = 10;

/** Computes the amounts of an invoice from its lines, in minor units. */
export function totalsOf(invoice: InvoiceRecord, lines: readonly ItemRecord[]) {
  const total = lines.reduce((sum, line) => sum + line.amount, 0);
  const due = Math.max(total, 0);
  const paid = invoice.amountPaid + invoice.amountPaidOffStripe;
  return { total, due, remaining: invoice.status === 'paid' ? 0 : due - paid };
}

/** Returns the items of an invoice in their order. */
export function linesOf(call: Call, invoice: InvoiceRecord): ItemRecord[] {
  return call.objects.children(items, invoice.id);
}

/** Fields that the sandbox does not use: taxes, discounts, shipping, subscriptions, connected accounts. */
const unused = {
  account_tax_ids: null,
  amount_overpaid: 0,
  amount_shipping: 0,
  application: null,
  automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
  customer_account: null,
  customer_shipping: null,
  customer_tax_exempt: 'none',
  customer_tax_ids: [],
  default_payment_method: null,
  default_source: null,
  default_tax_rates: [],
  discounts: [],
  from_invoice: null,
  invoice_pdf: null,
  last_finalization_error: null,
  latest_revision: null,
  next_payment_attempt: null,
  on_behalf_of: null,
  parent: null,
  payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
  post_payment_credit_notes_amount: 0,
  pre_payment_credit_notes_amount: 0,
  receipt_number: null,
  rendering: null,
  shipping_cost: null,
  shipping_details: null,
  starting_balance: 0,
  test_clock: null,
  total_discount_amounts: [],
  total_pretax_credit_amounts: [],
  total_taxes: [],
  webhooks_delivered_at: null,
} satisfies Partial<WireFormat<Stripe.Invoice>>;

/** Returns an invoice as the API shows it, with its first lines. */
export function invoiceView(call: Call, record: InvoiceRecord): WireFormat<Stripe.Invoice> {
  const lines = linesOf(call, record);
  const finalized = record.finalizedAt !== null;
  return {
    ...unused,
    id: record.id,
    object: 'invoice',
    account_country: 'US',
    account_name: 'mcp-once sandbox',
    ...amountsOf(record, totalsOf(record, lines)),
    attempt_count: record.attemptCount,
    attempted: record.attemptCount > 0,
    auto_advance: record.autoAdvance,
    automatically_finalizes_at: record.status === 'draft' && record.autoAdvance ? record.created + 3_600 : null,
    billing_reason: 'manual',
    collection_method: record.collectionMethod,
    created: record.created,
    currency: record.currency,
    custom_fields: record.customFields,
    ...customerOf(call, record),
    description: record.description,
    due_date: record.dueDate,
    effective_at: record.finalizedAt,
    ending_balance: finalized ? 0 : null,
    footer: record.footer,
    hosted_invoice_url: finalized ? `${call.origin}/_sandbox/invoices/${record.id}` : null,
    issuer: { type: 'self' },
    lines: listObject(
      `/v1/invoices/${record.id}/lines`,
      lines.slice(0, linesEmbedded).map(lineView),
      lines.length > linesEmbedded,
    ),
    livemode: record.livemode,
    metadata: record.metadata,
    number: record.number,
    period_end: record.created,
    period_start: record.created,
    statement_descriptor: record.statementDescriptor,
    status: record.status,
    status_transitions: {
      finalized_at: record.finalizedAt,
      marked_uncollectible_at: record.uncollectibleAt,
      paid_at: record.paidAt,
      voided_at: record.voidedAt,
    },
  };
}

function amountsOf(record: InvoiceRecord, { total, due, remaining }: ReturnType<typeof totalsOf>) {
  return {
    amount_due: due,
    amount_paid: record.amountPaid + record.amountPaidOffStripe,
    amount_paid_off_stripe: record.amountPaidOffStripe,
    amount_remaining: remaining,
    subtotal: total,
    subtotal_excluding_tax: total,
    total,
    total_excluding_tax: total,
  };
}

/** Returns the customer's fields at the time of finalizing; before that, the current ones. */
function customerOf(call: Call, record: InvoiceRecord) {
  const customer = record.billed ?? call.objects.find(customers, record.customer);
  return {
    customer: record.customer,
    customer_address: customer?.address ?? null,
    customer_email: customer?.email ?? null,
    customer_name: customer?.name ?? null,
    customer_phone: customer?.phone ?? null,
  };
}
