import { McpOnceError } from '../../core/errors.ts';
import { isPrivateLiteral } from './addresses.ts';
import { isRecord, percentEncode } from './encode.ts';
import type { HttpRequest } from './types.ts';
import type { Exchange } from './wire.ts';

/** Sends a token request. Neither repeated nor redirected. */
export type AskToken = (request: HttpRequest) => Promise<Exchange>;

export interface Token {
  readonly value: string;
}

export interface TokenClient {
  /** For messages. */
  readonly scheme: string;
  /** As the document has it: absolute, or relative to the API's origin. */
  readonly tokenUrl: string;
  /** The API's origin. */
  readonly home: string;
  readonly scopes: readonly string[];
  readonly id: string;
  readonly secret: string;
}

/** How long before its end a token is no longer used, in ms. */
const spareMs = 30_000;

/** A token that is there, or asked for. */
interface Held {
  readonly token: Promise<Token>;
  /** By the wall clock, in ms. */
  usableUntil: number;
  value?: Token;
}

/** The token of one OAuth 2 client: fetched on first use, shared by whoever asks meanwhile, kept until it ends. */
export class TokenSource {
  readonly #client: TokenClient;
  readonly #now: () => number;
  #held: Held | undefined;
  #last: Token | undefined;

  constructor(client: TokenClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /** The secrets that a message must not hold. */
  get secrets(): readonly string[] {
    return [this.#client.secret, ...(this.#last ? [this.#last.value] : [])];
  }

  /** @throws McpOnceError `upstream_unavailable`: no token, so that nothing was executed. */
  get(ask: AskToken): Promise<Token> {
    if (this.#held && this.#now() < this.#held.usableUntil) return this.#held.token;
    const answer = this.#fetch(ask);
    const held: Held = {
      token: answer.then(({ token }) => token),
      usableUntil: Number.POSITIVE_INFINITY,
    };
    this.#held = held;
    answer.then(
      ({ token, endsAt }) => {
        held.usableUntil = endsAt - spareMs;
        held.value = token;
        this.#last = token;
      },
      () => this.#drop(held),
    );
    return held.token;
  }

  /** Drops a token that the API refused, unless a newer one is there already. */
  refused(token: Token): void {
    if (this.#held?.value === token) this.#held = undefined;
  }

  #drop(held: object): void {
    if (this.#held === held) this.#held = undefined;
  }

  /**
   * RFC 6749, 4.4. The client's name and secret go in a header (2.3.1), and in the body only to a server that does
   * not take that.
   */
  async #fetch(ask: AskToken): Promise<{ token: Token; endsAt: number }> {
    const url = this.#url();
    const askedAt = this.#now();
    let exchange = await ask(this.#request(url, true));
    if (exchange.type === 'answered' && (exchange.status === 400 || exchange.status === 401)) {
      exchange = await ask(this.#request(url, false));
    }
    if (exchange.type === 'unanswered') throw this.#unavailable(`it did not answer (${exchange.why})`);
    if (exchange.status !== 200) throw this.#unavailable(`it answered ${exchange.status}`);
    const parsed = parse(exchange.body.toString('utf8'));
    const value = parsed?.access_token;
    if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
      throw this.#unavailable('its answer holds no access_token');
    }
    const lifetime = Number(parsed?.expires_in ?? Number.NaN);
    // Without a lifetime it is kept until the API refuses it.
    const endsAt = Number.isFinite(lifetime) ? askedAt + lifetime * 1_000 : Number.POSITIVE_INFINITY;
    return { token: { value }, endsAt };
  }

  /** The secret travels in the clear to nobody but the API itself, and this machine. */
  #url(): URL {
    const { tokenUrl, home } = this.#client;
    if (!URL.canParse(tokenUrl, home)) throw this.#unavailable('its address in the document is not a URL');
    const url = new URL(tokenUrl, home);
    const isLocal = url.hostname === 'localhost' || isPrivateLiteral(url.hostname);
    if (url.protocol === 'https:' || (url.protocol === 'http:' && (url.origin === home || isLocal))) return url;
    throw this.#unavailable('its address is not https, and a secret is not sent in the clear');
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

  /** The answer of a token server may hold anything: none of it is told. */
  #unavailable(why: string): McpOnceError {
    const message = `the token server of the scheme "${this.#client.scheme}" gave no token: ${why}; check the client's id and secret`;
    return new McpOnceError('upstream_unavailable', message);
  }
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
