import {
  WebStandardStreamableHTTPServerTransport,
  type WebStandardStreamableHTTPServerTransportOptions,
} from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { ErrorCode, type JSONRPCMessage, type RequestId } from '@modelcontextprotocol/sdk/types.js';
import { errorResponse } from '../server/incoming.ts';
import type { Principal } from './access/types.ts';
import type { BoundedEvents } from './event-store.ts';
import { httpError } from './node-http.ts';
import { grantsAtLeast } from './visible-tools.ts';

interface SessionTransportOptions extends WebStandardStreamableHTTPServerTransportOptions {
  readonly inFlightMax: number;
  readonly eventStore: BoundedEvents;
}

/** A request that is in flight, and the ids of what its caller was asked meanwhile: numbers, as which the SDK takes them. */
interface Use {
  readonly principal: Principal;
  readonly asked: Set<number>;
}

/**
 * The SDK's transport of one session, which also knows what is unanswered: two requests in flight under
 * one id cannot both be answered (the SDK forgets the first), so that the second is refused.
 */
export class SessionTransport extends WebStandardStreamableHTTPServerTransport {
  readonly #events: BoundedEvents;
  /** The value is one of its own for each use of an id. */
  readonly #inFlight = new Map<RequestId, Use>();
  readonly #inFlightMax: number;

  constructor(options: SessionTransportOptions) {
    super(options);
    this.#events = options.eventStore;
    this.#inFlightMax = options.inFlightMax;
  }

  /** How many requests have no answer yet. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Whose a request is that is in flight: a caller's next token may let it call more, or less. */
  principalOf(id: RequestId): Principal | undefined {
    return this.#inFlight.get(id)?.principal;
  }

  /** Opens the stream of server messages, or goes on with one that broke; or ends the session. */
  async takeBodiless(request: Request): Promise<Response> {
    const { method, headers } = request;
    const lastEventId = method === 'GET' ? headers.get('last-event-id') : null;
    const isStream = headers.get('accept')?.includes('text/event-stream');
    const rest = lastEventId !== null && isStream ? this.#events.restOf(lastEventId) : undefined;
    return rest ? endOfStream(rest, this.sessionId) : this.handleRequest(request);
  }

  /** Serves one message, checked before, and answers it. */
  async take(request: Request, principal: Principal, message: JSONRPCMessage): Promise<Response> {
    if ('method' in message && 'id' in message) return this.#takeRequest(request, principal, message, message.id);
    if (!('method' in message) && !this.#mayAnswer(principal, message.id)) {
      const why =
        'What is answered was asked by a call of a token that gives more than this one. It can still be answered.';
      return httpError(403, ErrorCode.InvalidRequest, why);
    }
    const cancelled =
      'method' in message && message.method === 'notifications/cancelled' ? message.params?.requestId : undefined;
    const use = this.#inFlight.get(cancelled as RequestId);
    const answer = await this.handleRequest(request, { parsedBody: message });
    if (use !== undefined) setImmediate(() => this.#endCancelled(cancelled as RequestId, use));
    return answer;
  }

  override async send(message: JSONRPCMessage, options?: { relatedRequestId?: RequestId }): Promise<void> {
    const { relatedRequestId } = options ?? {};
    if ('method' in message && 'id' in message && relatedRequestId !== undefined) {
      this.#inFlight.get(relatedRequestId)?.asked.add(Number(message.id));
    }
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
      const why = 'Another request with this id is in flight, and goes on. Nothing was executed for this one.';
      return Response.json(errorResponse(id, ErrorCode.InvalidRequest, why), { status: 400 });
    }
    if (this.#inFlight.size >= this.#inFlightMax) {
      const why = `More than ${this.#inFlightMax} requests of this session are in flight. Nothing was executed: send it again later.`;
      return Response.json(errorResponse(id, ErrorCode.InternalError, why), {
        status: 429,
        headers: { 'retry-after': '1' },
      });
    }
    const use = { principal, asked: new Set<number>() };
    this.#inFlight.set(id, use);
    const answer = await this.handleRequest(request, { parsedBody: message });
    // Refused before the server had it: no response will be sent.
    if (answer.status !== 200 && this.#inFlight.get(id) === use) this.#inFlight.delete(id);
    return answer;
  }

  /** A yes has its call executed: it takes the right to call it. */
  #mayAnswer(principal: Principal, id: RequestId | undefined): boolean {
    const uses = [...this.#inFlight.values()].filter(({ asked }) => asked.has(Number(id)));
    return uses.every((use) => grantsAtLeast(principal, use.principal));
  }

  /**
   * The SDK answers no request that was cancelled, and would hold its stream open for ever. A stream ends
   * with its answer (MCP 2025-11-25, transports), which whoever cancelled ignores.
   */
  #endCancelled(id: RequestId, use: object): void {
    if (this.#inFlight.get(id) !== use) return;
    const message = errorResponse(id, ErrorCode.InvalidRequest, 'The request was cancelled.') as JSONRPCMessage;
    this.send(message).catch((error: unknown) => this.onerror?.(error as Error));
  }
}

/**
 * The rest of a stream that has its answer. The SDK would hold it open for ever, once for each that is resumed. Where
 * nothing is left, 204 tells whoever resumes not to do so again (HTML, server-sent events).
 */
function endOfStream(events: NonNullable<ReturnType<BoundedEvents['restOf']>>, session = ''): Response {
  if (events.length === 0) return new Response(null, { status: 204 });
  const text = events.map(({ id, message }) => `event: message\nid: ${id}\ndata: ${JSON.stringify(message)}\n\n`);
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform' };
  return new Response(text.join(''), { headers: { ...headers, 'mcp-session-id': session } });
}
