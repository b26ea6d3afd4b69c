import { appendFile, readFile } from 'node:fs/promises';

/** What goes wrong with the first invoice that is made. The invoice is there all the same. */
export type Fault = 'none' | 'error' | 'slow' | 'drop' | '503';

/** How an example is started: by variables, so that the same program shows both. */
export const settings = {
  guarded: process.env.EXAMPLE_GUARD !== 'off',
  fault: (process.env.EXAMPLE_FAULT ?? 'none') as Fault,
  /** The upstream's data: one line an invoice. */
  invoices: process.env.EXAMPLE_INVOICES ?? 'invoices.jsonl',
};

/** How long the answer of a slow shop takes, in ms. */
const slowMs = 1_600;
/** How long an impatient client waits for it, in ms. */
export const impatientMs = 1_000;

/**
 * Makes an invoice: one line in a file, which stands for an API somewhere. It knows no idempotency keys, as
 * most APIs do not.
 */
export async function createInvoice(customer: string): Promise<{ number: number; customer: string }> {
  await appendFile(settings.invoices, `${JSON.stringify({ customer })}\n`);
  const number = (await readFile(settings.invoices, 'utf8')).trimEnd().split('\n').length;
  if (number === 1) await goWrong();
  return { number, customer };
}

async function goWrong(): Promise<void> {
  if (settings.fault === 'error') throw new Error('socket hang up');
  if (settings.fault === 'slow') await new Promise((resolve) => setTimeout(resolve, slowMs));
}
