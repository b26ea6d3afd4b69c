import { isPrivateLiteral } from '../../core/addresses.ts';
import { McpOnceError } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import { percentEncode } from './encode.ts';
import type { TransportResult } from './transport.ts';
import type { HttpRequest } from './types.ts';

/** Sends a token request once, without following redirects. */
export type SendTokenRequest = (request: HttpRequest) => Promise<TransportResult>;

export interface OAuthToken {
  readonly value: string;
}

export interface TokenClient {
  /** For messages. */
  readonly scheme: string;
  /** The document's URL: absolute, or relative to the API's origin. */
  readonly tokenUrl: string;
  /** The API's origin. */
  readonly home: string;
  readonly scopes: readonly string[];
  readonly id: string;
  readonly secret: string;
}

/** How long before its expiry a token is no longer used, in ms. */
const expiryMarginMs = 30_000;

/** A token that was fetched, or is being fetched. */
interface CachedToken {
  readonly token: Promise<OAuthToken>;
  /** By the wall clock, in ms. */
  usableUntil: number;
  value?: OAuthToken;
}

/** Fetches the token of one OAuth 2 client on first use and keeps it until it expires. Concurrent callers share one fetch. */
export class TokenSource {
  readonly #client: TokenClient;
  readonly #now: () => number;
  #cached: CachedToken | undefined;
  #last: OAuthToken | undefined;

  constructor(client: TokenClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /** The secrets that must not appear in messages. */
  get secrets(): readonly string[] {
    return [this.#client.secret, ...(this.#last ? [this.#last.value] : [])];
  }

  /** @throws McpOnceError `upstream_unavailable` without a token. Nothing was executed. */
  get(sendRequest: SendTokenRequest): Promise<OAuthToken> {
    if (this.#cached && this.#now() < this.#cached.usableUntil) return this.#cached.token;
    const fetched = this.#fetch(sendRequest);
    const cached: CachedToken = {
      token: fetched.then(({ token }) => token),
      usableUntil: Number.POSITIVE_INFINITY,
    };
    this.#cached = cached;
    fetched.then(
      ({ token, expiresAt }) => {
        cached.usableUntil = expiresAt - expiryMarginMs;
        cached.value = token;
        this.#last = token;
      },
      () => this.#drop(cached),
    );
    return cached.token;
  }

  /** Drops a token that the API refused, unless it was already replaced. */
  discard(token: OAuthToken): void {
    if (this.#cached?.value === token) this.#cached = undefined;
  }

  #drop(cached: object): void {
    if (this.#cached === cached) this.#cached = undefined;
  }

  /**
   * Requests a token by client credentials (RFC 6749, 4.4). Sends the client's id and secret in a header (2.3.1), and in
   * the body only if the server refuses the header.
   */
  async #fetch(sendRequest: SendTokenRequest): Promise<{ token: OAuthToken; expiresAt: number }> {
    const url = this.#url();
    const requestedAt = this.#now();
    let result = await sendRequest(this.#request(url, true));
    if (result.type === 'response' && (result.status === 400 || result.status === 401)) {
      result = await sendRequest(this.#request(url, false));
    }
    if (result.type === 'no-response') throw this.#unavailable(`it did not answer (${result.reason})`);
    if (result.status !== 200) throw this.#unavailable(`it answered ${result.status}`);
    const parsed = parse(result.body.toString('utf8'));
    const value = parsed?.access_token;
    if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
      throw this.#unavailable('its answer has no access_token');
    }
    const lifetime = Number(parsed?.expires_in ?? Number.NaN);
    // A token without a lifetime is kept until the API refuses it.
    const expiresAt = Number.isFinite(lifetime) ? requestedAt + lifetime * 1_000 : Number.POSITIVE_INFINITY;
    return { token: { value }, expiresAt };
  }

  /** Allows plain HTTP only to the API's own origin and to private addresses, so that the secret stays protected. */
  #url(): URL {
    const { tokenUrl, home } = this.#client;
    if (!URL.canParse(tokenUrl, home)) throw this.#unavailable('its URL in the document is not valid');
    const url = new URL(tokenUrl, home);
    const isLocal = url.hostname === 'localhost' || isPrivateLiteral(url.hostname);
    if (url.protocol === 'https:' || (url.protocol === 'http:' && (url.origin === home || isLocal))) return url;
    throw this.#unavailable('its URL is not https, and the secret is not sent unencrypted');
  }

  #request({ href }: URL, inHeader: boolean): HttpRequest {
    const { id, secret, scopes } = this.#client;
    const fields: [string, string][] = [['grant_type', 'client_credentials']];
    if (scopes.length > 0) fields.push(['scope', scopes.join(' ')]);
    if (!inHeader) fields.push(['client_id', id], ['client_secret', secret]);
    const basic = Buffer.from(`${percentEncode(id)}:${percentEncode(secret)}`).toString('base64');
    return {
      method: 'POST',
      url: href,
      headers: {
        accept: 'application/json',
        'user-agent': 'mcp-once',
        'content-type': 'application/x-www-form-urlencoded',
        ...(inHeader ? { authorization: `Basic ${basic}` } : {}),
      },
      body: fields.map(([name, value]) => `${name}=${percentEncode(value)}`).join('&'),
    };
  }

  /** The message never quotes the token server's response, which may contain secrets. */
  #unavailable(reason: string): McpOnceError {
    const message = `the token server of the scheme "${this.#client.scheme}" gave no token: ${reason}; check the client's id and secret`;
    return new McpOnceError('upstream_unavailable', message);
  }
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
