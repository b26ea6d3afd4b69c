import { describe, expect, test } from 'vitest';
import { Served } from '../support/cli-process.ts';
import { refusalOf, resultOf } from '../support/engine.ts';
import { runHere as run } from '../support/run-here.ts';
import { temporaryFolder } from '../support/temporary.ts';
import {
  clientCredentials,
  documentAt,
  documentFile,
  fileIn,
  ref,
  serveEntries,
  startApi,
  type TestApi,
} from './support/apis.ts';

/** Returns every header and URL that an API received, as one text. */
function receivedBy(...apis: readonly TestApi[]): string {
  return JSON.stringify(apis.map(({ seen }) => seen));
}

describe('two APIs with one variable', () => {
  const entriesFor = (one: TestApi, other: TestApi) => [
    { document: documentFile(documentAt(one.url, { bearerAuth: 'bearer' })) },
    {
      document: documentFile(documentAt(other.url, { bearerAuth: 'bearer' })),
      operations: { listThings: { name: 'list_others' } },
    },
  ];

  test('are refused with both origins, the variable and what to write', async () => {
    const [one, other] = [await startApi(), await startApi()];
    const serving = serveEntries(entriesFor(one, other), { BEARER_AUTH: 'secret' });
    await expect(serving).rejects.toMatchObject({ code: 'configuration_invalid' });
    const message = await serving.then(
      () => '',
      (error: Error) => error.message,
    );
    for (const part of [
      one.url,
      other.url,
      'BEARER_AUTH',
      `credentials: { "bearerAuth": "${ref('API_127_0_0_1_BEARER_AUTH')}" }`,
    ])
      expect(message).toContain(part);
  });

  test('get their own credentials if the configuration maps one of them, and never each other’s', async () => {
    const [one, other] = [await startApi(), await startApi()];
    const [first, second] = entriesFor(one, other);
    const entries = [{ ...first }, { ...second, credentials: { bearerAuth: ref('OTHER_TOKEN') } }];
    const { call } = await serveEntries(entries, { BEARER_AUTH: 'secret-one', OTHER_TOKEN: 'secret-other' });
    resultOf(await call('list_things', {}));
    resultOf(await call('list_others', {}));
    expect(one.seen[0]?.headers.authorization).toBe('Bearer secret-one');
    expect(other.seen[0]?.headers.authorization).toBe('Bearer secret-other');
    expect(receivedBy(one)).not.toContain('secret-other');
  });

  test.each([
    ['a mapping', { credentials: { bearerAuth: ref('TOKEN') } }],
    ['a header', { headers: { authorization: `Bearer ${ref('TOKEN')}` } }],
  ])('are refused if %s of each entry names it', async (_what, settings) => {
    const [one, other] = [await startApi(), await startApi()];
    const entries = entriesFor(one, other).map((entry) => ({ ...entry, ...settings }));
    await expect(serveEntries(entries)).rejects.toThrow(/variable TOKEN would be sent to two origins/);
  });

  test('may share it if both entries list both origins, or if they have one origin', async () => {
    const [one, other] = [await startApi(), await startApi()];
    const credentialOrigins = [one.url, other.url];
    const entries = entriesFor(one, other).map((entry) => ({ ...entry, credentialOrigins }));
    expect((await serveEntries(entries)).tools).toHaveLength(2);
    expect(
      (await serveEntries(entries.map((entry) => ({ ...entry, credentialOrigins: [], baseUrl: one.url })))).tools,
    ).toHaveLength(2);
  });
});

test('two schemes of one document that would send one variable to two origins are refused', async () => {
  const api = await startApi();
  const schemes = {
    Login: clientCredentials('https://one.example/token'),
    login: clientCredentials('https://other.example/token'),
  };
  await expect(serveEntries([{ document: documentFile(documentAt(api.url, schemes)) }])).rejects.toThrow(
    /LOGIN_CLIENT_ID would be sent to two origins: https:\/\/one\.example .*https:\/\/other\.example/,
  );
});

