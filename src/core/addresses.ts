import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** IPv4 ranges outside the public internet: the IANA special-purpose registry (RFC 6890), multicast, reserved. */
const privateIpv4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;

/** IPv6 ranges outside the public internet: unspecified, loopback, unique local, link-local, site-local, multicast, documentation. */
const privateIpv6 = [
  ['::', 128],
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['2001:db8::', 32],
] as const;

const blocked = new BlockList();
for (const [net, bits] of privateIpv6) blocked.addSubnet(net, bits, 'ipv6');
for (const [net, bits] of privateIpv4) {
  blocked.addSubnet(net, bits, 'ipv4');
  const hex = Buffer.from(net.split('.').map(Number)).toString('hex');
  const [high, low] = [hex.slice(0, 4), hex.slice(4)];
  // IPv6 addresses that embed an IPv4 address: mapped, compatible, NAT64 (RFC 6052, 8215), 6to4 (RFC 3056).
  blocked.addSubnet(`::ffff:${high}:${low}`, 96 + bits, 'ipv6');
  blocked.addSubnet(`::${high}:${low}`, 96 + bits, 'ipv6');
  blocked.addSubnet(`64:ff9b::${high}:${low}`, 96 + bits, 'ipv6');
  blocked.addSubnet(`2002:${high}:${low}::`, 16 + bits, 'ipv6');
}
blocked.addSubnet('64:ff9b:1::', 48, 'ipv6');

/** The error code for a connection to a private address. */
export const PRIVATE_ADDRESS = 'ERR_PRIVATE_ADDRESS';

function isPrivateAddress(address: string): boolean {
  const plain = address.split('%', 1)[0] ?? '';
  const family = isIP(plain);
  return family !== 0 && blocked.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}

/** Returns whether `URL.hostname` is a literal private address. Host names are checked when they are resolved. */
export function isPrivateLiteral(hostname: string): boolean {
  return isPrivateAddress(hostname.replace(/^\[|\]$/g, ''));
}

/** Returns whether a host name means this machine by definition (RFC 6761, 6.3), even if it does not resolve. */
export function isLocalhostName(hostname: string): boolean {
  return /(^|\.)localhost\.?$/i.test(hostname);
}

/** Finds the addresses of hosts and tells which of them are private. A test replaces it. */
export interface AddressResolver {
  lookup(
    hostname: string,
    options: LookupOptions,
    callback: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
  ): void;
  isPrivate(address: string, hostname: string): boolean;
}

/** Asks the operating system. */
export const systemResolver: AddressResolver = Object.freeze({
  lookup: (hostname, options, callback) => dnsLookup(hostname, { ...options, all: true }, callback),
  isPrivate: (address) => isPrivateAddress(address),
} satisfies AddressResolver);

/**
 * Returns whether a host is a private address, or resolves to private addresses only (`every`) or among others (`some`).
 * Returns false for a host that does not resolve.
 */
export async function isPrivateHost(
  hostname: string,
  which: 'every' | 'some',
  resolver: AddressResolver = systemResolver,
): Promise<boolean> {
  if (isPrivateLiteral(hostname)) return true;
  const plain = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    resolver.lookup(plain, {}, (error, found) => {
      resolve(!error && found[which](({ address }) => resolver.isPrivate(address, plain)));
    });
  });
}

/**
 * Returns a function that resolves the host of a connection that must stay on public addresses. The connection uses the
 * addresses that were checked, so DNS rebinding cannot change them afterwards.
 */
export function createPublicLookup(resolver: AddressResolver): LookupFunction {
  return (hostname, options, callback) => {
    resolver.lookup(hostname, options, (error, found) => {
      if (error) return callback(error, '', 0);
      const allowed = found.filter(({ address }) => !resolver.isPrivate(address, hostname));
      const [first] = allowed;
      if (!first) {
        return callback(
          Object.assign(new Error('the host has private addresses only'), { code: PRIVATE_ADDRESS }),
          '',
          0,
        );
      }
      if (options.all) return callback(null, allowed);
      callback(null, first.address, first.family);
    });
  };
}

export const publicLookup: LookupFunction = createPublicLookup(systemResolver);
