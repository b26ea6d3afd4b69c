import type { LookupAnswer, LookupContext } from 'mcp-once';
import type Stripe from 'stripe';
import { type InvoiceOutput, toId, toInvoice } from './answers.ts';
import { given } from './fields.ts';
import { customerSteps, type InvoiceCustomer } from './invoice-customer.ts';
import { findMarked, hasMarker, lineOf, pageSize, since } from './marker.ts';

interface InvoiceInput {
  readonly customer: InvoiceCustomer;
  readonly lines: readonly unknown[];
  readonly action: 'draft' | 'finalize' | 'send';
}

/** More items than an invoice can have at Stripe (250). */
const itemsMax = 300;

/**
 * Looks for the objects that an earlier run of `create_invoice` made, by the marker in their metadata: the whole
 * invoice, some of its steps, or nothing. An invoice without the marker is not from this operation, however
 * similar it is.
 *
 * A finalized invoice does not show whether it was e-mailed. Once "send" may have begun, the answer is unclear.
 */
export async function lookUpInvoice(
  input: InvoiceInput,
  context: LookupContext<Stripe>,
): Promise<LookupAnswer<InvoiceOutput>> {
  const { client, marker, sinceMs } = context;
  // Without an id, all invoices since then, since the customer's address may have changed.
  const list = client.invoices.list({
    ...given({ customer: input.customer.id }),
    created: since(sinceMs),
    limit: pageSize,
  });
  const found = await findMarked(list, marker);
  if (found.status === 'unclear') return found;
  if (found.status === 'absent') return lookUpCustomer(input, context);
  const invoice = toInvoice(found.object);
  const made = await linesMade(client, invoice.id, marker);
  if (made.status === 'unclear') return made;
  const { lines } = made;
  const isWhole = input.lines.every((_, index) => lines[`line ${index + 1}`] !== undefined);
  if (invoice.status === 'draft') {
    if (isWhole && input.action === 'draft') return { status: 'found', result: invoice };
    return { status: 'partial', steps: { ...customerMade(input, invoice.customer), invoice: toId(invoice), ...lines } };
  }
  if (!isWhole) return { status: 'unclear', reason: 'its invoice was finalized before all lines were there' };
  if (input.action === 'send' && context.steps.finalize === undefined) {
    // The finalize step is not stored, so "send" cannot have begun.
    const steps = { invoice: toId(invoice), ...lines, finalize: invoice };
    return { status: 'partial', steps: { ...customerMade(input, invoice.customer), ...steps } };
  }
  if (input.action === 'send') {
    return { status: 'unclear', reason: 'its invoice is finalized, but it is not known whether it was e-mailed' };
  }
  return { status: 'found', result: invoice };
}

/** Looks for the customer that was created for an invoice which does not exist. */
async function lookUpCustomer(
  input: InvoiceInput,
  { client, marker, sinceMs }: LookupContext<Stripe>,
): Promise<LookupAnswer<InvoiceOutput>> {
  if (input.customer.id !== undefined) return { status: 'absent' };
  const found = await findMarked(client.customers.list({ created: since(sinceMs), limit: pageSize }), marker);
  if (found.status !== 'found') return found;
  return { status: 'partial', steps: customerMade(input, found.object.id) };
}

/** Returns the customer under both step names, so that a later run uses it whatever it would find by e-mail. */
function customerMade(input: InvoiceInput, id: string | null): Record<string, { id: string }> {
  if (input.customer.id !== undefined || id === null) return {};
  return { [customerSteps.find]: { id }, [customerSteps.create]: { id } };
}

type LinesMade =
  | { readonly status: 'clear'; readonly lines: Readonly<Record<string, { id: string }>> }
  | { readonly status: 'unclear'; readonly reason: string };

/** Returns the lines that carry the marker, by step name. A duplicate line is unclear: it would be billed twice. */
async function linesMade(client: Stripe, invoice: string, marker: string): Promise<LinesMade> {
  const lines: Record<string, { id: string }> = {};
  let seen = 0;
  for await (const item of client.invoiceItems.list({ invoice, limit: pageSize })) {
    seen += 1;
    if (seen > itemsMax) return { status: 'unclear', reason: `its invoice has more than ${itemsMax} lines` };
    const line = hasMarker(item, marker) ? lineOf(item) : undefined;
    if (line === undefined) continue;
    const step = `line ${line}`;
    if (lines[step] !== undefined) return { status: 'unclear', reason: `${step} is on its invoice more than once` };
    lines[step] = toId(item);
  }
  return { status: 'clear', lines };
}
