import { serverError } from '../server/jsonrpc-codes.ts';
import type { HttpExchange, Middleware } from './middleware.ts';
import { httpError } from './node-http.ts';

/** Lets a server stop without cutting off the requests that it has begun to answer. */
export class Drain {
  /** Requests without a complete response. Long-lived streams are not among them. */
  readonly #unanswered = new Set<Promise<unknown>>();
  #hasBegun = false;

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  begin(): void {
    this.#hasBegun = true;
  }

  /** Resolves when every tracked request has its response. Has no time-out of its own. */
  async settled(): Promise<void> {
    while (this.#unanswered.size > 0) await Promise.all(this.#unanswered);
  }

  /** Closes each connection with its response: a client that kept it would send its next request to nobody. */
  readonly closeConnections: Middleware = async (exchange, next) => {
    const response = await next(exchange);
    if (this.#hasBegun) exchange.response.setHeader('connection', 'close');
    return response;
  };

  readonly refuseRequests: Middleware = async (exchange, next) => {
    if (!this.#hasBegun) return next(exchange);
    const message = 'The server is shutting down. Nothing was executed. Send the request again.';
    return httpError(503, serverError, message, { 'retry-after': '1' });
  };

  readonly track: Middleware = (exchange, next) => {
    if (exchange.method === 'POST' && !isSubscription(exchange)) {
      const { closed } = exchange;
      this.#unanswered.add(closed);
      void closed.then(() => this.#unanswered.delete(closed));
    }
    return next(exchange);
  };
}

function isSubscription({ body }: HttpExchange): boolean {
  return (body as { method?: unknown } | undefined)?.method === 'subscriptions/listen';
}
