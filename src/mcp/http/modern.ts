import { createMcpHandler, isLegacyRequest, Server } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Principal } from '../../access/types.ts';
import { describeError } from '../../errors.ts';
import { answerCall, pageAt } from '../tool-requests.ts';
import type { ServedTools } from './principal.ts';

export interface ModernOptions {
  readonly served: (principal: Principal) => ServedTools;
  readonly subscriptionsMax: number;
}

/** How long a list may be taken for what it is, in ms. What is served changes by a restart only. */
const listMs = 60_000;

const listParams = z.looseObject({ cursor: z.string().optional() }).optional();
const callParams = z.looseObject({});

/** The SDK would make a validator for each request, and uses it for elicitation only, which nothing here does. */
const noValidator = {
  getValidator: (): never => {
    throw new Error('this server elicits nothing');
  },
};

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
        return createModernServer(served(principal), principal, requestInfo.headers);
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

/** A server for one request. */
function createModernServer({ service, list }: ServedTools, principal: Principal, headers: Headers): Server {
  const { name, version, title, instructions, log } = service;
  const server = new ToolServer(
    { name, version, ...(title === undefined ? {} : { title }) },
    {
      capabilities: { tools: {} },
      jsonSchemaValidator: noValidator,
      // Not for caches that several callers share: another principal may see other tools.
      cacheHints: {
        'tools/list': { ttlMs: listMs, cacheScope: 'private' },
        'server/discover': { ttlMs: listMs, cacheScope: 'private' },
      },
      ...(instructions === undefined ? {} : { instructions }),
    },
  );
  const { tenant, subject } = principal;
  server.setRequestHandler('tools/list', { params: listParams }, (params) => ({ ...pageAt(list, params?.cursor) }));
  // Three arguments: the SDK's own schema of `tools/call` would drop `idempotencyKey` (SEP-3182).
  server.setRequestHandler('tools/call', { params: callParams }, (params, { mcpReq }) => {
    return answerCall(service, {
      params,
      meta: mcpReq._meta ?? {},
      scope: { tenant, subject },
      signal: mcpReq.signal,
      headerKey: headers.get('idempotency-key') ?? undefined,
      notify: (notification) => mcpReq.notify(notification),
    });
  });
  server.onerror = (error) => log.debug(`mcp: ${describeError(error)}`);
  return server;
}

type WrapHandler = Server['_wrapHandler'];

class ToolServer extends Server {
  /**
   * The SDK checks the result of a tool after it has run, and would tell the caller that the call was wrong
   * where it does not like it: a replay has to keep its bytes, whatever they are.
   */
  protected override _wrapHandler(...[method, handler]: Parameters<WrapHandler>): ReturnType<WrapHandler> {
    return method === 'tools/call' ? handler : super._wrapHandler(method, handler);
  }
}
