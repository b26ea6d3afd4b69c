import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openMemoryStore } from '../../src/core/ledger/stores/memory.ts';
import { applyRules, type ToolRule } from '../../src/core/tool/load.ts';
import { createAuthenticator } from '../../src/openapi/http/authenticator.ts';
import { createSender } from '../../src/openapi/http/send.ts';
import { loadOpenApi } from '../../src/openapi/load.ts';
import type { OpenApiSource } from '../../src/openapi/source.ts';
import { boundedCpuMs, cpuTimer } from '../support/cpu-time.ts';
import { type EngineOptions, refusalOf, resultOf, testEngine } from '../support/engine.ts';
import { afterMore } from '../support/passing-clock.ts';
import { variablesOf } from './support/http.ts';
import { fileOf, keyHeader, sourceOf } from './tools/harness.ts';

type Members = Record<string, unknown>;
type Handler = (request: IncomingMessage & { text: string }, response: ServerResponse, count: number) => unknown;

/** Starts a server that answers with the test's handler, and records its requests. */
async function upstream(handler: Handler) {
  const seen: { method: string; url: string; headers: IncomingMessage['headers']; text: string }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const { method = '', url = '', headers } = request;
    seen.push({ method, url, headers, text });
    await handler(Object.assign(request, { text }), response, seen.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const responses = { 200: { description: 'ok' } };
const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };

function documentOf(url: string, operations: Readonly<Record<string, Members>>, more: Members = {}): Members {
  const paths: Record<string, Members> = {};
  for (const [name, operation] of Object.entries(operations)) {
    const [method = '', path = ''] = name.split(' ');
    paths[path] = { ...paths[path], [method]: { responses, ...operation } };
  }
  return { openapi: '3.1.0', info: { title: 'Things', version: '1' }, servers: [{ url }], paths, ...more };
}

function jsonBody(schema: Members): Members {
  return { requestBody: { required: true, content: { 'application/json': { schema } } } };
}

async function start(
  document: unknown,
  settings: Partial<OpenApiSource> = {},
  options: Partial<EngineOptions> & { rules?: Readonly<Record<string, ToolRule>> } = {},
) {
  const warnings: string[] = [];
  const source = sourceOf(typeof document === 'string' ? document : fileOf(document), settings);
  const loaded = await loadOpenApi(source, { warn: (message) => warnings.push(message) });
  const tools = applyRules([...loaded.listed, ...loaded.hidden], options.rules ?? {}).tools;
  const engine = testEngine({ ...options, tools });
  onTestFinished(() => engine.engine.clients.close());
  return { ...engine, tools, warnings };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const item = { type: 'object', properties: { item: { type: 'string' } } };
const create = { operationId: 'create', ...jsonBody(item) };

describe('a write that gets a redirect', () => {
  test.each([302, 303])('is not classified as not executed after a %i to its own path', async (status) => {
    let rows = 0;
    const api = await upstream((request, response) => {
      if (request.method === 'POST') rows += 1;
      response.writeHead(status, { location: '/things' }).end();
    });
    const { call } = await start(documentOf(api.url, { 'post /things': create }));
    expect(refusalOf(await call('create', { item: 'a' })).code).toBe('outcome_unknown');
    await call('create', { item: 'a' });
    expect(rows).toBe(1);
  });
});

describe('responses', () => {
  test('stay a success with very deeply nested JSON', async () => {
    const deep = 20_000;
    const api = await upstream((_request, response) => {
      response.writeHead(201, { 'content-type': 'application/json' }).end('['.repeat(deep) + ']'.repeat(deep));
    });
    const { call } = await start(documentOf(api.url, { 'post /things': create }));
    const answer = await call('create', { item: 'a' });
    expect(resultOf(answer).replayed).toBe(false);
    expect(resultOf(await call('create', { item: 'a' })).replayed).toBe(true);
    expect(api.seen).toHaveLength(1);
  });

  test('stay a success with a schema that contains itself', async () => {
    const node = { type: 'object', properties: { next: { $ref: '#/components/schemas/Node' } } };
    const deep = 5_000;
    const api = await upstream((_request, response) => {
      response
        .writeHead(201, { 'content-type': 'application/json' })
        .end(`${'{"next":'.repeat(deep)}{}${'}'.repeat(deep)}`);
    });
    const answers = {
      201: {
        description: 'x',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Node' } } },
      },
    };
    const document = documentOf(
      api.url,
      { 'post /things': { ...create, responses: answers } },
      { components: { schemas: { Node: node } } },
    );
    const { call } = await start(document);
    expect(resultOf(await call('create', { item: 'a' })).replayed).toBe(false);
  });

  test('are returned despite a pattern that takes years on them', async () => {
    const api = await upstream((_request, response) => json(response, 201, { name: `${'a'.repeat(40)}!` }));
    const schema = { type: 'object', properties: { name: { type: 'string', pattern: '^(a+)+$' } } };
    const answers = { 201: { description: 'x', content: { 'application/json': { schema } } } };
    const { call } = await start(documentOf(api.url, { 'post /things': { ...create, responses: answers } }));
    const usedCpuMs = cpuTimer();
    expect(resultOf(await call('create', { item: 'a' })).replayed).toBe(false);
    expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
  });

  test('leave the outcome unknown if they are not HTTP', async () => {
    for (const raw of [
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      'garbage\r\n\r\n',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcde',
      'HTTP/1.1 999 x\r\n\r\n',
    ]) {
      const api = await upstream((request) => {
        request.socket.end(raw);
      });
      const { call } = await start(documentOf(api.url, { 'post /things': create }), { timeoutMs: 2_000 });
      const answer = await call('create', { item: 'a' });
      expect([raw, answer.type === 'refusal' ? answer.code : answer.type]).toEqual([raw, 'outcome_unknown']);
    }
  });
});

describe('a GET that the configuration declares as a write', () => {
  test('is not reported as having changed nothing', async () => {
    const api = await upstream((_request, response) => response.destroy());
    const { call } = await start(documentOf(api.url, { 'get /trigger': { operationId: 'trigger' } }), {
      operations: { trigger: { effect: 'create' } },
    });
    const refused = refusalOf(await call('trigger', {}));
    expect(refused.code).toBe('outcome_unknown');
    expect(refused.message).not.toMatch(/nothing was changed/);
    expect(api.seen).toHaveLength(1);
  });
});

describe('secrets', () => {
  const bearer = {
    components: {
      securitySchemes: {
        Azure: {
          type: 'oauth2',
          flows: { clientCredentials: { tokenUrl: '', scopes: {} } },
        },
      },
    },
    security: [{ Azure: [] }],
  };

  test('in a literal header do not go to a second server of a document from the network', async () => {
    const second = await upstream((_request, response) => json(response, 200, {}));
    let text = '';
    const first = await upstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    });
    text = JSON.stringify(
      documentOf(first.url, {
        'get /own': { operationId: 'own' },
        'get /other': { operationId: 'other', servers: [{ url: second.url }] },
      }),
    );
    const { call } = await start(`${first.url}/api.json`, {
      allowPrivate: true,
      headers: { authorization: 'Bearer literal-secret' },
    });
    await call('own', {});
    await call('other', {});
    expect(first.seen.at(-1)?.headers.authorization).toBe('Bearer literal-secret');
    expect(second.seen[0]?.headers.authorization).toBeUndefined();
  });

  test('do not go to a private token server that a document from the network names, whatever the base URL is', async () => {
    const inner = await upstream((_request, response) => json(response, 200, { access_token: 'x' }));
    let text = '';
    const host = await upstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    });
    bearer.components.securitySchemes.Azure.flows.clientCredentials.tokenUrl = `${inner.url}/token`;
    text = JSON.stringify(documentOf('https://api.example', { 'get /own': { operationId: 'own' } }, bearer));
    const { call } = await start(
      `${host.url}/api.json`,
      { baseUrl: host.url, prefix: 'p' },
      { environment: { P_AZURE_CLIENT_ID: 'i', P_AZURE_CLIENT_SECRET: 's' } },
    );
    await call('p_own', {});
    expect(inner.seen).toHaveLength(0);
  });
});

