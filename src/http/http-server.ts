import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { ToolService } from '../server/tool-requests.ts';
import { createLimits, type Limits } from './access/limits.ts';
import type { ResourceMetadata } from './access/metadata.ts';
import type { Admission, Admit, Principal, Refusal, StepUp } from './access/types.ts';
import { readJsonObject } from './body.ts';
import { type CallSlotLimits, withCallSlots } from './call-slots.ts';
import { corsHeaders, preflightHeaders } from './cors.ts';
import { Endpoint2026 } from './endpoint-2026.ts';
import { type AllowedNames, isLoopbackName, refusedName } from './host-origin.ts';
import { closeWithConnection, httpError, toWebRequest, writeResponse } from './node-http.ts';
import { keepLedgerDetails, RefusalLog } from './refusal-log.ts';
import { Sessions } from './sessions.ts';
import { isAllowed, toolsByPrincipal } from './visible-tools.ts';

export interface HttpServerOptions {
  readonly service: ToolService;
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  readonly limits: HttpLimits;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly admit: Admit;
  /** How many calls of one subject, of one tenant and of all may be in flight. Default: as many as come. */
  readonly calls?: Limits | undefined;
  /** The same of what calls execute and ask, which goes on when a caller leaves. Default: as many as come. */
  readonly held?: CallSlotLimits | undefined;
  /** How many sessions one subject may have. Default: as many as there may be. */
  readonly sessionsPerSubjectMax?: number | undefined;
  /** The same of streams of MCP 2026-07-28. */
  readonly subscriptionsPerSubjectMax?: number | undefined;
  /** Tells clients where to get a token (RFC 9728). Default: nothing does. */
  readonly metadata?: ResourceMetadata | undefined;
  /** Whether calls can be executed now. */
  readonly isReady: () => Promise<boolean>;
}

export interface HttpLimits {
  readonly bodyBytesMax: number;
  readonly headerBytesMax: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly connectionsMax: number;
  readonly sessionsMax: number;
  readonly sessionIdleMs: number;
  readonly inFlightMax: number;
  readonly eventsMax: number;
  readonly eventBytesMax: number;
  readonly eventBytesTotalMax: number;
  readonly subscriptionsMax: number;
}

type Admitted = Extract<Admission, { type: 'admitted' }>;

const serverError = -32_000;
/** Since then clients add the scopes of a challenge to those that they have (SEP-2350). */
const accumulatingSince = '2026-07-28';

/** Listens. @throws what listening throws: the address is taken, or is none of this machine */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { limits, host, port } = options;
  const server = createServer({
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: Math.max(limits.headersTimeoutMs, limits.requestTimeoutMs),
    connectionsCheckingInterval: Math.min(5_000, limits.headersTimeoutMs),
    keepAliveTimeout: 65_000,
    noDelay: true,
  });
  server.maxConnections = limits.connectionsMax;
  server.listen(port, host);
  await once(server, 'listening');
  return new HttpServer(server, options);
}

/** Serves `/mcp` in both protocol eras, and `/healthz` and `/readyz`. */
export class HttpServer {
  readonly url: string;
  readonly #server: Server;
  readonly #options: HttpServerOptions;
  readonly #allowed: AllowedNames;
  readonly #sessions: Sessions;
  readonly #modern: Endpoint2026;
  readonly #refusals: RefusalLog;
  /** The calls that have no answer yet; not the streams that last. */
  readonly #answering = new Set<Promise<void>>();
  #draining = false;
  #checking: Promise<boolean> | undefined;

