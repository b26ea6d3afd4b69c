import { randomBytes } from 'node:crypto';
import {
  auth,
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { McpOnceError } from '../../core/errors.ts';
import { defined } from '../../core/json.ts';
import { briefFetch, oauthReason } from './access.ts';
import { listenForBrowser } from './browser-listener.ts';
import type { CredentialFile } from './credential-file.ts';
import { type LoginBrowser, OAuthSession } from './oauth-session.ts';

/** How a person is asked to log in. */
export interface LoginPrompt {
  /** Shows the person a text. */
  tell(text: string): void;
  /** Opens a page in the person's browser, unless the person opens it by hand. */
  open(url: URL): void;
}

/** The server to log in to. */
export interface LoginTarget {
  /** Names the server in messages. */
  readonly name: string;
  readonly server: URL;
  /** Further headers of each request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly file: CredentialFile;
}

/** The authorization that a server requires. */
interface Challenge {
  readonly resourceMetadataUrl?: URL;
  readonly scope?: string;
}

/** The time limit for a person to log in, in ms. */
const personMs = 5 * 60_000;
const sessionHeader = 'mcp-session-id';

/**
 * Logs a person in with the browser (MCP 2025-11-25, authorization: OAuth 2.1 with PKCE) and stores the login.
 *
 * @returns false when the server requires no login. Nothing is stored then.
 * @throws McpOnceError `upstream_unavailable` with the reason of the failure.
 */
export async function logIn(target: LoginTarget, prompt: LoginPrompt): Promise<boolean> {
  const { name, server, file } = target;
  const challenge = await challengeOf(target);
  if (challenge === undefined) return false;
  const { client } = await file.read();
  const browser = await listenForBrowser(client?.redirect_uris);
  try {
    const person: LoginBrowser = {
      redirectUrl: browser.url,
      state: randomBytes(32).toString('base64url'),
      open: (url) => show(url, target, prompt),
    };
    const session = new OAuthSession(
      defined({ client }),
      (credentials) => file.locked(() => file.write(credentials)),
      person,
    );
    const asked = { serverUrl: server, fetchFn: briefFetch, ...challenge };
    const coming = browser.code({ state: person.state, issuer: () => session.issuer, boundMs: personMs });
    // If the login cannot begin, this promise rejects unobserved.
    coming.catch(() => undefined);
    await auth(session, asked);
    await auth(session, { ...asked, authorizationCode: await coming });
    return true;
  } catch (error) {
    throw loginFailure(name, error instanceof McpOnceError ? error.message : oauthReason(error));
  } finally {
    browser.close();
  }
}

function show(url: URL, { name }: LoginTarget, { tell, open }: LoginPrompt): void {
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal)) {
    throw loginFailure(name, 'the login page does not use https');
  }
  tell(`To log in to ${name}, open this page in a browser: ${url.href}`);
  open(url);
}

/** Sends a request without a login. Returns the authorization that the server requires, or undefined for none. */
async function challengeOf({ name, server, headers }: LoginTarget): Promise<Challenge | undefined> {
  try {
    for (const send of [post, get]) {
      const response = await send(server, headers);
      await response.body?.cancel();
      if (response.status === 401) {
        const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(response);
        return defined({ resourceMetadataUrl, scope });
      }
      if (response.ok) break;
    }
  } catch (error) {
    throw loginFailure(name, oauthReason(error));
  }
  // A server may require a login for tool calls only. It announces that in its metadata (RFC 9728).
  const announces = await discoverOAuthProtectedResourceMetadata(server, {}, briefFetch).catch(() => undefined);
  return announces === undefined ? undefined : {};
}

async function post(server: URL, headers: LoginTarget['headers']): Promise<Response> {
  const clientInfo = { name: 'mcp-once', version: '1' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const response = await briefFetch(server, {
    method: 'POST',
    redirect: 'manual',
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  });
  const session = response.headers.get(sessionHeader);
  if (session !== null) {
    const end = { method: 'DELETE', redirect: 'manual', headers: { ...headers, [sessionHeader]: session } } as const;
    await briefFetch(server, end).catch(() => undefined);
  }
  return response;
}

function get(server: URL, headers: LoginTarget['headers']): Promise<Response> {
  return briefFetch(server, { redirect: 'manual', headers: { ...headers, accept: 'text/event-stream' } });
}

function loginFailure(name: string, why: string): McpOnceError {
  if (why.startsWith(`${name}: `)) return new McpOnceError('upstream_unavailable', why);
  return new McpOnceError('upstream_unavailable', `${name}: login failed: ${why}. Try again.`);
}
