import type Stripe from 'stripe';
import { z } from 'zod';
import { defined } from '../src/core/json.ts';
import { invalidParameter, refused } from './api-error.ts';
import { customers } from './customers.ts';
import { type Call, type Endpoint, endpoint, pageOf, type WireFormat } from './endpoint.ts';
import { invoices, refuseUnlessDraft } from './invoice-record.ts';
import type { Kind } from './objects.ts';
import {
  apiAmountMax,
  boolean,
  clearableText,
  currencyCode,
  decimal,
  integerText,
  mergeMetadata,
  metadata,
  nonEmptyText,
  paging,
  timestamp,
} from './params.ts';

const itemRecord = z.object({
  id: z.string(),
  /** The id of the invoice's line that this item becomes. */
  lineId: z.string(),
  created: z.number(),
  livemode: z.boolean(),
  customer: z.string(),
  invoice: z.string().nullable(),
  currency: z.string(),
  amount: z.number(),
  quantity: z.number(),
  unitAmount: z.string(),
  product: z.string().nullable(),
  description: z.string().nullable(),
  discountable: z.boolean(),
  metadata: z.record(z.string(), z.string()),
  periodStart: z.number(),
  periodEnd: z.number(),
});

export type ItemRecord = z.output<typeof itemRecord>;

export const items: Kind<ItemRecord> = {
  name: 'invoice_items',
  noun: 'invoiceitem',
  prefix: 'ii',
  schema: itemRecord,
  columns: (record) => ({ customer: record.customer, parent: record.invoice }),
};

const priceData = z.strictObject({
  currency: currencyCode,
  product: nonEmptyText(),
  unit_amount: integerText(-apiAmountMax, apiAmountMax).optional(),
  unit_amount_decimal: decimal.optional(),
});

const pricedFields = {
  amount: integerText(-apiAmountMax, apiAmountMax).optional(),
  quantity: integerText(0, 1_000_000).optional(),
  price_data: priceData.optional(),
  description: clearableText().optional(),
  discountable: boolean.optional(),
  metadata: metadata.optional(),
  period: z.strictObject({ start: timestamp(), end: timestamp() }).optional(),
};

type Priced = z.output<z.ZodObject<typeof pricedFields>> & { unit_amount_decimal?: string | undefined };

export const itemEndpoints: readonly Endpoint[] = [
  endpoint(
    'POST',
    '/v1/invoiceitems',
    {
      ...pricedFields,
      customer: nonEmptyText().optional(),
      invoice: nonEmptyText(),
      currency: currencyCode.optional(),
      unit_amount_decimal: decimal.optional(),
    },
    (call, params) => itemView(createItem(call, params)),
  ),
  endpoint(
    'GET',
    '/v1/invoiceitems',
    { ...paging, customer: nonEmptyText().optional(), invoice: nonEmptyText().optional() },
    (call, params) => {
      const filter = defined({ customer: params.customer, parent: params.invoice });
      return pageOf('/v1/invoiceitems', call.objects.page(items, filter, params), itemView);
    },
  ),
];

function createItem(
  call: Call,
  params: Priced & { customer?: string | undefined; invoice: string; currency?: string | undefined },
): ItemRecord {
  const invoice = call.objects.load(invoices, params.invoice, 'invoice');
  const customer = params.customer ?? invoice.customer;
  call.objects.load(customers, customer, 'customer');
  if (invoice.customer !== customer) {
    throw refused('The customer of the invoice and of the invoice item must be the same.', 'customer');
  }
  refuseUnlessDraft(invoice);
  const itemCurrency = params.price_data?.currency ?? params.currency ?? invoice.currency;
  if (invoice.currency !== itemCurrency) {
    throw refused(
      `The currency of the invoice item (${itemCurrency}) must match the currency of the invoice (${invoice.currency}).`,
      'currency',
    );
  }
  const price = priceOf(params);
  const record: ItemRecord = {
    id: call.newId('ii'),
    lineId: call.newId('il'),
    created: call.now,
    livemode: call.livemode,
    customer,
    invoice: invoice.id,
    currency: itemCurrency,
    ...price,
    product: params.price_data?.product ?? null,
    description: params.description ?? null,
    discountable: params.discountable ?? price.amount >= 0,
    metadata: mergeMetadata({}, params.metadata),
    periodStart: params.period?.start ?? call.now,
    periodEnd: params.period?.end ?? call.now,
  };
  call.objects.insert(items, record, call.nowMs);
  call.effect('invoice_item.created', record.id);
  return record;
}

