import { refused } from './api-error.ts';
import { customers } from './customers.ts';
import { type Call, type Endpoint, endpoint } from './endpoint.ts';
import { invoicePrefixOf } from './ids.ts';
import { type InvoiceRecord, invoices, sentEmails } from './invoice-record.ts';
import { invoiceView, linesOf, totalsOf } from './invoice-view.ts';
import { boolean } from './params.ts';

/**
 * The moves of an invoice: a draft is finalized to open (or to paid, if nothing is due), and an open one can be
 * voided (https://docs.stripe.com/invoicing/overview#invoice-statuses). Other moves are refused.
 */
export const moveEndpoints: readonly Endpoint[] = [
  endpoint('POST', '/v1/invoices/:id/finalize', { auto_advance: boolean.optional() }, (call, params, id) => {
    const invoice = call.objects.load(invoices, id);
    if (invoice.status !== 'draft') {
      throw refused(
        `This invoice is already finalized, you can't re-finalize it: its status is ${invoice.status}.`,
        undefined,
        'invoice_not_editable',
      );
    }
    const autoAdvance = params.auto_advance ?? invoice.autoAdvance;
    return invoiceView(call, finalize(call, { ...invoice, autoAdvance }));
  }),
  endpoint('POST', '/v1/invoices/:id/send', {}, (call, _, id) =>
    invoiceView(call, send(call, call.objects.load(invoices, id))),
  ),
  endpoint('POST', '/v1/invoices/:id/void', {}, (call, _, id) => {
    const invoice = from(call.objects.load(invoices, id), ['open', 'uncollectible'], 'voided');
    return move(call, { ...invoice, status: 'void', voidedAt: call.now, autoAdvance: false }, 'invoice.voided');
  }),
];

function finalize(call: Call, draft: InvoiceRecord): InvoiceRecord {
  const total = totalsOf(draft, linesOf(call, draft)).total;
  const { name, email, phone, address } = call.objects.load(customers, draft.customer);
  const invoice: InvoiceRecord = {
    ...draft,
    status: total > 0 ? 'open' : 'paid',
    billed: { name, email, phone, address },
    number: draft.number ?? nextNumber(call, draft.customer),
    finalizedAt: call.now,
    paidAt: total > 0 ? null : call.now,
    dueDate: draft.daysUntilDue === null ? draft.dueDate : call.now + draft.daysUntilDue * 86_400,
  };
  call.effect('invoice.finalized', invoice.id);
  return call.objects.save(invoices, invoice);
}

/** Sends an invoice. A draft is finalized first, as at Stripe. */
function send(call: Call, given: InvoiceRecord): InvoiceRecord {
  if (given.collectionMethod !== 'send_invoice') {
    throw refused(
      'You can only manually send an invoice if its collection_method is send_invoice.',
      'collection_method',
    );
  }
  const invoice = from(given, ['draft', 'open', 'paid'], 'sent');
  if (call.objects.load(customers, invoice.customer).email === null) {
    throw refused(
      'Missing email. In order to send invoices to the customer, the customer must have a valid email.',
      'customer',
    );
  }
  const sent = invoice.status === 'draft' ? finalize(call, invoice) : invoice;
  const email = { id: call.newId('mail'), created: call.now, invoice: sent.id, customer: sent.customer };
  call.objects.insert(sentEmails, email, call.nowMs);
  call.effect('invoice.sent', sent.id);
  return sent;
}

function move(call: Call, invoice: InvoiceRecord, action: string) {
  call.effect(action, invoice.id);
  return invoiceView(call, call.objects.save(invoices, invoice));
}

function from(invoice: InvoiceRecord, statuses: readonly InvoiceRecord['status'][], done: string): InvoiceRecord {
  if (statuses.includes(invoice.status)) return invoice;
  throw refused(
    `This invoice can't be ${done}: its status is ${invoice.status}, and must be ${statuses.join(' or ')}.`,
    undefined,
    invoice.status === 'draft' ? undefined : 'invoice_not_editable',
  );
}

/** Returns the next invoice number of a customer, as Stripe counts by default: PREFIX-0001. */
function nextNumber(call: Call, customerId: string): string {
  const customer = call.objects.load(customers, customerId);
  const sequence = customer.nextInvoiceSequence;
  call.objects.save(customers, { ...customer, nextInvoiceSequence: sequence + 1 });
  return `${invoicePrefixOf(customerId)}-${String(sequence).padStart(4, '0')}`;
}
