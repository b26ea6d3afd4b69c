import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { describeError } from '../../core/errors.ts';
import { classifyNodeError } from '../../core/tool/classify.ts';
import type { OAuthAccess } from '../login/access.ts';
import { type BodyEnding, watchBody } from './http-body.ts';
import { patientFetch } from './http-fetch.ts';
import { claimLost, type Link, type LinkEvents, type MaySend, ServerFault } from './link.ts';
import { isRequest, type RpcId, type RpcMessage } from './message.ts';

export interface HttpOptions {
  /** For messages. */
  readonly name: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** The longest message that is read, in bytes. Default 64 MiB. */
  readonly messageBytesMax?: number;
  /** How it is spoken to; `any` becomes one of the others at the first `initialize`. Shared by all links of a server. */
  readonly speaks: { kind: 'any' | 'streamable' | 'sse' };
  /** The login that is kept for it, shared by all links of a server; undefined where its headers hold one. */
  readonly access?: OAuthAccess | undefined;
}

type HttpTransport = StreamableHTTPClientTransport | SSEClientTransport;

/** An answer of these to `initialize` may be that of a server of the older transport (MCP 2025-11-25, transports). */
const olderStatuses = new Set([400, 404, 405]);
/** These were refused as a whole, whatever was asked. */
const refusals = new Set([301, 307, 308, 400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 421, 429, 431]);
/** How long the parser may take after the last byte, in ms, and how long the rest of a stream is waited for. */
const graceMs = 200;
const resumeMs = 120_000;
/** How long the end of a session may take to be told, in ms. */
const terminateMs = 2_000;

/** One HTTP session with an MCP server: Streamable HTTP, or the older HTTP with SSE. */
export class HttpLink implements Link {
  readonly #options: HttpOptions;
  readonly #events: LinkEvents;
  readonly #authorized: typeof patientFetch;
  /** Requests that have no answer yet. */
  readonly #waiting = new Set<RpcId>();
  /** Of the requests that are being sent: a login may have to be renewed first. */
  readonly #mayBeSent = new Map<RpcId, MaySend>();
  #transport: HttpTransport | undefined;
  #isClosed = false;

  constructor(options: HttpOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    this.#authorized = options.access?.wrapFetch(this.#fetchInTime) ?? this.#fetchInTime;
  }

  async start(): Promise<void> {
    const { speaks } = this.#options;
    await this.#begin(speaks.kind === 'sse' ? this.#sse() : this.#streamable());
  }

  async send(message: RpcMessage, maySend?: MaySend): Promise<void> {
    if (isRequest(message)) {
      this.#waiting.add(message.id);
      if (maySend) this.#mayBeSent.set(message.id, maySend);
    }
    try {
      await this.#transport?.send(message as JSONRPCMessage);
    } catch (error) {
      if (isRequest(message)) this.#waiting.delete(message.id);
      if (isRequest(message) && message.method === 'initialize' && this.#mayBeOlder(error)) {
        await this.#sendOlder(message, error);
        return;
      }
      throw this.#faultOf(error);
    } finally {
      if (isRequest(message)) this.#mayBeSent.delete(message.id);
    }
  }

  agreed(protocolVersion: string): void {
    if (this.#options.speaks.kind === 'any') this.#options.speaks.kind = 'streamable';
    this.#transport?.setProtocolVersion(protocolVersion);
  }

  setReading(): void {}

  async close(): Promise<void> {
    this.#isClosed = true;
    const transport = this.#transport;
    this.#transport = undefined;
    if (transport instanceof StreamableHTTPClientTransport) {
      const told = transport.terminateSession().catch(() => undefined);
      await Promise.race([told, new Promise<void>((resolve) => setTimeout(resolve, terminateMs).unref())]);
    }
    await transport?.close();
    for (const id of this.#waiting) {
      this.#events.lost(id, new ServerFault('unknown', `${this.#options.name}: its session ended before it answered`));
    }
  }

  #streamable(): HttpTransport {
    const { url, headers } = this.#options;
    return new StreamableHTTPClientTransport(url, { requestInit: { headers: { ...headers } }, fetch: this.#fetch });
  }

  #sse(): HttpTransport {
    const { url, headers } = this.#options;
    return new SSEClientTransport(url, { requestInit: { headers: { ...headers } }, fetch: this.#authorized });
  }

  async #begin(transport: HttpTransport): Promise<void> {
    this.#transport = transport;
    const isSse = transport instanceof SSEClientTransport;
    let isOpen = false;
    (transport as Transport).onmessage = (message) => {
      const answer = message as RpcMessage;
      if (!('method' in answer)) this.#waiting.delete(answer.id);
      this.#events.message(answer);
    };
    transport.onerror = (error) => {
      // Of the older transport the one stream carries all answers; without it there are none.
      if (isSse && isOpen && isStreamEnd(error)) this.#broken('its event stream broke');
      else if (/maximum reconnection attempts/i.test(error.message)) this.#resumeFailed();
    };
    try {
      await transport.start();
      isOpen = true;
    } catch (error) {
      throw this.#faultOf(error);
    }
  }

  #mayBeOlder(error: unknown): boolean {
    const { speaks } = this.#options;
    return speaks.kind === 'any' && error instanceof StreamableHTTPError && olderStatuses.has(error.code ?? 0);
  }

  async #sendOlder(message: RpcMessage, first: unknown): Promise<void> {
    await this.#transport?.close();
    try {
      await this.#begin(this.#sse());
    } catch (error) {
      const { name } = this.#options;
      const both = `${name} speaks neither Streamable HTTP (${describeError(first)}) nor SSE (${describeError(error)})`;
      throw new ServerFault('not_executed', both, { cause: first });
    }
    this.#options.speaks.kind = 'sse';
    await this.send(message);
  }

