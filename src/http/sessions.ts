import { randomUUID } from 'node:crypto';
import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { isInitializeRequest, type JSONRPCMessage, type RequestId } from '@modelcontextprotocol/sdk/types.js';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import { SessionMemory } from '../core/recognition/session.ts';
import { Deliveries } from '../server/deliveries.ts';
import { readMessage } from '../server/incoming.ts';
import { invalidRequest, serverError, sessionNotFound } from '../server/jsonrpc-codes.ts';
import { createServer2025, notifyOfChanges } from '../server/server-2025.ts';
import type { ServedTools } from '../server/tool-requests.ts';
import { createLimits, type Limits } from './access/limits.ts';
import type { Principal } from './access/types.ts';
import { BoundedEvents, type EventBounds, EventPool } from './event-store.ts';
import type { McpHttpRequest } from './middleware.ts';
import { httpError } from './node-http.ts';
import type { RefusalLog } from './refusal-log.ts';
import { SessionTransport } from './session-transport.ts';
import { grantsAtLeast, isSameSubject } from './visible-tools.ts';

export interface SessionsOptions {
  readonly served: (principal: Principal) => ServedTools;
  readonly clock: Clock;
  readonly sessionsMax: number;
  readonly sessionsPerSubjectMax: number;
  readonly sessionIdleMs: number;
  readonly inFlightMax: number;
  readonly events: EventBounds;
  /** How much the events of all sessions may take together, in bytes of JSON. */
  readonly eventBytesTotalMax: number;
  readonly refusals: RefusalLog;
}

interface Session {
  readonly transport: SessionTransport;
  readonly deliveries: Deliveries;
  /** The owner, with all that the tokens that used the session allow. A token that allows less cannot use it. */
  principal: Principal;
  lastUsedMs: number;
  /** HTTP exchanges that are still open, streams included. */
  openExchanges: number;
  /** Gives the session's slot back. */
  readonly release: () => void;
  /** Notifies the client of changes in the tools that this principal may see. */
  notifyFor(principal: Principal): void;
  close(): Promise<void>;
}

/** How soon a client should reconnect to a stream that broke, in ms (SEP-1699). */
const reconnectMs = 1_000;

