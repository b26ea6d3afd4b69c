import { randomUUID } from 'node:crypto';

/** The result of the bench tool: 1 KB of JSON. */
export const orderResult = {
  id: 'ord_1QK2f8GswQrCh',
  status: 'open',
  total: 128_400,
  currency: 'eur',
  lines: Array.from({ length: 9 }, (_, index) => ({
    id: `li_1QK2f8GswQrCh${index}`,
    description: `Position ${index} of the order`,
    amount: 14_266 + index,
    quantity: 1,
  })),
  url: 'https://orders.example.com/ord_1QK2f8GswQrCh',
};

/** Returns arguments that no earlier call used. */
export function orderArguments() {
  return {
    customer: `cus_${randomUUID()}`,
    currency: 'eur',
    lines: [
      { description: 'Consulting, November', unit_amount: 64_000, quantity: 2 },
      { description: 'Travel', unit_amount: 400, quantity: 1 },
    ],
    memo: 'Thank you for your order.',
  };
}