describe('lookups', () => {
  const lookup = {
    operation: 'list',
    arguments: {},
    items: '/result/data',
    marker: { argument: 'item', field: 'item' },
  };
  const pages: [string, Members, Record<string, string>][] = [
    ['a cursor beside the list', { result: { data: [{ item: 'x' }], next_cursor: 'abc' } }, {}],
    ['a flag beside the list', { result: { data: [{ item: 'x' }], has_more: true } }, {}],
    ['a total', { result: { data: [{ item: 'x' }] }, total: 40 }, {}],
    ['a total beside the list', { result: { data: [{ item: 'x' }], totalElements: 40 } }, {}],
    ['a total in a header', { result: { data: [{ item: 'x' }] } }, { 'x-total-count': '40' }],
    ['a range', { result: { data: [{ item: 'x' }] } }, { 'content-range': 'items 0-0/40' }],
  ];
  test.each(pages)('find nothing out from one page of a longer list: %s', async (_name, body, headers) => {
    let aheadMs = 0;
    const clock = afterMore(() => aheadMs);
    const api = await upstream((request, response) => {
      if (request.method === 'POST') return request.socket.destroy();
      return response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    });
    const { call } = await start(
      documentOf(api.url, { 'get /things': { operationId: 'list' }, 'post /things': create }),
      { operations: { create: { lookup } } },
      { clock },
    );
    expect(refusalOf(await call('create', {})).code).toBe('outcome_unknown');
    aheadMs = 3_600_000;
    expect(refusalOf(await call('create', {})).code).toBe('outcome_unknown');
    expect(api.seen.filter(({ method }) => method === 'POST')).toHaveLength(1);
  });
});

