import { randomBytes } from 'node:crypto';
import {
  auth,
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { McpOnceError } from '../../core/errors.ts';
import { defined } from '../../core/json.ts';
import { oauthReason } from './access.ts';
import { listenForBrowser } from './browser-listener.ts';
import type { CredentialFile } from './credential-file.ts';
import type { AddressRefused, LoginNetwork } from './login-network.ts';
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
  readonly network: LoginNetwork;
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
  const { name, server, file, network } = target;
  const challenge = await challengeOf(target);
  if (challenge === undefined) return false;
  const kept = await file.read();
  const browser = await listenForBrowser(kept.clients.flatMap((client) => client.redirect_uris));
  try {
    const person: LoginBrowser = {
      redirectUrl: browser.url,
      state: randomBytes(32).toString('base64url'),
      open: (url) => show(url, target, prompt),
    };
    const session = new OAuthSession(kept, (credentials) => file.locked(() => file.write(credentials)), person);
    const asked = { serverUrl: server, fetchFn: network.fetchLogin, ...challenge };
    const coming = browser.code({ state: person.state, isFrom: (issuer) => session.isFrom(issuer), boundMs: personMs });
    // If the login cannot begin, this promise rejects unobserved.
    coming.catch(() => undefined);
    await auth(session, asked);
    await auth(session, { ...asked, authorizationCode: await coming });
    return true;
  } catch (error) {
    const refusal = network.takeRefusal();
    if (refusal) throw refusedLogin(name, refusal);
    throw loginFailure(name, error instanceof McpOnceError ? error.message : oauthReason(error));
  } finally {
    browser.close();
  }
}

async function show(url: URL, { name, network }: LoginTarget, { tell, open }: LoginPrompt): Promise<void> {
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal)) {
    throw loginFailure(name, 'the login page does not use https');
  }
  await network.checkPage(url);
  tell(`To log in to ${name}, open this page in a browser: ${url.href}`);
  open(url);
}

/** Sends a request without a login. Returns the authorization that the server requires, or undefined for none. */
async function challengeOf(target: LoginTarget): Promise<Challenge | undefined> {
  const { name, server, network } = target;
  try {
    for (const send of [post, get]) {
      const response = await send(target);
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
  const announces = await discoverOAuthProtectedResourceMetadata(server, {}, network.fetchLogin).catch(() => undefined);
  if (announces === undefined) {
    const refusal = network.takeRefusal();
    if (refusal) throw refusedLogin(name, refusal);
  }
  return announces === undefined ? undefined : {};
}

async function post({ server, headers, network }: LoginTarget): Promise<Response> {
  const clientInfo = { name: 'mcp-once', version: '1' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const response = await network.fetchServer(server, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  });
  const session = response.headers.get(sessionHeader);
  if (session !== null) {
    const end = { method: 'DELETE', headers: { ...headers, [sessionHeader]: session } };
    await network.fetchServer(server, end).catch(() => undefined);
  }
  return response;
}

function get({ server, headers, network }: LoginTarget): Promise<Response> {
  return network.fetchServer(server, { headers: { ...headers, accept: 'text/event-stream' } });
}

function refusedLogin(name: string, { message }: AddressRefused): McpOnceError {
  const advice = 'If you trust the server, get a token from it and pass it with --bearer-env or in the headers';
  return new McpOnceError('upstream_unavailable', `${name}: login failed: ${message}. ${advice}.`);
}

function loginFailure(name: string, why: string): McpOnceError {
  if (why.startsWith(`${name}: `)) return new McpOnceError('upstream_unavailable', why);
  return new McpOnceError('upstream_unavailable', `${name}: login failed: ${why}. Try again.`);
}
