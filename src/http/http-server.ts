import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { describeError, faultFields } from '../core/errors.ts';
import { internalError } from '../server/jsonrpc-codes.ts';
import type { ToolService } from '../server/tool-requests.ts';
import { createLimits, type Limits } from './access/limits.ts';
import type { ResourceMetadata } from './access/metadata.ts';
import type { Admit } from './access/types.ts';
import { authenticate, limitToolCalls, type Refuse, refuseWith, requireScope } from './admission.ts';
import { parseBody } from './body.ts';
import { type CallSlotLimits, withCallSlots } from './call-slots.ts';
import { cors } from './cors.ts';
import { Drain } from './drain.ts';
import { Endpoint2026 } from './endpoint-2026.ts';
import { checkHostAndOrigin, isLoopbackHost } from './host-origin.ts';
import { compose, type Handler, type HttpExchange, type Middleware } from './middleware.ts';
import { closeWithConnection, httpError, toWebRequest, writeResponse } from './node-http.ts';
import { allowMethods, answerProbes, serveMetadata, servePath } from './public-endpoints.ts';
import { keepLedgerDetails, RefusalLog } from './refusal-log.ts';
import { checkRequestHead } from './request-head.ts';
import { Sessions } from './sessions.ts';
import { toolsByPrincipal } from './visible-tools.ts';

export interface HttpServerOptions {
  readonly service: ToolService;
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  readonly limits: HttpLimits;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly admit: Admit;
  /** How many tool calls may be in flight, per subject, per tenant and in total. Unlimited by default. */
  readonly calls?: Limits | undefined;
  /** How many executions and questions may be in flight. They count until they end, also when their caller has gone. Unlimited by default. */
  readonly callSlots?: CallSlotLimits | undefined;
  /** How many sessions one subject may have. @defaultValue `limits.sessionsMax` */
  readonly sessionsPerSubjectMax?: number | undefined;
  /** How many subscription streams of MCP 2026-07-28 one subject may have. @defaultValue `limits.subscriptionsMax` */
  readonly subscriptionsPerSubjectMax?: number | undefined;
  /** Tells clients where to get a token (RFC 9728). */
  readonly metadata?: ResourceMetadata | undefined;
  /** Returns whether calls can be executed now. */
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

/** Starts to listen. @throws the error of `listen` when the address is taken or does not belong to this machine */
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

/** Serves `/mcp` for both MCP revisions, and `/healthz` and `/readyz`. */
export class HttpServer {
  readonly url: string;
  readonly #server: Server;
  readonly #log: ToolService['log'];
  readonly #drain = new Drain();
  readonly #sessions: Sessions;
  readonly #endpoint2026: Endpoint2026;
  readonly #handle: Handler;

  constructor(server: Server, options: HttpServerOptions) {
    const { service, clock, host } = options;
    const { port } = server.address() as AddressInfo;
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/mcp`;
    this.#server = server;
    this.#log = service.log;
    const refusals = new RefusalLog(service.log, clock);
    const endpoints = createEndpoints(options, refusals);
    this.#sessions = endpoints.sessions;
    this.#endpoint2026 = endpoints.endpoint2026;
    this.#handle = compose(this.#middleware(options, refuseWith(refusals)), (exchange) => this.#route(exchange));
    server.on('request', (request, response) => this.#take(request, response));
    server.on('error', (error) => service.log.warn(`http: ${describeError(error)}`));
  }

  /** Accepts no further connections, and refuses new requests on those that are open. */
  beginDrain(): void {
    if (this.#drain.hasBegun) return;
    this.#drain.begin();
    this.#server.close();
  }

  /** Resolves when every request has its response. Has no time-out of its own. */
  settled(): Promise<void> {
    return this.#drain.settled();
  }

  /** Ends sessions, streams and connections. */
  async close(): Promise<void> {
    this.beginDrain();
    await Promise.allSettled([this.#sessions.close(), this.#endpoint2026.close()]);
    this.#server.closeAllConnections();
  }

  /** Lists what a request passes through, outermost first. */
  #middleware(options: HttpServerOptions, refuse: Refuse): readonly Middleware[] {
    const { service, limits, host, allowedHosts, allowedOrigins, metadata, admit, calls, isReady } = options;
    const allowed = { isLoopback: isLoopbackHost(host), hosts: allowedHosts, origins: allowedOrigins };
    return [
      this.#drain.closeConnections,
      this.#answerFaults,
      checkRequestHead(refuse),
      answerProbes(this.#drain, isReady),
      cors(allowedOrigins),
      serveMetadata(metadata),
      servePath('/mcp'),
      checkHostAndOrigin(allowed, refuse),
      this.#drain.refuseRequests,
      authenticate(admit, refuse),
      allowMethods('GET', 'POST', 'DELETE'),
      parseBody(limits.bodyBytesMax),
      requireScope(service, refuse),
      limitToolCalls(calls, refuse),
      this.#drain.track,
    ];
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const closed = new Promise<boolean>((resolve) => {
      response.once('close', () => resolve(response.writableFinished));
    });
    // A broken connection ends this exchange and nothing else.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    closeWithConnection(request, response);
    const { method = 'GET', url = '' } = request;
    const [path = ''] = url.split('?');
    void this.#handle({ request, response, method, path, closed }).then((answer) => writeResponse(response, answer));
  }

  readonly #answerFaults: Middleware = async (exchange, next) => {
    try {
      return await next(exchange);
    } catch (error) {
      this.#log.warn(`http: internal fault: ${describeError(error)}`, faultFields(error));
      return httpError(500, internalError, 'An internal fault of mcp-once.');
    }
  };

  /** Hands a request to the endpoint of the MCP revision that it names. */
  async #route({ request, response, admitted, body, closed }: HttpExchange): Promise<Response> {
    if (!admitted) throw new Error('the request was not authenticated');
    const { principal } = admitted;
    const mcpRequest = { request: toWebRequest(request, response), principal, body, closed };
    const is2026 = await this.#endpoint2026.accepts(mcpRequest);
    return is2026 ? this.#endpoint2026.answer(mcpRequest) : this.#sessions.answer(mcpRequest);
  }
}

function createEndpoints(options: HttpServerOptions, refusals: RefusalLog) {
  const { service, callSlots, clock, limits } = options;
  const guarded = keepLedgerDetails(callSlots ? withCallSlots(service, callSlots) : service, refusals);
  const served = toolsByPrincipal(guarded);
  const { sessionsPerSubjectMax = limits.sessionsMax, subscriptionsPerSubjectMax = limits.subscriptionsMax } = options;
  const events = { eventsMax: limits.eventsMax, bytesMax: limits.eventBytesMax };
  const total = limits.subscriptionsMax;
  const subscriptions = createLimits({ perSubject: subscriptionsPerSubjectMax, perTenant: total, total });
  return {
    sessions: new Sessions({ served, clock, events, ...limits, sessionsPerSubjectMax, refusals }),
    endpoint2026: new Endpoint2026({ served, clock, subscriptions, refusals }),
  };
}
