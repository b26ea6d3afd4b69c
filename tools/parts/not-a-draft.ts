import { NotExecuted } from 'mcp-once';

/** Says why an invoice cannot be changed or deleted as a draft, and which tool helps instead. */
export function notADraft(status: string): NotExecuted {
  const why = `the invoice is already finalized and not a draft any more: its status is ${status}`;
  return new NotExecuted(`${why}. ${nextFor(status)}`);
}

function nextFor(status: string): string {
  switch (status) {
    case 'void':
      return 'To bill again, call create_invoice';
    case 'paid':
      return 'To return what was paid, call refund_payment';
    default:
      return 'To replace it, call void_invoice, then create_invoice';
  }
}
