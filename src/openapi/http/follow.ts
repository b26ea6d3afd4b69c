import { isPrivateHost } from './addresses.ts';
import { targetOf } from './meaning.ts';
import type { HttpRequest } from './types.ts';
import type { Exchange, ExchangeLimits, Wire } from './wire.ts';

/** The last request of a chain of redirects, and what came of it. */
export interface Hop {
  readonly exchange: Exchange;
  readonly request: HttpRequest;
  readonly sends: number;
}

const redirectsMax = 5;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What goes with a read to another origin: nothing that the configuration, an argument or a credential set. */
const harmless: ReadonlySet<string> = new Set(['accept', 'user-agent', 'x-retry-count']);

/**
 * Sends a request without credentials to the API, which `apply` puts on it, and follows redirects where it is a GET or a HEAD: at most 5, to another origin without any header
 * that may hold a secret, and without a body. A private address of another origin is followed only from an API that
 * is on one itself.
 */
export async function follow(
  wire: Wire,
  first: HttpRequest,
  limits: ExchangeLimits,
  apply: (request: HttpRequest) => HttpRequest,
): Promise<Hop> {
  const home = new URL(first.url).origin;
  const follows = first.method === 'GET' || first.method === 'HEAD';
  let request = apply(first);
  let within = limits;
  for (let sends = 1; ; sends += 1) {
    const exchange = await wire.exchange(request, within);
    const isRedirect = exchange.type === 'answered' && redirects.has(exchange.status);
    const target = follows && isRedirect && sends <= redirectsMax ? targetOf(exchange, request) : undefined;
    if (!target) return { exchange, request, sends };
    const isHome = target.origin === home;
    request = isHome ? apply({ ...first, url: target.href }) : bare(first, target);
    const privateAllowed = limits.privateAllowed && (isHome || (await isPrivateHost(new URL(home).hostname, 'every')));
    within = { ...limits, privateAllowed };
  }
}

function bare({ method, headers }: HttpRequest, target: URL): HttpRequest {
  const kept = Object.entries(headers).filter(([name]) => harmless.has(name));
  return { method, url: target.href, headers: Object.fromEntries(kept) };
}
