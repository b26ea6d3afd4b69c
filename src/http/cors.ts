/** What pages may send besides what every page may; of `Mcp-Param-*` any. */
const sentHeaders = new Set([
  'accept',
  'authorization',
  'content-type',
  'idempotency-key',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
]);
const sentParam = /^mcp-param-[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const readHeaders = 'Mcp-Session-Id, WWW-Authenticate, Retry-After';
/** How long a browser may remember what it was told, in s. */
const maxAgeS = 600;

/**
 * Lets a page of one of the origins read its answers (Fetch standard, CORS protocol). Without credentials: a token is
 * sent by the page itself, and cookies mean nothing here.
 * @returns headers of any answer; none for other origins, and none at all where no origin is configured.
 */
export function corsHeaders(origin: string | undefined, origins: readonly string[]): Readonly<Record<string, string>> {
  if (origins.length === 0) return {};
  if (origin === undefined || !origins.includes(origin)) return { vary: 'Origin' };
  return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-expose-headers': readHeaders };
}

/** Headers of the answer to a preflight, besides those of any answer. @param asked its `Access-Control-Request-Headers` */
export function preflightHeaders(asked = ''): Readonly<Record<string, string>> {
  const names = asked.split(',').map((name) => name.trim().toLowerCase());
  const allowed = names.filter((name) => sentHeaders.has(name) || sentParam.test(name));
  return {
    'access-control-allow-methods': 'GET, POST, DELETE',
    ...(allowed.length === 0 ? {} : { 'access-control-allow-headers': allowed.join(', ') }),
    'access-control-max-age': String(maxAgeS),
  };
}
