import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { Agent, fetch as undiciFetch } from 'undici';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type AddressResolver, createPublicLookup, systemResolver } from '../../../src/core/addresses.ts';
import { OAuthAccess } from '../../../src/wrap/login/access.ts';
import { CredentialFile } from '../../../src/wrap/login/credential-file.ts';
import { logIn } from '../../../src/wrap/login/log-in.ts';
import { LoginNetwork } from '../../../src/wrap/login/login-network.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { temporaryFolder } from '../../support/temporary.ts';

let tls: { readonly key: string; readonly cert: string };

beforeAll(() => {
  tls = makeCertificate([
    'mcp.public.test',
    'login.public.test',
    'other.public.test',
    'inside.private.test',
    '127.0.0.1',
  ]);
});

/** Names ending in `.test` lead to this machine. Those of `public.test` count as public addresses. */
const testResolver: AddressResolver = {
  lookup: (hostname, options, callback) => {
    if (hostname.endsWith('.test')) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else systemResolver.lookup(hostname, options, callback);
  },
  isPrivate: (address, hostname) => !hostname.endsWith('public.test') && systemResolver.isPrivate(address, hostname),
};

async function opened(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A program on this machine that no login may reach. Counts connections. */
async function startCanary() {
  const seen = { connections: 0 };
  const server = createTcpServer((socket) => {
    seen.connections += 1;
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { seen, port: (server.address() as AddressInfo).port };
}

interface Posted {
  readonly path: string;
  readonly body: string;
}

/** An authorization server that tests may give other metadata. Records what is posted to it. */
async function startAuthorization(hostname: string | undefined) {
  const posted: Posted[] = [];
  const state: { metadata: Record<string, unknown>; issuerInResponse: string | undefined } = {
    metadata: {},
    issuerInResponse: undefined,
  };
  let origin = '';
  const listener: RequestListener = async (request, response) => {
    const url = new URL(request.url ?? '/', origin);
    if (url.pathname.startsWith('/.well-known/')) {
      if (!url.pathname.includes('oauth-authorization-server')) return void response.writeHead(404).end();
      return json(response, {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: `${origin}/register`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['none'],
        ...state.metadata,
      });
    }
    if (url.pathname === '/authorize') {
      const back = new URL(url.searchParams.get('redirect_uri') ?? '');
      back.searchParams.set('code', `code-of-${origin}`);
      back.searchParams.set('state', url.searchParams.get('state') ?? '');
      if (state.issuerInResponse !== undefined) back.searchParams.set('iss', state.issuerInResponse);
      return void response.writeHead(302, { location: back.href }).end();
    }
    const body = await bodyOf(request);
    posted.push({ path: url.pathname, body });
    if (url.pathname === '/register') return json(response, { ...JSON.parse(body), client_id: randomUUID() }, 201);
    if (url.pathname !== '/token') return void response.writeHead(404).end();
    return json(response, {
      access_token: `access-${randomUUID()}`,
      refresh_token: `refresh-${randomUUID()}`,
      token_type: 'Bearer',
    });
  };
  const port = await opened(hostname ? createTlsServer(tls, listener) : createServer(listener));
  origin = hostname ? `https://${hostname}:${port}` : `http://127.0.0.1:${port}`;
  return { origin, posted, state, pathsPosted: () => posted.map(({ path }) => path) };
}

/** An MCP server that requires a login. Tests may change where it sends people. */
async function startMcp(hostname: string | undefined, authorizationServer: string) {
  const state = { authorizationServer, resourceMetadata: '' };
  let origin = '';
  const listener: RequestListener = async (request, response) => {
    await bodyOf(request);
    if (request.url === '/.well-known/oauth-protected-resource/mcp') {
      return json(response, { resource: `${origin}/mcp`, authorization_servers: [state.authorizationServer] });
    }
    if (request.url !== '/mcp') return void response.writeHead(404).end();
    const metadata = state.resourceMetadata || `${origin}/.well-known/oauth-protected-resource/mcp`;
    response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${metadata}"` }).end();
  };
  const port = await opened(hostname ? createTlsServer(tls, listener) : createServer(listener));
  origin = hostname ? `https://${hostname}:${port}` : `http://127.0.0.1:${port}`;
  return { url: new URL(`${origin}/mcp`), state };
}

interface StageOptions {
  readonly isPublic?: boolean;
  readonly resolver?: AddressResolver;
}

/** A server with its authorization server, and a person with a browser. */
async function staged({ isPublic = true, resolver = testResolver }: StageOptions = {}) {
  const authorization = await startAuthorization(isPublic ? 'login.public.test' : undefined);
  const mcp = await startMcp(isPublic ? 'mcp.public.test' : undefined, authorization.origin);
  const folder = temporaryFolder();
  const file = new CredentialFile(folder, mcp.url, 'default');
  const network = new LoginNetwork(mcp.url, { resolver, ca: tls.cert });
  const target = { name: 'server', server: mcp.url, headers: {}, file, network };
  const shown: string[] = [];
  const person = {
    tell: (text: string) => void shown.push(text),
    open: (url: URL) => void browse(url).catch(() => undefined),
  };
  const access = new OAuthAccess({ ...target, loginCommand: 'mcp-once wrap --login' });
  const request = access.wrapFetch((url, init) => network.fetchServer(new URL(url), init ?? {}));
  return {
    authorization,
    mcp,
    file,
    shown,
    login: () => logIn(target, person),
    /** Sends a request whose token the server rejects, so that the login is renewed. */
    renew: () => request(mcp.url, { method: 'POST', body: '{}' }),
  };
}

/** Follows the login page to the callback, as a browser does. */
async function browse(url: URL): Promise<void> {
  const dispatcher = new Agent({ connect: { lookup: createPublicLookup(reachable), ca: tls.cert } });
  const page = await undiciFetch(url, { redirect: 'manual', dispatcher });
  await fetch(page.headers.get('location') ?? '');
  await dispatcher.close();
}

const reachable: AddressResolver = { ...testResolver, isPrivate: () => false };

test('logs in to a public server whose addresses are all public', async () => {
  const { login, file, authorization } = await staged();
  expect(await login()).toBe(true);
  expect(authorization.pathsPosted()).toEqual(['/register', '/token']);
  expect((await file.read()).tokens?.access_token).toMatch(/^access-/);
});

test('reaches a private address that a private server names (control)', async () => {
  const canary = await startCanary();
  const { login, authorization } = await staged({ isPublic: false });
  authorization.state.metadata = { registration_endpoint: `http://127.0.0.1:${canary.port}/register` };
  await expect(login()).rejects.toThrow(/login failed/);
  expect(canary.seen.connections).toBeGreaterThan(0);
});

describe('a public server that names an address inside of the network', () => {
  const addresses: [string, (port: number) => string][] = [
    ['loopback', (port) => `https://127.0.0.1:${port}`],
    ['loopback without https', (port) => `http://127.0.0.1:${port}`],
    ['a decimal number', (port) => `https://2130706433:${port}`],
    ['an octal number', (port) => `https://0177.0.0.1:${port}`],
    ['a hexadecimal number', (port) => `https://0x7f.1:${port}`],
    ['the unspecified address', (port) => `https://0.0.0.0:${port}`],
    ['IPv6 loopback', (port) => `https://[::1]:${port}`],
    ['an IPv4-mapped address', (port) => `https://[::ffff:127.0.0.1]:${port}`],
    ['a NAT64 address', (port) => `https://[64:ff9b::7f00:1]:${port}`],
    ['a unique local address', (port) => `https://[fd00::1]:${port}`],
    ['a link-local address', () => 'https://169.254.169.254'],
    ['a name', (port) => `https://localhost:${port}`],
    ['a name with a dot at its end', (port) => `https://localhost.:${port}`],
    ['a name that resolves to loopback', (port) => `https://inside.private.test:${port}`],
  ];

  test.each(addresses)('sends no registration there, written as %s', async (_, addressOf) => {
    const canary = await startCanary();
    const { login, authorization } = await staged();
    authorization.state.metadata = { registration_endpoint: `${addressOf(canary.port)}/register` };
    await expect(login()).rejects.toThrow(
      /^server: login failed: the server names .* Nothing was sent there.*--bearer-env/,
    );
    expect(canary.seen.connections).toBe(0);
    expect(authorization.posted).toEqual([]);
  });

  test.each(['resource metadata', 'authorization server', 'token', 'authorization'] as const)(
    'sends nothing there in place of its %s endpoint',
    async (what) => {
      const canary = await startCanary();
      const { login, authorization, mcp, shown } = await staged();
      const inside = `https://127.0.0.1:${canary.port}`;
      if (what === 'resource metadata') {
        mcp.state.resourceMetadata = `${inside}/metadata`;
        // Without metadata of the resource, the SDK asks the server itself, which has none.
        mcp.state.authorizationServer = inside;
      } else if (what === 'authorization server') mcp.state.authorizationServer = inside;
      else authorization.state.metadata = { [`${what}_endpoint`]: `${inside}/x` };
      await expect(login()).rejects.toThrow(/the server names .* private address/);
      expect(canary.seen.connections).toBe(0);
      expect(authorization.pathsPosted()).not.toContain('/token');
      if (what !== 'token') expect(shown).toEqual([]);
    },
  );

  test('sends no refresh token there', async () => {
    const canary = await startCanary();
    const { login, renew, authorization } = await staged();
    await login();
    authorization.state.metadata = { token_endpoint: `https://127.0.0.1:${canary.port}/token` };
    await expect(renew()).rejects.toThrow(/the server names .* private address.*Nothing was sent there/);
    expect(canary.seen.connections).toBe(0);
  });

  test('sends no refresh token without https', async () => {
    const { login, renew, authorization } = await staged();
    await login();
    const plain = await startCanary();
    authorization.state.metadata = { token_endpoint: `http://login.public.test:${plain.port}/token` };
    await expect(renew()).rejects.toThrow(/does not use https/);
    expect(plain.seen.connections).toBe(0);
  });

  test('follows no redirect there', async () => {
    const canary = await startCanary();
    const { login, mcp } = await staged();
    const redirecting = createTlsServer(tls, (_request, response) =>
      response.writeHead(307, { location: `https://127.0.0.1:${canary.port}/` }).end(),
    );
    mcp.state.authorizationServer = `https://login.public.test:${await opened(redirecting)}`;
    await expect(login()).rejects.toThrow(/login failed/);
    expect(canary.seen.connections).toBe(0);
  });

  test('checks a name again at each connection (DNS rebinding)', async () => {
    let lookups = 0;
    const rebinding: AddressResolver = {
      lookup: testResolver.lookup,
      isPrivate: (address, hostname) => {
        if (hostname !== 'login.public.test') return testResolver.isPrivate(address, hostname);
        lookups += 1;
        return lookups > 1;
      },
    };
    const { login, authorization } = await staged({ resolver: rebinding });
    await expect(login()).rejects.toThrow(/private address/);
    expect(authorization.posted).toEqual([]);
  });

  test('counts as public once one of its connections was (DNS rebinding)', async () => {
    const canary = await startCanary();
    let lookups = 0;
    const rebinding: AddressResolver = {
      lookup: testResolver.lookup,
      isPrivate: (address, hostname) => {
        if (hostname !== 'mcp.public.test') return testResolver.isPrivate(address, hostname);
        lookups += 1;
        // Each connection to the server itself is public. A separate look-up would get a private address.
        return lookups > 1;
      },
    };
    const { login, mcp } = await staged({ resolver: rebinding });
    mcp.state.authorizationServer = `https://127.0.0.1:${canary.port}`;
    await expect(login()).rejects.toThrow(/private address/);
    expect(canary.seen.connections).toBe(0);
  });
});

describe('a server that changes its authorization server', () => {
  test('gives the other one neither refresh token nor registration, and keeps both', async () => {
    const { login, renew, mcp, file, authorization } = await staged({ isPublic: false });
    await login();
    const before = await file.read();
    const other = await startAuthorization(undefined);
    mcp.state.authorizationServer = other.origin;
    await expect(renew()).rejects.toThrow(/belongs to another authorization server.*mcp-once wrap --login/);
    expect(other.posted).toEqual([]);
    expect(await file.read()).toEqual(before);
    expect(before).toMatchObject({ clients: [{ issuer: `${authorization.origin}` }] });
  });

  test('registers with each authorization server once', async () => {
    const { login, mcp, file, authorization } = await staged({ isPublic: false });
    await login();
    const other = await startAuthorization(undefined);
    mcp.state.authorizationServer = other.origin;
    await login();
    expect(other.pathsPosted()).toEqual(['/register', '/token']);
    mcp.state.authorizationServer = authorization.origin;
    await login();
    const [first, second] = authorization.posted.filter(({ path }) => path === '/token');
    const clientOf = (posted: Posted | undefined) => new URLSearchParams(posted?.body).get('client_id');
    expect(clientOf(second)).toBe(clientOf(first));
    expect(authorization.pathsPosted()).toEqual(['/register', '/token', '/token']);
    expect((await file.read()).clients).toHaveLength(2);
  });

  test('cannot claim the issuer of the other one in its metadata', async () => {
    const { login, renew, mcp, authorization } = await staged({ isPublic: false });
    await login();
    const evil = await startAuthorization(undefined);
    evil.state.metadata = { issuer: authorization.origin };
    mcp.state.authorizationServer = evil.origin;
    await expect(renew()).rejects.toThrow(/another authorization server/);
    expect(evil.posted).toEqual([]);
  });
});

describe('an authorization server that sends people to another one (mix-up)', () => {
  /** The evil server passes people on to the honest one, and wants the code sent to itself. */
  async function mixedUp(more: Record<string, unknown> = {}) {
    const { login, mcp, authorization: honest } = await staged({ isPublic: false });
    const evil = await startAuthorization(undefined);
    evil.state.metadata = { authorization_endpoint: `${honest.origin}/authorize`, ...more };
    mcp.state.authorizationServer = evil.origin;
    return { login, honest, evil };
  }

  test('does not get the code when the honest one names itself', async () => {
    const { login, honest, evil } = await mixedUp();
    honest.state.issuerInResponse = honest.origin;
    await expect(login()).rejects.toThrow(/the response comes from another server/);
    expect(evil.pathsPosted()).toEqual(['/register']);
  });

  test('does not get the code when it claims the issuer of the honest one', async () => {
    const { login, honest, evil } = await mixedUp();
    evil.state.metadata.issuer = honest.origin;
    honest.state.issuerInResponse = honest.origin;
    await expect(login()).rejects.toThrow(/the response comes from another server/);
    expect(evil.pathsPosted()).toEqual(['/register']);
  });

  test('does not get the code when its own metadata promise an issuer and the response names none', async () => {
    const { login, evil } = await mixedUp({ authorization_response_iss_parameter_supported: true });
    await expect(login()).rejects.toThrow(/the response comes from another server/);
    expect(evil.pathsPosted()).toEqual(['/register']);
  });

  test('gets the code from a server that names no issuer (control)', async () => {
    const { login, evil } = await mixedUp();
    await login();
    expect(evil.pathsPosted()).toEqual(['/register', '/token']);
  });
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += chunk;
  return body;
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
