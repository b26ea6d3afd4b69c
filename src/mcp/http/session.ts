import {
  WebStandardStreamableHTTPServerTransport,
  type WebStandardStreamableHTTPServerTransportOptions,
} from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { ErrorCode, type JSONRPCMessage, type RequestId } from '@modelcontextprotocol/sdk/types.js';
import type { Principal } from '../../access/types.ts';
import { errorResponse } from '../incoming.ts';

/**
 * The SDK's transport of one session, which also knows what is unanswered: two requests in flight under
 * one id cannot both be answered (the SDK forgets the first), so that the second is refused.
 */
export class SessionTransport extends WebStandardStreamableHTTPServerTransport {
  /** The value is one of its own for each use of an id. */
  readonly #inFlight = new Map<RequestId, { readonly principal: Principal }>();
  readonly #inFlightMax: number;

  constructor(options: WebStandardStreamableHTTPServerTransportOptions & { readonly inFlightMax: number }) {
    super(options);
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

  /** Serves one message, checked before, and answers it. */
  async take(request: Request, principal: Principal, message: JSONRPCMessage): Promise<Response> {
    if ('method' in message && 'id' in message) return this.#takeRequest(request, principal, message, message.id);
    const cancelled =
      'method' in message && message.method === 'notifications/cancelled' ? message.params?.requestId : undefined;
    const use = this.#inFlight.get(cancelled as RequestId);
    const answer = await this.handleRequest(request, { parsedBody: message });
    if (use !== undefined) setImmediate(() => this.#endCancelled(cancelled as RequestId, use));
    return answer;
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
    const use = { principal };
    this.#inFlight.set(id, use);
    const answer = await this.handleRequest(request, { parsedBody: message });
    // Refused before the server had it: no response will be sent.
    if (answer.status !== 200 && this.#inFlight.get(id) === use) this.#inFlight.delete(id);
    return answer;
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
