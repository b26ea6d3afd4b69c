import { createMcpHandler, isLegacyRequest } from '@modelcontextprotocol/server';
import type { Principal } from '../../access/types.ts';
import { createModernServer } from '../modern-server.ts';
import type { ServedTools } from './principal.ts';

export interface ModernOptions {
  readonly served: (principal: Principal) => ServedTools;
  readonly subscriptionsMax: number;
}

/** MCP 2026-07-28: each request by itself, with no session. */
export class Modern {
  readonly #handler: ReturnType<typeof createMcpHandler>;
  /** Who a request comes from: the SDK hands the request on as it is. */
  readonly #principals = new WeakMap<Request, Principal>();

  constructor({ served, subscriptionsMax }: ModernOptions) {
    this.#handler = createMcpHandler(
      ({ requestInfo }) => {
        const principal = requestInfo && this.#principals.get(requestInfo);
        if (!requestInfo || !principal) throw new Error('the request comes from nobody');
        const { service, list } = served(principal);
        const { tenant, subject } = principal;
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

  answer(request: Request, principal: Principal, body: object | undefined): Promise<Response> {
    this.#principals.set(request, principal);
    return this.#handler.fetch(request, body === undefined ? {} : { parsedBody: body });
  }

  close(): Promise<void> {
    return this.#handler.close();
  }
}
