import { createHash } from 'node:crypto';
import { once, setMaxListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ContentResult } from '../../../src/core/tool/types.ts';
import { loadOpenApi } from '../../../src/openapi/load.ts';
import type { OpenApiSource } from '../../../src/openapi/source.ts';
import { testEngine } from '../../support/engine.ts';
import { afterMore } from '../../support/passing-clock.ts';
import { temporaryFolder } from '../../support/temporary.ts';

type Members = Record<string, unknown>;

/** A row that an effect of the API has stored. */
export type Row = Record<string, unknown> & { readonly id: string };

/** A request that arrived, with or without an effect. */
interface Arrived {
  readonly method: string;
  readonly path: string;
  /** The query with its question mark, or an empty string. */
  readonly query: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Members;
}

/** A stateful API of orders over HTTP that counts its effects. It does not know the ledger. */
export class OrdersApi {
  readonly rows = new Map<string, Row>();
  readonly requests: Arrived[] = [];
  /** The number of executed writes. */
  effects = 0;
  url = '';
  honoursKeys = false;
  /** How many of the next writes take effect but lose their response. */
  drop = 0;
  /** How many of the next writes take effect and break off in their answer. */
  cut = 0;
  /** How many of the next writes are lost before they take effect. */
  lose = 0;
  /** The responses to the next writes that are neither dropped nor lost, in order. `executed`: it takes effect first. */
  readonly refusals: {
    readonly status: number;
    readonly message?: string;
    readonly body?: unknown;
    readonly executed?: boolean;
  }[] = [];
  /** The page size of the list. */
  page = 1_000;
  readonly #saved = new Map<string, { status: number; body: unknown }>();
  #next = 1;

  writes(): Arrived[] {
    return this.requests.filter(({ method }) => method !== 'GET');
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const url = new URL(request.url ?? '/', this.url);
    const arrived: Arrived = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.search,
      headers: request.headers,
      body: text === '' ? {} : (JSON.parse(text) as Members),
    };
    this.requests.push(arrived);
    const isWrite = arrived.method !== 'GET';
    if (isWrite && this.lose > 0) {
      this.lose -= 1;
      request.socket.destroy();
      return;
    }
    const refusal = isWrite && this.drop === 0 && this.lose === 0 ? this.refusals.shift() : undefined;
    if (refusal?.executed) this.effects += 1;
    const { status, body } = refusal
      ? { status: refusal.status, body: 'body' in refusal ? refusal.body : { message: refusal.message } }
      : this.#once(arrived, url);
    if (isWrite && this.drop > 0) {
      this.drop -= 1;
      request.socket.destroy();
      return;
    }
    const row = [...this.rows.values()].find((each) => each === body);
    response.writeHead(status, { 'content-type': 'application/json', ...(row ? { etag: etagOf(row) } : {}) });
    const answer = body === undefined ? '' : JSON.stringify(body);
    if (isWrite && this.cut > 0) {
      this.cut -= 1;
      response.flushHeaders();
      response.write(answer.slice(0, 5), () => request.socket.destroy());
      return;
    }
    response.end(answer);
  }

  #once(arrived: Arrived, url: URL): { status: number; body: unknown } {
    const header = arrived.headers['idempotency-key'];
    const key = typeof header === 'string' ? header : arrived.body.idempotency_key;
    const saved = this.honoursKeys && typeof key === 'string' ? this.#saved.get(key) : undefined;
    if (saved) return saved;
    const answer = this.#carryOut(arrived, url);
    if (typeof key === 'string') this.#saved.set(key, answer);
    return answer;
  }

  #carryOut({ method, path, body, headers }: Arrived, url: URL): { status: number; body: unknown } {
    const [, , id] = path.split('/');
    if (id === undefined) return method === 'GET' ? this.#list(url) : this.#create(body);
    const row = this.rows.get(decodeURIComponent(id));
    const tag = headers['if-match'];
    if (method === 'GET') return row ? { status: 200, body: row } : { status: 404, body: { message: 'no order' } };
    if (tag !== undefined && (!row || etagOf(row) !== tag)) return { status: 412, body: { message: 'changed' } };
    if (method === 'DELETE') {
      if (!row) return { status: 404, body: { message: 'no order' } };
      this.effects += 1;
      this.rows.delete(row.id);
      return { status: 200, body: { deleted: row.id } };
    }
    if (!row && method === 'PATCH') return { status: 404, body: { message: 'no order' } };
    this.effects += 1;
    const next: Row = { ...(method === 'PATCH' ? row : {}), ...body, id: decodeURIComponent(id) };
    this.rows.set(next.id, next);
    return { status: row ? 200 : 201, body: next };
  }

  #create(body: Members): { status: number; body: unknown } {
    if (body.item === 'refused') return { status: 422, body: { message: 'not for sale' } };
    this.effects += 1;
    const { idempotency_key: _, ...kept } = body;
    const row: Row = { ...kept, id: String(this.#next++) };
    this.rows.set(row.id, row);
    return { status: 201, body: row };
  }

  #list(url: URL): { status: number; body: unknown } {
    const reference = url.searchParams.get('reference');
    const found = [...this.rows.values()].filter((row) => reference === null || row.reference === reference);
    return { status: 200, body: { data: found.slice(0, this.page), has_more: found.length > this.page } };
  }
}

