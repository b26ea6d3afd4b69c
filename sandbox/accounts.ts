import type Stripe from 'stripe';
import { ApiError } from './api-error.ts';
import { type Endpoint, endpoint } from './endpoint.ts';

export const accountEndpoints: readonly Endpoint[] = [
  endpoint('GET', '/v1/account', {}, (call) => toAccount(call.account)),
  endpoint('GET', '/v1/accounts/:id', {}, (call, _, id) => {
    if (id !== call.account) throw foreignAccount(id);
    return toAccount(id);
  }),
];

function toAccount(id: string): Stripe.Account {
  return {
    id,
    object: 'account',
    business_profile: null,
    business_type: null,
    capabilities: { card_payments: 'active', transfers: 'active' },
    charges_enabled: true,
    country: 'US',
    default_currency: 'usd',
    details_submitted: true,
    email: 'sandbox@example.com',
    metadata: {},
    payouts_enabled: true,
    settings: null,
    type: 'standard',
  };
}

/** Another account than the key's own, by path or by the `Stripe-Account` header. */
export function foreignAccount(id: string): ApiError {
  return new ApiError(
    403,
    {
      type: 'invalid_request_error',
      code: 'account_invalid',
      message: `The provided key does not have access to account '${id.slice(0, 100)}' (or that account does not exist).`,
    },
    'none',
  );
}
