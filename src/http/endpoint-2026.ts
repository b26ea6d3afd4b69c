import {
  createMcpHandler,
  isLegacyRequest,
  type McpServerFactory,
  PROTOCOL_VERSION_META_KEY,
  type ServerEventBus,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import { errorResponse } from '../server/incoming.ts';
import { createServer2026 } from '../server/server-2026.ts';
import type { ServedTools } from '../server/tool-requests.ts';
import type { Limits } from './access/limits.ts';
import type { Principal } from './access/types.ts';
import { paramHeaderFault } from './param-headers.ts';
import type { RefusalLog } from './refusal-log.ts';

export interface Endpoint2026Options {
  readonly served: (principal: Principal) => ServedTools;
  /** How many streams of subscriptions there may be. */
  readonly subscriptions: Limits;
  readonly refusals: RefusalLog;
}

/** One request, and what became of it before a server had it. */
interface PendingRequest {
  readonly principal: Principal;
  readonly body: object | undefined;
  refused?: Response;
}

const modernVersion = '2026-07-28';
/** MCP 2026-07-28, error codes: headers and body disagree. */
const headerMismatch = -32_020;
const serverError = -32_000;

type SdkHandler = ReturnType<typeof createMcpHandler>;

/** MCP 2026-07-28: each request by itself, with no session. */
export class Endpoint2026 {
  readonly #options: Endpoint2026Options;
  readonly #handler: SdkHandler;
  /** Those of `subscriptions/listen`: their streams last. */
  readonly #listening = new Set<SdkHandler>();
  /** The SDK hands the request on as it is. */
  readonly #exchanges = new WeakMap<Request, PendingRequest>();

  constructor(options: Endpoint2026Options) {
    this.#options = options;
    this.#handler = createMcpHandler(this.#connect, { legacy: 'reject' });
  }

  readonly #connect: McpServerFactory = ({ requestInfo }) => {
    const exchange = requestInfo && this.#exchanges.get(requestInfo);
    if (!requestInfo || !exchange) throw new Error('the request comes from nobody');
    const tools = this.#options.served(exchange.principal);
    // Here, where all that comes before it in the specification has been checked.
    const fault = callFault(tools, exchange.body, requestInfo.headers);
    if (fault !== undefined) {
      const message = `Headers and body disagree: ${fault}. Nothing was executed.`;
      exchange.refused = errorFor(exchange.body, headerMismatch, message, { status: 400 });
      throw new Error(fault);
    }
    const { tenant, subject } = exchange.principal;
    const headerKey = requestInfo.headers.get('idempotency-key') ?? undefined;
    return createServer2026(tools, { scope: { tenant, subject }, headerKey });
  };

  /** Whether a request is one of this era, right or wrong. @param body of a POST; undefined otherwise. */
  async isModern(request: Request, body: object | undefined): Promise<boolean> {
    return plainlyModern(request, body) ?? !(await isLegacyRequest(request, body));
  }

  async answer(request: Request, principal: Principal, body: object | undefined): Promise<Response> {
    const exchange: PendingRequest = { principal, body };
    this.#exchanges.set(request, exchange);
    if ((body as { method?: unknown } | undefined)?.method === 'subscriptions/listen') {
      return this.#listen(request, principal, body);
    }
    const answer = await this.#handler.fetch(request, body === undefined ? {} : { parsedBody: body });
    return exchange.refused ?? answer;
  }

  async close(): Promise<void> {
    await Promise.all([this.#handler, ...this.#listening].map((handler) => handler.close()));
  }

  /** By a handler of its own: all that listen to one are told the same, and each principal has tools of its own. */
  async #listen(request: Request, principal: Principal, body: object | undefined): Promise<Response> {
    const { served, subscriptions, refusals } = this.#options;
    const { list } = served(principal);
    let isListening = false;
    const bus: ServerEventBus = {
      publish: () => undefined,
      subscribe: (tell) => {
        isListening = true;
        const stop = list.onChange(() => tell({ kind: 'tools_list_changed' }));
        return () => {
          stop();
          end();
        };
      },
    };
    // Its place is taken while it is being answered.
    const place = subscriptions.enter(principal);
    if (place.type === 'refused') {
      const { tenant, subject } = principal;
      const why = 'There are too many subscriptions. Nothing was opened: try again later.';
      refusals.logRefusal({ status: place.status, why, tenant, subject });
      return errorFor(body, serverError, why, { status: place.status, headers: { 'retry-after': '5' } });
    }
    const handler = createMcpHandler(this.#connect, { legacy: 'reject', bus, maxSubscriptions: 1 });
    const end = (): void => {
      this.#listening.delete(handler);
      place.release();
    };
    this.#listening.add(handler);
    try {
      return await handler.fetch(request, { parsedBody: body });
    } finally {
      if (!isListening) end();
    }
  }
}

/**
 * What the SDK would say of a request that is plainly of one era, or of the other; undefined of all others. It reads the
 * whole message for it, which it does again when it answers.
 */
function plainlyModern({ headers }: Request, body: object | undefined): boolean | undefined {
  const { method, params } = (body ?? {}) as { method?: unknown; params?: { _meta?: object | null } };
  if (typeof method !== 'string') return undefined;
  const version = headers.get('mcp-protocol-version') ?? '';
  if (version === modernVersion) return true;
  const meta = params?._meta ?? {};
  const isEarlier = SUPPORTED_PROTOCOL_VERSIONS.includes(version) && headers.has('mcp-session-id');
  return isEarlier && typeof meta === 'object' && !(PROTOCOL_VERSION_META_KEY in meta) ? false : undefined;
}

/** What is wrong with the headers of a `tools/call`; a tool that is not listed has shown its callers no schema. */
function callFault({ catalog }: ServedTools, body: object | undefined, headers: Headers) {
  const { method, params } = (body ?? {}) as { method?: unknown; params?: { name?: unknown; arguments?: unknown } };
  if (method !== 'tools/call' || typeof params?.name !== 'string') return undefined;
  const tool = catalog.find(params.name);
  if (!tool || catalog.hidden.includes(tool)) return undefined;
  return paramHeaderFault(tool, params.arguments, headers);
}

function errorFor(body: object | undefined, code: number, message: string, init: ResponseInit): Response {
  const { id } = (body ?? {}) as { id?: unknown };
  return Response.json(
    errorResponse(typeof id === 'string' || typeof id === 'number' ? id : null, code, message),
    init,
  );
}
