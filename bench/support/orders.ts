import { randomUUID } from 'node:crypto';

/** What the tool of the benches answers: JSON of 1 KB. */
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

/** Arguments that no call had before. */
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
