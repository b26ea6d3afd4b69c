import type Stripe from 'stripe';
import { z } from 'zod';
import { invalidParameter, refused } from './api-error.ts';
import { customers } from './customers.ts';
import { type Call, type Endpoint, endpoint, listOf, pageOf, searchEndpoint } from './endpoint.ts';
import { addItem, items, pricedFields, toLine } from './invoice-items.ts';
import { moveEndpoints } from './invoice-moves.ts';
import { editable, type InvoiceRecord, invoices } from './invoice-record.ts';
import { linesOf, toInvoice } from './invoice-view.ts';
import {
  boolean,
  clearableText,
  currency,
  integer,
  list,
  mergeMetadata,
  metadata,
  paging,
  text,
  timestamp,
} from './params.ts';

const collectionMethod = z.enum(['charge_automatically', 'send_invoice']);

const editableFields = {
  auto_advance: boolean.optional(),
  collection_method: collectionMethod.optional(),
  days_until_due: integer(0, 1_000).optional(),
  due_date: timestamp().optional(),
  description: clearableText(1_500).optional(),
  footer: clearableText().optional(),
  statement_descriptor: clearableText(22).optional(),
  metadata: metadata.optional(),
  number: clearableText(26).optional(),
  custom_fields: z
    .union([z.literal('').transform(() => null), list(z.strictObject({ name: text(40), value: text(140) }), 4)])
    .optional(),
};

const createFields = {
  ...editableFields,
  customer: text(),
  currency: currency.optional(),
  pending_invoice_items_behavior: z.enum(['include', 'exclude']).optional(),
};

type EditableFields = z.output<z.ZodObject<typeof editableFields>>;
type CreateFields = z.output<z.ZodObject<typeof createFields>>;

export const invoiceEndpoints: readonly Endpoint[] = [
  searchEndpoint(
    '/v1/invoices/search',
    invoices,
    {
      currency: { path: 'currency', type: 'text' },
      customer: { path: 'customer', type: 'text' },
      number: { path: 'number', type: 'text' },
      status: { path: 'status', type: 'text' },
      created: { path: 'created', type: 'number' },
    },
    toInvoice,
  ),
  endpoint('POST', '/v1/invoices', createFields, createInvoice),
  endpoint(
    'GET',
    '/v1/invoices',
    {
      ...paging,
      customer: text().optional(),
      status: z.enum(['draft', 'open', 'paid', 'uncollectible', 'void']).optional(),
    },
    (call, params) => {
      const filter = {
        ...(params.customer === undefined ? {} : { customer: params.customer }),
        ...(params.status === undefined ? {} : { status: params.status }),
      };
      return pageOf('/v1/invoices', call.objects.page(invoices, filter, params), (record) => toInvoice(call, record));
    },
  ),
  endpoint('GET', '/v1/invoices/:id', {}, (call, _, id) => toInvoice(call, call.objects.load(invoices, id))),
  endpoint('POST', '/v1/invoices/:id', editableFields, updateInvoice),
  endpoint('DELETE', '/v1/invoices/:id', {}, deleteInvoice),
  endpoint('GET', '/v1/invoices/:id/lines', { limit: paging.limit, starting_after: paging.starting_after }, listLines),
  endpoint(
    'POST',
    '/v1/invoices/:id/add_lines',
    { lines: list(z.strictObject(pricedFields), 250), invoice_metadata: metadata.optional() },
    (call, params, id) => {
      const invoice = call.objects.load(invoices, id);
      for (const line of params.lines) addItem(call, invoice.customer, invoice, line, undefined);
      const merged = { ...invoice, metadata: mergeMetadata(invoice.metadata, params.invoice_metadata) };
      return toInvoice(call, call.objects.save(invoices, merged));
    },
  ),
  ...moveEndpoints,
];

function createInvoice(call: Call, params: CreateFields) {
  const collectionMethod = params.collection_method ?? 'charge_automatically';
  const due = dueOf(collectionMethod, params, call.now, { daysUntilDue: null, dueDate: null });
  const customer = call.objects.load(customers, params.customer, 'customer');
  const record: InvoiceRecord = {
    id: call.newId('in'),
    created: call.now,
    livemode: call.livemode,
    customer: customer.id,
    billed: null,
    currency: params.currency ?? customer.currency ?? 'usd',
    status: 'draft',
    collectionMethod,
    autoAdvance: params.auto_advance ?? false,
    ...due,
    description: params.description ?? null,
    footer: params.footer ?? null,
    statementDescriptor: params.statement_descriptor ?? null,
    customFields: params.custom_fields ?? null,
    metadata: mergeMetadata({}, params.metadata),
    number: params.number ?? null,
    amountPaid: 0,
    amountPaidOffStripe: 0,
    attemptCount: 0,
    finalizedAt: null,
    paidAt: null,
    voidedAt: null,
    uncollectibleAt: null,
  };
  call.objects.insert(invoices, record, call.nowMs);
  call.effect('invoice.created', record.id);
  if (customer.currency === null) call.objects.save(customers, { ...customer, currency: record.currency });
  if (params.pending_invoice_items_behavior === 'include') takePending(call, record);
  return toInvoice(call, record);
}