describe('a lookup that is redirected to another server', () => {
  test('leaves the outcome unknown if that server does not have the item', async () => {
    let aheadMs = 0;
    const clock = afterMore(() => aheadMs);
    const other = await upstream((_request, response) => json(response, 200, []));
    const api = await upstream((request, response) =>
      request.method === 'POST'
        ? request.socket.destroy()
        : response.writeHead(302, { location: `${other.url}/things` }).end(),
    );
    const lookup = { operation: 'list', arguments: {}, items: '', marker: { argument: 'item', field: 'item' } };
    const { call } = await start(
      documentOf(api.url, { 'get /things': { operationId: 'list' }, 'post /things': create }),
      { operations: { create: { lookup } } },
      { clock },
    );
    await call('create', {});
    aheadMs = 3_600_000;
    expect(refusalOf(await call('create', {})).code).toBe('outcome_unknown');
    expect(other.seen.length).toBeGreaterThan(0);
    expect(api.seen.filter(({ method }) => method === 'POST')).toHaveLength(1);
  });
});

describe('arguments', () => {
  test('are the same operation with null in a query and without it', async () => {
    const api = await upstream((_request, response, count) => json(response, 201, { count }));
    const parameter = { name: 'q', in: 'query', schema: { type: ['string', 'null'] } };
    const { call } = await start(documentOf(api.url, { 'post /things': { ...create, parameters: [parameter] } }));
    await call('create', { item: 'a' });
    await call('create', { item: 'a', q: null });
    expect(api.seen).toHaveLength(1);
  });

  test('are validated despite a pattern that takes years on them', async () => {
    const api = await upstream((_request, response) => json(response, 201, {}));
    const schema = { type: 'object', properties: { item: { type: 'string', pattern: '^(a+)+$' } } };
    const { call } = await start(
      documentOf(api.url, { 'post /things': { operationId: 'create', ...jsonBody(schema) } }),
    );
    const usedCpuMs = cpuTimer();
    await call('create', { item: `${'a'.repeat(40)}!` });
    expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
  });
});

describe('a rule of the configuration', () => {
  test('prevents sending again if it removes a recovery', async () => {
    const api = await upstream((_request, response) => json(response, 503, {}));
    const put = { operationId: 'put', parameters: [id], ...jsonBody(item) };
    const { call } = await start(
      documentOf(api.url, { 'put /things/{id}': put }),
      {},
      { rules: { put: { recovery: 'refuse' } } },
    );
    await call('put', { id: 'a', item: 'a' });
    expect(api.seen).toHaveLength(1);
  });
});

describe('documents', () => {
  test('are served despite a schema that contains itself twenty times', async () => {
    const self = { oneOf: Array.from({ length: 20 }, () => ({ $ref: '#/components/schemas/Expr' })) };
    const api = await upstream((_request, response) => json(response, 201, {}));
    const usedCpuMs = cpuTimer();
    const { tools } = await start(
      documentOf(
        api.url,
        { 'post /things': { operationId: 'create', ...jsonBody({ $ref: '#/components/schemas/Expr' }) } },
        { components: { schemas: { Expr: self } } },
      ),
    );
    void tools[0]?.input.jsonSchema;
    expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
  });
});

describe('a schema', () => {
  const steps = (word: string) =>
    Object.fromEntries(
      Array.from({ length: 30 }, (_, step) => {
        const next = { $ref: `#/components/schemas/S${step + 1}` };
        return [`S${step}`, step < 29 ? { [word]: [next, next, next] } : item];
      }),
    );

  test.each(['allOf', 'anyOf', 'oneOf'])('does not block the process with endless %s', async (word) => {
    const api = await upstream((_request, response) => json(response, 201, { item: 5, made: true }));
    const schema = { $ref: '#/components/schemas/S0' };
    const answers = { 201: { description: 'x', content: { 'application/json': { schema } } } };
    const { call } = await start(
      documentOf(
        api.url,
        {
          'post /things': { ...create, responses: answers },
          'put /things': { operationId: 'take', ...jsonBody(schema) },
        },
        { components: { schemas: steps(word) } },
      ),
    );
    const usedCpuMs = cpuTimer();
    expect(resultOf(await call('create', { item: 'a' })).replayed).toBe(false);
    await call('take', { body: { item: 5 } });
    expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
  });

  test('is refused quickly with tens of thousands of properties', async () => {
    const names = Array.from({ length: 30_000 }, (_, index) => [`p${index}`, { type: 'string' }]);
    const schema = { type: 'object', properties: Object.fromEntries(names) };
    const { call } = await start(
      documentOf('http://127.0.0.1:9', { 'post /things': { operationId: 'create', ...jsonBody(schema) } }),
    );
    const usedCpuMs = cpuTimer();
    expect(refusalOf(await call('create', {})).code).toBe('invalid_input');
    expect(usedCpuMs()).toBeLessThan(boundedCpuMs);
  });
});

