import type Stripe from 'stripe';
import { z } from 'zod';
import { defined } from '../src/core/json.ts';
import { type Endpoint, endpoint, pageOf } from './endpoint.ts';
import { invoicePrefixOf } from './ids.ts';
import type { Kind } from './objects.ts';
import { clearableEmail, clearableText, mergeMetadata, metadata, paging } from './params.ts';

const addressRecord = z.object({
  city: z.string().nullable(),
  country: z.string().nullable(),
  line1: z.string().nullable(),
  line2: z.string().nullable(),
  postal_code: z.string().nullable(),
  state: z.string().nullable(),
});

/** The customer's fields that an invoice shows, and keeps once it is finalized. */
export const customerDetails = {
  name: z.string().nullable(),
  email: z.string().nullable(),
  phone: z.string().nullable(),
  address: addressRecord.nullable(),
};

const customerRecord = z.object({
  id: z.string(),
  created: z.number(),
  livemode: z.boolean(),
  ...customerDetails,
  description: z.string().nullable(),
  currency: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  nextInvoiceSequence: z.number(),
});

export type CustomerRecord = z.output<typeof customerRecord>;

export const customers: Kind<CustomerRecord> = {
  name: 'customers',
  noun: 'customer',
  prefix: 'cus',
  schema: customerRecord,
  columns: (record) => ({ email: record.email }),
};

const fields = {
  name: clearableText(256).optional(),
  email: clearableEmail.optional(),
  phone: clearableText(20).optional(),
  description: clearableText(350).optional(),
  address: z
    .union([
      z.literal('').transform(() => null),
      z.strictObject({
        city: clearableText().optional(),
        country: clearableText().optional(),
        line1: clearableText().optional(),
        line2: clearableText().optional(),
        postal_code: clearableText().optional(),
        state: clearableText().optional(),
      }),
    ])
    .optional(),
  metadata: metadata.optional(),
};

export const customerEndpoints: readonly Endpoint[] = [
  endpoint('POST', '/v1/customers', fields, (call, params) => {
    const id = call.newId('cus');
    const record = withFields(
      {
        id,
        created: call.now,
        livemode: call.livemode,
        name: null,
        email: null,
        phone: null,
        description: null,
        address: null,
        currency: null,
        metadata: {},
        nextInvoiceSequence: 1,
      },
      params,
    );
    call.objects.insert(customers, record, call.nowMs);
    call.effect('customer.created', id);
    return customerView(record);
  }),
  endpoint('GET', '/v1/customers', { ...paging, email: z.string().max(512).optional() }, (call, params) => {
    const filter = defined({ email: params.email });
    return pageOf('/v1/customers', call.objects.page(customers, filter, params), (record) => customerView(record));
  }),
  endpoint('GET', '/v1/customers/:id', {}, (call, _, id) => customerView(call.objects.load(customers, id))),
  endpoint('POST', '/v1/customers/:id', fields, (call, params, id) => {
    const record = call.objects.save(customers, withFields(call.objects.load(customers, id), params));
    call.effect('customer.updated', id);
    return customerView(record);
  }),
];

type Fields = z.output<z.ZodObject<typeof fields>>;

function withFields(record: CustomerRecord, params: Fields): CustomerRecord {
  return {
    ...record,
    name: params.name === undefined ? record.name : params.name,
    email: params.email === undefined ? record.email : params.email,
    phone: params.phone === undefined ? record.phone : params.phone,
    description: params.description === undefined ? record.description : params.description,
    address: params.address === undefined ? record.address : withAddress(record.address, params.address),
    metadata: mergeMetadata(record.metadata, params.metadata),
  };
}

function withAddress(
  current: CustomerRecord['address'],
  given: Exclude<Fields['address'], undefined>,
): CustomerRecord['address'] {
  if (given === null) return null;
  const part = (name: keyof typeof given) => (given[name] === undefined ? (current?.[name] ?? null) : given[name]);
  return {
    city: part('city'),
    country: part('country'),
    line1: part('line1'),
    line2: part('line2'),
    postal_code: part('postal_code'),
    state: part('state'),
  };
}

export function customerView(record: CustomerRecord): Stripe.Customer {
  return {
    id: record.id,
    object: 'customer',
    address: record.address,
    balance: 0,
    created: record.created,
    currency: record.currency,
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: record.description,
    discount: null,
    email: record.email,
    invoice_prefix: invoicePrefixOf(record.id),
    invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
    livemode: record.livemode,
    metadata: record.metadata,
    name: record.name,
    next_invoice_sequence: record.nextInvoiceSequence,
    phone: record.phone,
    preferred_locales: [],
    shipping: null,
    tax_exempt: 'none',
    test_clock: null,
  };
}
