import { describe, expect, it } from 'vitest';
import type { ApiOperation, SecurityScheme } from '../../../src/openapi/document/types.ts';
import { createAuthenticator } from '../../../src/openapi/http/authenticator.ts';
import { classifyApiError } from '../../../src/openapi/http/send.ts';
import type { SendOptions } from '../../../src/openapi/http/types.ts';
import { failureOf, get, once, requestTo, retryable, rig, serve, variablesOf } from '../support/http.ts';

const schemes: Record<string, SecurityScheme> = {
  apiKeyAuth: { type: 'apiKey', in: 'header', name: 'X-Key' },
  'query-key': { type: 'apiKey', in: 'query', name: 'k' },
  cookieKey: { type: 'apiKey', in: 'cookie', name: 'sid' },
  bearer: { type: 'bearer' },
  login: { type: 'basic' },
  OAuth2: { type: 'oauth2', tokenUrl: '/token', scopes: ['read', 'write'] },
  mtls: { type: 'unsupported', what: 'mutual TLS' },
};
type Environment = Record<string, string>;

/** Sends one request and returns what the API received. */
async function sentWith(
  security: ApiOperation['security'],
  environment: Environment,
  headers: Record<string, string> = {},
) {
  const { origin, seen } = await serve((_request, response) => response.end('ok'));
  const authenticator = createAuthenticator({ schemes, variables: variablesOf(schemes), environment, origin });
  await rig(origin, { authenticator }).sender.send({ ...get(origin, '/x?a=b%20c'), headers }, { ...once, security });
  return seen[0];
}

async function refusalOf(security: ApiOperation['security'], environment: Environment) {
  const { origin, seen } = await serve((_request, response) => response.end('ok'));
  const authenticator = createAuthenticator({ schemes, variables: variablesOf(schemes, 'shop'), environment, origin });
  const send = rig(origin, { authenticator }).sender.send(get(origin), { ...once, security });
  const error: unknown = await send.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect([seen.length, classifyApiError(error)]).toEqual([0, 'not_executed']);
  expect(error).toMatchObject({ code: 'upstream_unavailable' });
  return (error as Error).message;
}

describe('variables of schemes', () => {
  it('have the names of the prefix and the scheme', () => {
    expect([...variablesOf(schemes, 'shop').values()].flat()).toEqual([
      'SHOP_API_KEY_AUTH',
      'SHOP_QUERY_KEY',
      'SHOP_COOKIE_KEY',
      'SHOP_BEARER',
      'SHOP_LOGIN_USERNAME',
      'SHOP_LOGIN_PASSWORD',
      'SHOP_OAUTH2_CLIENT_ID',
      'SHOP_OAUTH2_CLIENT_SECRET',
    ]);
    expect(
      [
        ...variablesOf({
          apiKeyAuth: { type: 'bearer' },
          APIKey: { type: 'bearer' },
          '2fa': { type: 'bearer' },
        }).values(),
      ].flat(),
    ).toEqual(['API_KEY_AUTH', 'API_KEY', 'API_2FA']);
  });

  it("cannot be this server's own variables", () => {
    expect(variablesOf({ mcpOnceSecret: { type: 'bearer' } }).get('mcpOnceSecret')).toEqual(['API_MCP_ONCE_SECRET']);
  });
});