function etagOf(row: Row): string {
  return `"${createHash('sha256').update(JSON.stringify(row)).digest('hex').slice(0, 12)}"`;
}

/** Starts an API on a free port and stops it after the test. */
export async function startOrders(): Promise<OrdersApi> {
  const api = new OrdersApi();
  const server = createServer((request, response) => void api.answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return api;
}

const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
const ifMatch = { name: 'If-Match', in: 'header', schema: { type: 'string' } };
const order = {
  type: 'object',
  required: ['item'],
  properties: {
    item: { type: 'string' },
    quantity: { type: 'integer', minimum: 1, default: 1 },
    reference: { type: 'string' },
    note: { type: 'string' },
  },
};
const body = { required: true, content: { 'application/json': { schema: order } } };
const optional = { content: { 'application/json': { schema: { ...order, required: [] } } } };
const responses = {
  200: { description: 'The order', content: { 'application/json': { schema: { type: 'object' } } } },
};

/** Returns the document of the orders API, with changes by operation: `{ 'post /orders': { ... } }`. */
export function ordersDocument(changes: Readonly<Record<string, Members>> = {}, url = 'http://127.0.0.1:9'): Members {
  const operations: Record<string, Members> = {
    'get /orders': {
      operationId: 'listOrders',
      parameters: [
        { name: 'reference', in: 'query', schema: { type: 'string' } },
        { name: 'limit', in: 'query', schema: { type: 'integer' } },
      ],
      responses,
    },
    'post /orders': { operationId: 'createOrder', summary: 'Create an order', requestBody: body, responses },
    'get /orders/{id}': { operationId: 'getOrder', parameters: [id], responses },
    'put /orders/{id}': { operationId: 'putOrder', parameters: [id], requestBody: body, responses },
    'patch /orders/{id}': { operationId: 'patchOrder', parameters: [id], requestBody: optional, responses },
    'delete /orders/{id}': { operationId: 'deleteOrder', parameters: [id], responses },
  };
  const paths: Record<string, Members> = {};
  for (const name of new Set([...Object.keys(operations), ...Object.keys(changes)])) {
    const [method = '', path = ''] = name.split(' ');
    const operation = { ...operations[name], ...changes[name] };
    paths[path] = { ...paths[path], [method]: { responses, ...operation } };
  }
  return { openapi: '3.1.0', info: { title: 'Orders', version: '1' }, servers: [{ url }], paths };
}

/** Parameters of operations that take an entity tag. */
export const withEtag = { parameters: [id, ifMatch] };

/** A parameter that declares an idempotency key. */
export const keyHeader = {
  parameters: [{ name: 'Idempotency-Key', in: 'header', required: true, schema: { type: 'string' }, example: 'abc' }],
};

/** Returns a source with defaults. */
export function sourceOf(document: string, settings: Partial<OpenApiSource> = {}): OpenApiSource {
  return {
    document,
    account: 'default',
    include: [],
    exclude: [],
    dynamic: false,
    refHosts: [],
    allowPrivate: false,
    headers: {},
    answerCharsMax: 50_000,
    timeoutMs: 5_000,
    credentials: {},
    credentialOrigins: [],
    trust: false,
    operations: {},
    ...settings,
  };
}

/** Writes a document to a file and removes it after the test. */
export function fileOf(document: unknown): string {
  const path = join(temporaryFolder(), 'api.json');
  writeFileSync(path, JSON.stringify(document));
  return path;
}

/** Loads the tools of a document and creates an engine that serves them. */
export async function serve(
  api: OrdersApi,
  settings: Partial<OpenApiSource> = {},
  changes: Readonly<Record<string, Members>> = {},
  more: Members = {},
) {
  const warnings: string[] = [];
  const source = sourceOf(fileOf({ ...ordersDocument(changes, api.url), ...more }), settings);
  const loaded = await loadOpenApi(source, { warn: (message) => warnings.push(message) });
  const tools = [...loaded.listed, ...loaded.hidden];
  let aheadMs = 0;
  const clock = afterMore(() => aheadMs);
  const engine = testEngine({ tools, clock });
  setMaxListeners(0, engine.engine.ending);
  /** Advances the wall clock. */
  const pass = (ms: number): void => {
    aheadMs += ms;
  };
  onTestFinished(() => engine.engine.clients.close());
  const toolOf = (name: string) => {
    const found = tools.find((tool) => tool.name === name);
    if (!found) throw new Error(`there is no tool ${name}: ${tools.map((tool) => tool.name).join(', ')}`);
    return found;
  };
  return { ...loaded, ...engine, tools, toolOf, warnings, pass };
}

/** Parses the JSON text of a tool's result. */
export function jsonOf(result: unknown): Members {
  const [first] = (result as ContentResult).content;
  return JSON.parse(String(first?.text)) as Members;
}
