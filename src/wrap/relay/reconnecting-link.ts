import { type Clock, pause } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { ToolLog } from '../../core/tool/types.ts';
import { type Link, type OpenLink, ServerFault } from './link.ts';
import type { RpcId, RpcMessage } from './message.ts';
import { RestartSchedule } from './restarts.ts';

export interface ReconnectingLinkOptions {
  /** For messages. */
  readonly name: string;
  readonly open: OpenLink;
  readonly clock: Clock;
  readonly log: ToolLog;
  /** How long a server may take to answer `initialize`, in ms. */
  readonly initializeMs: number;
}

/** What a connection tells and asks whoever sends through it. */
export interface ReconnectingLinkEvents {
  received(link: Link, message: RpcMessage): void;
  lost(id: RpcId, fault: ServerFault): void;
  /** Whether there is anything that could be said to another process or session. */
  isInitialized(): boolean;
  /** Whether `initialize` has been answered at all. */
  isAnswered(): boolean;
  /** Tells a link that is not up yet what the last one was told. @throws UpstreamFault */
  replay(link: Link): Promise<void>;
  /** What was sent has no answer any more. */
  ended(fault: ServerFault): void;
  /** No link is up; what the server had asked needs no answer any more. */
  down(): void;
  renewed(): void;
  /** For good. */
  failed(fault: ServerFault): void;
}

type LinkWaiter = (link: Link | ServerFault) => void;

/** How long the answers of a session that is over are waited for, in ms. */
const retiredMs = 60_000;

/** The link to one upstream, and the next one when it has ended: later each time, and not for ever. */
export class ReconnectingLink {
  readonly #options: ReconnectingLinkOptions;
  readonly #events: ReconnectingLinkEvents;
  readonly #restarts = new RestartSchedule();
  readonly #closing = new AbortController();
  /** Sessions that are over, and may still answer what was sent in them. */
  readonly #retired = new Set<Link>();
  #link: Link | undefined;
  /** `down`: opened again when next it is needed and may be; `dead`: never. */
  #state: 'starting' | 'up' | 'restarting' | 'down' | 'dead' = 'starting';
  #waiting: LinkWaiter[] = [];
  #why = '';

  constructor(options: ReconnectingLinkOptions, events: ReconnectingLinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** The link that is up; undefined where it has to be waited for. */
  get current(): Link | undefined {
    return this.#state === 'up' ? this.#link : undefined;
  }

  /** Opens the first link; tells `failed` when that does not work. */
  async start(): Promise<void> {
    const link = this.#open();
    try {
      await link.start();
      if (this.#link === link) this.#isUp(link);
    } catch (error) {
      this.die(this.#faultOf(error));
    }
  }

  /** The link that is up, or the next one. @throws UpstreamFault when there is none to wait for. */
  next(): Promise<Link> {
    const { current } = this;
    if (current) return Promise.resolve(current);
    const { clock, name } = this.#options;
    if (this.#state === 'down' && this.#restarts.mayBegin(clock.monotonicMs())) void this.#restart();
    if (this.#state === 'down' || this.#state === 'dead') {
      return Promise.reject(new ServerFault('not_executed', `${name} is down: ${this.#why}`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push((given) => (given instanceof ServerFault ? reject(given) : resolve(given)));
    });
  }

  /** What else is in flight in the session may have been refused, too, or be answered yet. */
  sessionOver(link: Link): void {
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

  /** One that says nothing has not come up. */
  boundInitialize(link: Link): void {
    const { clock, initializeMs } = this.#options;
    const { signal } = this.#closing;
    void pause(clock, initializeMs, signal).then(() => {
      if (signal.aborted || this.#events.isAnswered() || link !== this.#link) return;
      this.die(new ServerFault('unknown', this.#silence()));
    });
  }

  /** For good: there is nothing that could be said to another one. */
  die(fault: ServerFault): void {
    const link = this.#link;
    this.#link = undefined;
    this.#state = 'dead';
    this.#why = fault.message;
    this.#refuseWaiting(fault);
    this.#events.ended(fault);
    void link?.close().catch(() => undefined);
    if (!this.#closing.signal.aborted) this.#events.failed(fault);
  }

  /** Reads on, or reads no more for now, where that can be chosen. */
  reading(on: boolean): void {
    this.#link?.setReading(on);
  }

  async close(): Promise<void> {
    // The sessions that are over close with it.
    this.#closing.abort();
    const link = this.#link;
    this.#link = undefined;
    this.#state = 'dead';
    await link?.close();
    const fault = new ServerFault('unknown', `${this.#options.name} was closed`);
    this.#refuseWaiting(fault);
    this.#events.ended(fault);
  }

  #open(): Link {
    const link: Link = this.#options.open({
      message: (message) => {
        const isLate = this.#retired.has(link) && !('method' in message);
        if (link === this.#link || isLate) this.#events.received(link, message);
      },
      lost: (id, fault) => this.#events.lost(id, fault),
      closed: (reason) => this.#ended(link, reason),
      warning: (what) => this.#options.log.warn(`${this.#options.name}: ${what}`),
    });
    this.#link = link;
    return link;
  }

  #isUp(link: Link): void {
    this.#state = 'up';
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const take of waiting) take(link);
  }

  #ended(link: Link, why: string): void {
    if (link !== this.#link || this.#closing.signal.aborted) return;
    const { name, log } = this.#options;
    this.#link = undefined;
    this.#why = why;
    log.warn(`${name}: ${why}`);
    void link.close().catch(() => undefined);
    if (!this.#events.isInitialized()) {
      this.die(new ServerFault('unknown', `${name} did not come up: ${why}`));
      return;
    }
    this.#events.ended(new ServerFault('unknown', `${name}: ${why} before it answered`));
    if (this.#state === 'up') this.#beginAgain();
  }

  #beginAgain(): void {
    this.#state = 'down';
    this.#events.down();
    void this.#restart();
  }

  async #restart(): Promise<void> {
    const { clock, log, name } = this.#options;
    for (;;) {
      const delayMs = this.#restarts.next(clock.monotonicMs());
      if (delayMs === undefined) {
        this.#state = 'down';
        this.#why = `it has ended too often within a minute (the last time: ${this.#why})`;
        this.#refuseWaiting(new ServerFault('not_executed', `${name} is down: ${this.#why}`));
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
        log.warn(`${name}: ${this.#why}`);
      }
    }
  }

  /** A link in the place of one that has ended, which the client need not know of. */
  async #renew(): Promise<Link> {
    const link = this.#open();
    const { clock, initializeMs } = this.#options;
    const bound = new AbortController();
    const late = pause(clock, initializeMs, bound.signal).then(() => {
      throw new ServerFault('not_executed', this.#silence());
    });
    late.catch(() => undefined);
    try {
      await link.start();
      await Promise.race([this.#events.replay(link), late]);
    } catch (error) {
      if (this.#link === link) this.#link = undefined;
      void link.close().catch(() => undefined);
      throw error;
    } finally {
      bound.abort();
    }
    if (this.#link !== link) throw new ServerFault('not_executed', this.#why);
    return link;
  }

  #refuseWaiting(fault: ServerFault): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const take of waiting) take(fault);
  }

  #silence(): string {
    const { name, initializeMs } = this.#options;
    return `${name} did not answer initialize within ${initializeMs / 1000} s`;
  }

  #faultOf(error: unknown): ServerFault {
    if (error instanceof ServerFault) return error;
    return new ServerFault('not_executed', `${this.#options.name}: ${describeError(error)}`, { cause: error });
  }
}
