import { isIP } from 'node:net';
import type { Refuse } from './admission.ts';
import type { Middleware } from './middleware.ts';

/** The `Host` and `Origin` headers of a request. */
interface RequestNames {
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

export interface AllowedNames {
  /** True when the server listens on a loopback address. */
  readonly isLoopback: boolean;
  /** Host names, without a port, in addition to loopback names and addresses. */
  readonly hosts: readonly string[];
  /** Origins such as `https://app.example`, in addition to those of this machine's own pages. */
  readonly origins: readonly string[];
}

/**
 * Refuses what a page in a browser could send by rebinding its own name to this server's address (MCP, transports,
 * security warning). A page cannot rebind an address, so any address in `Host` is accepted. On a loopback address
 * only loopback names are.
 */
export function checkHostAndOrigin(allowed: AllowedNames, refuse: Refuse): Middleware {
  return async (exchange, next) => {
    const { host, origin } = exchange.request.headers;
    const message = refusedName({ host, origin }, allowed);
    return message === undefined ? next(exchange) : refuse(exchange, { status: 403, message });
  };
}

function refusedName({ host, origin }: RequestNames, allowed: AllowedNames): string | undefined {
  const name = host === undefined ? undefined : hostnameOf(`http://${host}`);
  if (name === undefined || !isAllowedHost(name, allowed)) {
    return 'The Host header is not allowed (http.allowedHosts). Nothing was executed.';
  }
  if (origin === undefined || allowed.origins.includes(origin)) return undefined;
  const from = hostnameOf(origin);
  if (allowed.isLoopback && from !== undefined && isLoopbackHost(from)) return undefined;
  return 'The Origin header is not allowed (http.allowedOrigins). Nothing was executed.';
}

function isAllowedHost(name: string, { isLoopback, hosts }: AllowedNames): boolean {
  if (hosts.some((each) => each.toLowerCase() === name)) return true;
  return isLoopbackHost(name) || (!isLoopback && isIP(withoutBrackets(name)) !== 0);
}

/** Returns true for an address that only this machine can reach, or the name of one. */
export function isLoopbackHost(name: string): boolean {
  const address = withoutBrackets(name);
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

function withoutBrackets(name: string): string {
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
}

/** Returns the host in lower case, an IPv6 address in brackets; undefined when the URL has more than a host and port. */
function hostnameOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, username, pathname, search, hash } = new URL(url);
  const isMore = username !== '' || pathname !== '/' || search !== '' || hash !== '';
  return hostname === '' || isMore ? undefined : hostname;
}
