import { type Clock, pause } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { ToolLog } from '../../core/tool/types.ts';
import { type Link, type OpenLink, ServerFault } from './link.ts';
import type { RpcId, RpcMessage } from './message.ts';

export interface ReconnectingLinkOptions {
  /** Names the server in messages. */
  readonly name: string;
  readonly open: OpenLink;
  readonly clock: Clock;
  readonly log: ToolLog;
  /** The time limit for the response to `initialize`, in ms. */
  readonly initializeMs: number;
  /** A possible reason why the first process ends at once. */
  readonly startHint?: string | undefined;
}

/** Called by a reconnecting link. */
export interface ReconnectingLinkEvents {
  received(link: Link, message: RpcMessage): void;
  lost(id: RpcId, fault: ServerFault): void;
  /** Whether `initialize` has succeeded, so that a new process or session can be initialized again. */
  isInitialized(): boolean;
  /** Whether `initialize` has got any response. */
  isAnswered(): boolean;
  /** Sends a new link the messages that the last one got. @throws ServerFault */
  restore(link: Link): Promise<void>;
  /** Messages that were sent get no response. */
  ended(fault: ServerFault): void;
  /** No link is up. The server's own requests need no response. */
  down(): void;
  /** A new link is up. */
  renewed(): void;
  /** The server is not started again. */
  failed(fault: ServerFault): void;
}

type LinkWaiter = (link: Link | ServerFault) => void;

/** How long a session that has ended may still deliver responses, in ms. */
const lateResponseMs = 60_000;

/** Keeps a link to one server open, and opens the next one when it has ended. */
export class ReconnectingLink {
  readonly #options: ReconnectingLinkOptions;
  readonly #events: ReconnectingLinkEvents;
  readonly #restarts = new RestartSchedule();
  readonly #closing = new AbortController();
  /** Sessions that have ended and may still deliver responses. */
  readonly #endedSessions = new Set<Link>();
  #link: Link | undefined;
  /** `down`: opened again for the next message, if the schedule allows it; `dead`: never opened again. */
  #state: 'starting' | 'up' | 'restarting' | 'down' | 'dead' = 'starting';
  #waiting: LinkWaiter[] = [];
  #reason = '';

