import type { FirstCall, z } from 'mcp-once';
import type { InvoiceOutput } from './answers.ts';
import { canonicalLines, type invoiceLines } from './invoice-lines.ts';

interface InvoiceInput {
  readonly lines: z.infer<typeof invoiceLines>;
  readonly memo?: string | undefined;
  readonly action: 'draft' | 'finalize' | 'send';
}

/** Names the tools that make of the first invoice what another call of the same identity wants. */
export function adviseOnInvoice(
  wanted: InvoiceInput,
  { input, result }: FirstCall<InvoiceInput, InvoiceOutput>,
): string {
  const isOther = wanted.memo !== input.memo || linesOf(wanted) !== linesOf(input);
  const isDraft = result.status === 'draft';
  const change = isDraft
    ? 'To change the lines or the memo of the draft, call update_draft_invoice; to discard it, call delete_draft_invoice.'
    : 'The invoice is finalized and cannot be changed. If it is wrong, call void_invoice, then make this call again.';
  const advice = [
    ...(isOther ? [change] : []),
    ...(wanted.action === 'finalize' && isDraft ? ['To finalize the draft, call finalize_invoice.'] : []),
    ...(wanted.action === 'send' && input.action !== 'send' ? ['To send the invoice, call send_invoice.'] : []),
  ];
  return advice.join(' ');
}

function linesOf({ lines }: InvoiceInput): string {
  return JSON.stringify(canonicalLines(lines));
}
