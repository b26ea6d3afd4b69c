import type { Agent, Dispatcher } from 'undici';
import { isErrnoException } from '../../core/errors.ts';
import { isPrivateLiteral, PRIVATE_ADDRESS, publicLookup } from './addresses.ts';
import { acceptEncoding, type BodyEnd, decompress } from './decompress.ts';
import type { HttpRequest } from './types.ts';

/** What came of one request on the wire. */
export type Exchange = Answered | Unanswered;

export interface Answered {
  readonly type: 'answered';
  readonly status: number;
  /** Names in lower case, without `set-cookie`; of several of one name the last. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  readonly body: Buffer;
  readonly end: BodyEnd;
}

export interface Unanswered {
  readonly type: 'unanswered';
  /** False where certainly no byte of the request left: no connection was made. */
  readonly sent: boolean;
  readonly why: 'refused' | 'not-found' | 'certificate' | 'private' | 'timeout' | 'broken' | 'cancelled' | 'withdrawn';
  /** The code of the fault, such as `ECONNRESET`; '' where there is none. */
  readonly code: string;
}

export interface ExchangeLimits {
  /** How long the status line, and then the body, may take, each in ms. */
  readonly timeoutMs: number;
  /** Of the body, as it comes and decompressed. */
  readonly bytesMax: number;
  /** Whether private, loopback and link-local addresses may be connected to. */
  readonly privateAllowed: boolean;
  /** Asked when there is a connection, just before the first byte: making one takes time. By default always true. */
  readonly mayStart?: () => boolean;
  readonly signal: AbortSignal;
}

/** Sends single requests over connections that are kept. Sends nothing twice, follows nothing. */
export interface Wire {
  exchange(request: HttpRequest, limits: ExchangeLimits): Promise<Exchange>;
  close(): Promise<void>;
}

/** How long a connection may take to be made, in ms. */
const connectMsMax = 10_000;
const connectionsMax = 64;

/** Loads its HTTP client on first use: a server that is never called does without. */
export function createWire(): Wire {
  const agents = new Map<boolean, Promise<Agent>>();
  const agentFor = (privateAllowed: boolean, timeoutMs: number): Promise<Agent> => {
    const known = agents.get(privateAllowed);
    if (known) return known;
    const timeout = Math.min(timeoutMs, connectMsMax);
    const connect = privateAllowed ? { timeout } : { timeout, lookup: publicLookup };
    // Our own timers bound an exchange: undici's have a second's grain.
    const opened = import('undici').then(
      ({ Agent }) => new Agent({ connect, connections: connectionsMax, headersTimeout: 0, bodyTimeout: 0 }),
    );
    agents.set(privateAllowed, opened);
    return opened;
  };
  return {
    async exchange(request, limits) {
      const { hostname } = new URL(request.url);
      if (!limits.privateAllowed && isPrivateLiteral(hostname)) return unanswered(false, 'private');
      if (limits.signal.aborted) return unanswered(false, 'cancelled');
      const raw = await new OneExchange(request, limits).run(await agentFor(limits.privateAllowed, limits.timeoutMs));
      if (raw.type === 'unanswered') return raw;
      const { body, end } = await decompress(raw, raw.headers['content-encoding'], limits.bytesMax);
      return { ...raw, body, end };
    },
    async close() {
      const opened = [...agents.values()];
      agents.clear();
      await Promise.all(opened.map(async (agent) => (await agent).close()));
    },
  };
}

/** One request and its answer, from the first byte to the last, or to whatever ends it before. */
class OneExchange {
  readonly #request: HttpRequest;
  readonly #limits: ExchangeLimits;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #head: { status: number; headers: Record<string, string> } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settle: ((result: Exchange) => void) | undefined;
  readonly #cancel = (): void => this.#stop('cancelled');

  constructor(request: HttpRequest, limits: ExchangeLimits) {
    this.#request = request;
    this.#limits = limits;
  }

  run(agent: Agent): Promise<Exchange> {
    const { origin, pathname, search } = new URL(this.#request.url);
    const { method, body } = this.#request;
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#startTimer();
      this.#limits.signal.addEventListener('abort', this.#cancel, { once: true });
      const headers = { ...this.#request.headers, 'accept-encoding': acceptEncoding };
      agent.dispatch({ origin, path: pathname + search, method, headers, body: body ?? null }, this.#handler());
    });
  }

  #handler(): Dispatcher.DispatchHandler {
    return {
      onRequestStart: (controller) => {
        // Given up while it was still connecting: not a byte of it may leave now.
        if (!this.#settle) return controller.abort(new Error('given up'));
        if (this.#limits.mayStart?.() === false) {
          this.#end(unanswered(false, 'withdrawn'));
          return controller.abort(new Error('withdrawn'));
        }
        this.#controller = controller;
      },
      onResponseStart: (_controller, status, headers) => {
        if (status < 200) return;
        this.#head = { status, headers: lastOfEach(headers) };
        this.#startTimer();
      },
      onResponseData: (_controller, chunk) => this.#take(chunk),
      onResponseEnd: () => this.#finish('whole'),
      onResponseError: (_controller, error) => {
        if (this.#head) this.#finish('broken');
        else this.#fail(whyOf(error), codeOf(error));
      },
    };
  }

  #take(chunk: Buffer): void {
    if (!this.#settle) return;
    const room = this.#limits.bytesMax - this.#bytes;
    this.#chunks.push(Buffer.from(chunk.subarray(0, Math.max(room, 0))));
    this.#bytes += chunk.length;
    if (chunk.length > room) this.#finish('limit');
  }

  #startTimer(): void {
    clearTimeout(this.#timer);
    if (this.#settle) this.#timer = setTimeout(() => this.#stop('timeout'), this.#limits.timeoutMs);
  }

  #stop(why: 'timeout' | 'cancelled'): void {
    if (this.#head) this.#finish('broken');
    else this.#fail(why, '');
  }

  #finish(end: BodyEnd): void {
    if (this.#head) this.#end({ type: 'answered', ...this.#head, body: Buffer.concat(this.#chunks), end });
    if (end !== 'whole') this.#controller?.abort(new Error('the rest is not read'));
  }

  #fail(why: Unanswered['why'], code: string): void {
    this.#end(unanswered(this.#controller !== undefined, why, code));
    this.#controller?.abort(new Error('given up'));
  }

  #end(result: Exchange): void {
    clearTimeout(this.#timer);
    this.#limits.signal.removeEventListener('abort', this.#cancel);
    this.#settle?.(result);
    this.#settle = undefined;
  }
}

function unanswered(sent: boolean, why: Unanswered['why'], code = ''): Unanswered {
  return { type: 'unanswered', sent, why, code };
}

function codeOf(error: unknown): string {
  return isErrnoException(error) ? String(error.code) : '';
}

function whyOf(error: unknown): Unanswered['why'] {
  const code = codeOf(error);
  if (code === PRIVATE_ADDRESS) return 'private';
  if (code === 'ECONNREFUSED' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH' || code === 'EADDRNOTAVAIL') {
    return 'refused';
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'not-found';
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'timeout';
  const isCertificate = /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS|^ERR_SSL|^EPROTO$/.test(code);
  return isCertificate ? 'certificate' : 'broken';
}

function lastOfEach(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const last: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers)) {
    const text = Array.isArray(value) ? value.at(-1) : value;
    if (text !== undefined && name !== 'set-cookie') last[name] = text;
  }
  return { ...last };
}