describe('an authenticator', () => {
  it('sends header, query, cookie, bearer and basic credentials', async () => {
    expect((await sentWith([{ apiKeyAuth: [] }], { API_KEY_AUTH: 'k1' }))?.headers['x-key']).toBe('k1');
    expect((await sentWith([{ 'query-key': [] }], { QUERY_KEY: 'k&2' }))?.url).toBe('/x?a=b%20c&k=k%262');
    expect((await sentWith([{ cookieKey: [] }], { COOKIE_KEY: 'k;3' }, { cookie: 'a=b' }))?.headers.cookie).toBe(
      'a=b; sid=k%3B3',
    );
    expect((await sentWith([{ bearer: [] }], { BEARER: ' t \n' }))?.headers.authorization).toBe('Bearer t');
    const basic = await sentWith([{ login: [] }], { LOGIN_USERNAME: 'ann', LOGIN_PASSWORD: 'ä:b' });
    expect(basic?.headers.authorization).toBe(`Basic ${Buffer.from('ann:ä:b').toString('base64')}`);
  });

  it('uses all schemes of the first alternative whose variables are all set', async () => {
    const security = [
      { bearer: [], apiKeyAuth: [] },
      { 'query-key': [], cookieKey: [] },
    ];
    const sent = await sentWith(security, { BEARER: 't', QUERY_KEY: 'q', COOKIE_KEY: 'c' });
    expect([sent?.headers.authorization, sent?.url, sent?.headers.cookie]).toEqual([
      undefined,
      '/x?a=b%20c&k=q',
      'sid=c',
    ]);
  });

  it('uses an alternative without credentials last', async () => {
    expect((await sentWith([{}, { bearer: [] }], { BEARER: 't' }))?.headers.authorization).toBe('Bearer t');
    expect((await sentWith([{}, { bearer: [] }], {}))?.headers.authorization).toBeUndefined();
    expect((await sentWith([], { BEARER: 't' }))?.headers.authorization).toBeUndefined();
  });

  it('adds no credentials to a request to another origin', async () => {
    const authenticator = createAuthenticator({
      schemes,
      variables: variablesOf(schemes),
      environment: { BEARER: 't' },
      origin: 'https://api.test',
    });
    const ask = () => Promise.reject(new Error('not asked'));
    const { signal } = new AbortController();
    const { apply } = await authenticator.authorize(get('https://api.test'), [{ bearer: [] }], ask, signal);
    for (const other of ['http://api.test', 'https://api.test:8443', 'https://evil.test']) {
      expect(apply(get(other))).toEqual(get(other));
    }
    expect(apply(get('https://api.test')).headers.authorization).toBe('Bearer t');
  });

  it('accepts a configured header in place of a variable', async () => {
    expect((await sentWith([{ bearer: [] }], {}, { authorization: 'Bearer mine' }))?.headers.authorization).toBe(
      'Bearer mine',
    );
  });

  it('names missing variables and sends nothing', async () => {
    const ways = [{ bearer: [] }, { login: [] }, { login: [], mtls: [] }, { ghost: [] }];
    expect(await refusalOf(ways, { SHOP_LOGIN_USERNAME: 'ann' })).toMatch(
      /not set: SHOP_BEARER, or SHOP_LOGIN_PASSWORD; set the environment variables and start the server again$/,
    );
    const unsupported = await refusalOf([{ login: [], mtls: [] }, { ghost: [] }], {});
    expect(unsupported).toMatch(/not supported: the scheme "mtls" \(mutual TLS\), or the scheme "ghost", which/);
    expect(unsupported).not.toMatch(/environment/);
  });

  it('treats a credential that a header cannot carry as not set, and does not quote it', async () => {
    const message = await refusalOf([{ bearer: [] }], { SHOP_BEARER: 'sec\nret' });
    expect(message).not.toContain('sec');
    expect(message).toMatch(/SHOP_BEARER \(SHOP_BEARER: the value contains characters that a header cannot carry\)/);
  });

  it('redacts secrets of four or more letters in messages, but not shorter ones', async () => {
    const { origin } = await serve((_request, response) => response.writeHead(404).end('{"message":"no such text"}'));
    const messageWith = async (secret: string): Promise<string> => {
      const authenticator = createAuthenticator({
        schemes,
        variables: variablesOf(schemes),
        environment: { QUERY_KEY: secret },
        origin,
      });
      const send = rig(origin, { authenticator }).sender.send(get(origin), {
        ...once,
        security: [{ 'query-key': [] }],
      });
      return send.then(
        () => '',
        (error: unknown) => (error as Error).message,
      );
    };
    expect(await messageWith('not')).toMatch(/it does not exist \(no such text\)$/);
    expect(await messageWith('text')).toMatch(/it does not exist \(no such \*\*\*\)$/);
  });

  it('redacts a secret that the API echoes in its response', async () => {
    const { origin } = await serve((request, response) =>
      response
        .writeHead(200, { link: `<${request.url}&page=2>; rel="next"` })
        .end(JSON.stringify({ next: request.url, n: 'ö' })),
    );
    const authenticator = createAuthenticator({
      schemes,
      variables: variablesOf(schemes),
      environment: { QUERY_KEY: 'long-secret-1' },
      origin,
    });
    const answer = await rig(origin, { authenticator }).sender.send(get(origin), {
      ...once,
      security: [{ 'query-key': [] }],
    });
    expect(answer.headers.link).toBe('</things?k=***&page=2>; rel="next"');
    expect(JSON.parse(answer.body.toString())).toEqual({ next: '/things?k=***', n: 'ö' });
  });
});

