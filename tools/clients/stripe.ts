import { defineClient } from 'mcp-once';
import type Stripe from 'stripe';
import { given } from '../parts/fields.ts';
import {
  type StripeEnvironment,
  sdkAddressOf,
  stripeBanner,
  stripeEnvironment,
  stripeUpstream,
} from './stripe-environment.ts';
import { classifyStripeError } from './stripe-errors.ts';

/** Idle time-out of one request in ms, below the 45 s for which identical calls wait. */
const timeoutMs = 20_000;
/** How long Stripe keeps an idempotency key at least (https://docs.stripe.com/api/idempotent_requests). */
const memory = '24h';

/** Stripe, or another server of its API at STRIPE_API_BASE. */
export const stripe = defineClient({
  name: 'stripe',
  env: stripeEnvironment,
  open: openStripe,
  upstream: stripeUpstream,
  banner: stripeBanner,
  keyMemory: memory,
  classify: classifyStripeError,
});

async function openStripe(env: StripeEnvironment): Promise<Stripe> {
  const { STRIPE_SECRET_KEY: key, STRIPE_API_BASE: origin, STRIPE_ACCOUNT: account } = env;
  const { default: StripeSdk } = await import('stripe');
  return new StripeSdk(key, {
    ...(origin === undefined ? {} : sdkAddressOf(origin)),
    ...given({ stripeAccount: account }),
    httpClient: await sendingOnce(StripeSdk, origin?.startsWith('http:') === true),
    maxNetworkRetries: 0,
    timeout: timeoutMs,
    telemetry: false,
    appInfo: { name: 'mcp-once' },
  });
}

/**
 * Returns Node's HTTP client for the SDK without its hidden retry. After a closed connection (ECONNRESET, EPIPE)
 * stripe 23 sends once more even with `maxNetworkRetries: 0`. It recognises such errors by their code, so this
 * client wraps them in an error without a code. Reads may be retried.
 */
async function sendingOnce(StripeSdk: typeof Stripe, isPlain: boolean) {
  const { Agent } = await (isPlain ? import('node:http') : import('node:https'));
  const agent = new Agent({ keepAlive: true });
  const client = StripeSdk.createNodeHttpClient(agent);
  const send = client.makeRequest.bind(client);
  client.makeRequest = async (...request) => {
    try {
      return await send(...request);
    } catch (error) {
      const [, , , method] = request;
      if (method === 'GET' || !isClosedConnection(error)) throw error;
      throw new Error('the connection was closed before the answer came', { cause: error });
    }
  };
  return client;
}

function isClosedConnection(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}