  #broken(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.closed(reason);
  }

  readonly #fetchInTime: typeof patientFetch = async (url, init) => {
    const ids = this.#mayBeSent.size > 0 && init?.method === 'POST' ? idsIn(init.body) : [];
    if (ids.some((id) => this.#mayBeSent.get(id)?.() === false)) throw claimLost(this.#options.name);
    return patientFetch(url, init);
  };

  readonly #fetch = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const response = await this.#authorized(url, init);
    if (!response.ok || !response.body) return response;
    const ids = init?.method === 'POST' ? idsIn(init.body) : [];
    const isEventStream = /^text\/event-stream/i.test(response.headers.get('content-type') ?? '');
    const { messageBytesMax = 64 * 1024 * 1024 } = this.#options;
    const ended = (how: BodyEnding): void => this.#bodyEnded(ids, how);
    const body = watchBody(response.body, { messageBytesMax, isEventStream, ended });
    const { status, statusText, headers } = response;
    return new Response(body, { status, statusText, headers });
  };

  /** A stream that ends before the answer has broken, unless its rest can be asked for. */
  #bodyEnded(ids: readonly RpcId[], { fault, isResumable }: BodyEnding): void {
    const what = fault === 'too_large' ? 'its answer is larger than what is read' : 'its answer broke off';
    const isOver = fault === 'too_large' || !isResumable;
    for (const id of ids) this.#loseAfter(id, isOver ? graceMs : resumeMs, what);
  }

  #loseAfter(id: RpcId, delayMs: number, what: string): void {
    setTimeout(() => {
      if (!this.#waiting.delete(id) || this.#isClosed) return;
      this.#events.lost(id, new ServerFault('unknown', `${this.#options.name}: ${what}`));
    }, delayMs).unref();
  }

  #resumeFailed(): void {
    for (const id of [...this.#waiting]) this.#loseAfter(id, 0, 'its answer broke off, and its rest is not to be had');
  }

  #faultOf(error: unknown): ServerFault {
    const { name } = this.#options;
    if (error instanceof ServerFault) {
      this.#events.warning(error.message.replace(`${name}: `, ''));
      return error;
    }
    const message = `${name}: ${describeError(error)}`;
    if (error instanceof UnauthorizedError) return new ServerFault('not_executed', message, { cause: error });
    const status = statusOf(error);
    if (status === undefined) return new ServerFault(classifyNodeError(error), message, { cause: error });
    const isOver = status === 404 || (status === 400 && /session/i.test(message));
    const sessionGone = isOver && this.#transport?.constructor === StreamableHTTPClientTransport && this.#hasSession();
    const isRefused = refusals.has(status);
    const told = `${name} answered with HTTP ${status}`;
    return new ServerFault(isRefused ? 'not_executed' : 'unknown', told, { sessionGone, cause: error });
  }

  #hasSession(): boolean {
    return this.#transport instanceof StreamableHTTPClientTransport && this.#transport.sessionId !== undefined;
  }
}

/** Of the older transport's errors only the text says which status it was. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof StreamableHTTPError) return error.code === undefined || error.code < 0 ? undefined : error.code;
  const told = error instanceof Error ? /\(HTTP (\d{3})\)/.exec(error.message)?.[1] : undefined;
  return told === undefined ? undefined : Number(told);
}

/** An error of the stream itself, and not of a message that was sent beside it. */
function isStreamEnd(error: Error): boolean {
  return /^SSE error/.test(error.message);
}

/** The requests in a body that was posted. */
function idsIn(body: unknown): RpcId[] {
  if (typeof body !== 'string') return [];
  const message = JSON.parse(body) as RpcMessage;
  return isRequest(message) ? [message.id] : [];
}
