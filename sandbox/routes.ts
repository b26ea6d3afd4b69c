import { customerEndpoints, customers, toCustomer } from './customers.ts';
import type { Call, Endpoint } from './endpoint.ts';
import { itemEndpoints, items, toItem } from './invoice-items.ts';
import { invoices, sentEmails } from './invoice-record.ts';
import { toInvoice } from './invoice-view.ts';
import { invoiceEndpoints } from './invoices.ts';
import type { Kind } from './objects.ts';
import { charges, payments, toCharge, toPayment } from './payment-record.ts';
import { paymentEndpoints } from './payments.ts';
import { refundEndpoints, refunds, toRefund } from './refunds.ts';

const endpoints: readonly Endpoint[] = [
  ...customerEndpoints,
  ...invoiceEndpoints,
  ...itemEndpoints,
  ...paymentEndpoints,
  ...refundEndpoints,
];

/** Every kind of object, and how one of an id is shown; undefined when it is not there. */
export const kinds: readonly { name: string; show(call: Call, id: string): object | undefined }[] = [
  kind(customers, (_, record) => toCustomer(record)),
  kind(invoices, toInvoice),
  kind(items, (_, record) => toItem(record)),
  kind(payments, (_, record) => toPayment(record)),
  kind(charges, (_, record) => toCharge(record)),
  kind(refunds, (_, record) => toRefund(record)),
  kind(sentEmails, (_, record) => record),
];

/** The endpoint of a request and the id in its path. */
export function route(method: string, path: string): { endpoint: Endpoint; id: string } | undefined {
  const parts = path.split('/');
  for (const endpoint of endpoints) {
    if (endpoint.method !== method) continue;
    const wanted = endpoint.path.split('/');
    if (wanted.length !== parts.length) continue;
    if (!wanted.every((part, index) => part === ':id' || part === parts[index])) continue;
    return { endpoint, id: parts[wanted.indexOf(':id')] ?? '' };
  }
  return undefined;
}

function kind<T extends { id: string }>(known: Kind<T>, view: (call: Call, record: T) => object) {
  return {
    name: known.name,
    show(call: Call, id: string): object | undefined {
      const record = call.objects.find(known, id);
      return record === undefined ? undefined : view(call, record);
    },
  };
}
