import { serverError } from '../server/jsonrpc-codes.ts';
import type { ResourceMetadata } from './access/metadata.ts';
import type { Drain } from './drain.ts';
import type { Middleware } from './middleware.ts';
import { httpError } from './node-http.ts';

/** Answers `/healthz` and `/readyz`, which need no token. Concurrent requests share one readiness check. */
export function answerProbes(drain: Drain, isReady: () => Promise<boolean>): Middleware {
  let checking: Promise<boolean> | undefined;
  const checkOnce = (): Promise<boolean> => {
    checking ??= isReady().finally(() => {
      checking = undefined;
    });
    return checking;
  };
  return async (exchange, next) => {
    const { path, method } = exchange;
    if (path === '/healthz') return probe(method, true);
    if (path === '/readyz') return probe(method, !drain.hasBegun && (await checkOnce()));
    return next(exchange);
  };
}

/** Serves the metadata of RFC 9728. It is public: a client reads it before it has a token. */
export function serveMetadata(metadata: ResourceMetadata | undefined): Middleware {
  return async (exchange, next) => {
    const { path, method } = exchange;
    if (metadata === undefined || path !== metadata.path) return next(exchange);
    const headers = { 'content-type': 'application/json', 'cache-control': 'max-age=300' };
    return isRead(method) ? page(method, JSON.stringify(metadata.document), { headers }) : methodNotAllowed();
  };
}

export function servePath(only: string): Middleware {
  return async (exchange, next) =>
    exchange.path === only ? next(exchange) : httpError(404, serverError, `MCP is served at ${only}.`);
}

export function allowMethods(...methods: readonly string[]): Middleware {
  return async (exchange, next) =>
    methods.includes(exchange.method)
      ? next(exchange)
      : httpError(405, serverError, 'Method not allowed.', { allow: methods.join(', ') });
}

function probe(method: string, isGood: boolean): Response {
  if (!isRead(method)) return methodNotAllowed();
  return page(method, isGood ? 'ok\n' : 'not ready\n', { status: isGood ? 200 : 503 });
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function page(method: string, text: string, init: ResponseInit): Response {
  return new Response(method === 'HEAD' ? null : text, init);
}

function methodNotAllowed(): Response {
  return new Response(null, { status: 405, headers: { allow: 'GET, HEAD' } });
}
