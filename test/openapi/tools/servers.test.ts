import { describe, expect, test } from 'vitest';
import { refusalOf } from '../../support/engine.ts';
import { serveDocument, startApi } from '../support/served.ts';

const paths = { '/users': { get: { operationId: 'list_users', responses: { 200: { description: 'all' } } } } };

describe('a base URL', () => {
  test.each([
    [[{ url: '/app' }], '', '/app/users'],
    [[{ url: 'https://api.example.com/v2' }], '', '/v2/users'],
    [[{ url: '/app' }], '/', '/users'],
    [[{ url: '/app' }], '/gateway', '/gateway/users'],
    [[{ url: 'https://{tenant}.example.com/v3', variables: { tenant: { default: 'your-tenant' } } }], '', '/v3/users'],
    [[], '', '/users'],
  ])('with the servers %j and the path "%s" leads to %s', async (servers, suffix, url) => {
    const api = await startApi();
    const { call } = await serveDocument({ servers, paths }, { baseUrl: `${api.url}${suffix}` });
    await call('list_users', {});
    expect(api.seen.map((each) => each.url)).toEqual([url]);
  });
});

describe('a server variable', () => {
  const at = (value: string) => [{ url: '{host}/v1', variables: { host: { default: value } } }];

  test.each(['your-domain', 'example', '<tenant>', 'yourcompany'])(
    'must be given if its default is %s',
    async (value) => {
      const servers = [{ url: 'https://{tenant}.api.test', variables: { tenant: { default: value } } }];
      await expect(serveDocument({ servers, paths })).rejects.toThrow(
        /"tenant" is a placeholder.*--server-variable tenant=/,
      );
    },
  );

  test('gets the given value', async () => {
    const api = await startApi();
    const { call } = await serveDocument({ servers: at('your-host'), paths }, { serverVariables: { host: api.url } });
    await call('list_users', {});
    expect(api.seen.map(({ url }) => url)).toEqual(['/v1/users']);
  });
});

test('a provider behind a gateway is known by the document, and gets its key', async () => {
  const api = await startApi(() => ({ id: 'ch_1' }));
  const charges = { post: { operationId: 'charge', responses: { 200: { description: 'made' } } } };
  const document = { servers: [{ url: 'https://api.stripe.com' }], paths: { '/v1/charges': charges } };
  const { call } = await serveDocument(document, { baseUrl: api.url });
  await call('charge', {});
  expect(api.seen[0]?.headers['idempotency-key']).toMatch(/^[\w-]{16,}$/);
});

test('a header that the configuration sets is no argument, and cannot be contradicted', async () => {
  const api = await startApi();
  const parameters = [{ name: 'X-Tenant', in: 'header', required: true, schema: { type: 'string' } }];
  const { call, toolOf } = await serveDocument(
    { servers: [{ url: api.url }], paths: { '/users': { get: { ...paths['/users'].get, parameters } } } },
    { headers: { 'x-tenant': 'T1' } },
  );
  expect(toolOf('list_users').input.jsonSchema).toMatchObject({ properties: {} });
  await call('list_users', {});
  expect(refusalOf(await call('list_users', { 'X-Tenant': 'T2' })).message).toMatch(/filled in by this tool/);
  expect(api.seen.map(({ headers }) => headers['x-tenant'])).toEqual(['T1']);
});
