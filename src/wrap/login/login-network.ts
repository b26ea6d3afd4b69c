import { isIP, type LookupFunction } from 'node:net';
import { Agent, fetch as undiciFetch } from 'undici';
import {
  type AddressResolver,
  createPublicLookup,
  isLocalhostName,
  isPrivateHost,
  isPrivateLiteral,
  PRIVATE_ADDRESS,
  systemResolver,
} from '../../core/addresses.ts';

/** The time limit for a response of an authorization server, in ms. */
const responseMs = 10_000;
const connectMs = 10_000;
/** More than any metadata, registration or token needs. */
const bodyBytesMax = 1024 * 1024;
/** Statuses whose response has no body (WHATWG Fetch). */
const emptyStatuses = new Set([204, 205, 304]);

export interface LoginNetworkOptions {
  /** @defaultValue the operating system */
  readonly resolver?: AddressResolver;
  /** Certificates to trust, as PEM. @defaultValue those of Node */
  readonly ca?: string;
}

/** The login leads to an address that a public server must not name. Nothing was sent there. */
export class AddressRefused extends Error {}

/**
 * The connections of one server and its login.
 *
 * A server names the addresses of its login: metadata, registration, token and login page. A server in the public
 * internet could name addresses inside the user's network, and mcp-once would send requests there. So for a public
 * server each of them needs https and a public address, which is checked when the connection is opened. A server on this
 * machine or in a private network may name private addresses.
 *
 * Whether a server is public depends on the addresses that its connections have used, not on a separate look-up: a DNS
 * server could answer that one differently.
 */
export class LoginNetwork {
  readonly #server: URL;
  readonly #resolver: AddressResolver;
  readonly #ca: string | undefined;
  readonly #publicLookup: LookupFunction;
  #resolved = new Set<'public' | 'private'>();
  #serverAgent: Agent | undefined;
  #loginAgent: Agent | undefined;
  #refusal: AddressRefused | undefined;

  constructor(server: URL, { resolver = systemResolver, ca }: LoginNetworkOptions = {}) {
    this.#server = server;
    this.#resolver = resolver;
    this.#ca = ca;
    this.#publicLookup = createPublicLookup(resolver);
  }

  /** Returns the latest refusal and forgets it. The SDK may hide the error behind another one. */
  takeRefusal(): AddressRefused | undefined {
    const refusal = this.#refusal;
    this.#refusal = undefined;
    return refusal;
  }

  /** Opens the connections to the server itself, without a time limit for responses. */
  get serverAgent(): Agent {
    this.#serverAgent ??= new Agent({
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: connectMs, lookup: this.#serverLookup, ...this.#trusted() },
    });
    return this.#serverAgent;
  }

  /** Sends a request to the server itself, for the head of its response. */
  async fetchServer(url: URL, init: RequestInit): Promise<Response> {
    const response = await undiciFetch(url, this.#bounded(init, this.serverAgent));
    return response as unknown as Response;
  }

  /**
   * Sends a request of the login. Follows no redirect: the SDK follows those within an origin.
   * @throws AddressRefused
   */
  readonly fetchLogin = async (address: string | URL, init?: RequestInit): Promise<Response> => {
    const url = new URL(address);
    this.#check(url);
    // Without keep-alive, so that each request is checked when it connects.
    this.#loginAgent ??= new Agent({
      pipelining: 0,
      connect: { timeout: connectMs, lookup: this.#loginLookup, ...this.#trusted() },
    });
    try {
      return await readWhole(await undiciFetch(url, this.#bounded(init, this.#loginAgent)));
    } catch (error) {
      throw isPrivateAddressError(error) ? this.#refused(url, 'it is a private address') : error;
    }
  };

  /** Checks the page that a person's browser is to open. @throws AddressRefused */
  async checkPage(url: URL): Promise<void> {
    this.#check(url);
    if (this.#isPublic && (await isPrivateHost(url.hostname, 'some', this.#resolver))) {
      throw this.#refused(url, 'it is a private address');
    }
  }

  get #isPublic(): boolean {
    const hostname = this.#server.hostname.replace(/^\[|\]$/g, '');
    if (isIP(hostname) !== 0) return !isPrivateLiteral(hostname);
    return this.#resolved.has('public') || !this.#resolved.has('private');
  }

  readonly #serverLookup: LookupFunction = (hostname, options, callback) => {
    this.#resolver.lookup(hostname, options, (error, found) => {
      const [first] = found ?? [];
      if (error || !first) return callback(error ?? new Error('the host has no address'), '', 0);
      for (const { address } of found) {
        this.#resolved.add(this.#resolver.isPrivate(address, hostname) ? 'private' : 'public');
      }
      if (options.all) return callback(null, found);
      callback(null, first.address, first.family);
    });
  };

  readonly #loginLookup: LookupFunction = (hostname, options, callback) => {
    if (this.#isPublic) return this.#publicLookup(hostname, options, callback);
    this.#resolver.lookup(hostname, options, (error, found) => {
      const [first] = found ?? [];
      if (error || !first) return callback(error ?? new Error('the host has no address'), '', 0);
      if (options.all) return callback(null, found);
      callback(null, first.address, first.family);
    });
  };

  #check(url: URL): void {
    if (!this.#isPublic) return;
    if (url.protocol !== 'https:') throw this.#refused(url, 'it does not use https');
    const isPrivate = isPrivateLiteral(url.hostname) || isLocalhostName(url.hostname);
    if (isPrivate) throw this.#refused(url, 'it is a private address');
  }

  #refused({ protocol, host }: URL, why: string): AddressRefused {
    const address = JSON.stringify(`${protocol}//${host}`.slice(0, 200));
    this.#refusal = new AddressRefused(
      `the server names ${address} for its login, and ${why}. A server in the public internet may name only public https addresses. Nothing was sent there`,
    );
    return this.#refusal;
  }

  #trusted(): { ca?: string } {
    return this.#ca === undefined ? {} : { ca: this.#ca };
  }

  #bounded(init: RequestInit | undefined, dispatcher: Agent): Parameters<typeof undiciFetch>[1] {
    const signal = AbortSignal.timeout(responseMs);
    return { ...init, redirect: 'manual', signal, dispatcher } as unknown as Parameters<typeof undiciFetch>[1];
  }
}

/** Returns the response as the built-in class, for which the SDK checks, with a body of bounded length. */
async function readWhole(response: Awaited<ReturnType<typeof undiciFetch>>): Promise<Response> {
  const { status, statusText } = response;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // Leaving the loop closes the connection.
    if (bytes > bodyBytesMax) throw new Error(`a response of the login is larger than ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  const body = emptyStatuses.has(status) ? null : Buffer.concat(chunks);
  return new Response(body, { status, statusText, headers: [...response.headers] });
}

function isPrivateAddressError(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ((at as NodeJS.ErrnoException).code === PRIVATE_ADDRESS) return true;
  }
  return false;
}