describe('OAuth 2 client credentials', () => {
  const security = [{ OAuth2: [] }];
  const environment = { OAUTH2_CLIENT_ID: 'id 1', OAUTH2_CLIENT_SECRET: 'client-secret' };

  /** An API with a token server that issues `t1`, `t2`, ... The API accepts the tokens for which `accept` returns true. */
  async function api(accept: (token: string) => boolean, tokenAnswer: object = { expires_in: 3600 }) {
    const state = {
      now: 0,
      tokens: 0,
      executed: 0,
      tokenRequests: [] as { body: string; authorization: string | undefined }[],
    };
    const server = await serve((request, response) => {
      if (request.url !== '/token') {
        const isAccepted = accept(request.headers.authorization ?? '');
        if (isAccepted) state.executed += 1;
        response.writeHead(isAccepted ? 200 : 401).end(`{"message":"${request.headers.authorization}"}`);
        return;
      }
      state.tokens += 1;
      state.tokenRequests.push({ body: request.body, authorization: request.headers.authorization });
      response.end(JSON.stringify({ access_token: `token-${state.tokens}-xyz`, token_type: 'bearer', ...tokenAnswer }));
    });
    const now = () => state.now;
    const authenticator = createAuthenticator({
      schemes,
      variables: variablesOf(schemes),
      environment,
      origin: server.origin,
      now,
    });
    return { ...server, state, sender: rig(server.origin, { authenticator }).sender };
  }

  it('share one token between concurrent calls and keep it until 30 s before its expiry', async () => {
    const { origin, sender, state } = await api(() => true);
    await Promise.all(Array.from({ length: 5 }, () => sender.send(requestTo(origin), { ...once, security })));
    expect([state.tokens, state.executed]).toEqual([1, 5]);
    expect(state.tokenRequests[0]).toEqual({
      body: 'grant_type=client_credentials&scope=read%20write',
      authorization: `Basic ${Buffer.from('id%201:client-secret').toString('base64')}`,
    });
    state.now = 3_569_000;
    await sender.send(requestTo(origin), { ...once, security });
    expect(state.tokens).toBe(1);
    state.now = 3_570_000;
    await sender.send(requestTo(origin), { ...once, security });
    expect(state.tokens).toBe(2);
  });

  it('fetch another token once after a 401, even if the request is not retryable', async () => {
    const { origin, sender, state, seen } = await api((token) => token === 'Bearer token-2-xyz');
    expect((await sender.send(requestTo(origin), { ...once, security })).status).toBe(200);
    expect([state.tokens, state.executed]).toEqual([2, 1]);
    expect(seen.filter(({ url }) => url === '/things').map(({ headers }) => headers['x-retry-count'])).toEqual([
      undefined,
      '1',
    ]);
  });

  it('fail after a second 401 without quoting the token', async () => {
    const { origin, sender, state } = await api(() => false);
    const failure = await failureOf(sender.send(requestTo(origin), { ...retryable, security }));
    expect([failure.details.classification, state.tokens]).toEqual(['not_executed', 2]);
    expect(failure.message).toContain('Bearer ***');
  });

  it('execute nothing after an unusable token response, and do not quote it', async () => {
    const { origin, sender, state } = await api(() => true, { access_token: 7, error: 'client-secret' });
    await expect(sender.send(requestTo(origin), { ...once, security })).rejects.toMatchObject({
      code: 'upstream_unavailable',
      message: expect.stringMatching(/^(?!.*client-secret).*gave no token.*[^.]$/),
    });
    expect(state.executed).toBe(0);
    // The next call requests a token again.
    await expect(sender.send(requestTo(origin), { ...once, security })).rejects.toThrow(/no access_token/);
    expect(state.tokens).toBe(2);
  });

  it('are not sent unencrypted to another origin', async () => {
    const { origin, seen } = await serve((_request, response) => response.end('{}'));
    const insecure = { OAuth2: { type: 'oauth2', tokenUrl: 'http://auth.example.com/token', scopes: [] } } as const;
    const authenticator = createAuthenticator({
      schemes: insecure,
      variables: variablesOf(insecure),
      environment,
      origin,
    });
    const send = rig(origin, { authenticator }).sender.send(requestTo(origin), { ...once, security });
    await expect(send).rejects.toThrow(/not https.*[^.]$/);
    expect(seen.length).toBe(0);
  });
});

