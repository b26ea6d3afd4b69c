import type { RequestId } from '@modelcontextprotocol/sdk/types.js';
import {
  createMcpHandler,
  isLegacyRequest,
  type McpServerFactory,
  PROTOCOL_VERSION_META_KEY,
  type ServerEventBus,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import { BoundedMap } from '../core/bounded-map.ts';
import type { Clock } from '../core/clock.ts';
import { conversationIdOf } from '../core/key/call-ids.ts';
import { SessionMemory } from '../core/recognition/session.ts';
import { Deliveries } from '../server/deliveries.ts';
import { jsonRpcError } from '../server/incoming.ts';
import { headerMismatch, serverError } from '../server/jsonrpc-codes.ts';
import { createServer2026 } from '../server/server-2026.ts';
import type { ServedTools } from '../server/tool-requests.ts';
import type { Limits } from './access/limits.ts';
import type { Principal } from './access/types.ts';
import type { McpHttpRequest } from './middleware.ts';
import { paramHeaderFault } from './param-headers.ts';
import type { RefusalLog } from './refusal-log.ts';

export interface Endpoint2026Options {
  readonly served: (principal: Principal) => ServedTools;
  readonly clock: Clock;
  /** Bounds how many subscription streams are open. */
  readonly subscriptions: Limits;
  readonly refusals: RefusalLog;
}

/** A request that the SDK's handler has, and the response of one that was refused inside it. */
interface PendingRequest {
  readonly principal: Principal;
  readonly body: object | undefined;
  readonly deliveries: Deliveries | undefined;
  refused?: Response;
}

/** The members of a JSON-RPC message that are read here, unchecked. */
interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: { readonly name?: unknown; readonly arguments?: unknown; readonly _meta?: object | null };
}

/** How many conversations are remembered. */
const conversationsMax = 2_000;

type SdkHandler = ReturnType<typeof createMcpHandler>;

/** MCP 2026-07-28, where each request stands alone and there are no sessions. */
export class Endpoint2026 {
  readonly #options: Endpoint2026Options;
  readonly #handler: SdkHandler;
  /** The handlers of open `subscriptions/listen` streams. */
  readonly #listening = new Set<SdkHandler>();
  /** What is known of the conversations that were used last. There are no sessions, but a host may name its conversation. */
  readonly #conversations = new BoundedMap<string, SessionMemory>(conversationsMax);
  /** The SDK passes the same request object on, so it can be the key. */
  readonly #pending = new WeakMap<Request, PendingRequest>();

  constructor(options: Endpoint2026Options) {
    this.#options = options;
    this.#handler = createMcpHandler(this.#connect, { legacy: 'reject' });
  }

  /** Returns whether a request is one of this revision, valid or not. */
  async accepts({ request, body }: McpHttpRequest): Promise<boolean> {
    return isPlainly2026(request, body) ?? !(await isLegacyRequest(request, body));
  }

  async answer({ request, principal, body, closed }: McpHttpRequest): Promise<Response> {
    const deliveries = this.#deliveriesOf(principal, body);
    const pending: PendingRequest = { principal, body, deliveries };
    if (deliveries) {
      const id = rpcFields(body).id as RequestId;
      void closed.then((isWritten) => (isWritten ? deliveries.written(id) : deliveries.closed(id)));
    }
    this.#pending.set(request, pending);
    if (rpcFields(body).method === 'subscriptions/listen') return this.#listen(request, principal, body);
    const response = await this.#handler.fetch(request, body === undefined ? {} : { parsedBody: body });
    return pending.refused ?? response;
  }

