import {
  WebStandardStreamableHTTPServerTransport,
  type WebStandardStreamableHTTPServerTransportOptions,
} from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { jsonRpcError } from '../server/incoming.ts';
import { internalError, invalidRequest } from '../server/jsonrpc-codes.ts';
import type { Principal } from './access/types.ts';
import type { BoundedEvents } from './event-store.ts';

interface SessionTransportOptions extends WebStandardStreamableHTTPServerTransportOptions {
  readonly inFlightMax: number;
  readonly eventStore: BoundedEvents;
}

/** A request without a response. */
interface InFlightRequest {
  readonly principal: Principal;
}

/**
 * The SDK's transport of one session, which also tracks requests in flight. Two requests in flight under one id cannot
 * both get a response, because the SDK forgets the first. The second one is refused.
 */
export class SessionTransport extends WebStandardStreamableHTTPServerTransport {
  readonly #events: BoundedEvents;
  /** Each value is a new object, which tells two uses of one id apart. */
  readonly #inFlight = new Map<RequestId, InFlightRequest>();
  readonly #inFlightMax: number;

  constructor(options: SessionTransportOptions) {
    super(options);
    this.#events = options.eventStore;
    this.#inFlightMax = options.inFlightMax;
  }

  /** The number of requests without a response. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Returns who sent a request in flight. Each request may come with another token, which may allow other tools. */
  principalOf(id: RequestId): Principal | undefined {
    return this.#inFlight.get(id)?.principal;
  }

  /** Serves a GET, which opens or resumes the stream of server messages, or a DELETE, which ends the session. */
  async takeBodiless(request: Request): Promise<Response> {
    const { method, headers } = request;
    const lastEventId = method === 'GET' ? headers.get('last-event-id') : null;
    const isStream = headers.get('accept')?.includes('text/event-stream');
    const rest = lastEventId !== null && isStream ? this.#events.restOf(lastEventId) : undefined;
    return rest ? endOfStream(rest, this.sessionId) : this.handleRequest(request);
  }

  /** Serves one valid message. */
  async take(request: Request, principal: Principal, message: JSONRPCMessage): Promise<Response> {
    if ('method' in message && 'id' in message) return this.#takeRequest(request, principal, message, message.id);
    const cancelled =
      'method' in message && message.method === 'notifications/cancelled' ? message.params?.requestId : undefined;
    const inFlight = this.#inFlight.get(cancelled as RequestId);
    const response = await this.handleRequest(request, { parsedBody: message });
    if (inFlight !== undefined) setImmediate(() => this.#endCancelled(cancelled as RequestId, inFlight));
    return response;
  }

  override async send(message: JSONRPCMessage, options?: { relatedRequestId?: RequestId }): Promise<void> {
    try {
      await super.send(message, options);
    } finally {
      if (!('method' in message) && message.id !== undefined) this.#inFlight.delete(message.id);
    }
  }

  async #takeRequest(
    request: Request,
    principal: Principal,
    message: JSONRPCMessage,
    id: RequestId,
  ): Promise<Response> {
    if (this.#inFlight.has(id)) {
      const why = 'Another request with this id is in flight and continues. Nothing was executed for this one.';
      return Response.json(jsonRpcError(id, invalidRequest, why), { status: 400 });
    }
    if (this.#inFlight.size >= this.#inFlightMax) {
      const why = `More than ${this.#inFlightMax} requests of this session are in flight. Nothing was executed. Send the request again later.`;
      return Response.json(jsonRpcError(id, internalError, why), { status: 429, headers: { 'retry-after': '1' } });
    }
    const inFlight = { principal };
    this.#inFlight.set(id, inFlight);
    const response = await this.handleRequest(request, { parsedBody: message });
    // The SDK refused the request before the server got it, so `send` will not be called for it.
    if (response.status !== 200 && this.#inFlight.get(id) === inFlight) this.#inFlight.delete(id);
    return response;
  }

  /**
   * The SDK sends no response to a cancelled request and would keep its stream open. A stream ends with its response
   * (MCP 2025-11-25, transports), which the client that cancelled ignores.
   */
  #endCancelled(id: RequestId, inFlight: InFlightRequest): void {
    if (this.#inFlight.get(id) !== inFlight) return;
    const message = jsonRpcError(id, invalidRequest, 'The request was cancelled.') as JSONRPCMessage;
    this.send(message).catch((error: unknown) => this.onerror?.(error as Error));
  }
}

/**
 * Sends the rest of a stream whose response is stored. The SDK would keep each resumed stream open. With no events
 * left the status is 204, after which a client does not reconnect (HTML, server-sent events).
 */
function endOfStream(events: NonNullable<ReturnType<BoundedEvents['restOf']>>, session = ''): Response {
  if (events.length === 0) return new Response(null, { status: 204 });
  const text = events.map(({ id, message }) => `event: message\nid: ${id}\ndata: ${JSON.stringify(message)}\n\n`);
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform' };
  return new Response(text.join(''), { headers: { ...headers, 'mcp-session-id': session } });
}
