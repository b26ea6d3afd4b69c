import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createFetchText } from '../../../src/openapi/document/read-text.ts';
import { operationOf, readSource, readText } from '../documents.ts';

const info = { title: 'Test', version: '1' };
const simple = JSON.stringify({ openapi: '3.1.0', info, paths: { '/a': { get: {} } } });

/** Starts a server for one test, and records its requests. */
async function serve(listener: RequestListener): Promise<{
  readonly origin: string;
  readonly host: string;
  readonly requests: IncomingMessage[];
  readonly server: Server;
}> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin: `http://${host}`, host, requests, server };
}

describe('a document from a server', () => {
  test('uses its origin as the default server and resolves relative servers against its URL', async () => {
    const { origin } = await serve((request, response) => {
      const servers = { '/none.json': undefined, '/v2/own.json': [{ url: '.' }, { url: '/root/' }] }[request.url ?? ''];
      response.end(JSON.stringify({ openapi: '3.0.3', info, servers, paths: { '/a': { get: {} } } }));
    });
    const none = await readSource(`${origin}/none.json`);
    expect(operationOf(none, 'GET /a').servers).toEqual([origin]);
    const own = await readSource(`${origin}/v2/own.json`);
    expect(operationOf(own, 'GET /a').servers).toEqual([`${origin}/v2`, `${origin}/root`]);
  });

  test('can be compressed YAML', async () => {
    const { origin } = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/yaml' });
      response.end(gzipSync('openapi: 3.1.0\npaths:\n  /a:\n    get: {}\n'));
    });
    expect((await readSource(origin)).listedOperations).toHaveLength(1);
  });

  test('is requested with the URL’s user and password as a header, and messages show no secret of the URL', async () => {
    const { origin, host, requests } = await serve((_, response) => response.end(simple));
    const document = await readSource(`http://user:p%40ss@${host}/api.json?token=secret`);
    expect(document.source).toBe(`${origin}/api.json`);
    expect(requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
    expect(operationOf(document, 'GET /a').servers).toEqual([origin]);
  });

  test.each([
    [401, /the server answered 401: put the user name and password into the URL/],
    [404, /the server answered 404: check the URL\.$/],
    [500, /the server answered 500: try again later/],
  ])('is rejected with advice if the server answers %i', async (status, message) => {
    const { origin } = await serve((_, response) => response.writeHead(status).end(simple));
    await expect(readSource(`${origin}/api.json?token=secret`)).rejects.toThrow(message);
    await expect(readSource(`${origin}/api.json?token=secret`)).rejects.not.toThrow(/secret/);
  });

  test('is rejected if its server is unreachable or closes the connection', async () => {
    const { origin } = await serve((request, response) => {
      response.write('{"openapi"', () => request.socket.destroy());
    });
    await expect(readSource(origin)).rejects.toThrow(/the download failed/);
    await expect(readSource('http://127.0.0.1:1/api.json')).rejects.toThrow(/the port in the URL .*\(bad port\)\.$/);
    const { origin: gone, server } = await serve(() => {});
    await new Promise((resolve) => server.close(resolve));
    await expect(readSource(gone)).rejects.toThrow(/the server refused the connection: .*\(ECONNREFUSED\)\.$/);
  });

  test('is read only up to the limit if it does not end', async () => {
    const { origin } = await serve((_, response) => {
      const chunk = Buffer.alloc(64 * 1024, ' ');
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    const fetchText = createFetchText(false);
    await expect(fetchText(new URL(origin), 1024 * 1024)).rejects.toThrow('it is larger than 1 MiB');
  });

  test('follows at most five redirects and sends credentials only to their origin', async () => {
    const other = await serve((_, response) => response.end(simple));
    const first = await serve((request, response) => {
      const [, left] = /^\/(\d+)$/.exec(request.url ?? '') ?? [];
      if (left === '0') response.end(simple);
      else if (left) response.writeHead(302, { location: `/${Number(left) - 1}` }).end();
      else response.writeHead(302, { location: `${other.origin}/api.json` }).end();
    });
    expect((await readSource(`${first.origin}/5`)).listedOperations).toHaveLength(1);
    await expect(readSource(`${first.origin}/6`)).rejects.toThrow(/redirects more than 5 times/);
    const moved = await readSource(`http://user:pass@${first.host}/away`);
    expect(operationOf(moved, 'GET /a').servers).toEqual([other.origin]);
    expect(other.requests[0]?.headers.authorization).toBeUndefined();
  });

  test.each(['http://localhost:1/x', 'http://[::1]:1/x', 'http://10.0.0.1/x', 'http://169.254.169.254/latest'])(
    'does not follow a redirect to the private address %s unless that is allowed',
    async (location) => {
      const { origin } = await serve((_, response) => response.writeHead(302, { location }).end());
      await expect(readSource(origin)).rejects.toThrow(/redirects to a private address/);
      if (!location.includes(':1/')) return;
      await expect(readSource(origin, [], true)).rejects.toThrow(/bad port/);
    },
  );
});

describe('external references', () => {
  const referring = (url: string) => ({
    openapi: '3.1.0',
    info,
    paths: {
      '/used': { get: { parameters: [{ $ref: `${url}#/components/parameters/Limit` }] } },
      '/item': { $ref: `${url}#/items/shared` },
      '/unused': { get: { responses: { 200: { description: 'example: {"$ref": "x.json"}' } } } },
      '/data': {
        post: { requestBody: { content: { 'application/json': { example: { $ref: 'http://h.example/x' } } } } },
      },
    },
  });
  const shared = `
components:
  parameters:
    Limit: {name: limit, in: query, schema: {$ref: '#/schemas/Size'}}
schemas: {Size: {type: integer, maximum: 9}}
items: {shared: {get: {operationId: shared}}}
`;

  test('are not loaded by default: each becomes a problem, and other operations are served', async () => {
    const { origin, host, requests } = await serve((_, response) => response.end(shared));
    const document = await readText(JSON.stringify(referring(`${origin}/shared.yaml`)));
    expect(requests).toEqual([]);
    const reason = `"${origin}/shared.yaml#/components/parameters/Limit" was not loaded: external references to ${host} are not allowed: add the host to refHosts`;
    expect(document.problems).toContainEqual({ where: '/paths/~1used/get/parameters/0/$ref', reason });
    expect(document.problems.map(({ where }) => where)).toEqual([
      '/paths/~1used/get/parameters/0/$ref',
      '/paths/~1item/$ref',
      '/paths/~1item',
    ]);
    expect(() => operationOf(document, 'GET /used')).toThrow(
      /\/paths\/~1used\/get.*not allowed: add the host to refHosts/,
    );
    expect(operationOf(document, 'GET /unused').parameters).toEqual([]);
    expect(operationOf(document, 'POST /data').body).toBeDefined();
  });

  test('are loaded once if their host is allowed, with or without its port', async () => {
    for (const withPort of [true, false]) {
      const { origin, host, requests } = await serve((_, response) => response.end(shared));
      const allowed = withPort ? host : '127.0.0.1';
      const document = await readText(JSON.stringify(referring(`${origin}/shared.yaml`)), [allowed]);
      expect(document.problems).toEqual([]);
      expect(requests).toHaveLength(1);
      expect(operationOf(document, 'GET /used').parameters[0]?.schema).toEqual({ type: 'integer', maximum: 9 });
      expect(operationOf(document, 'GET /item').operationId).toBe('shared');
    }
  });

  test('become problems if they are missing or redirect to a host that is not allowed', async () => {
    const { origin, host } = await serve((request, response) => {
      if (request.url === '/away') response.writeHead(302, { location: 'http://other.example/x' }).end();
      else response.writeHead(404).end();
    });
    for (const [path, message] of [
      ['/gone', /the server answered 404/],
      ['/away', /redirects to a host that is not allowed/],
    ] as const) {
      const document = await readText(JSON.stringify(referring(`${origin}${path}`)), [host]);
      expect(document.problems[0]?.reason).toMatch(message);
      expect(operationOf(document, 'GET /unused').parameters).toEqual([]);
    }
  });

  test('are rejected in a document from the network when they name files', async () => {
    const { origin } = await serve((_, response) => response.end(JSON.stringify(referring('file:///etc/hostname'))));
    const document = await readSource(origin, ['file']);
    expect(document.problems[0]?.reason).toMatch(/only a document that is a file may refer to files/);
  });
});