  /** Returns the deliveries of one request; undefined for a caller that names no conversation. */
  #deliveriesOf({ tenant, subject }: Principal, body: object | undefined): Deliveries | undefined {
    const { method, params } = rpcFields(body);
    const conversation = method === 'tools/call' ? conversationIdOf(params?._meta) : undefined;
    if (conversation === undefined) return undefined;
    const name = JSON.stringify([tenant, subject, conversation]);
    const memory = this.#conversations.get(name) ?? new SessionMemory(this.#options.clock);
    this.#conversations.set(name, memory);
    return new Deliveries(memory);
  }

  async close(): Promise<void> {
    await Promise.all([this.#handler, ...this.#listening].map((handler) => handler.close()));
  }

  readonly #connect: McpServerFactory = ({ requestInfo }) => {
    const pending = requestInfo && this.#pending.get(requestInfo);
    if (!requestInfo || !pending) throw new Error('the request is not known');
    const tools = this.#options.served(pending.principal);
    // Checked here because the SDK has checked by now what comes first in the specification.
    const fault = callFault(tools, pending.body, requestInfo.headers);
    if (fault !== undefined) {
      const message = `Headers and body disagree: ${fault}. Nothing was executed.`;
      pending.refused = errorFor(pending.body, headerMismatch, message, { status: 400 });
      throw new Error(fault);
    }
    const { principal, deliveries } = pending;
    const { tenant, subject } = principal;
    const headerKey = requestInfo.headers.get('idempotency-key') ?? undefined;
    return createServer2026(tools, { scope: { tenant, subject }, headerKey, deliveries });
  };

  /** Opens a stream with a handler of its own: one handler sends all its listeners the same, and principals see different tools. */
  async #listen(request: Request, principal: Principal, body: object | undefined): Promise<Response> {
    const { served, subscriptions } = this.#options;
    const slot = subscriptions.enter(principal);
    if (slot.type === 'refused') return this.#refuseSubscription(principal, body, slot.status);
    const { list } = served(principal);
    let isListening = false;
    const bus: ServerEventBus = {
      publish: () => undefined,
      subscribe: (notify) => {
        isListening = true;
        const stop = list.onChange(() => notify({ kind: 'tools_list_changed' }));
        return () => {
          stop();
          end();
        };
      },
    };
    const handler = createMcpHandler(this.#connect, { legacy: 'reject', bus, maxSubscriptions: 1 });
    const end = (): void => {
      this.#listening.delete(handler);
      slot.release();
    };
    this.#listening.add(handler);
    try {
      return await handler.fetch(request, { parsedBody: body });
    } finally {
      if (!isListening) end();
    }
  }

  #refuseSubscription({ tenant, subject }: Principal, body: object | undefined, status: number): Response {
    const why = 'There are too many subscriptions. No stream was opened. Try again later.';
    this.#options.refusals.logRefusal({ status, why, tenant, subject });
    return errorFor(body, serverError, why, { status, headers: { 'retry-after': '5' } });
  }
}

/**
 * Decides the common cases without the SDK, which parses the whole message for it and again when it answers. Returns
 * undefined for all others.
 */
function isPlainly2026({ headers }: Request, body: object | undefined): boolean | undefined {
  const { method, params } = rpcFields(body);
  if (typeof method !== 'string') return undefined;
  const version = headers.get('mcp-protocol-version') ?? '';
  if (version === '2026-07-28') return true;
  const meta = params?._meta ?? {};
  const isEarlier = SUPPORTED_PROTOCOL_VERSIONS.includes(version) && headers.has('mcp-session-id');
  return isEarlier && typeof meta === 'object' && !(PROTOCOL_VERSION_META_KEY in meta) ? false : undefined;
}

/** Returns what is wrong with the headers of a `tools/call`. A hidden tool has shown its callers no schema to follow. */
function callFault({ catalog }: ServedTools, body: object | undefined, headers: Headers): string | undefined {
  const { method, params } = rpcFields(body);
  if (method !== 'tools/call' || typeof params?.name !== 'string') return undefined;
  const tool = catalog.find(params.name);
  if (!tool || catalog.hidden.includes(tool)) return undefined;
  return paramHeaderFault(tool, params.arguments, headers);
}

function errorFor(body: object | undefined, code: number, message: string, init: ResponseInit): Response {
  const { id } = rpcFields(body);
  return Response.json(jsonRpcError(typeof id === 'string' || typeof id === 'number' ? id : null, code, message), init);
}

function rpcFields(body: object = {}): Message {
  return body;
}
