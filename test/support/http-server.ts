import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { createApp, sections } from '../../src/app.ts';
import { loadConfig } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createLog } from '../../src/core/observe/log.ts';
import { createCatalog } from '../../src/core/tool/catalog.ts';
import type { Tool } from '../../src/core/tool/types.ts';
import type { Limits } from '../../src/http/access/limits.ts';
import type { ResourceMetadata } from '../../src/http/access/metadata.ts';
import type { Admit } from '../../src/http/access/types.ts';
import type { CallSlotLimits } from '../../src/http/call-slots.ts';
import { type HttpLimits, type HttpServer, startHttpServer } from '../../src/http/http-server.ts';
import { createThing, setThing } from './tools.ts';
import { Upstream } from './upstream.ts';

export interface HttpTestOptions {
  readonly limits?: Partial<HttpLimits>;
  readonly admit?: Admit;
  readonly calls?: Limits;
  readonly callSlots?: CallSlotLimits;
  readonly sessionsPerSubjectMax?: number;
  readonly subscriptionsPerSubjectMax?: number;
  readonly metadata?: ResourceMetadata;
  readonly allowedHosts?: readonly string[];
  readonly allowedOrigins?: readonly string[];
  readonly store?: string;
  /** Further tools. They replace create_thing and set_thing if they have their names. */
  readonly tools?: (upstream: Upstream) => readonly Tool[];
  /** Tools that are reached through a listed one. */
  readonly hidden?: readonly Tool[];
}

export interface HttpTest {
  readonly server: HttpServer;
  readonly upstream: Upstream;
  readonly url: string;
  readonly port: number;
}

export type Fields = Record<string, string>;

const limits: HttpLimits = {
  bodyBytesMax: 100_000,
  headerBytesMax: 16_384,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  connectionsMax: 1_000,
  sessionsMax: 100,
  sessionIdleMs: 60_000,
  inFlightMax: 16,
  eventsMax: 100,
  eventBytesMax: 100_000,
  eventBytesTotalMax: 1_000_000,
  subscriptionsMax: 10,
};

/** Starts an HTTP server in this process whose tools act on a counting upstream. For use inside a test. */
export async function httpServer(options: HttpTestOptions = {}): Promise<HttpTest> {
  const upstream = new Upstream();
  const environment = { MCP_ONCE_STORE: options.store ?? 'memory:' };
  const config = await loadConfig({ sections, environment, overrides: { logLevel: 'silent' } });
  const log = createLog({ level: 'silent' });
  const own = options.tools?.(upstream) ?? [];
  const usual = [createThing(upstream, 'resend'), setThing(upstream)];
  const catalog = createCatalog(
    [...usual.filter(({ name }) => own.every((tool) => tool.name !== name)), ...own],
    options.hidden,
  );
  const app = await createApp(config, { environment, log, catalog });
  const { handle, instructions, isReady, scope } = app;
  const server = await startHttpServer({
    service: { name: 'test', version: '1.2.3', catalog: app.catalog, handle, instructions, log },
    clock: systemClock,
    host: '127.0.0.1',
    port: 0,
    limits: { ...limits, ...options.limits },
    allowedHosts: options.allowedHosts ?? [],
    allowedOrigins: options.allowedOrigins ?? [],
    admit: options.admit ?? (async () => ({ type: 'admitted', principal: scope })),
    isReady,
    calls: options.calls,
    callSlots: options.callSlots,
    sessionsPerSubjectMax: options.sessionsPerSubjectMax,
    subscriptionsPerSubjectMax: options.subscriptionsPerSubjectMax,
    metadata: options.metadata,
  });
  onTestFinished(async () => {
    await server.close();
    await app.close();
  });
  return { server, upstream, url: server.url, port: Number(new URL(server.url).port) };
}

const accept = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };

/** Sends one message as a client of 2025-11-25 does. */
export function post(url: string, body: unknown, headers: Fields = {}, signal?: AbortSignal): Promise<Response> {
  const sent = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const more = signal ? { signal } : {};
  return fetch(url, { method: 'POST', headers: { ...accept, ...headers }, body: sent as string, ...more });
}

const info = { name: 'test', version: '1.0.0' };

/** Opens a session. @returns the headers for its further requests */
export async function openSession(url: string, headers: Fields = {}): Promise<Fields> {
  const response = await post(url, initialize(), headers);
  await response.text();
  const fields = {
    ...headers,
    'mcp-session-id': response.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': '2025-11-25',
  };
  await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, fields);
  return fields;
}

export function initialize(): object {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: info };
  return { jsonrpc: '2.0', id: 'init', method: 'initialize', params };
}

export function toolCall(id: number | string, args: object, name = 'create_thing'): Record<string, unknown> {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } };
}

/** Sends one request as a client of 2026-07-28 does. */
export function postModern(
  url: string,
  method: string,
  params: Record<string, unknown> = {},
  headers: Fields = {},
  signal?: AbortSignal,
): Promise<Response> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': info,
    'io.modelcontextprotocol/clientCapabilities': {},
    ...(params._meta as object | undefined),
  };
  const named = typeof params.name === 'string' ? { 'mcp-name': params.name } : {};
  return fetch(url, {
    method: 'POST',
    headers: { ...accept, 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...named, ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }),
    ...(signal ? { signal } : {}),
  });
}

/** Reads the JSON-RPC response from a JSON body or from the last event of a stream. */
// biome-ignore lint/suspicious/noExplicitAny: each test reads its own part.
export async function messageOf(response: Response): Promise<any> {
  const text = await response.text();
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return JSON.parse(text);
  const data = text.split('\n').filter((line) => /^data: ./.test(line));
  return JSON.parse((data.at(-1) ?? '').slice('data: '.length));
}

/** Opens a raw connection, for requests that no HTTP client sends. */
export async function connection(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Reads until the other side ends the connection. */
export async function received(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  socket.on('error', () => undefined);
  if (!socket.closed) await once(socket, 'close').catch(() => undefined);
  return text;
}
