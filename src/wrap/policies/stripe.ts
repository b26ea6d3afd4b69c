import type { ServerPolicy } from '../policy/server-policy.ts';

export const stripePolicy: ServerPolicy = {
  name: 'stripe',
  source: 'npm @stripe/mcp@0.2.5',
  servers: ['Stripe'],
  tools: [
    'create_customer',
    'create_product',
    'create_price',
    'create_payment_link',
    'list_invoices',
    'finalize_invoice',
    'create_refund',
    'list_subscriptions',
    'update_subscription',
    'list_coupons',
    'update_dispute',
  ],
  rules: {},
};
