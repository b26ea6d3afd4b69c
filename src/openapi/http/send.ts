import { pause as pauseOn, systemClock } from '../../core/clock.ts';
import type { ToolLog } from '../../core/tool/types.ts';
import type { Authenticator, Authorized } from './auth.ts';
import { concealAnswer, concealerOf } from './conceal.ts';
import { ApiFailure, excerptOf } from './failure.ts';
import { follow, type Hop } from './follow.ts';
import { isRead, type Meaning, meaningOf } from './meaning.ts';
import { pauseBefore } from './repeat.ts';
import type { ApiSender, HttpRequest, HttpResponse, SendOptions } from './types.ts';
import { type Answered, createWire, type Wire } from './wire.ts';

export { ApiFailure, classifyApiError } from './failure.ts';

/** What a sender is made with. */
export interface SenderOptions {
  /** Of the API: nothing is sent elsewhere, but for redirected reads and the token requests of OAuth 2. */
  readonly origin: string;
  /** Whether the API may be on a private, loopback or link-local address. */
  readonly allowPrivate: boolean;
  /** Whether token servers on other origins may be, too. Default: as the API. */
  readonly allowPrivateTokens?: boolean;
  readonly authenticator: Authenticator;
  /** How long one send may stay without a status line, and then without the end of its body, in ms. */
  readonly timeoutMs: number;
  /** The longest body that is read, in bytes. */
  readonly answerBytesMax: number;
  readonly log: ToolLog;
  /** Waits before a repeat; ends early when the signal aborts. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** By the wall clock, in ms. */
  readonly now?: () => number;
}

/** Requests for one answer, the first one included; what an OAuth 2 token renewed after a 401 costs is on top. */
const sendsMax = 4;
/** From the first send to the last repeat, in ms. */
const totalMsMax = 30_000;
/** The least time that a repeat gets, in ms. */
const repeatMsMin = 1_000;
const tokenBytesMax = 65_536;

/**
 * Sends requests to one API. What may be repeated is repeated with the same bytes, at most 4 sends and 30 s in total,
 * on 408, 425, 429, 502, 503, 504, broken connections and time-outs; nothing else is ever sent twice, but what was
 * refused by a 401 because its OAuth 2 token had ended.
 */
export function createSender(options: SenderOptions): ApiSender {
  const wire = createWire();
  return {
    send: (request, sendOptions) => new Sending(options, wire, request, sendOptions).run(),
    close: () => wire.close(),
  };
}

/** One request, all its sends together. */
class Sending {
  readonly #sender: SenderOptions;
  readonly #wire: Wire;
  readonly #request: HttpRequest;
  readonly #options: SendOptions;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #conceal: (text: string) => string;
  /** Requests that went out, redirects included. */
  #sends = 0;
  #repeats = 0;
  /** Whether a send of before may have taken effect: outcomes join. */
  #possible = false;
  #renewed = false;
  /** A success whose body broke off: no later answer takes it back. */
  #success: HttpResponse | undefined;

  constructor(sender: SenderOptions, wire: Wire, request: HttpRequest, options: SendOptions) {
    this.#sender = sender;
    this.#wire = wire;
    this.#request = request;
    this.#options = options;
    this.#now = sender.now ?? Date.now;
    this.#startedAt = this.#now();
    this.#conceal = concealerOf(sender.authenticator, request);
  }

