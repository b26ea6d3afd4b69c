import { auth, extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js';
import { OAuthError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { describeError } from '../../core/errors.ts';
import { ServerFault } from '../relay/link.ts';
import type { CredentialFile } from './credential-file.ts';
import { LoginRequired, OAuthSession } from './oauth-session.ts';

type FetchFunction = (url: string | URL, init?: RequestInit) => Promise<Response>;

export interface OAuthAccessOptions {
  /** For messages. */
  readonly name: string;
  readonly server: URL;
  readonly file: CredentialFile;
  /** The command that logs in. */
  readonly remedy: string;
}

/** How long one answer of an authorization server may take, in ms. */
const answerMs = 10_000;

/**
 * The login of one server, as it is kept: its token goes with each request to that server and nowhere else, and
 * is renewed when the server takes it no longer. A request that was refused for its token is sent again, once.
 */
export class OAuthAccess {
  readonly #options: OAuthAccessOptions;
  #token: string | undefined;
  #isRead = false;
  #renewing: Promise<string> | undefined;

  constructor(options: OAuthAccessOptions) {
    this.#options = options;
  }

  /** `fetch` with the login. @throws UpstreamFault when one is needed: nothing was executed. */
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
      throw this.#loginNeeded('it does not accept the login that was just renewed');
    };
  }

  async #current(): Promise<string | undefined> {
    if (!this.#isRead) this.#token = (await this.#options.file.read()).tokens?.access_token;
    this.#isRead = true;
    return this.#token;
  }

  /** Once for all requests that were refused together. */
  async #renewed(refused: string | undefined, response: Response): Promise<string> {
    if (this.#token !== undefined && this.#token !== refused) return this.#token;
    this.#renewing ??= this.#renew(refused, response).finally(() => {
      this.#renewing = undefined;
    });
    this.#token = await this.#renewing;
    return this.#token;
  }

  #renew(refused: string | undefined, response: Response): Promise<string> {
    const { file, server, name } = this.#options;
    const { resourceMetadataUrl } = extractWWWAuthenticateParams(response);
    return file.locked(async () => {
      const kept = await file.read();
      // Another process has renewed it, or somebody has logged in.
      if (kept.tokens && kept.tokens.access_token !== refused) return kept.tokens.access_token;
      if (!kept.tokens) throw this.#loginNeeded(refused === undefined ? 'it asks for a login' : 'its login is over');
      if (kept.tokens.refresh_token === undefined) throw this.#loginNeeded('its login is over');
      const session = new OAuthSession(kept, (credentials) => file.write(credentials));
      try {
        await auth(session, {
          serverUrl: server,
          fetchFn: briefFetch,
          ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
        });
      } catch (error) {
        if (error instanceof LoginRequired) throw this.#loginNeeded(error.message);
        throw new ServerFault('not_executed', `${name}: its login could not be renewed (${oauthReason(error)})`);
      }
      const token = session.tokens()?.access_token;
      if (token === undefined) throw this.#loginNeeded('its login is over');
      return token;
    });
  }

  #loginNeeded(why: string): ServerFault {
    const { name, remedy } = this.#options;
    return new ServerFault('not_executed', `${name}: ${why}. Run "${remedy}" in a terminal, or give it a token`);
  }
}

/** `fetch` for authorization servers. The SDK knows their errors by the class of the built-in answer. */
export function briefFetch(url: string | URL, init?: RequestInit): Promise<Response> {
  return fetch(url, { ...init, signal: AbortSignal.timeout(answerMs) });
}

/** Why an authorization server did not do what it was asked: its error code, never what else it said. */
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
