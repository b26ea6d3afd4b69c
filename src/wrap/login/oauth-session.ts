import type { OAuthClientProvider, OAuthDiscoveryState } from '@modelcontextprotocol/sdk/client/auth.js';
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js';
import { defined } from '../../core/json.ts';
import type { Credentials } from './credential-file.ts';

/** The browser of the person who logs in. */
export interface LoginBrowser {
  /** The URL on this machine to which the browser returns. */
  readonly redirectUrl: string;
  readonly state: string;
  /** Opens the login page. */
  open(url: URL): void;
}

/** A login is required, and no person is there to log in. */
export class LoginRequired extends Error {}

/** Provides the SDK's `auth` with what it needs for one login or one renewal. */
export class OAuthSession implements OAuthClientProvider {
  readonly #person: LoginBrowser | undefined;
  readonly #save: (credentials: Credentials) => Promise<void>;
  #client: Credentials['client'];
  #tokens: Credentials['tokens'];
  #verifier = '';
  #discovery: OAuthDiscoveryState | undefined;

  /** @param save called with the credentials after each change. */
  constructor(kept: Credentials, save: (credentials: Credentials) => Promise<void>, person?: LoginBrowser) {
    const { client } = kept;
    this.#person = person;
    this.#save = save;
    // A client is registered with its redirect URI, which contains the port.
    if (person === undefined || client?.redirect_uris.includes(person.redirectUrl)) this.#client = client;
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

  get issuer(): string | undefined {
    return this.#discovery?.authorizationServerMetadata?.issuer;
  }

  state(): string {
    return this.#person?.state ?? '';
  }

  clientInformation(): OAuthClientInformationMixed | undefined {
    if (this.#client === undefined && this.#person === undefined) throw new LoginRequired('the login has expired');
    return this.#client;
  }

  async saveClientInformation(client: OAuthClientInformationMixed): Promise<void> {
    this.#client = { redirect_uris: [this.redirectUrl], ...client };
    await this.#keep();
  }

  /** Returns no tokens during a login, because the SDK would renew them instead. */
  tokens(): OAuthTokens | undefined {
    return this.#person === undefined ? this.#tokens : undefined;
  }

  async saveTokens(tokens: OAuthTokens): Promise<void> {
    this.#tokens = tokens;
    await this.#keep();
  }

  redirectToAuthorization(url: URL): void {
    if (this.#person) this.#person.open(url);
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
    if (what === 'all' || what === 'client') this.#client = undefined;
    if (what === 'all' || what === 'tokens') this.#tokens = undefined;
    if (what === 'all' || what === 'discovery') this.#discovery = undefined;
    await this.#keep();
  }

  #keep(): Promise<void> {
    const client = this.#client;
    const tokens = this.#tokens;
    return this.#save(defined({ client, tokens }));
  }
}
