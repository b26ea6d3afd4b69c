import { accountEndpoints } from './accounts.ts';
import { type Answer, invalidParameter } from './api-error.ts';
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
  ...accountEndpoints,
  ...customerEndpoints,
  ...invoiceEndpoints,
  ...itemEndpoints,
  ...paymentEndpoints,
  ...refundEndpoints,
];

/** Every kind of object, and how one of an id is shown; undefined when it is not there. */
export const kinds: readonly { name: string; prefix: string; show(call: Call, id: string): object | undefined }[] = [
  kind(customers, (_, record) => toCustomer(record)),
  kind(invoices, toInvoice),
  kind(items, (_, record) => toItem(record)),
  kind(payments, (_, record) => toPayment(record)),
  kind(charges, (_, record) => toCharge(record)),
  kind(refunds, (_, record) => toRefund(record)),
  kind(sentEmails, (_, record) => record),
];

/** The endpoint of a request and the id in its path. The first that fits: `search` stands before `:id`. */
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

/**
 * Replaces ids by their objects, as `expand[]=customer`, `expand[]=data.customer` or
 * `expand[]=latest_charge` ask (https://docs.stripe.com/api/expanding_objects).
 * @throws ApiError when a property cannot be expanded.
 */
export function withExpansions(call: Call, answer: Answer): Answer {
  if (answer.expand === undefined) return answer;
  const body: unknown = structuredClone(answer.body);
  for (const path of answer.expand) {
    const steps = path.split('.');
    if (steps.length > 4) throw invalidParameter('You cannot expand more than 4 levels of a property.', 'expand');
    expandAt(call, body, steps, path);
  }
  return { ...answer, body: body as object };
}

function expandAt(call: Call, holder: unknown, steps: readonly string[], path: string): void {
  if (Array.isArray(holder)) {
    for (const element of holder) expandAt(call, element, steps, path);
    return;
  }
  const [step, ...rest] = steps;
  if (step === undefined || holder === null) return;
  if (typeof holder !== 'object' || !Object.hasOwn(holder, step)) {
    throw invalidParameter(`This property cannot be expanded (${path}).`, 'expand');
  }
  const properties = holder as Record<string, unknown>;
  const value = properties[step];
  if (typeof value === 'string') {
    const shown = showById(call, value);
    if (shown === undefined) throw invalidParameter(`This property cannot be expanded (${path}).`, 'expand');
    properties[step] = structuredClone(shown);
  }
  expandAt(call, properties[step], rest, path);
}

function showById(call: Call, id: string): object | undefined {
  return kinds.find((known) => id.startsWith(`${known.prefix}_`))?.show(call, id);
}

function kind<T extends { id: string }>(known: Kind<T>, view: (call: Call, record: T) => object) {
  return {
    name: known.name,
    prefix: known.prefix,
    show(call: Call, id: string): object | undefined {
      const record = call.objects.find(known, id);
      return record === undefined ? undefined : view(call, record);
    },
  };
}
