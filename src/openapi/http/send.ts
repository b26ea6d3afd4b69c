import { pause as pauseOn, systemClock } from '../../core/clock.ts';
import { saysNothingHappened } from '../../core/error-answers/classify.ts';
import { msOfRetryAfter } from '../../core/error-answers/error-facts.ts';
import { defined } from '../../core/json.ts';
import type { Classification, ToolLog } from '../../core/tool/types.ts';
import { ApiFailure, errorExcerpt, factsOfResponse } from './api-failure.ts';
import type { Authenticator, CredentialSet } from './authenticator.ts';
import { type ClassifiedResult, classifyResult, isSafeMethod } from './classify-result.ts';
import { tellsEffectInError } from './effect-in-error.ts';
import { createRedactor, redactResponse } from './redact.ts';
import { type RedirectChain, sendWithRedirects } from './redirects.ts';
import { createTransport, type HttpTransport, type ReceivedResponse } from './transport.ts';
import type { ApiSender, HttpRequest, HttpResponse, SendOptions } from './types.ts';

export { ApiFailure, classifyApiError } from './api-failure.ts';

/** The settings of a sender. */
export interface SenderOptions {
  /** The API's origin. Only redirected reads and OAuth 2 token requests go to other origins. */
  readonly origin: string;
  /** Whether the API may be on a private, loopback or link-local address. */
  readonly allowPrivate: boolean;
  /** Whether token servers on other origins may be on private addresses. @defaultValue `allowPrivate` */
  readonly allowPrivateTokens?: boolean;
  readonly authenticator: Authenticator;
  /** The longest wait of one send for the status line, and then for the body, each in ms. */
  readonly timeoutMs: number;
  /** The longest body that is read, in bytes. */
  readonly responseBytesMax: number;
  readonly log: ToolLog;
  /** Waits before a retry. Ends early when the signal aborts. @defaultValue waits on the system clock */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Returns the wall-clock time in ms. @defaultValue `Date.now` */
  readonly now?: () => number;
}

/** The most sends of one request. One more is allowed after a 401 with a renewed OAuth 2 token. */
const sendsMax = 4;
/** The longest time from the first send to the last retry, in ms. */
const totalMsMax = 30_000;
/** How often one send renews its claim. */
const renewalsMax = 3;
/** The shortest time-out of a retry, in ms. */
const retryMsMin = 1_000;
const tokenBytesMax = 65_536;

/**
 * Creates a sender of requests to one API. It retries retryable requests with the same bytes after 408, 425, 429, 502,
 * 503, 504, broken connections and time-outs, with at most 4 sends in 30 s. It sends other requests a second time only
 * after a 401 for an expired OAuth 2 token.
 */
export function createSender(options: SenderOptions): ApiSender {
  const transport = createTransport();
  return {
    send: (request, sendOptions) => new Sending(options, transport, request, sendOptions).run(),
    close: () => transport.close(),
  };
}

/** One request with all its sends. */
class Sending {
  readonly #sender: SenderOptions;
  readonly #transport: HttpTransport;
  readonly #request: HttpRequest;
  readonly #options: SendOptions;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #redact: (text: string) => string;
  /** Sent requests, including redirects. */
  #sends = 0;
  #retries = 0;
  /** Whether an earlier send may have taken effect. Then a later failure does not make the outcome certain. */
  #mayHaveTakenEffect = false;
  /** Whether a send got no response, and may have taken effect. */
  #isLost = false;
  #tokensRenewed = false;
  /** A success whose body broke off. Later failures do not change it. */
  #success: HttpResponse | undefined;

  constructor(sender: SenderOptions, transport: HttpTransport, request: HttpRequest, options: SendOptions) {
    this.#sender = sender;
    this.#transport = transport;
    this.#request = request;
    this.#options = options;
    this.#now = sender.now ?? Date.now;
    this.#startedAt = this.#now();
    this.#redact = createRedactor(sender.authenticator, request);
  }

