import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect } from 'vitest';
import { serving } from '../wrap/support/http.ts';
import type { Message } from '../wrap/support/wrap.ts';

interface Pending {
  readonly challenge: string;
  readonly redirect: string;
}

/** The behaviour of the authorization server. Tests may change it while it runs. */
export interface OAuthBehaviour {
  /** The result of the login page. */
  page: 'grant' | 'refuse' | 'other-state' | 'other-issuer';
  registers: boolean;
  refreshes: 'ok' | 'refused' | 'down';
  /** Replaces the server's own value. */
  loginPage?: string;
}

/** An authorization server with PKCE, registration and single-use refresh tokens, and an MCP server behind it. */
export async function oauthStage() {
  const behaviour: OAuthBehaviour = { page: 'grant', registers: true, refreshes: 'ok' };
  const seen = { registered: 0, refreshed: 0, exchanged: 0, effects: 0, authorizations: new Set<string>() };
  const codes = new Map<string, Pending>();
  const good = new Set<string>();
  const refreshable = new Set<string>();
  let login = 'http://127.0.0.1';

  const tokens = (): Record<string, unknown> => {
    const [access, refresh] = [`access-${randomUUID()}`, `refresh-${randomUUID()}`];
    good.add(access);
    refreshable.add(refresh);
    return { access_token: access, refresh_token: refresh, token_type: 'Bearer', expires_in: 3600 };
  };
  const page = (query: URLSearchParams, response: ServerResponse): void => {
    const back = new URL(query.get('redirect_uri') ?? '');
    const state = query.get('state') ?? '';
    expect(query.get('code_challenge_method')).toBe('S256');
    const code = randomUUID();
    codes.set(code, { challenge: query.get('code_challenge') ?? '', redirect: back.href });
    if (behaviour.page === 'refuse') back.searchParams.set('error', 'access_denied');
    else back.searchParams.set('code', code);
    back.searchParams.set('state', behaviour.page === 'other-state' ? 'forged' : state);
    if (behaviour.page === 'other-issuer') back.searchParams.set('iss', 'https://elsewhere.example');
    response.writeHead(302, { location: back.href }).end();
  };
  const token = (form: URLSearchParams, response: ServerResponse) => {
    if (form.get('grant_type') === 'refresh_token') {
      if (behaviour.refreshes === 'down') return void response.writeHead(503).end();
      const isGood = refreshable.delete(form.get('refresh_token') ?? '') && behaviour.refreshes === 'ok';
      if (!isGood) return json(response, { error: 'invalid_grant' }, 400);
      seen.refreshed += 1;
      return json(response, tokens());
    }
    const pending = codes.get(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isGood = pending?.challenge === challenge && pending.redirect === form.get('redirect_uri');
    if (!isGood) return json(response, { error: 'invalid_grant' }, 400);
    seen.exchanged += 1;
    return json(response, tokens());
  };

  const authorization = await serving(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', login);
    if (pathname === '/.well-known/oauth-authorization-server') {
      const registration = behaviour.registers ? { registration_endpoint: `${login}/register` } : {};
      return json(response, {
        issuer: login,
        authorization_endpoint: behaviour.loginPage ?? `${login}/authorize`,
        token_endpoint: `${login}/token`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['none'],
        ...registration,
      });
    }
    if (pathname === '/authorize') return page(searchParams, response);
    if (pathname === '/token') return token(new URLSearchParams(await bodyOf(request)), response);
    if (pathname !== '/register') return void response.writeHead(404).end();
    seen.registered += 1;
    return json(response, { ...JSON.parse(await bodyOf(request)), client_id: `client-${seen.registered}` }, 201);
  });
  login = authorization.origin;

  let resource = '';
  const mcp = await serving(async (request, response) => {
    const metadata = '/.well-known/oauth-protected-resource/mcp';
    if (request.url === metadata) return json(response, { resource, authorization_servers: [login] });
    if (!request.url?.startsWith('/mcp')) return void response.writeHead(404).end();
    const given = request.headers.authorization?.replace('Bearer ', '') ?? '';
    seen.authorizations.add(given);
    const body = await bodyOf(request);
    if (!good.has(given)) {
      const challenge = `Bearer resource_metadata="${mcp.origin}${metadata}", scope="tools"`;
      return void response.writeHead(401, { 'www-authenticate': challenge }).end();
    }
    if (request.method !== 'POST') return void response.writeHead(405).end();
    return answer(JSON.parse(body), response, () => {
      seen.effects += 1;
    });
  });
  resource = `${mcp.origin}/mcp`;
  return {
    url: resource,
    behaviour,
    seen,
    /** Revokes all access tokens. */
    expire: () => good.clear(),
  };
}

/** Opens the page that a program prints on stderr, as a person's browser does. */
export async function browse(stderr: () => string): Promise<{ status: number; text: string }> {
  await expect.poll(stderr).toMatch(/open this page in a browser: http\S+/);
  const [, address = ''] = /open this page in a browser: (http\S+)/.exec(stderr()) ?? [];
  const response = await fetch(address);
  return { status: response.status, text: await response.text() };
}

function answer({ id, method, params }: Message, response: ServerResponse, effect: () => void) {
  const result = (value: unknown): void => json(response, { jsonrpc: '2.0', id, result: value });
  if (id === undefined) return void response.writeHead(202).end();
  if (method === 'initialize') {
    const { protocolVersion } = params;
    return result({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'guarded', version: '1' } });
  }
  if (method === 'tools/list') {
    return result({ tools: [{ name: 'effect', inputSchema: { type: 'object', properties: { n: {} } } }] });
  }
  if (method === 'tools/call') effect();
  return result({ content: [{ type: 'text', text: 'done' }] });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += chunk;
  return body;
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