  constructor(server: Server, options: HttpServerOptions) {
    const { service, held, clock, limits, host, allowedHosts, allowedOrigins } = options;
    const { port } = server.address() as AddressInfo;
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/mcp`;
    this.#server = server;
    this.#options = options;
    this.#allowed = { isLoopback: isLoopbackName(host), hosts: allowedHosts, origins: allowedOrigins };
    const refusals = new RefusalLog(service.log, clock);
    this.#refusals = refusals;
    const told = keepLedgerDetails(held ? withCallSlots(service, held) : service, refusals);
    const served = toolsByPrincipal(told);
    const events = { eventsMax: limits.eventsMax, bytesMax: limits.eventBytesMax };
    const { sessionsPerSubjectMax = limits.sessionsMax } = options;
    const { subscriptionsPerSubjectMax: perSubject = limits.subscriptionsMax } = options;
    this.#sessions = new Sessions({ served, clock, events, ...limits, sessionsPerSubjectMax, refusals });
    const { subscriptionsMax: total } = limits;
    this.#modern = new Endpoint2026({
      served,
      subscriptions: createLimits({ perSubject, perTenant: total, total }),
      refusals,
    });
    server.on('request', (request, response) => this.#take(request, response));
    server.on('error', (error) => service.log.warn(`http: ${describeError(error)}`));
  }

  /** Takes no further connection, and refuses what comes on those that are open. */
  beginDrain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#server.close();
  }

  /** Resolves when each call has its answer. Set a bound of your own. */
  async settled(): Promise<void> {
    while (this.#answering.size > 0) await Promise.all(this.#answering);
  }

  /** Ends sessions, streams and connections. */
  async close(): Promise<void> {
    this.beginDrain();
    await Promise.allSettled([this.#sessions.close(), this.#modern.close()]);
    this.#server.closeAllConnections();
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const over = new Promise<void>((resolve) => void response.once('close', resolve));
    // A connection that breaks is the end of this exchange, and of nothing else.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    closeWithConnection(request, response);
    this.#answer(request, response, over).then(
      (answer) => {
        // Whoever keeps the connection would find nobody on it.
        if (this.#draining) response.setHeader('connection', 'close');
        return writeResponse(response, answer);
      },
      (error: unknown) => {
        this.#options.service.log.warn(`http: internal fault: ${describeError(error)}`);
        return writeResponse(response, httpError(500, -32_603, 'An internal fault of mcp-once.'));
      },
    );
  }

  async #answer(request: IncomingMessage, response: ServerResponse, over: Promise<void>): Promise<Response> {
    const [path] = (request.url ?? '').split('?');
    const { method = 'GET', headers } = request;
    if (path === '/healthz') return probe(method, true);
    if (path === '/readyz') return probe(method, !this.#draining && (await this.#isReady()));
    const { metadata, allowedOrigins } = this.#options;
    const cors = corsHeaders(headers.origin, allowedOrigins);
    for (const [name, value] of Object.entries(cors)) response.setHeader(name, value);
    // What is asked before a request has no token yet; the request itself is checked as any other.
    if (method === 'OPTIONS' && 'access-control-allow-origin' in cors) {
      return new Response(null, { status: 204, headers: preflightHeaders(headers['access-control-request-headers']) });
    }
    if (metadata !== undefined && path === metadata.path) return published(method, metadata.document);
    if (path !== '/mcp') return httpError(404, serverError, 'MCP is served at /mcp.');
    const refused = refusedName({ host: headers.host, origin: headers.origin }, this.#allowed);
    if (refused !== undefined) return this.#refuse(request, { status: 403, message: refused });
    if (this.#draining) {
      const why = 'This server is about to end. Nothing was executed: send the request again.';
      return httpError(503, serverError, why, { 'retry-after': '1' });
    }
    // Of two Authorization headers `headers` keeps the first alone; what decides has to see both.
    const admission = await this.#options.admit(request.headersDistinct);
    if (admission.type === 'refused') return this.#refuse(request, admission);
    if (method === 'POST') return this.#post(request, response, admission, over);
    if (method !== 'GET' && method !== 'DELETE') {
      return httpError(405, serverError, 'Method not allowed.', { allow: 'GET, POST, DELETE' });
    }
    return this.#route(toWebRequest(request, response), admission.principal, undefined, over);
  }

  /** Whoever asks meanwhile shares the answer: nobody is asked for a name here. */
  #isReady(): Promise<boolean> {
    this.#checking ??= this.#options.isReady().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #post(
    request: IncomingMessage,
    response: ServerResponse,
    { principal, stepUp }: Admitted,
    over: Promise<void>,
  ): Promise<Response> {
    const type = request.headers['content-type'] ?? '';
    if (!/^application\/json\s*(;|$)/i.test(type)) {
      return httpError(415, serverError, 'The Content-Type has to be application/json. Nothing was executed.');
    }
    const body = await readJsonObject(request, this.#options.limits.bodyBytesMax);
    if (body.type === 'left') return new Response(null, { status: 400 });
    if (body.type === 'refused') {
      // What is left of a body that is too large is not read: the connection ends with the answer.
      const headers: Record<string, string> = body.status === 413 ? { connection: 'close' } : {};
      return httpError(body.status, body.code, body.message, headers);
    }
    const lacking = stepUp && this.#lacking(stepUp, body.value, request);
    if (lacking) return this.#refuse(request, lacking, { ...principal, tool: lacking.tool });
    const { method } = body.value as { method?: unknown };
    // Not what answers a call's own question, nor what cancels one: a subject whose calls all wait has to get through.
    if (method === 'tools/call') {
      const entry = this.#options.calls?.enter(principal);
      if (entry?.type === 'refused') return this.#refuse(request, entry, principal);
      void over.then(entry?.release);
    }
    if (method !== 'subscriptions/listen') {
      this.#answering.add(over);
      void over.then(() => this.#answering.delete(over));
    }
    return this.#route(toWebRequest(request, response), principal, body.value as object, over);
  }

  #refuse(
    { socket }: IncomingMessage,
    { status, message, headers, detail = message }: Pick<Refusal, 'status' | 'message'> & Partial<Refusal>,
    { tenant, subject, tool }: Partial<Principal> & { readonly tool?: string } = {},
  ): Response {
    const whose = tenant === undefined || subject === undefined ? {} : { tenant, subject };
    const what = tool === undefined ? {} : { tool };
    this.#refusals.logRefusal({ status, why: detail, ...whose, ...what }, socket.remoteAddress);
    return httpError(status, serverError, message, headers);
  }

  /** What does not exist needs no scope. */
  #lacking(stepUp: StepUp, body: unknown, { headers }: IncomingMessage) {
    const { method, params } = body as { method?: unknown; params?: { name?: unknown } };
    const name = method === 'tools/call' ? params?.name : undefined;
    if (typeof name !== 'string' || !this.#options.service.catalog.find(name)) return undefined;
    const accumulates = String(headers['mcp-protocol-version'] ?? '') >= accumulatingSince;
    const refusal = stepUp((patterns) => isAllowed(patterns, name), accumulates);
    return refusal && { ...refusal, tool: name };
  }

  /** The switch between the eras: by what the request says of itself. */
  async #route(
    request: Request,
    principal: Principal,
    body: object | undefined,
    over: Promise<void>,
  ): Promise<Response> {
    return (await this.#modern.isModern(request, body))
      ? this.#modern.answer(request, principal, body)
      : this.#sessions.answer(request, principal, body, over);
  }
}

/** Public: whoever has no token yet has to read it. */
function published(method: string, document: object): Response {
  if (method !== 'GET' && method !== 'HEAD')
    return new Response(null, { status: 405, headers: { allow: 'GET, HEAD' } });
  const headers = { 'content-type': 'application/json', 'cache-control': 'max-age=300' };
  return new Response(method === 'HEAD' ? null : JSON.stringify(document), { headers });
}

function probe(method: string, isGood: boolean): Response {
  if (method !== 'GET' && method !== 'HEAD')
    return new Response(null, { status: 405, headers: { allow: 'GET, HEAD' } });
  return new Response(method === 'HEAD' ? null : isGood ? 'ok\n' : 'not ready\n', { status: isGood ? 200 : 503 });
}
