import { randomUUID } from 'node:crypto';
import { isInitializeRequest, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import { readMessage } from '../server/incoming.ts';
import { createServer2025, notifyOfChanges } from '../server/server-2025.ts';
import type { ServedTools } from '../server/tool-requests.ts';
import { createLimits, type Limits } from './access/limits.ts';
import type { Principal } from './access/types.ts';
import { BoundedEvents, type EventBounds, EventPool } from './event-store.ts';
import { httpError } from './node-http.ts';
import type { RefusalLog } from './refusal-log.ts';
import { SessionTransport } from './session-transport.ts';
import { isSameSubject } from './visible-tools.ts';

export interface SessionsOptions {
  readonly served: (principal: Principal) => ServedTools;
  readonly clock: Clock;
  readonly sessionsMax: number;
  readonly sessionsPerSubjectMax: number;
  readonly sessionIdleMs: number;
  readonly inFlightMax: number;
  readonly events: EventBounds;
  /** How much the events of all sessions take together, in bytes of JSON. */
  readonly eventBytesTotalMax: number;
  readonly refusals: RefusalLog;
}

interface Session {
  readonly transport: SessionTransport;
  readonly principal: Principal;
  usedMs: number;
  /** Exchanges that are not over: streams, too. */
  open: number;
  /** Gives its place to another one. */
  readonly release: () => void;
  /** Has the client told of changes of what this principal may see. */
  tellAs(principal: Principal): void;
  close(): Promise<void>;
}

/** How soon a client should come back for a stream that broke, in ms (SEP-1699). */
const comeBackMs = 1_000;
/** What the SDK answers, too. */
const sessionNotFound = -32_001;
const serverError = -32_000;

/**
 * The sessions of MCP 2025-11-25 and earlier. Bounded, of one subject and of all: who opens one too many makes its
 * own session end that was idle for longest, never somebody else's.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #places: Limits;
  readonly #events: EventPool;
  readonly #sweep: NodeJS.Timeout;

  constructor(options: SessionsOptions) {
    this.#options = options;
    const { sessionsMax: total, sessionsPerSubjectMax: perSubject } = options;
    this.#places = createLimits({ perSubject, perTenant: Number.POSITIVE_INFINITY, total });
    this.#events = new EventPool(options.eventBytesTotalMax);
    const everyMs = Math.max(1_000, Math.min(60_000, options.sessionIdleMs / 4));
    this.#sweep = setInterval(() => this.#endIdle(), everyMs);
    this.#sweep.unref();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Answers one request of this era.
   * @param body of a POST; undefined otherwise.
   * @param over resolves when the answer has been written, or the caller is gone.
   */
  async answer(
    request: Request,
    principal: Principal,
    body: object | undefined,
    over: Promise<void>,
  ): Promise<Response> {
    const incoming = body === undefined ? undefined : readMessage(body);
    if (incoming?.type === 'refused') return Response.json(incoming.response, { status: 400 });
    if (incoming?.type === 'ignored') return httpError(400, -32_600, `Refused: ${incoming.reason}.`);
    const id = request.headers.get('mcp-session-id');
    if (id === null) return this.#begin(request, principal, incoming?.message, over);
    const session = this.#sessions.get(id);
    // Whether it is somebody else's is not told.
    if (!session || !isSameSubject(session.principal, principal)) {
      return httpError(404, sessionNotFound, 'There is no such session (any more): begin one with initialize.');
    }
    return this.#within(session, request, principal, incoming?.message, over);
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    await Promise.all([...this.#sessions.values()].map((session) => session.close()));
  }

  async #begin(
    request: Request,
    principal: Principal,
    message: JSONRPCMessage | undefined,
    over: Promise<void>,
  ): Promise<Response> {
    if (message === undefined || !isInitializeRequest(message)) {
      return httpError(400, serverError, 'The header Mcp-Session-Id is missing: begin a session with initialize.');
    }
    const place = this.#enter(principal);
    if (place.type === 'refused') {
      const { tenant, subject } = principal;
      const why = 'There are too many sessions with requests or streams. Nothing was executed: try again later.';
      this.#options.refusals.logRefusal({ status: place.status, why, tenant, subject });
      return httpError(place.status, serverError, why, { 'retry-after': '5' });
    }
    const session = await this.#open(principal, place.release);
    const answer = await this.#within(session, request, principal, message, over);
    // What was refused has opened nothing.
    if (session.transport.sessionId === undefined) await session.close();
    return answer;
  }

  async #open(principal: Principal, release: () => void): Promise<Session> {
    const { served, clock, events, inFlightMax } = this.#options;
    const tools = served(principal);
    const { list, log } = tools;
    const { tenant, subject } = principal;
    const server = createServer2025({
      ...tools,
      scope: Object.freeze({ tenant, subject }),
      part: ({ requestId }) => served(transport.principalOf(requestId) ?? principal),
    });
    const kept = new BoundedEvents(events, this.#events);
    const transport = new SessionTransport({
      sessionIdGenerator: randomUUID,
      eventStore: kept,
      retryInterval: comeBackMs,
      inFlightMax,
      onsessioninitialized: (id) => void this.#sessions.set(id, session),
    });
    const close = (): Promise<void> =>
      server.close().catch((error: unknown) => log.debug(`closing a session: ${describeError(error)}`));
    let telling = { list, stop: notifyOfChanges(server, list, log) };
    const tellAs = (whoever: Principal): void => {
      const { list } = served(whoever);
      if (list === telling.list) return;
      telling.stop();
      telling = { list, stop: notifyOfChanges(server, list, log) };
    };
    const session: Session = { transport, principal, usedMs: clock.monotonicMs(), open: 0, release, tellAs, close };
    server.onclose = () => {
      telling.stop();
      release();
      kept.clear();
      if (transport.sessionId !== undefined) this.#sessions.delete(transport.sessionId);
    };
    await server.connect(transport);
    return session;
  }

  #within(
    session: Session,
    request: Request,
    principal: Principal,
    message: JSONRPCMessage | undefined,
    over: Promise<void>,
  ): Promise<Response> {
    const { transport } = session;
    // The token that came last is what the client lists with next.
    session.tellAs(principal);
    session.open += 1;
    void over.then(() => {
      session.open -= 1;
      session.usedMs = this.#options.clock.monotonicMs();
    });
    return message === undefined ? transport.takeBodiless(request) : transport.take(request, principal, message);
  }

  /** A place for one more session, if need be that of the subject's own that was idle for longest. */
  #enter(principal: Principal): ReturnType<Limits['enter']> {
    const place = this.#places.enter(principal);
    if (place.type === 'entered') return place;
    const own = [...this.#sessions].filter(([, each]) => isSameSubject(each.principal, principal) && isIdle(each));
    const [oldest] = own.sort(([, one], [, other]) => one.usedMs - other.usedMs);
    if (!oldest) return place;
    this.#end(...oldest);
    return this.#places.enter(principal);
  }

  #endIdle(): void {
    const sinceMs = this.#options.clock.monotonicMs() - this.#options.sessionIdleMs;
    for (const [id, session] of this.#sessions) if (isIdle(session) && session.usedMs < sinceMs) this.#end(id, session);
  }

  #end(id: string, session: Session): void {
    this.#sessions.delete(id);
    session.release();
    void session.close();
  }
}

function isIdle({ open, transport }: Session): boolean {
  return open === 0 && transport.inFlight === 0;
}
