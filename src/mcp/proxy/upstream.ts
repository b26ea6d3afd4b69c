import { type Clock, pause } from '../../clock.ts';
import { describeError } from '../../errors.ts';
import type { ToolLog } from '../../tool/types.ts';
import { type Link, type OpenLink, UpstreamFault } from './link.ts';
import {
  cancelledId,
  isNotification,
  isRequest,
  type RpcMessage,
  type RpcNotification,
  type RpcParams,
  type RpcRequest,
  type RpcResponse,
} from './message.ts';
import { Pending } from './pending.ts';
import { Restarts } from './restarts.ts';
import { SessionState } from './session-state.ts';

export interface UpstreamOptions {
  /** For messages. */
  readonly name: string;
  readonly open: OpenLink;
  readonly clock: Clock;
  readonly log: ToolLog;
  /** How long it may take to answer `initialize`, in ms. */
  readonly initializeMs: number;
}

/** What an upstream tells whoever relays for it. */
export interface UpstreamEvents {
  /** Its own requests and notifications, and the answers of requests that were forwarded. */
  message(message: RpcMessage): void;
  /** A request that was forwarded gets no answer. */
  lost(request: RpcRequest, fault: UpstreamFault): void;
  /** The connection has ended: what it had asked needs no answer any more. */
  down(): void;
  /** Another process or session has taken over: what was remembered of the last one holds no longer. */
  renewed(): void;
  /** It never came to answer `initialize`, and is not started again. */
  failed(fault: UpstreamFault): void;
}

/** How long the answers of a session that is over are waited for, in ms. */
const retiredMs = 60_000;

type Taker = (link: Link | UpstreamFault) => void;

/**
 * An upstream through all its processes or sessions. What is sent while there is none waits for the next
 * one; one that has ended is started again, and told what the client had told the last one.
 */
export class Upstream {
  readonly name: string;
  readonly #options: UpstreamOptions;
  readonly #events: UpstreamEvents;
  readonly #pending: Pending;
  readonly #restarts = new Restarts();
  readonly #session = new SessionState();
  readonly #closing = new AbortController();
  /** Sessions that are over, and may still answer what was sent in them. */
  readonly #retired = new Set<Link>();
  #link: Link | undefined;
  /** `down`: started again when next it is needed and may be; `dead`: never. */
  #state: 'starting' | 'up' | 'restarting' | 'down' | 'dead' = 'starting';
  #waiting: Taker[] = [];
  #why = '';

  constructor(options: UpstreamOptions, events: UpstreamEvents) {
    this.name = options.name;
    this.#options = options;
    this.#events = events;
    this.#pending = new Pending((request, fault) => events.lost(request, fault));
  }

