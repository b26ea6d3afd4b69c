import { randomBytes } from 'node:crypto';
import {
  auth,
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { McpOnceError } from '../../core/errors.ts';
import { briefFetch, oauthReason } from './access.ts';
import { listenForBrowser } from './browser-listener.ts';
import type { CredentialFile } from './credential-file.ts';
import { type LoginBrowser, OAuthSession } from './oauth-session.ts';

/** What a person is asked by. */
export interface LoginPrompt {
  /** Tells the person something. */
  tell(text: string): void;
  /** Opens a page in the person's browser, or does nothing where that is not wanted. */
  open(url: URL): void;
}

/** Which server somebody logs in to. */
export interface LoginTarget {
  /** For messages. */
  readonly name: string;
  readonly server: URL;
  /** Besides the login. */
  readonly headers: Readonly<Record<string, string>>;
  readonly file: CredentialFile;
}

/** What a server asks for before it answers. */
interface Challenge {
  readonly resourceMetadataUrl?: URL;
  readonly scope?: string;
}

/** How long a person may take, in ms. */
const personMs = 5 * 60_000;
const sessionHeader = 'mcp-session-id';

/**
 * Logs a person in by the browser (MCP 2025-11-25, authorization: OAuth 2.1 with PKCE) and keeps the login.
 * @returns false where the server asks for none; then nothing is kept.
 * @throws McpOnceError `upstream_unavailable` that says why there is no login.
 */
export async function logIn(target: LoginTarget, interaction: LoginPrompt): Promise<boolean> {
  const { name, server, file } = target;
  const challenge = await challengeOf(target);
  if (challenge === undefined) return false;
  const { client } = await file.read();
  const browser = await listenForBrowser(client?.redirect_uris);
  try {
    const person: LoginBrowser = {
      redirectUrl: browser.url,
      state: randomBytes(32).toString('base64url'),
      open: (url) => show(url, target, interaction),
    };
    const session = new OAuthSession(
      client ? { client } : {},
      (credentials) => file.locked(() => file.write(credentials)),
      person,
    );
    const asked = { serverUrl: server, fetchFn: briefFetch, ...challenge };
    const coming = browser.code({ state: person.state, issuer: () => session.issuer, boundMs: personMs });
    // Where the login cannot even begin, nobody waits for it.
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
    throw loginFailure(name, 'its login page is not one of https');
  }
  tell(`To log in to ${name}, open this page in a browser: ${url.href}`);
  open(url);
}

/** What the server asks for, without any login; undefined where it asks for nothing. */
async function challengeOf({ name, server, headers }: LoginTarget): Promise<Challenge | undefined> {
  try {
    for (const send of [post, get]) {
      const response = await send(server, headers);
      await response.body?.cancel();
      if (response.status === 401) {
        const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(response);
        return {
          ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
          ...(scope === undefined ? {} : { scope }),
        };
      }
      if (response.ok) break;
    }
  } catch (error) {
    throw loginFailure(name, oauthReason(error));
  }
  // A server may ask only when a tool is called; it then says so beforehand (RFC 9728).
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
  return new McpOnceError('upstream_unavailable', `${name}: nobody was logged in: ${why}. Try again.`);
}
