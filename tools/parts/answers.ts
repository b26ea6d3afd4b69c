import { z } from 'mcp-once';

/**
 * The fields of Stripe's responses that the tools return. An upstream response of another shape, such as a
 * proxy's, is an error with an unknown effect.
 */

const time = z.string().describe('ISO 8601, UTC.');
const money = z.int().describe('In minor units of the currency.');

export const invoiceOutput = z.object({
  id: z.string(),
  number: z.string().nullable().describe('The number the customer sees; null while it is a draft.'),
  status: z.string().describe('draft, open, paid, uncollectible or void.'),
  customer: z.string().nullable().describe('Customer id.'),
  currency: z.string(),
  subtotal: money,
  total: money,
  amount_due: money,
  due_date: time.nullable(),
  hosted_url: z.string().nullable().describe('The page where the customer sees and pays it; null while it is a draft.'),
});

/** Names an invoice for the tools that make and undo it. */
export function invoiceThing({ id }: { readonly id: string }): string {
  return `invoice:${id}`;
}

/** Names a payment for the tools that make and undo it. */
export function paymentThing({ id }: { readonly id: string }): string {
  return `payment:${id}`;
}

export const customerOutput = z.object({
  id: z.string(),
  name: z.string().nullable(),
  email: z.string().nullable(),
  phone: z.string().nullable(),
  description: z.string().nullable(),
  created: time,
});

export const paymentOutput = z.object({
  id: z.string(),
  status: z
    .string()
    .describe(
      '"succeeded": the money is charged. "processing": not known yet. "requires_action": nothing is charged until the customer authenticates.',
    ),
  amount: money,
  currency: z.string(),
  customer: z.string().nullable(),
  charge: z.string().nullable().describe('Id of the charge, where there is one.'),
});

export const refundOutput = z.object({
  id: z.string(),
  status: z.string().nullable().describe('"succeeded", or "pending", "requires_action", "failed", "canceled".'),
  amount: money,
  currency: z.string(),
  payment: z.string().nullable().describe('Id of the payment (pi_...).'),
  charge: z.string().nullable(),
  fully_refunded: z.boolean().describe('True when nothing of the payment is left.'),
});

export type InvoiceOutput = z.infer<typeof invoiceOutput>;
export type CustomerOutput = z.infer<typeof customerOutput>;
export type PaymentOutput = z.infer<typeof paymentOutput>;
export type RefundOutput = z.infer<typeof refundOutput>;

/** An id, or the object itself where the account expands it. */
const reference = z.union([z.string(), z.object({ id: z.string() }).transform((object) => object.id)]);
const seconds = z.number().transform((value) => new Date(value * 1_000).toISOString());
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null);

const answers = {
  invoice: z.object({
    id: z.string(),
    number: text,
    status: z.string(),
    customer: reference.nullable(),
    currency: z.string(),
    subtotal: z.int(),
    total: z.int(),
    amount_due: z.int(),
    due_date: seconds.nullable(),
    hosted_invoice_url: text,
  }),
  line: z.object({
    description: text,
    quantity: z
      .number()
      .nullish()
      .transform((value) => value ?? null),
    amount: z.int(),
  }),
  customer: z.object({ id: z.string(), name: text, email: text, phone: text, description: text, created: seconds }),
  payment: z.object({
    id: z.string(),
    status: z.string(),
    amount: z.int(),
    currency: z.string(),
    customer: reference.nullable(),
    latest_charge: reference.nullable(),
  }),
  refund: z.object({
    id: z.string(),
    status: text,
    amount: z.int(),
    currency: z.string(),
    payment_intent: reference.nullable(),
    charge: z.union([z.object({ id: z.string(), refunded: z.boolean() }), z.string()]).nullable(),
  }),
  charge: z.object({ payment_intent: reference.nullable(), amount: z.int() }),
  draft: z.object({ status: z.string(), customer: reference, currency: z.string() }),
  deleted: z.object({ id: z.string(), deleted: z.literal(true) }),
};

/** @throws Error when it is not an invoice. */
export function toInvoice(answer: unknown): InvoiceOutput {
  const { hosted_invoice_url: hosted_url, ...invoice } = checked('an invoice', answers.invoice, answer);
  return { ...invoice, hosted_url };
}

/** @throws Error when it is not a line of an invoice. */
export function toLine(answer: unknown) {
  return checked('a line', answers.line, answer);
}

/** @throws Error when it is not a customer, or a deleted one. */
export function toCustomer(answer: unknown): CustomerOutput {
  return checked('a customer', answers.customer, answer);
}

/** @throws Error when it is not a payment intent. */
export function toPayment(answer: unknown): PaymentOutput {
  const { latest_charge: charge, ...payment } = checked('a payment', answers.payment, answer);
  return { ...payment, charge };
}

/** Takes a refund with its charge (`expand`). @throws Error for anything else. */
export function toRefund(answer: unknown): RefundOutput {
  const { payment_intent: payment, charge, ...refund } = checked('a refund', answers.refund, answer);
  if (charge === null || typeof charge === 'string') return { ...refund, payment, charge, fully_refunded: false };
  return { ...refund, payment, charge: charge.id, fully_refunded: charge.refunded };
}

/** Returns the payment of a charge, where it has one, and its amount. @throws Error when it is not a charge. */
export function toCharge(answer: unknown): { payment: string | null; amount: number } {
  const { payment_intent: payment, amount } = checked('a charge', answers.charge, answer);
  return { payment, amount };
}

/** Returns what is needed to change a draft. @throws Error when it is not an invoice. */
export function toDraft(answer: unknown): { status: string; customer: string; currency: string } {
  return checked('an invoice', answers.draft, answer);
}

/** @throws Error when it does not say that the object is deleted. */
export function toDeleted(answer: unknown): { id: string; deleted: true } {
  return checked('a deleted object', answers.deleted, answer);
}

/** Keeps only the id, for a step whose other fields are not needed later. @throws Error when there is no id. */
export function toId(answer: unknown): { id: string } {
  return checked('an object with an id', z.object({ id: z.string() }), answer);
}

function checked<Schema extends z.ZodType>(what: string, schema: Schema, answer: unknown): z.output<Schema> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new Error(`the answer is not ${what}${where === '' ? '' : ` (${where})`}`);
}
