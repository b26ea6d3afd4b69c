import { createMcpHandler, isLegacyRequest } from '@modelcontextprotocol/server';
import type { Principal } from '../../access/types.ts';
import { errorResponse } from '../incoming.ts';
import { createModernServer } from '../modern-server.ts';
import { paramHeaderFault } from './param-headers.ts';
import type { ServedTools } from './principal.ts';

export interface ModernOptions {
  readonly served: (principal: Principal) => ServedTools;
  readonly subscriptionsMax: number;
}

/** One request, and what became of it before a server had it. */
interface Exchange {
  readonly principal: Principal;
  readonly body: object | undefined;
  refused?: Response;
}

/** MCP 2026-07-28, error codes: headers and body disagree. */
const headerMismatch = -32_020;

/** MCP 2026-07-28: each request by itself, with no session. */
export class Modern {
  readonly #handler: ReturnType<typeof createMcpHandler>;
  /** The SDK hands the request on as it is. */
  readonly #exchanges = new WeakMap<Request, Exchange>();

  constructor({ served, subscriptionsMax }: ModernOptions) {
    this.#handler = createMcpHandler(
      ({ requestInfo }) => {
        const exchange = requestInfo && this.#exchanges.get(requestInfo);
        if (!requestInfo || !exchange) throw new Error('the request comes from nobody');
        const { service, list } = served(exchange.principal);
        // Here, where all that comes before it in the specification has been checked.
        const fault = callFault(service, exchange.body, requestInfo.headers);
        if (fault !== undefined) {
          exchange.refused = refusal(exchange.body, fault);
          throw new Error(fault);
        }
        const { tenant, subject } = exchange.principal;
        const headerKey = requestInfo.headers.get('idempotency-key') ?? undefined;
        return createModernServer({ ...service, list, scope: { tenant, subject }, headerKey });
      },
      { legacy: 'reject', maxSubscriptions: subscriptionsMax },
    );
  }

  /** Whether a request is one of this era, right or wrong. @param body of a POST; undefined otherwise. */
  async isModern(request: Request, body: object | undefined): Promise<boolean> {
    return !(await isLegacyRequest(request, body));
  }

  async answer(request: Request, principal: Principal, body: object | undefined): Promise<Response> {
    const exchange: Exchange = { principal, body };
    this.#exchanges.set(request, exchange);
    const answer = await this.#handler.fetch(request, body === undefined ? {} : { parsedBody: body });
    return exchange.refused ?? answer;
  }

  close(): Promise<void> {
    return this.#handler.close();
  }
}

/** What is wrong with the headers of a `tools/call`; a tool that is not listed has shown its callers no schema. */
function callFault({ catalog }: ServedTools['service'], body: object | undefined, headers: Headers) {
  const { method, params } = (body ?? {}) as { method?: unknown; params?: { name?: unknown; arguments?: unknown } };
  if (method !== 'tools/call' || typeof params?.name !== 'string') return undefined;
  const tool = catalog.find(params.name);
  if (!tool || catalog.hidden.includes(tool)) return undefined;
  return paramHeaderFault(tool, params.arguments, headers);
}

function refusal(body: object | undefined, fault: string): Response {
  const { id } = body as { id?: string | number };
  const message = `Headers and body disagree: ${fault}. Nothing was executed.`;
  return Response.json(errorResponse(id ?? null, headerMismatch, message), { status: 400 });
}
