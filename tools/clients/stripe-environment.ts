import { createHash } from 'node:crypto';
import { type Upstream, z } from 'mcp-once';

const stripeOrigin = 'https://api.stripe.com';
const loopback: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** The variables of the stripe client. Their messages never hold a value. */
export const stripeEnvironment = z
  .object({
    STRIPE_SECRET_KEY: z
      .string('must be set: a secret or restricted key such as sk_test_...')
      .regex(/^(sk|rk)_(test|live)_\w{1,250}$/, 'must be a secret or restricted key: sk_test_..., sk_live_..., rk_...'),
    STRIPE_API_BASE: z.string().refine(isOrigin, 'must be an origin such as http://127.0.0.1:12111').optional(),
    STRIPE_ACCOUNT: z
      .string()
      .regex(/^acct_\w{1,100}$/, 'must be an account id: acct_...')
      .optional(),
  })
  .refine((env) => !isLive(env.STRIPE_SECRET_KEY) || isPrivate(env.STRIPE_API_BASE), {
    path: ['STRIPE_API_BASE'],
    message: 'must be https, or of this machine: a live key is not sent in clear',
  });

export type StripeEnvironment = z.infer<typeof stripeEnvironment>;

/**
 * Returns where effects happen, with equal values in every process that uses the same account. A key of the local
 * invoicing API names its data file, since the port of that API changes with each start.
 */
export function stripeUpstream(env: StripeEnvironment): Upstream {
  const key = env.STRIPE_SECRET_KEY;
  const localData = /^sk_test_sandbox_([0-9a-f]{16})$/.exec(key)?.[1];
  if (localData !== undefined) return { origin: 'mcp-once-sandbox', mode: 'sandbox', account: localData };
  return {
    origin: new URL(env.STRIPE_API_BASE ?? stripeOrigin).origin,
    mode: isLive(key) ? 'live' : 'test',
    account: env.STRIPE_ACCOUNT ?? accountOfKey(key),
  };
}

/** Tells the model that it works on the local invoicing API: a test key, and an address of this machine. */
export function stripeBanner({ STRIPE_SECRET_KEY: key, STRIPE_API_BASE: base }: StripeEnvironment): string | undefined {
  if (base === undefined || isLive(key) || !loopback.has(new URL(base).hostname)) return undefined;
  return 'SANDBOX: nothing real is billed.';
}

/** Splits an origin into the SDK's host, port and protocol options. */
export function sdkAddressOf(origin: string): { host: string; port: string; protocol: 'http' | 'https' } {
  const url = new URL(origin);
  const protocol = url.protocol === 'http:' ? 'http' : 'https';
  const port = url.port || (protocol === 'http' ? '80' : '443');
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port, protocol };
}

/**
 * Returns the account of a key, so that a rolled key still names the same operations.
 *
 * Keys of about a hundred characters contain their account's id after a 5: `sk_live_51Abc...` belongs to
 * `acct_1Abc...`. This is observed, not documented. If it were wrong, these 16 characters would still distinguish
 * keys. Any other key is named by a short hash.
 */
function accountOfKey(key: string): string {
  const embedded = /^(?:sk|rk)_(?:test|live)_5(1[A-Za-z0-9]{15})[A-Za-z0-9]{60,}$/.exec(key)?.[1];
  if (embedded !== undefined) return `acct_${embedded}`;
  return `key-${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
}

function isLive(key: string): boolean {
  return /^(sk|rk)_live_/.test(key);
}

function isPrivate(base: string | undefined): boolean {
  if (base === undefined || !isOrigin(base)) return true;
  const url = new URL(base);
  return url.protocol === 'https:' || loopback.has(url.hostname);
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname, search, hash, username, password } = new URL(text);
  const isBare = pathname === '/' && search === '' && hash === '' && username === '' && password === '';
  return (protocol === 'http:' || protocol === 'https:') && isBare;
}
