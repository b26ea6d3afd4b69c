import type { OAuthClientProvider, OAuthDiscoveryState } from '@modelcontextprotocol/sdk/client/auth.js';
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js';
import type { Credentials } from './credential-file.ts';

/** How a person can be asked; absent where nobody can. */
export interface LoginBrowser {
  /** Where the browser comes back to: on this machine. */
  readonly redirectUrl: string;
  readonly state: string;
  /** Sends the browser there. */
  open(url: URL): void;
}

/** A login is needed, and there is nobody to log in. */
export class LoginRequired extends Error {}

/** One run of the SDK's `auth`: a login, or the renewal of one. What comes of it is in `credentials`. */
export class OAuthSession implements OAuthClientProvider {
  readonly #person: LoginBrowser | undefined;
  readonly #save: (credentials: Credentials) => Promise<void>;
  #client: Credentials['client'];
  #tokens: Credentials['tokens'];
  #verifier = '';
  #discovery: OAuthDiscoveryState | undefined;

  /** @param save told each time that there is something new to keep. */
  constructor(kept: Credentials, save: (credentials: Credentials) => Promise<void>, person?: LoginBrowser) {
    const { client } = kept;
    this.#person = person;
    this.#save = save;
    // A client is registered with the place that the browser comes back to, which has a port of its own.
    if (person === undefined || client?.redirect_uris.includes(person.redirectUrl)) this.#client = client;
    this.#tokens = kept.tokens;
  }

  get redirectUrl(): string {
    // Without one the SDK takes the client for a program that needs no person.
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
    if (this.#client === undefined && this.#person === undefined) throw new LoginRequired('its login is over');
    return this.#client;
  }

  async saveClientInformation(client: OAuthClientInformationMixed): Promise<void> {
    this.#client = { redirect_uris: [this.redirectUrl], ...client };
    await this.#keep();
  }

  /** A person who logs in does not want the last login renewed. */
  tokens(): OAuthTokens | undefined {
    return this.#person === undefined ? this.#tokens : undefined;
  }

  async saveTokens(tokens: OAuthTokens): Promise<void> {
    this.#tokens = tokens;
    await this.#keep();
  }

  redirectToAuthorization(url: URL): void {
    if (this.#person) this.#person.open(url);
    // What was refused is gone by now; what is still there could not be used for now.
    else throw new LoginRequired(this.#tokens ? 'its login cannot be renewed at the moment' : 'its login is over');
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  /** Within one run the code goes to the very server that was asked for it. */
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
    return this.#save({ ...(client ? { client } : {}), ...(tokens ? { tokens } : {}) });
  }
}
