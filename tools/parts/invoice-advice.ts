import type { FirstCall } from 'mcp-once';
import type { InvoiceOutput } from './answers.ts';
import type { InvoiceCustomer } from './invoice-customer.ts';

interface InvoiceInput {
  readonly customer: InvoiceCustomer;
  readonly action: 'draft' | 'finalize' | 'send';
}

/**
 * Names the tools that make of the first invoice what another call of the same identity wants. The result says in which
 * state the invoice was, not in which it is: a draft may have been finalized since.
 */
export function adviseOnInvoice(
  wanted: InvoiceInput,
  { input, result, fields }: FirstCall<InvoiceInput, InvoiceOutput>,
): string | undefined {
  // A step with the first invoice could send it to a person who is not meant.
  if (isForAnother(wanted.customer, result, fields)) return adviceOnCustomer(input.customer, result);
  const isDraft = result.status === 'draft';
  const isOther = fields.some((field) => !/^(?:action|customer)\b/.test(field));
  const isFinal = 'A finalized invoice cannot be changed: call void_invoice, then make this call again.';
  const change = isDraft
    ? `While the invoice is a draft, update_draft_invoice changes its lines and its memo, and delete_draft_invoice discards it. ${isFinal}`
    : isFinal;
  const advice = [
    ...(isOther ? [change] : []),
    ...(wanted.action === 'finalize' && isDraft ? ['To finalize the draft, call finalize_invoice.'] : []),
    ...(wanted.action === 'send' && input.action !== 'send' ? ['To send the invoice, call send_invoice.'] : []),
  ];
  return advice.length === 0 ? undefined : advice.join(' ');
}

function isForAnother(wanted: InvoiceCustomer, { customer }: InvoiceOutput, fields: readonly string[]): boolean {
  if (wanted.id !== undefined && customer !== null) return wanted.id !== customer;
  return fields.some((field) => /^customer\b/.test(field));
}

function adviceOnCustomer({ name }: InvoiceCustomer, { customer }: InvoiceOutput): string {
  const who = [...(name === undefined ? [] : [JSON.stringify(name)]), ...(customer === null ? [] : [customer])];
  return `The first invoice is for ${who.join(', ') || 'a customer'}, with the same e-mail address and another name. Do not send or change it unless that is the customer you mean. For another customer, the second invoice needs an id: find it with list_customers or call create_customer, then make this call with the id.`;
}