describe('two base URLs of one origin', () => {
  test('are two upstreams, and operations on one do not count for the other', async () => {
    const api = await upstream((_request, response, count) => json(response, 201, { count }));
    const store = openMemoryStore();
    const document = documentOf(api.url, { 'post /things': create });
    const one = await start(document, { baseUrl: `${api.url}/tenants/1` }, { store });
    const other = await start(document, { baseUrl: `${api.url}/tenants/2/` }, { store });
    await one.call('create', { item: 'a' });
    expect(resultOf(await other.call('create', { item: 'a' })).replayed).toBe(false);
    expect(api.seen.map(({ url }) => url)).toEqual(['/tenants/1/things', '/tenants/2/things']);
    const same = await start(document, { baseUrl: `${api.url}/tenants/2` }, { store });
    expect(resultOf(await same.call('create', { item: 'a' })).replayed).toBe(true);
  });
});

describe('a refusal after an unclear send', () => {
  test.each([413, 421, 431, 451, 501])(
    'leaves the outcome unknown for %i, which comes from a gateway',
    async (status) => {
      const keys = new Set<unknown>();
      const api = await upstream((request, response, count) => {
        if (count > 1 && count < 4) return json(response, status, {});
        keys.add(request.headers['idempotency-key']);
        return count === 1 ? request.socket.destroy() : json(response, 201, { rows: keys.size });
      });
      const { call } = await start(documentOf(api.url, { 'post /things': { ...create, ...keyHeader } }));
      const first = await call('create', { item: 'a' });
      if (first.type === 'refusal') expect(first.code).toBe('outcome_unknown');
      await call('create', { item: 'a' });
      expect(keys.size).toBe(1);
    },
  );
});

describe('a deletion whose response broke off after its headers', () => {
  test('succeeds and is not sent again, because somebody else may have recreated the resource', async () => {
    const things = new Set(['a']);
    const api = await upstream((_request, response) => {
      things.delete('a');
      response.writeHead(200, { 'content-length': '100' }).write('half', () => {
        things.add('a');
        response.destroy();
      });
    });
    const { call } = await start(
      documentOf(api.url, { 'delete /things/{id}': { operationId: 'remove', parameters: [id] } }),
    );
    expect(resultOf(await call('remove', { id: 'a' })).replayed).toBe(false);
    expect([api.seen.length, things.size]).toEqual([1, 1]);
  });
});

describe('a claim that is lost during a token request', () => {
  test('prevents the request from being sent', async () => {
    let mayRepeat = true;
    const api = await upstream((request, response) => {
      if (request.url === '/token') mayRepeat = false;
      json(response, 200, { access_token: 'token' });
    });
    const schemes = { OAuth: { type: 'oauth2' as const, tokenUrl: '/token', scopes: [] } };
    const environment = { OAUTH_CLIENT_ID: 'id', OAUTH_CLIENT_SECRET: 'secret' };
    const log = { debug: () => {}, info: () => {}, warn: () => {} };
    const authenticator = createAuthenticator({
      schemes,
      variables: variablesOf(schemes),
      environment,
      origin: api.url,
    });
    const limits = { allowPrivate: true, timeoutMs: 5_000, responseBytesMax: 1_000 };
    const sender = createSender({ origin: api.url, authenticator, log, ...limits });
    onTestFinished(() => sender.close());
    const { signal } = new AbortController();
    const put = { method: 'PUT', url: `${api.url}/things/a`, headers: {}, body: '{}' } as const;
    const options = { retryable: true, inUseStatuses: [], security: [{ OAuth: [] }], signal };
    const error: unknown = await sender.send(put, { ...options, maySend: () => mayRepeat }).catch((each) => each);
    expect(error).toMatchObject({ details: { classification: 'not_executed' } });
    expect(api.seen.map(({ url }) => url)).toEqual(['/token']);
  });
});
