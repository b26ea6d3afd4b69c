import { isIP } from 'node:net';

/** What the checks need of a request. */
interface Named {
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

/** What a request may name. */
export interface AllowedNames {
  /** True when the server listens on a loopback address. */
  readonly isLoopback: boolean;
  /** Host names, without a port, besides those that are always right. */
  readonly hosts: readonly string[];
  /** Origins such as `https://app.example`, besides those of this machine's own pages. */
  readonly origins: readonly string[];
}

/**
 * Refuses what a page in a browser could send by rebinding its own name to this server's address
 * (MCP, transports, security warning). That takes a name: an address in `Host` is none of its own. On a
 * loopback address only loopback is right.
 * @returns why the request is refused; undefined when it is not.
 */
export function refusedName({ host, origin }: Named, allowed: AllowedNames): string | undefined {
  const named = host === undefined ? undefined : hostnameOf(`http://${host}`);
  if (named === undefined || !isAllowedHost(named, allowed)) {
    return 'The Host header names a host that this server does not answer for (http.allowedHosts).';
  }
  if (origin === undefined || allowed.origins.includes(origin)) return undefined;
  const from = hostnameOf(origin);
  if (allowed.isLoopback && from !== undefined && isLoopbackName(from)) return undefined;
  return 'Requests from pages of this origin are not taken (http.allowedOrigins).';
}

function isAllowedHost(name: string, { isLoopback, hosts }: AllowedNames): boolean {
  if (hosts.some((each) => each.toLowerCase() === name)) return true;
  return isLoopback ? isLoopbackName(name) : isLoopbackName(name) || isIP(bare(name)) !== 0;
}

/** True for an address that only this machine can reach, or the name of one. */
export function isLoopbackName(name: string): boolean {
  const address = bare(name);
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

/** An address without the brackets of a URL. */
function bare(name: string): string {
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
}

/** In lower case, and in brackets where it is an IPv6 address; undefined where the text is no more than a host. */
function hostnameOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, username, pathname, search, hash } = new URL(url);
  const isMore = username !== '' || pathname !== '/' || search !== '' || hash !== '';
  return hostname === '' || isMore ? undefined : hostname;
}
