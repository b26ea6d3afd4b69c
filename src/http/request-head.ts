import type { Refuse } from './admission.ts';
import type { Middleware } from './middleware.ts';

/** The request headers that the server reads, without those that HTTP clients set by themselves. */
export const mcpRequestHeaders = [
  'content-type',
  'idempotency-key',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
];

/** Headers that mean one thing each. `Authorization` is one of them too; admission checks it. */
const singleHeaders = new Set([...mcpRequestHeaders, 'content-length', 'host', 'origin']);

/**
 * Refuses a request head that two programs may read differently: a proxy may have checked the other one of two headers,
 * or the host of the request target.
 */
export function checkRequestHead(refuse: Refuse): Middleware {
  return async (exchange, next) => {
    const { headersDistinct, headers, url = '' } = exchange.request;
    const refused = (message: string): Response =>
      refuse(exchange, { status: 400, message: `${message} Nothing was executed.` });
    for (const [name, values = []] of Object.entries(headersDistinct)) {
      if (values.length < 2) continue;
      if (singleHeaders.has(name)) return refused(`The ${name} header is there more than once. Send it once.`);
      if (name.startsWith('mcp-param-')) return refused('An Mcp-Param header is there more than once. Send it once.');
    }
    if (/[\s,]/.test(headers.host ?? '')) return refused('The Host header must have one host.');
    if (!url.startsWith('/') && url !== '*') return refused('The request target must be a path, such as /mcp.');
    return next(exchange);
  };
}
