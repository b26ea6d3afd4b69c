import { isPrivateHost } from '../../core/addresses.ts';
import { redirectTarget } from './classify-result.ts';
import type { HttpTransport, TransportLimits, TransportResult } from './transport.ts';
import type { HttpRequest } from './types.ts';

/** The last request of a chain of redirects, and its result. */
export interface RedirectChain {
  readonly result: TransportResult;
  readonly request: HttpRequest;
  readonly sends: number;
}

const redirectsMax = 5;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Headers that a redirect to another origin keeps. None of them comes from configuration, arguments or credentials. */
const harmlessHeaders: ReadonlySet<string> = new Set(['accept', 'user-agent', 'x-retry-count']);

/**
 * Sends a request and follows up to 5 redirects of a GET or HEAD. A request to another origin gets no body and no header
 * that may contain a secret. A redirect to a private address is followed only if the API itself is on a private address.
 *
 * @param first the request without credentials
 * @param applyCredentials adds credentials to a request for the API's origin
 */
export async function sendWithRedirects(
  transport: HttpTransport,
  first: HttpRequest,
  limits: TransportLimits,
  applyCredentials: (request: HttpRequest) => HttpRequest,
): Promise<RedirectChain> {
  const home = new URL(first.url).origin;
  const canFollow = first.method === 'GET' || first.method === 'HEAD';
  let request = applyCredentials(first);
  let currentLimits = limits;
  for (let sends = 1; ; sends += 1) {
    const result = await transport.send(request, currentLimits);
    const isRedirect = result.type === 'response' && redirectStatuses.has(result.status);
    const target = canFollow && isRedirect && sends <= redirectsMax ? redirectTarget(result, request) : undefined;
    if (!target) return { result, request, sends };
    const isHome = target.origin === home;
    request = isHome ? applyCredentials({ ...first, url: target.href }) : withoutSecrets(first, target);
    const privateAllowed = limits.privateAllowed && (isHome || (await isPrivateHost(new URL(home).hostname, 'every')));
    currentLimits = { ...limits, privateAllowed };
  }
}

function withoutSecrets({ method, headers }: HttpRequest, target: URL): HttpRequest {
  const kept = Object.entries(headers).filter(([name]) => harmlessHeaders.has(name));
  return { method, url: target.href, headers: Object.fromEntries(kept) };
}
