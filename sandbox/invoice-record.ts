import { z } from 'zod';
import { refused } from './api-error.ts';
import { customerDetails } from './customers.ts';
import type { Kind } from './objects.ts';

const invoiceRecord = z.object({
  id: z.string(),
  created: z.number(),
  livemode: z.boolean(),
  customer: z.string(),
  /** The customer's fields at the time of finalizing; null until then. */
  billed: z.object(customerDetails).nullable().default(null),
  currency: z.string(),
  status: z.enum(['draft', 'open', 'paid', 'void', 'uncollectible']),
  collectionMethod: z.enum(['charge_automatically', 'send_invoice']),
  autoAdvance: z.boolean(),
  daysUntilDue: z.number().nullable(),
  dueDate: z.number().nullable(),
  description: z.string().nullable(),
  footer: z.string().nullable(),
  statementDescriptor: z.string().nullable(),
  customFields: z.array(z.object({ name: z.string(), value: z.string() })).nullable(),
  metadata: z.record(z.string(), z.string()),
  number: z.string().nullable(),
  /** The paid amount, and the part paid outside of Stripe, in minor units. */
  amountPaid: z.number(),
  amountPaidOffStripe: z.number(),
  attemptCount: z.number(),
  finalizedAt: z.number().nullable(),
  paidAt: z.number().nullable(),
  voidedAt: z.number().nullable(),
  uncollectibleAt: z.number().nullable(),
});

export type InvoiceRecord = z.output<typeof invoiceRecord>;

export const invoices: Kind<InvoiceRecord> = {
  name: 'invoices',
  noun: 'invoice',
  prefix: 'in',
  schema: invoiceRecord,
  columns: (record) => ({ customer: record.customer, status: record.status }),
};

/** An e-mail with an invoice. Each is stored, since sending twice is two effects. */
const sentEmailRecord = z.object({ id: z.string(), created: z.number(), invoice: z.string(), customer: z.string() });

export const sentEmails: Kind<z.output<typeof sentEmailRecord>> = {
  name: 'sent_emails',
  noun: 'sent email',
  prefix: 'mail',
  schema: sentEmailRecord,
  columns: (record) => ({ customer: record.customer, parent: record.invoice }),
};

/** @throws ApiError when the invoice's lines can no longer change. */
export function refuseUnlessDraft(invoice: InvoiceRecord): void {
  if (invoice.status === 'draft') return;
  throw refused(
    `Invoice ${invoice.id} is no longer editable: its status is ${invoice.status}, and only a draft can change.`,
    'invoice',
    'invoice_not_editable',
  );
}