  async run(): Promise<HttpResponse> {
    if (new URL(this.#request.url).origin !== new URL(this.#sender.origin).origin) {
      throw new ApiFailure(`the request is not for ${this.#sender.origin}, and was not sent`, {
        classification: 'not_executed',
      });
    }
    let credentials = await this.#authorize();
    for (;;) {
      let chain = await this.#sendOnce(credentials);
      // The connection or its credentials took long, and nothing was sent.
      for (let tries = 1; isWithdrawn(chain) && tries < renewalsMax && (await this.#mayStillSend()); tries += 1) {
        chain = await this.#sendOnce(credentials);
      }
      const classified = classifyResult(chain.result, chain.request, this.#options.inUseStatuses);
      const response =
        chain.result.type === 'response' ? this.#toHttpResponse(chain.result, chain.request.url) : undefined;
      if (response === undefined && classified.classification === 'unknown') this.#isLost = true;
      if (classified.classification === 'succeeded' && response) {
        const isBroken = chain.result.type === 'response' && chain.result.completeness === 'broken';
        if (!isBroken) return response;
        this.#success = response;
      }
      if (response?.status === 401 && this.#renewTokens(credentials)) {
        credentials = await this.#authorize();
        continue;
      }
      const pauseMs = this.#nextPauseMs(classified, response);
      if (pauseMs === undefined) return this.#finish(classified, response);
      if (classified.classification === 'unknown') this.#mayHaveTakenEffect = true;
      this.#retries += 1;
      this.#logRetry(classified, response, pauseMs);
      await (this.#sender.pause ?? pauseOnClock)(pauseMs, this.#options.signal);
      if (this.#options.signal.aborted || !(await this.#mayStillSend())) return this.#finish(classified, response);
    }
  }

  async #mayStillSend(): Promise<boolean> {
    const { maySend, readyToSend } = this.#options;
    return readyToSend ? readyToSend() : maySend?.() !== false;
  }

  /** Gets the credentials. Without them the outcome is unknown if an earlier send may have taken effect. */
  async #authorize(): Promise<CredentialSet> {
    const { authenticator } = this.#sender;
    const { signal, security } = this.#options;
    try {
      return await authenticator.authorize(
        this.#request,
        security,
        (request) => this.#sendTokenRequest(request),
        signal,
      );
    } catch (error) {
      if (!this.#mayHaveTakenEffect) throw error;
      const message = error instanceof Error ? error.message : 'no credentials';
      throw new ApiFailure(`it could not be sent again: ${this.#redact(message)}`, {
        classification: 'unknown',
      });
    }
  }

  /** Sends a token request. No caller can cancel it, because other callers may wait for the same token. */
  async #sendTokenRequest(request: HttpRequest) {
    const { timeoutMs, allowPrivate, allowPrivateTokens = allowPrivate, origin } = this.#sender;
    const signal = new AbortController().signal;
    const isHome = new URL(request.url).origin === new URL(origin).origin;
    const privateAllowed = isHome ? allowPrivate : allowPrivateTokens;
    return this.#transport.send(request, { timeoutMs, bytesMax: tokenBytesMax, privateAllowed, signal });
  }

  async #sendOnce(credentials: CredentialSet): Promise<RedirectChain> {
    const { timeoutMs, responseBytesMax, allowPrivate } = this.#sender;
    const leftMs = Math.max(totalMsMax - (this.#now() - this.#startedAt), retryMsMin);
    const limits = {
      timeoutMs: this.#retries === 0 ? timeoutMs : Math.min(timeoutMs, leftMs),
      bytesMax: responseBytesMax,
      privateAllowed: allowPrivate,
      ...defined({ maySend: this.#options.maySend }),
      signal: this.#options.signal,
    };
    const retryCount = this.#retries === 0 ? {} : { 'x-retry-count': String(this.#retries) };
    const request = { ...this.#request, headers: { ...this.#request.headers, ...retryCount } };
    const chain = await sendWithRedirects(this.#transport, request, limits, credentials.apply);
    if (!isWithdrawn(chain)) this.#sends += chain.sends;
    return chain;
  }

  /** Drops refused tokens after a 401. Returns whether to send again: after a 401 nothing was executed. */
  #renewTokens(credentials: CredentialSet): boolean {
    if (this.#tokensRenewed || this.#success || !this.#sender.authenticator.discardTokens(credentials)) return false;
    this.#tokensRenewed = true;
    this.#retries += 1;
    return true;
  }

  /** Returns how long to wait before the next send, in ms. Returns undefined if this send was the last. */
  #nextPauseMs(classified: ClassifiedResult, response: HttpResponse | undefined): number | undefined {
    const isBrokenSuccess = this.#success !== undefined && response === this.#success && this.#mayRequestBodyAgain;
    if (!this.#options.retryable || this.#options.signal.aborted) return undefined;
    if (!classified.isTransient && !isBrokenSuccess) return undefined;
    if (this.#retries + 1 >= sendsMax + (this.#tokensRenewed ? 1 : 0)) return undefined;
    const now = this.#now();
    const pauseMs = retryPauseMs(this.#retries + 1, response?.headers['retry-after'], now);
    return pauseMs === undefined || now - this.#startedAt + pauseMs >= totalMsMax ? undefined : pauseMs;
  }

  /**
   * Whether to send a successful request again because its body broke off. Not for a replacement or deletion without a
   * key: sending it again could undo later changes by others.
   */
  get #mayRequestBodyAgain(): boolean {
    return !this.#hasEffect || this.#options.inUseStatuses.length > 0;
  }

  get #hasEffect(): boolean {
    return this.#options.hasEffect ?? !isSafeMethod(this.#request.method);
  }

  #logRetry(classified: ClassifiedResult, response: HttpResponse | undefined, pauseMs: number): void {
    const { method } = this.#request;
    const reason = response ? `status ${response.status}` : classified.description;
    this.#sender.log.info(
      `${method} ${this.#sender.origin}: sending again (retry ${this.#retries}) in ${Math.round(pauseMs)} ms, after: ${reason}`,
    );
  }

  /** Returns an earlier success, or throws the failure with the classification of all sends together. */
  #finish(classified: ClassifiedResult, response: HttpResponse | undefined): HttpResponse {
    if (this.#success) return { ...this.#success, sends: this.#sends };
    const excerpt = response ? errorExcerpt(response, this.#redact) : '';
    const own = effectOf(
      classified,
      excerpt,
      this.#hasEffect && response ? this.#tellsEffect(response, excerpt) : false,
    );
    const classification = this.#mayHaveTakenEffect ? 'unknown' : own;
    const quote = excerpt === '' ? '' : ` (${excerpt})`;
    const after = this.#sends > 1 ? `, after ${this.#sends} sends` : '';
    const message = `${this.#redact(classified.description)}${quote}${after}${retryHint(response)}`;
    const facts = response && factsOfResponse(response, excerpt, this.#now());
    const answer = response && facts ? { status: response.status, response, facts, answered: !this.#isLost } : {};
    throw new ApiFailure(message, { classification, ...answer });
  }

  #tellsEffect(response: HttpResponse, excerpt: string): boolean {
    return response.status >= 400 && response.status < 500 && tellsEffectInError(response, excerpt, this.#request);
  }

  #toHttpResponse(received: ReceivedResponse, url: string): HttpResponse {
    const { status, headers, body, completeness } = received;
    const fromOtherOrigin = new URL(url).origin !== new URL(this.#request.url).origin;
    const shared = { status, headers, body, truncated: completeness !== 'complete', sends: this.#sends };
    const isBroken = completeness === 'broken';
    const response = { ...shared, ...(fromOtherOrigin ? { fromOtherOrigin } : {}), ...(isBroken ? { isBroken } : {}) };
    return redactResponse(this.#sender.authenticator, response);
  }
}

/**
 * A server that failed may still say that nothing happened, and one that refuses may tell an effect. A key that is in use
 * says neither.
 */
function effectOf(
  { classification, isAboutKey }: ClassifiedResult,
  excerpt: string,
  tellsEffect: boolean,
): Classification {
  if (classification === 'succeeded' || tellsEffect) return 'unknown';
  return classification === 'unknown' && !isAboutKey && saysNothingHappened(excerpt) ? 'not_executed' : classification;
}

function pauseOnClock(ms: number, signal: AbortSignal): Promise<void> {
  return pauseOn(systemClock, ms, signal);
}

function isWithdrawn({ result }: RedirectChain): boolean {
  return result.type === 'no-response' && result.reason === 'withdrawn';
}

function retryHint(response: HttpResponse | undefined): string {
  const value = response?.headers['retry-after'];
  return value !== undefined && /^\d{1,9}$/.test(value) ? `; the API asks to wait ${value} s` : '';
}

/** The first pause before a retry, in ms. It doubles with each retry. */
const firstPauseMs = 500;
/** The longest pause before a retry, in ms. */
const pauseMsMax = 20_000;

/**
 * Returns how long to wait before a retry, in ms: the time in `Retry-After` (RFC 9110, 10.2.3), or exponential back-off
 * with jitter. Returns undefined if the API asks for more than 20 s, because it would refuse an earlier request again.
 * @param retry the number of the retry, from 1
 * @param now the wall-clock time in ms
 */
function retryPauseMs(retry: number, retryAfter: string | undefined, now: number): number | undefined {
  const askedMs = retryAfter === undefined ? undefined : msOfRetryAfter(retryAfter, now);
  if (askedMs !== undefined) return askedMs > pauseMsMax ? undefined : askedMs;
  const backoffMs = firstPauseMs * 2 ** (retry - 1);
  return Math.min(backoffMs * (0.5 + Math.random() / 2), pauseMsMax);
}
