import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admission, Principal } from './access/types.ts';

type Admitted = Extract<Admission, { type: 'admitted' }>;

/** One HTTP request on its way through the middleware. */
export interface HttpExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  /** The path of the URL, without its query. */
  readonly path: string;
  /** Resolves with true when the response has been written, and with false when the caller has gone before. */
  readonly closed: Promise<boolean>;
  /** Who sent the request. Set by `authenticate`. */
  readonly admitted?: Admitted;
  /** The JSON object that a POST carries. Set by `parseBody`. */
  readonly body?: object;
}

/** A request for one of the two MCP endpoints: admitted, and with its body parsed. */
export interface McpHttpRequest {
  readonly request: Request;
  readonly principal: Principal;
  /** The JSON-RPC message of a POST; undefined for other methods. */
  readonly body: object | undefined;
  /** Resolves with true when the response has been written, and with false when the caller has gone before. */
  readonly closed: Promise<boolean>;
}

export type Handler = (exchange: HttpExchange) => Promise<Response>;

/** Responds itself, or calls `next`, which may get an exchange with more members set. */
export type Middleware = (exchange: HttpExchange, next: Handler) => Promise<Response>;

/** Wraps the middleware around a handler. The first one is the outermost. */
export function compose(middleware: readonly Middleware[], handler: Handler): Handler {
  return middleware.reduceRight<Handler>((next, each) => (exchange) => each(exchange, next), handler);
}
