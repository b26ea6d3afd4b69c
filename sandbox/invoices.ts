import { z } from 'zod';
import { defined } from '../src/core/json.ts';
import { invalidParameter, refused } from './api-error.ts';
import { customers } from './customers.ts';
import { type Call, type Endpoint, endpoint, listObject, pageOf } from './endpoint.ts';
import { items, lineView } from './invoice-items.ts';
import { moveEndpoints } from './invoice-moves.ts';
import { type InvoiceRecord, invoices, refuseUnlessDraft } from './invoice-record.ts';
import { invoiceView, linesOf } from './invoice-view.ts';
import {
  boolean,
  clearableText,
  currencyCode,
  integerText,
  list,
  mergeMetadata,
  metadata,
  nonEmptyText,
  paging,
  timestamp,
} from './params.ts';

const collectionMethod = z.enum(['charge_automatically', 'send_invoice']);

const linesRemovedMax = 250;

const updateFields = {
  days_until_due: integerText(0, 1_000).optional(),
  description: clearableText(1_500).optional(),
  metadata: metadata.optional(),
};

const removedLines = list(
  z.strictObject({ id: nonEmptyText(), behavior: z.enum(['delete', 'unassign']) }),
  linesRemovedMax,
);

const createFields = {
  customer: nonEmptyText(),
  currency: currencyCode.optional(),
  // The sandbox has no pending items.
  pending_invoice_items_behavior: z.literal('exclude').optional(),
  auto_advance: boolean.optional(),
  collection_method: collectionMethod.optional(),
  days_until_due: integerText(0, 1_000).optional(),
  due_date: timestamp().optional(),
  description: clearableText(1_500).optional(),
  footer: clearableText().optional(),
  statement_descriptor: clearableText(22).optional(),
  metadata: metadata.optional(),
  number: clearableText(26).optional(),
  custom_fields: z
    .union([
      z.literal('').transform(() => null),
      list(z.strictObject({ name: nonEmptyText(40), value: nonEmptyText(140) }), 4),
    ])
    .optional(),
};

type CreateFields = z.output<z.ZodObject<typeof createFields>>;

export const invoiceEndpoints: readonly Endpoint[] = [
  endpoint('POST', '/v1/invoices', createFields, createInvoice),
  endpoint(
    'GET',
    '/v1/invoices',
    {
      ...paging,
      customer: nonEmptyText().optional(),
      status: z.enum(['draft', 'open', 'paid', 'uncollectible', 'void']).optional(),
    },
    (call, params) => {
      const filter = defined({ customer: params.customer, status: params.status });
      return pageOf('/v1/invoices', call.objects.page(invoices, filter, params), (record) => invoiceView(call, record));
    },
  ),
  endpoint('GET', '/v1/invoices/:id', {}, (call, _, id) => invoiceView(call, call.objects.load(invoices, id))),
  endpoint('POST', '/v1/invoices/:id', updateFields, updateDraft),
  endpoint('DELETE', '/v1/invoices/:id', {}, deleteDraft),
  endpoint('POST', '/v1/invoices/:id/remove_lines', { lines: removedLines }, removeLines),
  endpoint('GET', '/v1/invoices/:id/lines', { limit: paging.limit, starting_after: paging.starting_after }, listLines),
  ...moveEndpoints,
];

function createInvoice(call: Call, params: CreateFields) {
  const collectionMethod = params.collection_method ?? 'charge_automatically';
  const due = dueOf(collectionMethod, params, call.now);
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
  return invoiceView(call, record);
}

/** Changes a draft. The sandbox refuses every change of a finalized invoice, and Stripe most of them. */
function updateDraft(call: Call, params: z.output<z.ZodObject<typeof updateFields>>, id: string) {
  const invoice = call.objects.load(invoices, id);
  refuseUnlessDraft(invoice);
  const { days_until_due: days, description = invoice.description } = params;
  const due = days === undefined ? {} : dueOf(invoice.collectionMethod, { days_until_due: days }, call.now);
  const merged = mergeMetadata(invoice.metadata, params.metadata);
  call.effect('invoice.updated', id);
  return invoiceView(call, call.objects.save(invoices, { ...invoice, ...due, description, metadata: merged }));
}

function deleteDraft(call: Call, _: object, id: string) {
  const invoice = call.objects.load(invoices, id);
  if (invoice.status !== 'draft') {
    throw refused('You can only delete draft invoices.', undefined, 'invoice_not_editable');
  }
  for (const item of linesOf(call, invoice)) call.objects.remove(items, item);
  call.objects.remove(invoices, invoice);
  call.effect('invoice.deleted', id);
  return { id, object: 'invoice', deleted: true };
}

function removeLines(call: Call, { lines: removed }: { lines: z.output<typeof removedLines> }, id: string) {
  const invoice = call.objects.load(invoices, id);
  refuseUnlessDraft(invoice);
  const lines = linesOf(call, invoice);
  for (const { id: lineId, behavior } of removed) {
    const item = lines.find((line) => line.lineId === lineId);
    if (item === undefined) throw refused(`No such line item: '${lineId}'`, 'lines', 'resource_missing');
    if (behavior === 'delete') call.objects.remove(items, item);
    else call.objects.save(items, { ...item, invoice: null });
    call.effect('invoice_item.removed', item.id);
  }
  return invoiceView(call, invoice);
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
  return listObject(`/v1/invoices/${id}/lines`, page.map(lineView), lines.length > start + limit);
}

/** Tells when an invoice is due. One that is charged automatically has no date. */
function dueOf(
  method: InvoiceRecord['collectionMethod'],
  params: Pick<CreateFields, 'days_until_due' | 'due_date'>,
  from: number,
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
  throw invalidParameter(
    'If an invoice has a collection_method of send_invoice, you must specify days_until_due or due_date.',
    'days_until_due',
    'parameter_missing',
  );
}