/**
 * The sessions of MCP 2025-11-25 and earlier, bounded per subject and in total. A subject that opens one too many ends
 * its own session that was idle for longest, never another subject's or one of a token that allows more.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #slots: Limits;
  readonly #events: EventPool;
  readonly #sweep: NodeJS.Timeout;

  constructor(options: SessionsOptions) {
    this.#options = options;
    const { sessionsMax: total, sessionsPerSubjectMax: perSubject } = options;
    this.#slots = createLimits({ perSubject, perTenant: Number.POSITIVE_INFINITY, total });
    this.#events = new EventPool(options.eventBytesTotalMax);
    const everyMs = Math.max(1_000, Math.min(60_000, options.sessionIdleMs / 4));
    this.#sweep = setInterval(() => this.#endIdle(), everyMs);
    this.#sweep.unref();
  }

  async answer(mcpRequest: McpHttpRequest): Promise<Response> {
    const { request, principal, body } = mcpRequest;
    const incoming = body === undefined ? undefined : readMessage(body);
    if (incoming?.type === 'refused') return Response.json(incoming.response, { status: 400 });
    if (incoming?.type === 'ignored') return httpError(400, invalidRequest, `Refused: ${incoming.reason}.`);
    const id = request.headers.get('mcp-session-id');
    if (id === null) return this.#begin(mcpRequest, incoming?.message);
    const session = this.#sessions.get(id);
    // Another subject's session gets the same response as one that does not exist.
    if (!session || !isSameSubject(session.principal, principal)) {
      return httpError(
        404,
        sessionNotFound,
        'Session not found. Nothing was executed. Start a session with initialize.',
      );
    }
    if (!grantsAtLeast(principal, session.principal)) return this.#refuseLesserToken(principal);
    return this.#serve(session, mcpRequest, incoming?.message);
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    await Promise.all([...this.#sessions.values()].map((session) => session.close()));
  }

  async #begin(mcpRequest: McpHttpRequest, message: JSONRPCMessage | undefined): Promise<Response> {
    if (message === undefined || !isInitializeRequest(message)) {
      const message = 'The Mcp-Session-Id header is missing. Nothing was executed. Start a session with initialize.';
      return httpError(400, serverError, message);
    }
    const { principal } = mcpRequest;
    const slot = this.#takeSlot(principal);
    if (slot.type === 'refused') {
      const { tenant, subject } = principal;
      const why = 'There are too many active sessions. Nothing was executed. Try again later.';
      this.#options.refusals.logRefusal({ status: slot.status, why, tenant, subject });
      return httpError(slot.status, serverError, why, { 'retry-after': '5' });
    }
    const session = await this.#open(principal, slot.release);
    const response = await this.#serve(session, mcpRequest, message);
    // The SDK refused the initialize request, so no session was opened.
    if (session.transport.sessionId === undefined) await session.close();
    return response;
  }

  async #open(principal: Principal, release: () => void): Promise<Session> {
    const { served, clock, events, inFlightMax } = this.#options;
    const tools = served(principal);
    const { tenant, subject } = principal;
    const deliveries = new Deliveries(new SessionMemory(clock));
    const server = createServer2025({
      ...tools,
      deliveries,
      scope: Object.freeze({ tenant, subject }),
      part: ({ requestId }) => served(transport.principalOf(requestId) ?? principal),
    });
    const eventStore = new BoundedEvents(events, this.#events);
    const transport = new SessionTransport({
      sessionIdGenerator: randomUUID,
      eventStore,
      retryInterval: reconnectMs,
      inFlightMax,
      onsessioninitialized: (id) => void this.#sessions.set(id, session),
    });
    const notices = this.#noticesOf(server, principal);
    const session: Session = {
      transport,
      deliveries,
      principal,
      lastUsedMs: clock.monotonicMs(),
      openExchanges: 0,
      release,
      notifyFor: notices.notifyFor,
      close: () =>
        server.close().catch((error: unknown) => tools.log.debug(`closing a session: ${describeError(error)}`)),
    };
    server.onclose = () => {
      notices.stop();
      release();
      eventStore.clear();
      if (transport.sessionId !== undefined) this.#sessions.delete(transport.sessionId);
    };
    await server.connect(transport);
    return session;
  }

  /** Follows one tool list at a time: that of the principal whose token came last. */
  #noticesOf(server: Server, first: Principal): Pick<Session, 'notifyFor'> & { stop(): void } {
    const { served } = this.#options;
    const follow = ({ list, log }: ServedTools) => ({ list, stop: notifyOfChanges(server, list, log) });
    let followed = follow(served(first));
    return {
      notifyFor: (principal) => {
        const tools = served(principal);
        if (tools.list === followed.list) return;
        followed.stop();
        followed = follow(tools);
      },
      stop: () => followed.stop(),
    };
  }

  /** Refuses with the status upon which clients start another session (MCP 2025-11-25, session management). */
  #refuseLesserToken({ tenant, subject }: Principal): Response {
    const status = 404;
    const why = 'The session was used with a token that allows more tools. Nothing was executed.';
    this.#options.refusals.logRefusal({ status, why, tenant, subject });
    return httpError(status, sessionNotFound, `${why} Start a session with initialize.`);
  }

  #serve(session: Session, mcpRequest: McpHttpRequest, message: JSONRPCMessage | undefined): Promise<Response> {
    const { request, principal, closed } = mcpRequest;
    const { transport } = session;
    if (!grantsAtLeast(session.principal, principal)) {
      session.principal = principal;
      // A token that allows less may have opened it. Its client opens it again with the token that it has now.
      transport.closeStandaloneSSEStream();
    }
    session.notifyFor(principal);
    session.openExchanges += 1;
    if (message && 'method' in message && message.method === 'notifications/cancelled') {
      session.deliveries.forget(message.params?.requestId as RequestId | undefined);
    }
    const id = message && 'method' in message && 'id' in message ? message.id : undefined;
    void closed.then((isWritten) => {
      if (isWritten) session.deliveries.written(id);
      else session.deliveries.closed(id);
      session.openExchanges -= 1;
      session.lastUsedMs = this.#options.clock.monotonicMs();
    });
    return message === undefined ? transport.takeBodiless(request) : transport.take(request, principal, message);
  }

  /** Takes a slot for one more session. Where none is free, ends the subject's session that was idle for longest. */
  #takeSlot(principal: Principal): ReturnType<Limits['enter']> {
    const slot = this.#slots.enter(principal);
    if (slot.type === 'entered') return slot;
    const isOwn = (each: Session): boolean =>
      isSameSubject(each.principal, principal) && grantsAtLeast(principal, each.principal);
    const own = [...this.#sessions].filter(([, each]) => isOwn(each) && isIdle(each));
    const [oldest] = own.sort(([, one], [, other]) => one.lastUsedMs - other.lastUsedMs);
    if (!oldest) return slot;
    this.#end(...oldest);
    return this.#slots.enter(principal);
  }

  #endIdle(): void {
    const sinceMs = this.#options.clock.monotonicMs() - this.#options.sessionIdleMs;
    for (const [id, session] of this.#sessions)
      if (isIdle(session) && session.lastUsedMs < sinceMs) this.#end(id, session);
  }

  #end(id: string, session: Session): void {
    this.#sessions.delete(id);
    session.release();
    void session.close();
  }
}

function isIdle({ openExchanges, transport }: Session): boolean {
  return openExchanges === 0 && transport.inFlight === 0;
}