describe('a mapping of credentials', () => {
  const api = 'http://127.0.0.1:9';

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['an unknown scheme', { bearerAuht: ref('TOKEN') }, /no security scheme "bearerAuht"; did you mean "bearerAuth"\?/],
    [
      'one variable for two',
      { login: ref('TOKEN') },
      /"login" is HTTP basic .*: write credentials: \{ "login": \{ "username": /,
    ],
    ['two variables for one', { bearerAuth: { username: ref('A'), password: ref('B') } }, /"bearerAuth" is one text/],
    ['an unsupported scheme', { mutual: ref('TOKEN') }, /"mutual" is not supported/],
    [
      'a text',
      { bearerAuth: 'very-secret' },
      /credentials\.bearerAuth: must be one variable, such as "\$\{SHOP_TOKEN\}"/,
    ],
    ['a variable with a text', { bearerAuth: `Bearer ${ref('TOKEN')}` }, /must be one variable/],
    ['a variable of this server', { bearerAuth: ref('MCP_ONCE_SECRET') }, /belong to this server/],
    ['an unknown part', { login: { user: ref('A'), password: ref('B') } }, /must be one variable/],
  ])('is refused with %s', async (_what, credentials, message) => {
    const schemes = { bearerAuth: 'bearer', login: 'basic', mutual: 'unsupported' } as const;
    const serving = serveEntries([{ document: documentFile(documentAt(api, schemes)), credentials }]);
    await expect(serving).rejects.toThrow(message);
    await expect(serving).rejects.not.toThrow(/very-secret/);
  });

  test('gives basic and OAuth 2 their two parts', async () => {
    const basic = await startApi();
    const one = await serveEntries(
      [
        {
          document: basic.publish(documentAt(basic.url, { login: 'basic' })),
          allowPrivate: true,
          credentials: { login: { password: ref('PASS'), username: ref('NAME') } },
        },
      ],
      { NAME: 'ann', PASS: 'pass' },
    );
    resultOf(await one.call('list_things', {}));
    expect(basic.seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from('ann:pass').toString('base64')}`);
    const oauth = await startApi(({ url }, response) => response.end(url === '/token' ? '{"access_token":"t"}' : '{}'));
    const other = await serveEntries(
      [
        {
          document: oauth.publish(documentAt(oauth.url, { auth: clientCredentials(`${oauth.url}/token`) })),
          allowPrivate: true,
          credentials: { auth: { clientId: ref('NAME'), clientSecret: ref('PASS') } },
        },
      ],
      { NAME: 'ann', PASS: 'pass' },
    );
    resultOf(await other.call('list_things', {}));
    expect(oauth.seen.map(({ headers }) => headers.authorization)).toEqual([
      `Basic ${Buffer.from('ann:pass').toString('base64')}`,
      'Bearer t',
    ]);
  });
});

/** Names of schemes that are variables of other programs, and these variables. */
const wellKnown: readonly (readonly [string, string])[] = [
  ['openaiApiKey', 'OPENAI_API_KEY'],
  ['anthropicApiKey', 'ANTHROPIC_API_KEY'],
  ['databaseUrl', 'DATABASE_URL'],
  ['dockerAuthConfig', 'DOCKER_AUTH_CONFIG'],
  ['kubeconfig', 'KUBECONFIG'],
  ['slackBotToken', 'SLACK_BOT_TOKEN'],
  ['gitlabToken', 'GITLAB_TOKEN'],
  ['jwtSecret', 'JWT_SECRET'],
];

describe('a document from the network', () => {
  const environment = Object.fromEntries(wellKnown.map(([, variable]) => [variable, `secret of ${variable}`]));
  const headerSchemes = Object.fromEntries(
    wellKnown.map(([name]) => [name, { type: 'apiKey', in: 'header', name: `x-${name.toLowerCase()}` }]),
  );
  /** One alternative that needs all schemes, so that one call would send all of them. */
  const security = [Object.fromEntries(wellKnown.map(([name]) => [name, []]))];

  test('gets no variable by the name of its scheme', async () => {
    const api = await startApi();
    const document = api.publish(documentAt(api.url, headerSchemes, { security }));
    const { call, warnings } = await serveEntries([{ document, allowPrivate: true }], environment);
    const { message } = refusalOf(await call('list_things', {}));
    expect(message).toMatch(
      /scheme "openaiApiKey" does not choose a variable; write credentials: \{ "openaiApiKey": "\$\{/,
    );
    expect(message).toMatch(/--credential openaiApiKey=VARIABLE/);
    expect(warnings.join('\n')).toMatch(/scheme "databaseUrl" does not choose a variable/);
    expect(api.seen).toEqual([]);
  });

  test('gets no variable by a reference of a file to it', async () => {
    const api = await startApi();
    const shared = api.publish({ schemes: headerSchemes });
    const references = Object.fromEntries(wellKnown.map(([name]) => [name, { $ref: `${shared}#/schemes/${name}` }]));
    const document = documentFile(documentAt(api.url, references, { security }));
    const { call } = await serveEntries([{ document, refHosts: ['127.0.0.1'] }], environment);
    expect(refusalOf(await call('list_things', {})).message).toMatch(/does not choose a variable/);
    expect(api.seen).toEqual([]);
  });

  test('gets variables with the prefix of the entry, and mapped ones', async () => {
    const api = await startApi();
    const document = api.publish(documentAt(api.url, { bearerAuth: 'bearer' }));
    const entry = { document, allowPrivate: true };
    const prefixed = await serveEntries([{ ...entry, prefix: 'shop' }], { SHOP_BEARER_AUTH: 'p', BEARER_AUTH: 'no' });
    resultOf(await prefixed.call('shop_list_things', {}));
    const mapped = await serveEntries([{ ...entry, credentials: { bearerAuth: ref('SHOP') } }], { SHOP: 'm' });
    resultOf(await mapped.call('list_things', {}));
    expect(api.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer p', 'Bearer m']);
  });

  test('sends no client secret to a token server that the operator did not list', async () => {
    const tokens = await startApi((_request, response) => response.end('{"access_token":"t"}'));
    const api = await startApi();
    const document = api.publish(documentAt(api.url, { auth: clientCredentials(`${tokens.url}/token`) }));
    const entry = { document, allowPrivate: true, prefix: 'shop' };
    const secrets = { SHOP_AUTH_CLIENT_ID: 'id', SHOP_AUTH_CLIENT_SECRET: 'secret' };
    const { call } = await serveEntries([entry], secrets);
    expect(refusalOf(await call('shop_list_things', {})).message).toContain(`add "${tokens.url}" to credentialOrigins`);
    expect([...tokens.seen, ...api.seen]).toEqual([]);
    const listed = await serveEntries([{ ...entry, credentialOrigins: [tokens.url] }], secrets);
    resultOf(await listed.call('shop_list_things', {}));
    expect(tokens.seen).toHaveLength(1);
  });
});

describe('a document in a file', () => {
  test('names variables after its schemes, whatever their names are', async () => {
    const api = await startApi();
    const document = documentFile(documentAt(api.url, { databaseUrl: 'bearer' }));
    const { call, tools } = await serveEntries([{ document }], { DATABASE_URL: 'mine' });
    resultOf(await call('list_things', {}));
    expect(api.seen[0]?.headers.authorization).toBe('Bearer mine');
    expect(tools[0]?.client?.destinations).toMatchObject([{ variable: 'DATABASE_URL', origin: api.url }]);
  });
});

describe('credentials are not sent', () => {
  const more = (url: string) => ({
    paths: {
      '/elsewhere': {
        servers: [{ url }],
        get: { operationId: 'readElsewhere', responses: { 200: { description: 'ok' } } },
      },
      '/own': {
        get: { operationId: 'readOwn', servers: [{ url }], responses: { 200: { description: 'ok' } } },
      },
    },
  });

  test.each(['a file', 'the network'])('to another server that an operation of %s names', async (from) => {
    const [api, other] = [await startApi(), await startApi()];
    const document = documentAt(api.url, { bearerAuth: 'bearer' }, more(other.url));
    const entry = {
      document: from === 'a file' ? documentFile(document) : api.publish(document),
      allowPrivate: true,
      headers: { 'x-tenant': ref('TENANT') },
      credentials: { bearerAuth: ref('TOKEN') },
    };
    const secrets = { TOKEN: 'secret', TENANT: 'tenant' };
    const { call, warnings } = await serveEntries([entry], secrets);
    for (const tool of ['read_elsewhere', 'read_own']) {
      expect(refusalOf(await call(tool, {})).message).toContain(`add "${other.url}" to credentialOrigins`);
    }
    resultOf(await call('list_things', {}));
    expect(other.seen).toEqual([]);
    expect(api.seen[0]?.headers).toMatchObject({ authorization: 'Bearer secret', 'x-tenant': 'tenant' });
    expect(warnings.join('\n')).toMatch(/GET \/elsewhere, GET \/own: the document names another server/);
    const trusting = await serveEntries([{ ...entry, credentialOrigins: [`${other.url}/any/path`] }], secrets);
    resultOf(await trusting.call('read_own', {}));
    expect(other.seen[0]?.headers).toMatchObject({ authorization: 'Bearer secret', 'x-tenant': 'tenant' });
  });

  test('to the target of a redirect on another origin', async () => {
    const other = await startApi();
    const api = await startApi((_request, response) => response.writeHead(307, { location: `${other.url}/x` }).end());
    const document = documentFile(
      documentAt(
        api.url,
        { query: { type: 'apiKey', in: 'query', name: 'key' }, cookie: { type: 'apiKey', in: 'cookie', name: 'sid' } },
        {
          security: [{ query: [], cookie: [] }],
        },
      ),
    );
    const entry = { document, headers: { 'x-tenant': ref('TENANT') } };
    const { call } = await serveEntries([entry], { QUERY: 'secret-q', COOKIE: 'secret-c', TENANT: 'secret-t' });
    await call('list_things', {});
    expect(receivedBy(api)).toMatch(/secret-q.*secret-t|secret-t.*secret-q/);
    expect(other.seen).toHaveLength(1);
    expect(receivedBy(other)).not.toMatch(/secret-/);
  });

  test.each(['//other.example/things', '/@other.example/things', '/\\other.example/things', '/..//other.example'])(
    'to a host in the path %s',
    async (path) => {
      const api = await startApi();
      const read = { get: { operationId: 'odd', responses: { 200: { description: 'ok' } } } };
      const document = documentFile(documentAt(api.url, { bearerAuth: 'bearer' }, { paths: { [path]: read } }));
      const { call } = await serveEntries([{ document }], { BEARER_AUTH: 'secret' });
      const answer = await call('odd', {});
      expect([answer.type, api.seen.length]).toEqual(answer.type === 'refusal' ? ['refusal', 0] : ['result', 1]);
    },
  );
});

test('a scheme cannot take the variable of another client of this server, unless the configuration says so', async () => {
  const folder = temporaryFolder();
  const document = fileIn(folder, 'api.json', documentAt('https://shop.example', { stripeSecretKey: 'bearer' }));
  const check = (entry: object) => {
    const file = fileIn(folder, 'mcp-once.json', { openapi: [{ document, ...entry }] });
    return run(folder, ['config', 'check', '--config', file]);
  };
  const refused = await check({});
  expect([refused.code, refused.stdout]).toEqual([1, '']);
  expect(refused.stderr).toMatch(
    /"Things" would send the variable STRIPE_SECRET_KEY to https:\/\/shop\.example, but the client "stripe" reads/,
  );
  expect((await check({ credentials: { stripeSecretKey: ref('SHOP_KEY') } })).code).toBe(0);
});

describe('the destinations of credentials', () => {
  const schemes = {
    bearerAuth: 'bearer',
    auth: clientCredentials('https://login.example/token'),
  } as const;
  const lines = [
    'BEARER_AUTH -> https://shop.example',
    'AUTH_CLIENT_ID -> https://login.example',
    'AUTH_CLIENT_SECRET -> https://login.example',
  ];

  test('are printed by openapi --list and by config check', async () => {
    const folder = temporaryFolder();
    const document = fileIn(folder, 'api.json', documentAt('https://shop.example', schemes));
    const listed = await run(folder, ['openapi', document, '--list']);
    expect(listed.stdout.trim().split('\n').slice(-3)).toEqual(lines);
    const json = await run(folder, ['openapi', document, '--list', '--json']);
    expect(JSON.parse(json.stdout)).toHaveLength(1);
    expect(json.stderr).toContain(lines.join('\n'));
    const config = fileIn(folder, 'mcp-once.json', { bundledTools: false, openapi: [{ document }] });
    const checked = await run(folder, ['config', 'check', '--config', config]);
    expect(JSON.parse(checked.stdout)).toMatchObject({ credentials: lines });
  });

  test('are logged at the start for the variables that are set', async () => {
    const folder = temporaryFolder();
    const document = fileIn(folder, 'api.json', documentAt('https://shop.example', schemes));
    const config = fileIn(folder, 'mcp-once.json', { store: 'memory:', bundledTools: false, openapi: [{ document }] });
    const served = await Served.start(folder, ['--config', config], { BEARER_AUTH: 'very-secret' });
    await served.until(() => served.stderr.includes('BEARER_AUTH -> https://shop.example'));
    expect(served.stderr).not.toMatch(/very-secret|AUTH_CLIENT_ID ->/);
  });

  test('follow the options --credential, which name variables and never take a secret', async () => {
    const folder = temporaryFolder();
    const document = fileIn(
      folder,
      'api.json',
      documentAt('https://shop.example', { bearerAuth: 'bearer', login: 'basic' }),
    );
    const list = (...more: string[]) => run(folder, ['openapi', document, '--list', ...more]);
    const options = ['bearerAuth=SHOP_TOKEN', 'login.password=PASS', 'login.username=NAME'];
    const { stdout } = await list(...options.flatMap((option) => ['--credential', option]));
    for (const name of ['SHOP_TOKEN', 'PASS', 'NAME']) expect(stdout).toContain(`${name} -> https://shop.example`);
    const wrong = await list('--credential', 'bearerAuth=sk-live-123');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/never write a secret on the command line/)]);
    expect(wrong.stderr).not.toContain('sk-live');
    expect((await list('--credential', 'login=TOKEN')).stderr).toMatch(
      /--credential login\.username=VARIABLE --credential login\.password=VARIABLE/,
    );
    expect((await list('--credential', 'login.username=NAME')).stderr).toMatch(
      /--credential login: must be one variable/,
    );
  });
});

