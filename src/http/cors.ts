import type { Middleware } from './middleware.ts';
import { mcpRequestHeaders } from './request-head.ts';

/** Request headers that a page may send, besides those that every page may. Any `Mcp-Param-*` is allowed too. */
const requestHeaders = new Set([...mcpRequestHeaders, 'accept', 'authorization']);
const paramHeader = /^mcp-param-[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const exposedHeaders = 'Mcp-Session-Id, WWW-Authenticate, Retry-After';
/** How long a browser may keep the result of a preflight, in s. */
const maxAgeS = 600;

/**
 * Lets pages of the configured origins read responses (Fetch standard, CORS protocol). Credentials are not allowed:
 * a page sends its token itself, and cookies mean nothing here. A preflight is answered before authentication,
 * because browsers send it without a token.
 */
export function cors(origins: readonly string[]): Middleware {
  return async (exchange, next) => {
    const { request, response, method } = exchange;
    const headers = corsHeaders(request.headers.origin, origins);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (method !== 'OPTIONS' || !('access-control-allow-origin' in headers)) return next(exchange);
    const requested = request.headers['access-control-request-headers'];
    return new Response(null, { status: 204, headers: preflightHeaders(requested) });
  };
}

/** Returns the headers of every response: only `Vary` for other origins, none where no origin is configured. */
function corsHeaders(origin: string | undefined, origins: readonly string[]): Readonly<Record<string, string>> {
  if (origins.length === 0) return {};
  if (origin === undefined || !origins.includes(origin)) return { vary: 'Origin' };
  return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-expose-headers': exposedHeaders };
}

/** @param requested the value of `Access-Control-Request-Headers` */
function preflightHeaders(requested = ''): Readonly<Record<string, string>> {
  const names = requested.split(',').map((name) => name.trim().toLowerCase());
  const allowed = names.filter((name) => requestHeaders.has(name) || paramHeader.test(name));
  return {
    'access-control-allow-methods': 'GET, POST, DELETE',
    ...(allowed.length === 0 ? {} : { 'access-control-allow-headers': allowed.join(', ') }),
    'access-control-max-age': String(maxAgeS),
  };
}