function priceOf(params: Priced): { amount: number; quantity: number; unitAmount: string } {
  const { unit_amount_decimal: ownUnit, price_data: data } = params;
  const units = [ownUnit, data?.unit_amount_decimal, data?.unit_amount?.toString()].filter(
    (each) => each !== undefined,
  );
  if (units.length > 1) {
    throw invalidParameter(
      'You may only specify one of these parameters: unit_amount, unit_amount_decimal.',
      'unit_amount_decimal',
      'parameters_exclusive',
    );
  }
  const [unit] = units;
  if (params.amount !== undefined) {
    if (unit !== undefined || (params.quantity ?? 1) !== 1) {
      throw invalidParameter(
        'An amount is the whole of the line: with a quantity, give unit_amount_decimal or price_data instead.',
        'amount',
        'parameters_exclusive',
      );
    }
    return { amount: params.amount, quantity: 1, unitAmount: String(params.amount) };
  }
  if (unit === undefined) {
    throw invalidParameter('Give one of amount, unit_amount_decimal or price_data.', 'amount', 'parameter_missing');
  }
  const quantity = params.quantity ?? 1;
  const amount = multiply(unit, quantity);
  if (Math.abs(amount) > apiAmountMax)
    throw invalidParameter(`The amount must be at most ${apiAmountMax}.`, 'quantity');
  return { amount, quantity, unitAmount: unit };
}

/** Multiplies a decimal by a whole number, rounded half away from zero to minor units. */
function multiply(unit: string, quantity: number): number {
  const negative = unit.startsWith('-');
  const [whole = '0', fraction = ''] = unit.replace('-', '').split('.');
  const scale = 10n ** BigInt(fraction.length);
  const product = BigInt(whole + fraction) * BigInt(quantity);
  const rounded = Number((product * 2n + scale) / (scale * 2n));
  return negative && rounded !== 0 ? -rounded : rounded;
}

export function itemView(record: ItemRecord): WireFormat<Stripe.InvoiceItem> {
  return {
    id: record.id,
    object: 'invoiceitem',
    amount: record.amount,
    currency: record.currency,
    customer: record.customer,
    customer_account: null,
    date: record.created,
    description: record.description,
    discountable: record.discountable,
    discounts: [],
    invoice: record.invoice,
    livemode: record.livemode,
    metadata: record.metadata,
    net_amount: record.amount,
    parent: null,
    period: { start: record.periodStart, end: record.periodEnd },
    pricing: pricingOf(record),
    proration: false,
    quantity: record.quantity,
    quantity_decimal: String(record.quantity),
    tax_rates: [],
    test_clock: null,
  };
}

export function lineView(record: ItemRecord): WireFormat<Stripe.InvoiceLineItem> {
  return {
    id: record.lineId,
    object: 'line_item',
    amount: record.amount,
    currency: record.currency,
    description: record.description,
    discount_amounts: [],
    discountable: record.discountable,
    discounts: [],
    invoice: record.invoice,
    livemode: record.livemode,
    metadata: record.metadata,
    parent: {
      type: 'invoice_item_details',
      invoice_item_details: {
        invoice_item: record.id,
        proration: false,
        proration_details: { credited_items: null },
        subscription: null,
      },
      subscription_item_details: null,
    },
    period: { start: record.periodStart, end: record.periodEnd },
    pretax_credit_amounts: [],
    pricing: pricingOf(record),
    quantity: record.quantity,
    quantity_decimal: String(record.quantity),
    subscription: null,
    subtotal: record.amount,
    taxes: [],
  };
}

function pricingOf(record: ItemRecord) {
  return {
    type: 'price_details' as const,
    ...defined({ price_details: detailsOf(record) }),
    unit_amount_decimal: record.unitAmount,
  };
}

function detailsOf({ product, lineId }: ItemRecord) {
  return product === null ? undefined : { price: `price_${lineId.slice(3)}`, product };
}