/** Pending items in another currency stay pending. */
function takePending(call: Call, invoice: InvoiceRecord): void {
  const pending = call.objects.page(items, { customer: invoice.customer, parent: null }, { limit: 250 });
  for (const item of pending.records) {
    if (item.currency === invoice.currency) call.objects.save(items, { ...item, invoice: invoice.id });
  }
}

function updateInvoice(call: Call, params: EditableFields, id: string) {
  const invoice = call.objects.load(invoices, id);
  const { metadata: patch, auto_advance: autoAdvance, ...draftOnly } = params;
  if (Object.values(draftOnly).some((value) => value !== undefined)) editable(invoice);
  const collectionMethod = params.collection_method ?? invoice.collectionMethod;
  const record: InvoiceRecord = {
    ...invoice,
    collectionMethod,
    autoAdvance: autoAdvance ?? invoice.autoAdvance,
    ...dueOf(collectionMethod, params, invoice.created, invoice),
    description: params.description === undefined ? invoice.description : params.description,
    footer: params.footer === undefined ? invoice.footer : params.footer,
    statementDescriptor:
      params.statement_descriptor === undefined ? invoice.statementDescriptor : params.statement_descriptor,
    customFields: params.custom_fields === undefined ? invoice.customFields : params.custom_fields,
    number: params.number === undefined ? invoice.number : params.number,
    metadata: mergeMetadata(invoice.metadata, patch),
  };
  call.effect('invoice.updated', id);
  return toInvoice(call, call.objects.save(invoices, record));
}

function deleteInvoice(call: Call, _: object, id: string) {
  const invoice = call.objects.load(invoices, id);
  if (invoice.status !== 'draft') {
    throw refused(
      `You can only delete draft invoices; this one is ${invoice.status}. Void it instead.`,
      undefined,
      'invoice_not_editable',
    );
  }
  for (const item of linesOf(call, invoice)) call.objects.remove(items, item.id);
  call.objects.remove(invoices, id);
  call.effect('invoice.deleted', id);
  return { id, object: 'invoice', deleted: true } satisfies Stripe.DeletedInvoice;
}

function listLines(
  call: Call,
  params: { limit?: number | undefined; starting_after?: string | undefined },
  id: string,
) {
  const lines = linesOf(call, call.objects.load(invoices, id));
  const after = params.starting_after;
  const start = after === undefined ? 0 : lines.findIndex((line) => line.lineId === after) + 1;
  if (after !== undefined && start === 0) {
    throw refused(`No such line item: '${after}'`, 'starting_after', 'resource_missing');
  }
  const limit = params.limit ?? 10;
  const page = lines.slice(start, start + limit);
  return listOf(`/v1/invoices/${id}/lines`, page.map(toLine), lines.length > start + limit);
}

/** When an invoice is due: one that is sent by a date given or kept, one that is charged never. */
function dueOf(
  method: InvoiceRecord['collectionMethod'],
  params: EditableFields,
  from: number,
  current: Pick<InvoiceRecord, 'daysUntilDue' | 'dueDate'>,
): Pick<InvoiceRecord, 'daysUntilDue' | 'dueDate'> {
  const { days_until_due: days, due_date: date } = params;
  if (days !== undefined && date !== undefined) {
    throw invalidParameter('Give days_until_due or due_date, not both.', 'due_date', 'parameters_exclusive');
  }
  if (method === 'charge_automatically') {
    if (days === undefined && date === undefined) return { daysUntilDue: null, dueDate: null };
    const param = days === undefined ? 'due_date' : 'days_until_due';
    throw invalidParameter(`You can only specify ${param} if collection_method is send_invoice.`, param);
  }
  if (days !== undefined) return { daysUntilDue: days, dueDate: from + days * 86_400 };
  if (date !== undefined) return { daysUntilDue: null, dueDate: date };
  if (current.dueDate !== null) return { daysUntilDue: current.daysUntilDue, dueDate: current.dueDate };
  throw invalidParameter(
    'If an invoice has a collection_method of send_invoice, you must specify days_until_due or due_date.',
    'days_until_due',
    'parameter_missing',
  );
}