  /** Opens the first connection; tells `failed` when that does not work. */
  async start(): Promise<void> {
    const link = this.#open();
    try {
      await link.start();
      if (this.#link === link) this.#isUp(link);
    } catch (error) {
      this.#die(this.#faultOf(error));
    }
  }

  /** Passes a message of the client on, as it is. */
  forward(message: RpcMessage): void {
    if (isRequest(message)) this.#pending.addForwarded(message);
    this.#send(message).catch((error: unknown) => {
      const fault = this.#faultOf(error);
      if (isRequest(message)) this.#pending.lose(message.id, fault);
      else this.#options.log.debug(`not passed on: ${fault.message}`);
    });
  }

  /** Sends a request of our own, and resolves with its answer. @throws UpstreamFault when it gets none. */
  request(method: string, params?: RpcParams): Promise<RpcResponse> {
    const { request, answer } = this.#pending.addOwn(method, params);
    this.#send(request).catch((error: unknown) => this.#pending.lose(request.id, this.#faultOf(error)));
    return answer;
  }

  /** Reads on, or reads no more for now, where that can be chosen. */
  reading(on: boolean): void {
    this.#link?.reading(on);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const link = this.#link;
    this.#link = undefined;
    this.#state = 'dead';
    // The retired ones close with the signal.
    await link?.close();
    const fault = new UpstreamFault('unknown', `${this.name} was closed`);
    this.#refuseWaiting(fault);
    this.#pending.loseSent(fault);
  }

  async #send(message: RpcMessage): Promise<void> {
    // At once where there is a connection, so that messages keep their order.
    const link = this.#state === 'up' && this.#link ? this.#link : await this.#nextLink();
    if (isNotification(message)) {
      const cancelled = cancelledId(message);
      if (cancelled !== undefined) this.#pending.forget(cancelled);
    }
    this.#session.noteSent(message);
    if (isRequest(message)) {
      this.#pending.noteSent(message.id);
      if (message.method === 'initialize') this.#boundInitialize(link);
    }
    try {
      await link.send(message);
    } catch (error) {
      const fault = this.#faultOf(error);
      if (!fault.sessionGone || !this.#session.isInitialized) throw fault;
      // Refused by a session that is no more, so not executed: it is sent again, once, in the next one.
      this.#sessionOver(link);
      await (await this.#nextLink()).send(message);
    }
  }

  #nextLink(): Promise<Link> {
    if (this.#state === 'up' && this.#link) return Promise.resolve(this.#link);
    if (this.#state === 'down' && this.#restarts.mayBegin(this.#options.clock.monotonicMs())) void this.#restart();
    if (this.#state === 'down' || this.#state === 'dead') {
      return Promise.reject(new UpstreamFault('not_executed', `${this.name} is down: ${this.#why}`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push((given) => (given instanceof UpstreamFault ? reject(given) : resolve(given)));
    });
  }

  #open(): Link {
    const link: Link = this.#options.open({
      message: (message) => {
        if (link === this.#link || (this.#retired.has(link) && !('method' in message))) this.#receive(link, message);
      },
      lost: (id, fault) => this.#pending.lose(id, fault),
      closed: (reason) => this.#ended(link, reason),
      odd: (what) => this.#options.log.warn(`${this.name}: ${what}`),
    });
    this.#link = link;
    return link;
  }

  #receive(link: Link, message: RpcMessage): void {
    if ('method' in message) {
      this.#events.message(message);
      return;
    }
    if (this.#session.isInitialize(message.id)) {
      this.#session.noteInitialized(message);
      agree(link, message);
    }
    if (!this.#pending.answered(message)) this.#events.message(message);
  }

  /** One that says nothing has not come up. */
  #boundInitialize(link: Link): void {
    const { clock, initializeMs } = this.#options;
    void pause(clock, initializeMs, this.#closing.signal).then(() => {
      if (this.#closing.signal.aborted || this.#session.isInitialized || link !== this.#link) return;
      this.#die(new UpstreamFault('unknown', silence(this.name, initializeMs)));
    });
  }

  #isUp(link: Link): void {
    this.#state = 'up';
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const take of waiting) take(link);
  }

  /** What else is in flight in it may have been refused, too, or be answered yet. */
  #sessionOver(link: Link): void {
    if (link !== this.#link || this.#closing.signal.aborted) return;
    this.#link = undefined;
    this.#why = 'its session is over';
    this.#retired.add(link);
    void pause(this.#options.clock, retiredMs, this.#closing.signal).then(() => {
      this.#retired.delete(link);
      return link.close().catch(() => undefined);
    });
    if (this.#state === 'up') this.#beginAgain();
  }

  #beginAgain(): void {
    this.#state = 'down';
    this.#events.down();
    void this.#restart();
  }

  #ended(link: Link, why: string): void {
    if (link !== this.#link || this.#closing.signal.aborted) return;
    this.#link = undefined;
    this.#why = why;
    this.#options.log.warn(`${this.name}: ${why}`);
    void link.close().catch(() => undefined);
    if (!this.#session.isInitialized) {
      this.#die(new UpstreamFault('unknown', `${this.name} did not come up: ${why}`));
      return;
    }
    this.#pending.loseSent(new UpstreamFault('unknown', `${this.name}: ${why} before it answered`));
    if (this.#state === 'up') this.#beginAgain();
  }

  async #restart(): Promise<void> {
    const { clock, log } = this.#options;
    for (;;) {
      const delayMs = this.#restarts.next(clock.monotonicMs());
      if (delayMs === undefined) {
        this.#state = 'down';
        this.#why = `it has ended too often within a minute (the last time: ${this.#why})`;
        this.#refuseWaiting(new UpstreamFault('not_executed', `${this.name} is down: ${this.#why}`));
        return;
      }
      this.#state = 'restarting';
      await pause(clock, delayMs, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      try {
        const link = await this.#renew();
        this.#events.renewed();
        this.#isUp(link);
        return;
      } catch (error) {
        this.#why = describeError(error);
        log.warn(`${this.name}: ${this.#why}`);
      }
    }
  }

  /** A connection in the place of one that has ended, which the client need not know of. */
  async #renew(): Promise<Link> {
    const link = this.#open();
    const { clock, initializeMs } = this.#options;
    const bound = new AbortController();
    const late = pause(clock, initializeMs, bound.signal).then(() => {
      throw new UpstreamFault('not_executed', silence(this.name, initializeMs));
    });
    try {
      await link.start();
      const answer = await Promise.race([this.#session.replay((message) => this.#exchange(link, message)), late]);
      agree(link, answer);
    } catch (error) {
      if (this.#link === link) this.#link = undefined;
      void link.close().catch(() => undefined);
      throw error;
    } finally {
      late.catch(() => undefined);
      bound.abort();
    }
    if (this.#link !== link) throw new UpstreamFault('not_executed', this.#why);
    return link;
  }

  /** Sends by a connection that is not up yet. */
  async #exchange(link: Link, message: RpcRequest | RpcNotification): Promise<RpcResponse | undefined> {
    if (!isRequest(message)) {
      await link.send(message);
      return undefined;
    }
    const { request, answer } = this.#pending.addOwn(message.method, message.params);
    this.#pending.noteSent(request.id);
    link.send(request).catch((error: unknown) => this.#pending.lose(request.id, this.#faultOf(error)));
    const response = await answer;
    // HTTP wants to know the version from the next request on.
    if (message.method === 'initialize') agree(link, response);
    return response;
  }

  /** For good: there is nothing that could be said to another one. */
  #die(fault: UpstreamFault): void {
    const link = this.#link;
    this.#link = undefined;
    this.#state = 'dead';
    this.#why = fault.message;
    this.#refuseWaiting(fault);
    this.#pending.loseSent(fault);
    void link?.close().catch(() => undefined);
    if (!this.#closing.signal.aborted) this.#events.failed(fault);
  }

  #refuseWaiting(fault: UpstreamFault): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const take of waiting) take(fault);
  }

  #faultOf(error: unknown): UpstreamFault {
    if (error instanceof UpstreamFault) return error;
    return new UpstreamFault('unknown', `${this.name}: ${describeError(error)}`, { cause: error });
  }
}

function agree(link: Link, { result }: RpcResponse): void {
  const version = result?.protocolVersion;
  if (typeof version === 'string') link.agreed(version);
}

function silence(name: string, boundMs: number): string {
  return `${name} did not answer initialize within ${boundMs / 1000} s`;
}
