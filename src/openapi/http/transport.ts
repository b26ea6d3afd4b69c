import type { Agent, Dispatcher } from 'undici';
import { isPrivateLiteral, PRIVATE_ADDRESS, publicLookup } from '../../core/addresses.ts';
import { isErrnoException } from '../../core/errors.ts';
import { acceptEncoding, type BodyCompleteness, decompress } from './decompress.ts';
import type { HttpRequest } from './types.ts';

/** The result of sending one request once. */
export type TransportResult = ReceivedResponse | NoResponse;

export interface ReceivedResponse {
  readonly type: 'response';
  readonly status: number;
  /** Names in lower case, without `set-cookie`. A repeated header has its last value. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  readonly body: Buffer;
  readonly completeness: BodyCompleteness;
}

export interface NoResponse {
  readonly type: 'no-response';
  /** False only if no byte of the request can have been sent. */
  readonly sent: boolean;
  readonly reason:
    | 'refused'
    | 'not-found'
    | 'certificate'
    | 'private'
    | 'timeout'
    | 'broken'
    | 'cancelled'
    | 'withdrawn';
  /** The error code, such as `ECONNRESET`, or '' without one. */
  readonly code: string;
}

export interface TransportLimits {
  /** The longest wait for the status line, and then for the body, each in ms. */
  readonly timeoutMs: number;
  /** The longest body, in bytes, both compressed and decompressed. */
  readonly bytesMax: number;
  /** Whether connections to private, loopback and link-local addresses are allowed. */
  readonly privateAllowed: boolean;
  /** Called when the connection is open, just before the first byte. False cancels the request. @defaultValue always true */
  readonly maySend?: () => boolean;
  readonly signal: AbortSignal;
}

/** Sends single requests over persistent connections. Never retries, never follows redirects. */
export interface HttpTransport {
  send(request: HttpRequest, limits: TransportLimits): Promise<TransportResult>;
  close(): Promise<void>;
}

/** The longest time to open a connection, in ms. */
const connectMsMax = 10_000;
const connectionsMax = 64;

/** Creates a transport. It loads the HTTP client on first use, so that unused tools cost nothing. */
export function createTransport(): HttpTransport {
  const agents = new Map<boolean, Promise<Agent>>();
  const agentFor = (privateAllowed: boolean, timeoutMs: number): Promise<Agent> => {
    const known = agents.get(privateAllowed);
    if (known) return known;
    const timeout = Math.min(timeoutMs, connectMsMax);
    const connect = privateAllowed ? { timeout } : { timeout, lookup: publicLookup };
    // undici's timers have a resolution of a second, so SingleRequest has its own.
    const opened = import('undici').then(
      ({ Agent }) => new Agent({ connect, connections: connectionsMax, headersTimeout: 0, bodyTimeout: 0 }),
    );
    agents.set(privateAllowed, opened);
    return opened;
  };
  return {
    async send(request, limits) {
      const { hostname } = new URL(request.url);
      if (!limits.privateAllowed && isPrivateLiteral(hostname)) return noResponse(false, 'private');
      if (limits.signal.aborted) return noResponse(false, 'cancelled');
      const raw = await new SingleRequest(request, limits).run(await agentFor(limits.privateAllowed, limits.timeoutMs));
      if (raw.type === 'no-response') return raw;
      const { body, completeness } = await decompress(raw, raw.headers['content-encoding'], limits.bytesMax);
      return { ...raw, body, completeness };
    },
    async close() {
      const opened = [...agents.values()];
      agents.clear();
      await Promise.all(opened.map(async (agent) => (await agent).close()));
    },
  };
}

/** One request and its response, until the last byte, an error, a time-out or cancellation. */
class SingleRequest {
  readonly #request: HttpRequest;
  readonly #limits: TransportLimits;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #head: { status: number; headers: Record<string, string> } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settle: ((result: TransportResult) => void) | undefined;
  readonly #cancel = (): void => this.#stop('cancelled');

  constructor(request: HttpRequest, limits: TransportLimits) {
    this.#request = request;
    this.#limits = limits;
  }

  run(agent: Agent): Promise<TransportResult> {
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
        // The request already failed while connecting. Nothing may be sent now.
        if (!this.#settle) return controller.abort(new Error('given up'));
        if (this.#limits.maySend?.() === false) {
          this.#end(noResponse(false, 'withdrawn'));
          return controller.abort(new Error('withdrawn'));
        }
        this.#controller = controller;
      },
      onResponseStart: (_controller, status, headers) => {
        if (status < 200) return;
        this.#head = { status, headers: lastValues(headers) };
        this.#startTimer();
      },
      onResponseData: (_controller, chunk) => this.#take(chunk),
      onResponseEnd: () => this.#finish('complete'),
      onResponseError: (_controller, error) => {
        if (this.#head) this.#finish('broken');
        else this.#fail(reasonOf(error), errorCodeOf(error));
      },
    };
  }

  #take(chunk: Buffer): void {
    if (!this.#settle) return;
    const room = this.#limits.bytesMax - this.#bytes;
    this.#chunks.push(Buffer.from(chunk.subarray(0, Math.max(room, 0))));
    this.#bytes += chunk.length;
    if (chunk.length > room) this.#finish('too-long');
  }

  #startTimer(): void {
    clearTimeout(this.#timer);
    if (this.#settle) this.#timer = setTimeout(() => this.#stop('timeout'), this.#limits.timeoutMs);
  }

  #stop(reason: 'timeout' | 'cancelled'): void {
    if (this.#head) this.#finish('broken');
    else this.#fail(reason, '');
  }

  #finish(completeness: BodyCompleteness): void {
    if (this.#head) this.#end({ type: 'response', ...this.#head, body: Buffer.concat(this.#chunks), completeness });
    if (completeness !== 'complete') this.#controller?.abort(new Error('the rest is not read'));
  }

  #fail(reason: NoResponse['reason'], code: string): void {
    this.#end(noResponse(this.#controller !== undefined, reason, code));
    this.#controller?.abort(new Error('given up'));
  }

  #end(result: TransportResult): void {
    clearTimeout(this.#timer);
    this.#limits.signal.removeEventListener('abort', this.#cancel);
    this.#settle?.(result);
    this.#settle = undefined;
  }
}

function noResponse(sent: boolean, reason: NoResponse['reason'], code = ''): NoResponse {
  return { type: 'no-response', sent, reason, code };
}

function errorCodeOf(error: unknown): string {
  return isErrnoException(error) ? String(error.code) : '';
}

function reasonOf(error: unknown): NoResponse['reason'] {
  const code = errorCodeOf(error);
  if (code === PRIVATE_ADDRESS) return 'private';
  if (code === 'ECONNREFUSED' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH' || code === 'EADDRNOTAVAIL') {
    return 'refused';
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'not-found';
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'timeout';
  const isCertificate = /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS|^ERR_SSL|^EPROTO$/.test(code);
  return isCertificate ? 'certificate' : 'broken';
}

function lastValues(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const last: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers)) {
    const text = Array.isArray(value) ? value.at(-1) : value;
    if (text !== undefined && name !== 'set-cookie') last[name] = text;
  }
  return { ...last };
}