  constructor(options: ReconnectingLinkOptions, events: ReconnectingLinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** The link that is up; undefined while none is. */
  get current(): Link | undefined {
    return this.#state === 'up' ? this.#link : undefined;
  }

  /** Opens the first link. Calls `failed` when that fails. */
  async start(): Promise<void> {
    const link = this.#open();
    try {
      await link.start();
      if (this.#link === link) this.#becomeUp(link);
    } catch (error) {
      this.die(this.#faultOf(error));
    }
  }

  /** Returns the link that is up, or waits for the next one. @throws ServerFault when none will come. */
  next(): Promise<Link> {
    const { current } = this;
    if (current) return Promise.resolve(current);
    const { clock, name } = this.#options;
    if (this.#state === 'down' && this.#restarts.mayBegin(clock.monotonicMs())) void this.#restart();
    if (this.#state === 'down' || this.#state === 'dead') {
      return Promise.reject(new ServerFault('not_executed', `${name} is down: ${this.#reason}`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push((given) => (given instanceof ServerFault ? reject(given) : resolve(given)));
    });
  }

  /** Replaces a session that the server has ended. Its other requests may still get a response. */
  replaceSession(link: Link): void {
    if (link !== this.#link || this.#closing.signal.aborted) return;
    this.#link = undefined;
    this.#reason = 'its session has ended';
    this.#endedSessions.add(link);
    void pause(this.#options.clock, lateResponseMs, this.#closing.signal).then(() => {
      this.#endedSessions.delete(link);
      return link.close().catch(() => undefined);
    });
    if (this.#state === 'up') this.#goDown();
  }

  /** Gives up on a server that does not answer `initialize` in time. */
  limitInitialize(link: Link): void {
    const { clock, initializeMs } = this.#options;
    const { signal } = this.#closing;
    void pause(clock, initializeMs, signal).then(() => {
      if (signal.aborted || this.#events.isAnswered() || link !== this.#link) return;
      this.die(new ServerFault('unknown', this.#noInitializeResponse()));
    });
  }

  /** Gives up on the server. */
  die(fault: ServerFault): void {
    const link = this.#link;
    this.#link = undefined;
    this.#state = 'dead';
    this.#reason = fault.message;
    this.#refuseWaiting(fault);
    this.#events.ended(fault);
    void link?.close().catch(() => undefined);
    if (!this.#closing.signal.aborted) this.#events.failed(fault);
  }

  /** Pauses or resumes reading, where the transport allows it. */
  setReading(isOn: boolean): void {
    this.#link?.setReading(isOn);
  }

  async close(): Promise<void> {
    // This also closes the sessions that have ended.
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
        const isLate = this.#endedSessions.has(link) && !('method' in message);
        if (link === this.#link || isLate) this.#events.received(link, message);
      },
      lost: (id, fault) => this.#events.lost(id, fault),
      closed: (reason) => this.#handleEnd(link, reason),
      warning: (what) => this.#options.log.warn(`${this.#options.name}: ${what}`),
    });
    this.#link = link;
    return link;
  }

  #becomeUp(link: Link): void {
    this.#state = 'up';
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const take of waiting) take(link);
  }

  #handleEnd(link: Link, why: string): void {
    if (link !== this.#link || this.#closing.signal.aborted) return;
    const { name, log, startHint } = this.#options;
    this.#link = undefined;
    this.#reason = why;
    log.warn(`${name}: ${why}`);
    void link.close().catch(() => undefined);
    if (!this.#events.isInitialized()) {
      const hint = startHint === undefined ? '' : ` (${startHint})`;
      this.die(new ServerFault('unknown', `${name} did not start: ${why}${hint}`));
      return;
    }
    this.#events.ended(new ServerFault('unknown', `${name}: ${why} before it responded`));
    if (this.#state === 'up') this.#goDown();
  }

  #goDown(): void {
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
        this.#reason = `it was restarted ${restartsMax} times within a minute (the last time: ${this.#reason})`;
        this.#refuseWaiting(new ServerFault('not_executed', `${name} is down: ${this.#reason}`));
        return;
      }
      this.#state = 'restarting';
      await pause(clock, delayMs, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      try {
        const link = await this.#renew();
        this.#events.renewed();
        this.#becomeUp(link);
        return;
      } catch (error) {
        this.#reason = describeError(error);
        log.warn(`${name}: ${this.#reason}`);
      }
    }
  }

  /** Opens a link in the place of one that has ended. The client does not notice. */
  async #renew(): Promise<Link> {
    const link = this.#open();
    const { clock, initializeMs } = this.#options;
    const bound = new AbortController();
    const late = pause(clock, initializeMs, bound.signal).then(() => {
      throw new ServerFault('not_executed', this.#noInitializeResponse());
    });
    late.catch(() => undefined);
    try {
      await link.start();
      await Promise.race([this.#events.restore(link), late]);
    } catch (error) {
      if (this.#link === link) this.#link = undefined;
      void link.close().catch(() => undefined);
      throw error;
    } finally {
      bound.abort();
    }
    if (this.#link !== link) throw new ServerFault('not_executed', this.#reason);
    return link;
  }

  #refuseWaiting(fault: ServerFault): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const take of waiting) take(fault);
  }

  #noInitializeResponse(): string {
    const { name, initializeMs } = this.#options;
    return `${name} did not answer initialize within ${initializeMs / 1000} s (its first start may have to download it: try again, or raise --initialize-timeout)`;
  }

  #faultOf(error: unknown): ServerFault {
    if (error instanceof ServerFault) return error;
    return new ServerFault('not_executed', `${this.#options.name}: ${describeError(error)}`, { cause: error });
  }
}

const restartsMax = 5;
const restartPeriodMs = 60_000;
const restartDelayMinMs = 100;
const restartDelayMaxMs = 5_000;

/** Decides when a server may be restarted: with growing delays, and at most 5 times within a minute. */
export class RestartSchedule {
  #startsMs: number[] = [];

  /** Whether a restart is allowed now. */
  mayBegin(nowMs: number): boolean {
    return this.#recent(nowMs).length < restartsMax;
  }

  /** Counts a restart. @returns the delay before it, in ms; undefined after too many within the last minute. */
  next(nowMs: number): number | undefined {
    this.#startsMs = this.#recent(nowMs);
    const before = this.#startsMs.length;
    if (before >= restartsMax) return undefined;
    this.#startsMs.push(nowMs);
    return Math.min(restartDelayMinMs * 4 ** before, restartDelayMaxMs);
  }

  #recent(nowMs: number): number[] {
    return this.#startsMs.filter((startMs) => nowMs - startMs < restartPeriodMs);
  }
}
