import { customerEndpoints, customers, customerView } from './customers.ts';
import type { Call, Endpoint } from './endpoint.ts';
import { itemEndpoints, items, itemView } from './invoice-items.ts';
import { invoices, sentEmails } from './invoice-record.ts';
import { invoiceView } from './invoice-view.ts';
import { invoiceEndpoints } from './invoices.ts';
import type { Kind } from './objects.ts';
import { charges, chargeView, payments, paymentView } from './payment-record.ts';
import { paymentEndpoints } from './payments.ts';
import { refundEndpoints, refunds, refundView } from './refunds.ts';

const endpoints: readonly Endpoint[] = [
  ...customerEndpoints,
  ...invoiceEndpoints,
  ...itemEndpoints,
  ...paymentEndpoints,
  ...refundEndpoints,
];

/** Every kind of object. `show` returns the view of an object, or undefined if it does not exist. */
export const kinds: readonly { name: string; show(call: Call, id: string): object | undefined }[] = [
  kind(customers, (_, record) => customerView(record)),
  kind(invoices, invoiceView),
  kind(items, (_, record) => itemView(record)),
  kind(payments, (_, record) => paymentView(record)),
  kind(charges, (_, record) => chargeView(record)),
  kind(refunds, (_, record) => refundView(record)),
  kind(sentEmails, (_, record) => record),
];

/** Returns the endpoint of a request and the id in its path. */
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