describe('the servers that a document from the network chooses', () => {
  const operation = { operationId: 'getItem', responses: { 200: { description: 'ok' } } };

  test('get no credentials, at the top of the document or in its first operation', async () => {
    const [good, evil] = await Promise.all([startApi(), startApi()]);
    const documents = [
      documentAt(evil.url, { auth: 'bearer' }),
      documentAt(good.url, { auth: 'bearer' }, { paths: { '/a': { servers: [{ url: evil.url }], get: operation } } }),
    ];
    for (const document of documents) {
      const entry = { document: good.publish(document), allowPrivate: true, prefix: 'shop' };
      const { call, warnings, tools } = await serveEntries([entry], { SHOP_AUTH: 'secret' });
      for (const { name } of tools) await call(name, {});
      expect(evil.seen.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
      expect(warnings.join(' ')).toContain('credentialOrigins');
    }
  });

  test('get them when the operator names the server', async () => {
    const [publisher, api] = await Promise.all([startApi(), startApi()]);
    const document = publisher.publish(documentAt(api.url, { auth: 'bearer' }));
    for (const named of [{ baseUrl: api.url }, { credentialOrigins: [api.url] }]) {
      const entry = { document, allowPrivate: true, prefix: 'shop', ...named };
      const { call } = await serveEntries([entry], { SHOP_AUTH: 'secret' });
      await call('shop_list_things', {});
    }
    expect(api.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer secret', 'Bearer secret']);
  });

  test('get neither credentials nor a private address when a file refers to them', async () => {
    const [own, evil] = await Promise.all([startApi(), startApi()]);
    const item = evil.publish({ item: { servers: [{ url: evil.url }], get: operation } });
    const paths = { '/a': { $ref: `${item}#/item` } };
    const file = documentFile(documentAt(own.url, { auth: 'bearer' }, { paths }));
    const entry = { document: file, refHosts: ['127.0.0.1'], prefix: 'shop' };
    const { call } = await serveEntries([entry], { SHOP_AUTH: 'secret' });
    await call('shop_get_item', {});
    await call('shop_list_things', {});
    expect(evil.seen).toEqual([]);
    expect(own.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer secret']);
  });
});