describe('configured headers with variables', () => {
  const security: SendOptions['security'] = [];
  const authenticate = (origin: string, environment: Record<string, string>, withheld?: string) =>
    createAuthenticator({
      schemes: { apiKey: { type: 'apiKey', in: 'header', name: 'x-key' } },
      variables: new Map([['apiKey', ['API_KEY']]]),
      environment,
      origin,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: so variables are written in the configuration.
      headers: { authorization: 'Bearer ${MY_TOKEN}' },
      withheld,
    });

  it('go to the API only, and are redacted in its responses', async () => {
    const { origin, seen } = await serve(({ headers }, response) => response.end(String(headers.authorization)));
    const authenticator = authenticate(origin, { MY_TOKEN: 'very-secret-token' });
    const answer = await rig(origin, { authenticator }).sender.send(get(origin), { ...once, security });
    expect(seen[0]?.headers.authorization).toBe('Bearer very-secret-token');
    expect(answer.body.toString()).toBe('Bearer ***');
    const elsewhere = await serve((_request, response) => response.end('{}'));
    const from = await serve((_request, response) => response.writeHead(302, { location: elsewhere.origin }).end());
    const other = authenticate(from.origin, { MY_TOKEN: 'very-secret-token' });
    await rig(from.origin, { authenticator: other }).sender.send(get(from.origin), { ...once, security });
    expect(from.seen[0]?.headers.authorization).toBe('Bearer very-secret-token');
    expect(elsewhere.seen[0]?.headers.authorization).toBeUndefined();
  });

  it('are named if a variable is not set, and nothing is sent', async () => {
    const { origin, seen } = await serve((_request, response) => response.end('{}'));
    const authenticator = authenticate(origin, {});
    await expect(rig(origin, { authenticator }).sender.send(get(origin), { ...once, security })).rejects.toThrow(
      /MY_TOKEN; set them.*[^.]$/,
    );
    expect(seen).toEqual([]);
  });

  it('are withheld from a server that only the document names', async () => {
    const { origin, seen } = await serve((_request, response) => response.end('{}'));
    const environment = { MY_TOKEN: 'very-secret-token', API_KEY: 'sesame' };
    const authenticator = authenticate(origin, environment, 'no credentials are sent there; add the server');
    await rig(origin, { authenticator }).sender.send(get(origin), { ...once, security });
    expect(JSON.stringify(seen[0]?.headers)).not.toMatch(/secret-token|sesame/);
    const needing = { ...once, security: [{ apiKey: [] }] };
    await expect(rig(origin, { authenticator }).sender.send(get(origin), needing)).rejects.toThrow(
      /no credentials are sent there; .*[^.]$/,
    );
    expect(seen).toHaveLength(1);
  });
});