  async run(): Promise<HttpResponse> {
    if (new URL(this.#request.url).origin !== new URL(this.#sender.origin).origin) {
      throw new ApiFailure(`the request is not for ${this.#sender.origin}, and was not sent`, {
        classification: 'not_executed',
      });
    }
    let authorized = await this.#authorize();
    for (;;) {
      const hop = await this.#sendOnce(authorized);
      const meaning = meaningOf(hop.exchange, hop.request, this.#options.inUseStatuses);
      const answer = hop.exchange.type === 'answered' ? this.#answerOf(hop.exchange, hop.request.url) : undefined;
      if (meaning.classification === 'succeeded' && answer) {
        const isBroken = hop.exchange.type === 'answered' && hop.exchange.end === 'broken';
        if (!isBroken) return answer;
        this.#success = answer;
      }
      if (answer?.status === 401 && this.#mayRenew(authorized)) {
        authorized = await this.#authorize();
        continue;
      }
      const pauseMs = this.#pauseMs(meaning, answer);
      if (pauseMs === undefined) return this.#give(meaning, answer);
      this.#note(meaning);
      this.#repeats += 1;
      this.#tell(meaning, answer, pauseMs);
      await (this.#sender.pause ?? pauseOnClock)(pauseMs, this.#options.signal);
      const { signal, maySend } = this.#options;
      if (signal.aborted || maySend?.() === false) return this.#give(meaning, answer);
    }
  }

  /** Credentials that cannot be had are a refusal, which settles nothing once a send may have taken effect. */
  async #authorize(): Promise<Authorized> {
    const { authenticator } = this.#sender;
    const { signal, security } = this.#options;
    try {
      return await authenticator.authorize(this.#request, security, (request) => this.#ask(request), signal);
    } catch (error) {
      if (!this.#possible) throw error;
      const message = error instanceof Error ? error.message : 'no credentials';
      throw new ApiFailure(`it could not be sent again: ${this.#conceal(message)}`, {
        classification: 'unknown',
      });
    }
  }

  /** A token request of OAuth 2. Not of one caller: others may wait for it, so that none of them cancels it. */
  async #ask(request: HttpRequest) {
    const { timeoutMs, allowPrivate, allowPrivateTokens = allowPrivate, origin } = this.#sender;
    const signal = new AbortController().signal;
    const isHome = new URL(request.url).origin === new URL(origin).origin;
    const privateAllowed = isHome ? allowPrivate : allowPrivateTokens;
    return this.#wire.exchange(request, { timeoutMs, bytesMax: tokenBytesMax, privateAllowed, signal });
  }

  async #sendOnce(authorized: Authorized): Promise<Hop> {
    const { timeoutMs, answerBytesMax, allowPrivate } = this.#sender;
    const leftMs = Math.max(totalMsMax - (this.#now() - this.#startedAt), repeatMsMin);
    const limits = {
      timeoutMs: this.#repeats === 0 ? timeoutMs : Math.min(timeoutMs, leftMs),
      bytesMax: answerBytesMax,
      privateAllowed: allowPrivate,
      ...(this.#options.maySend ? { mayStart: this.#options.maySend } : {}),
      signal: this.#options.signal,
    };
    const again = this.#repeats === 0 ? {} : { 'x-retry-count': String(this.#repeats) };
    const request = { ...this.#request, headers: { ...this.#request.headers, ...again } };
    const hop = await follow(this.#wire, request, limits, authorized.apply);
    this.#sends += hop.sends;
    return hop;
  }

  /** A 401 that a new token may turn: nothing was executed, so that sending once more is no second execution. */
  #mayRenew(authorized: Authorized): boolean {
    if (this.#renewed || this.#success || !this.#sender.authenticator.refused(authorized)) return false;
    this.#renewed = true;
    this.#repeats += 1;
    return true;
  }

  /** How long to wait before the next send, in ms; undefined where there is none. */
  #pauseMs(meaning: Meaning, answer: HttpResponse | undefined): number | undefined {
    const isBrokenSuccess = this.#success !== undefined && answer === this.#success && this.#mayFetchRest;
    if (!this.#options.retryable || this.#options.signal.aborted) return undefined;
    if (!meaning.transient && !isBrokenSuccess) return undefined;
    if (this.#repeats + 1 >= sendsMax + (this.#renewed ? 1 : 0)) return undefined;
    const now = this.#now();
    const pauseMs = pauseBefore(this.#repeats + 1, answer?.headers['retry-after'], now);
    return pauseMs === undefined || now - this.#startedAt + pauseMs >= totalMsMax ? undefined : pauseMs;
  }

  /**
   * Whether a success whose body broke off is asked for its body again. Not of a replacement or a deletion: it is done,
   * and once more could undo what others have written since.
   */
  get #mayFetchRest(): boolean {
    return !this.#hasEffect || this.#options.inUseStatuses.length > 0;
  }

  get #hasEffect(): boolean {
    return this.#options.hasEffect ?? !isRead(this.#request.method);
  }

  #note(meaning: Meaning): void {
    if (meaning.classification === 'unknown') this.#possible = true;
  }

  #tell(meaning: Meaning, answer: HttpResponse | undefined, pauseMs: number): void {
    const { method } = this.#request;
    const why = answer ? `status ${answer.status}` : meaning.what;
    this.#sender.log.info(
      `${method} ${this.#sender.origin}: sent again (repeat ${this.#repeats}) in ${Math.round(pauseMs)} ms, after: ${why}`,
    );
  }

  /** The end: a success of before, or the failure with all sends joined. */
  #give(meaning: Meaning, answer: HttpResponse | undefined): HttpResponse {
    if (this.#success) return { ...this.#success, sends: this.#sends };
    const own = meaning.classification === 'succeeded' ? 'unknown' : meaning.classification;
    const classification = this.#possible ? 'unknown' : own;
    const words = answer ? excerptOf(answer, this.#conceal) : '';
    const said = words === '' ? '' : ` (${words})`;
    const after = this.#sends > 1 ? `, after ${this.#sends} sends` : '';
    const retry = retryHint(answer);
    const message = `${this.#conceal(meaning.what)}${said}${after}${retry}`;
    const status = answer ? { status: answer.status, response: answer } : {};
    throw new ApiFailure(message, { classification, ...status });
  }

  #answerOf(exchange: Answered, url: string): HttpResponse {
    const { status, headers, body, end } = exchange;
    const fromOtherOrigin = new URL(url).origin !== new URL(this.#request.url).origin;
    const shared = { status, headers, body, truncated: end !== 'whole', sends: this.#sends };
    const answer = fromOtherOrigin ? { ...shared, fromOtherOrigin } : shared;
    return concealAnswer(this.#sender.authenticator, answer);
  }
}

function pauseOnClock(ms: number, signal: AbortSignal): Promise<void> {
  return pauseOn(systemClock, ms, signal);
}

function retryHint(answer: HttpResponse | undefined): string {
  const value = answer?.headers['retry-after'];
  return value !== undefined && /^\d{1,9}$/.test(value) ? `; the API asks to wait ${value} s` : '';
}
