import { serverError } from '../server/jsonrpc-codes.ts';
import type { ToolService } from '../server/tool-requests.ts';
import type { Limits } from './access/limits.ts';
import type { Admit, Refusal } from './access/types.ts';
import type { HttpExchange, Middleware } from './middleware.ts';
import { httpError } from './node-http.ts';
import type { RefusalLog } from './refusal-log.ts';
import { isAllowed } from './visible-tools.ts';

/** From this revision on, clients add the scopes of a challenge to those that they have (SEP-2350). */
const accumulatingSince = '2026-07-28';

/** Logs a refusal for the operator and returns its response. */
export type Refuse = (
  exchange: HttpExchange,
  refusal: Pick<Refusal, 'status' | 'message'> & Partial<Refusal>,
  tool?: string,
) => Response;

export function refuseWith(refusals: RefusalLog): Refuse {
  return ({ request, admitted }, { status, message, headers, detail = message }, tool) => {
    const { tenant, subject } = admitted?.principal ?? {};
    refusals.logRefusal({ status, why: detail, tenant, subject, tool }, request.socket.remoteAddress);
    return httpError(status, serverError, message, headers);
  };
}

/** Admits a caller by its token. */
export function authenticate(admit: Admit, refuse: Refuse): Middleware {
  return async (exchange, next) => {
    // Node's `headers` keeps only the first of two Authorization headers. Admission has to see both.
    const { headersDistinct, socket } = exchange.request;
    const admission = await admit(headersDistinct, socket.remoteAddress);
    return admission.type === 'refused' ? refuse(exchange, admission) : next({ ...exchange, admitted: admission });
  };
}

/** Refuses a tool that the caller's token does not allow and that another scope would. A tool that does not exist needs no scope. */
export function requireScope({ catalog }: Pick<ToolService, 'catalog'>, refuse: Refuse): Middleware {
  return async (exchange, next) => {
    const { admitted, request } = exchange;
    const tool = calledTool(exchange);
    if (!admitted?.stepUp || tool === undefined || !catalog.find(tool)) return next(exchange);
    const accumulates = String(request.headers['mcp-protocol-version'] ?? '') >= accumulatingSince;
    const refusal = admitted.stepUp((patterns) => isAllowed(patterns, tool), accumulates);
    return refusal ? refuse(exchange, refusal, tool) : next(exchange);
  };
}

/**
 * Bounds how many tool calls are in flight. Replies to questions and cancellations pass, or a subject whose calls all
 * wait could never end one of them.
 */
export function limitToolCalls(limits: Limits | undefined, refuse: Refuse): Middleware {
  return async (exchange, next) => {
    const { admitted, closed } = exchange;
    if (!limits || !admitted || rpcFields(exchange).method !== 'tools/call') return next(exchange);
    const entry = limits.enter(admitted.principal);
    if (entry.type === 'refused') return refuse(exchange, entry);
    void closed.then(entry.release);
    return next(exchange);
  };
}

function calledTool(exchange: HttpExchange): string | undefined {
  const { method, params } = rpcFields(exchange);
  return method === 'tools/call' && typeof params?.name === 'string' ? params.name : undefined;
}

function rpcFields({ body = {} }: HttpExchange): { readonly method?: unknown; readonly params?: { name?: unknown } } {
  return body;
}
