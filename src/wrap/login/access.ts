import { auth, extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js';
import { OAuthError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { describeError } from '../../core/errors.ts';
import { defined } from '../../core/json.ts';
import { ServerFault } from '../relay/link.ts';
import type { CredentialFile } from './credential-file.ts';
import type { LoginNetwork } from './login-network.ts';
import { LoginRequired, OAuthSession } from './oauth-session.ts';

type FetchFunction = (url: string | URL, init?: RequestInit) => Promise<Response>;

export interface OAuthAccessOptions {
  /** Names the server in messages. */
  readonly name: string;
  readonly server: URL;
  readonly file: CredentialFile;
  readonly network: LoginNetwork;
  /** The command with which a person logs in. */
  readonly loginCommand: string;
}

const expired = 'the login has expired';

/**
 * Adds the stored login to the requests to one server. The token goes to that server only. When the server rejects
 * it, the token is renewed and the rejected request is sent once more.
 */
export class OAuthAccess {
  readonly #options: OAuthAccessOptions;
  #token: string | undefined;
  #isRead = false;
  #renewing: Promise<string> | undefined;

  constructor(options: OAuthAccessOptions) {
    this.#options = options;
  }

  /** Wraps a `fetch` so that it sends the token. @throws ServerFault when a person must log in; nothing was executed. */
  wrapFetch(fetch: FetchFunction): FetchFunction {
    return async (url, init) => {
      if (new URL(url).origin !== this.#options.server.origin) return fetch(url, init);
      const token = await this.#current();
      const response = await fetch(url, withToken(init, token));
      if (response.status !== 401) return response;
      await response.body?.cancel();
      const renewed = await this.#renewed(token, response);
      const again = await fetch(url, withToken(init, renewed));
      if (again.status !== 401) return again;
      await again.body?.cancel();
      throw this.#loginRequired('the server does not accept the renewed login');
    };
  }

  async #current(): Promise<string | undefined> {
    if (!this.#isRead) this.#token = (await this.#options.file.read()).tokens?.access_token;
    this.#isRead = true;
    return this.#token;
  }

  /** Renews the token once for all requests that were rejected together. */
  async #renewed(refused: string | undefined, response: Response): Promise<string> {
    if (this.#token !== undefined && this.#token !== refused) return this.#token;
    this.#renewing ??= this.#renew(refused, response).finally(() => {
      this.#renewing = undefined;
    });
    this.#token = await this.#renewing;
    return this.#token;
  }

  #renew(refused: string | undefined, response: Response): Promise<string> {
    const { file, server, name, network } = this.#options;
    const { resourceMetadataUrl } = extractWWWAuthenticateParams(response);
    return file.locked(async () => {
      const kept = await file.read();
      // Another process has renewed the token, or a person has logged in.
      if (kept.tokens && kept.tokens.access_token !== refused) return kept.tokens.access_token;
      if (!kept.tokens) throw this.#loginRequired(refused === undefined ? 'the server requires a login' : expired);
      if (kept.tokens.refresh_token === undefined) throw this.#loginRequired(expired);
      const session = new OAuthSession(kept, (credentials) => file.write(credentials));
      try {
        await auth(session, {
          serverUrl: server,
          fetchFn: network.fetchLogin,
          ...defined({ resourceMetadataUrl }),
        });
      } catch (error) {
        const refusal = network.takeRefusal()?.message;
        if (error instanceof LoginRequired) throw this.#loginRequired(refusal ?? error.message);
        const reason = refusal ?? oauthReason(error);
        throw new ServerFault('not_executed', `${name}: the login could not be renewed (${reason})`);
      }
      const token = session.tokens()?.access_token;
      if (token === undefined) throw this.#loginRequired(expired);
      return token;
    });
  }

  #loginRequired(why: string): ServerFault {
    const { name, loginCommand } = this.#options;
    return new ServerFault(
      'not_executed',
      `${name}: ${why}. Run "${loginCommand}" in a terminal, or configure a token`,
    );
  }
}

/** Returns the error code of an authorization server, and never its other text. */
export function oauthReason(error: unknown): string {
  if (!(error instanceof OAuthError)) return describeError(error);
  return /^[\w-]{1,64}$/.test(error.errorCode) ? error.errorCode : 'an error';
}

function withToken(init: RequestInit | undefined, token: string | undefined): RequestInit | undefined {
  if (token === undefined) return init;
  const headers = new Headers(init?.headers);
  headers.set('Authorization', `Bearer ${token}`);
  return { ...init, headers };
}
