import type { OAuthClientProvider, OAuthDiscoveryState } from '@modelcontextprotocol/sdk/client/auth.js';
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js';
import { defined } from '../../core/json.ts';
import { type Credentials, clientsMax } from './credential-file.ts';

/** The browser of the person who logs in. */
export interface LoginBrowser {
  /** The URL on this machine to which the browser returns. */
  readonly redirectUrl: string;
  readonly state: string;
  /** Opens the login page. */
  open(url: URL): Promise<void>;
}

/** A login is required, and no person is there to log in. */
export class LoginRequired extends Error {}

/** Provides the SDK's `auth` with what it needs for one login or one renewal. */
export class OAuthSession implements OAuthClientProvider {
  readonly #person: LoginBrowser | undefined;
  readonly #save: (credentials: Credentials) => Promise<void>;
  #clients: Credentials['clients'];
  #tokens: Credentials['tokens'];
  #verifier = '';
  #discovery: OAuthDiscoveryState | undefined;

  /** @param save called with the credentials after each change. */
  constructor(kept: Credentials, save: (credentials: Credentials) => Promise<void>, person?: LoginBrowser) {
    this.#person = person;
    this.#save = save;
    this.#clients = kept.clients;
    this.#tokens = kept.tokens;
  }

  get redirectUrl(): string {
    // Without a URL, the SDK would use a grant for programs without a person.
    return this.#person?.redirectUrl ?? 'http://127.0.0.1/callback';
  }

  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: 'mcp-once',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }

  /**
   * Returns whether an authorization response may come from the server that was asked. Otherwise a server could have
   * the code of another server sent to itself (RFC 9207, RFC 9700 4.4).
   *
   * @param issuer the one that the response names, or null
   */
  isFrom(issuer: string | null): boolean {
    const metadata = this.#discovery?.authorizationServerMetadata;
    if (issuer === null) return !isIssuerPromised(metadata);
    const asked = this.#issuer;
    if (asked === undefined) return false;
    // Metadata may name the issuer more exactly, but no other server.
    const named = metadata?.issuer;
    const isOwn = named !== undefined && URL.canParse(named) && new URL(named).origin === new URL(asked).origin;
    return isOwn ? issuer === named : isSameIssuer(issuer, asked);
  }

  state(): string {
    return this.#person?.state ?? '';
  }

  /** Returns the registration with the present authorization server, and that of no other one. */
  clientInformation(): OAuthClientInformationMixed | undefined {
    const client = this.#clients.find((each) => this.#isOfIssuer(each));
    const person = this.#person;
    // A client is registered with its redirect URI, which contains the port.
    if (person) return client?.redirect_uris.includes(person.redirectUrl) ? client : undefined;
    if (client === undefined || !this.#isOfIssuer(this.#tokens)) {
      throw new LoginRequired('the login has expired, or belongs to another authorization server');
    }
    return client;
  }

  async saveClientInformation(client: OAuthClientInformationMixed): Promise<void> {
    const others = this.#clients.filter((each) => !this.#isOfIssuer(each));
    const saved = { redirect_uris: [this.redirectUrl], ...client, ...defined({ issuer: this.#issuer }) };
    this.#clients = [saved, ...others].slice(0, clientsMax);
    await this.#keep();
  }

  /** Returns no tokens during a login, because the SDK would renew them instead. */
  tokens(): OAuthTokens | undefined {
    return this.#person === undefined && this.#isOfIssuer(this.#tokens) ? this.#tokens : undefined;
  }

  async saveTokens(tokens: OAuthTokens): Promise<void> {
    this.#tokens = { ...tokens, ...defined({ issuer: this.#issuer }) };
    await this.#keep();
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    if (this.#person) await this.#person.open(url);
    // The SDK has removed rejected tokens by now. Tokens that are left may work later.
    else throw new LoginRequired(this.#tokens ? 'the login cannot be renewed at the moment' : 'the login has expired');
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  /** Remembers the authorization server, so that the code goes to the server that issued it. */
  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovery = state;
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovery;
  }

  async invalidateCredentials(what: 'all' | 'client' | 'tokens' | 'verifier' | 'discovery'): Promise<void> {
    if (what === 'all' || what === 'client') this.#clients = this.#clients.filter((each) => !this.#isOfIssuer(each));
    if ((what === 'all' || what === 'tokens') && this.#isOfIssuer(this.#tokens)) this.#tokens = undefined;
    await this.#keep();
    if (what === 'all' || what === 'discovery') this.#discovery = undefined;
  }

  /** The URL at which the authorization server was found. Its metadata could name any issuer. */
  get #issuer(): string | undefined {
    return this.#discovery?.authorizationServerUrl;
  }

  #isOfIssuer(kept: { readonly issuer?: string | undefined } | undefined): boolean {
    const [of, asked] = [kept?.issuer, this.#issuer];
    return of !== undefined && asked !== undefined && isSameIssuer(of, asked);
  }

  #keep(): Promise<void> {
    const [clients, tokens] = [this.#clients, this.#tokens];
    return this.#save({ clients, ...defined({ tokens }) });
  }
}

/** Returns whether the authorization server names itself in each response (RFC 9207). */
function isIssuerPromised(metadata: object | undefined): boolean {
  const promised: { authorization_response_iss_parameter_supported?: unknown } = metadata ?? {};
  return promised.authorization_response_iss_parameter_supported === true;
}

/** Compares two URLs of authorization servers. The one is often written without the last slash. */
function isSameIssuer(one: string, other: string): boolean {
  const [a, b] = [one, other].map((each) => (URL.canParse(each) ? new URL(each).href : each).replace(/\/$/, ''));
  return a === b;
}
