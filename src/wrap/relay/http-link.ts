import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { Agent, fetch as undiciFetch } from 'undici';
import { describeError } from '../../core/errors.ts';
import { restoreNumbers } from '../../core/exact-json.ts';
import { defined } from '../../core/json.ts';
import { classifyNodeError } from '../../core/tool/classify.ts';
import type { OAuthAccess } from '../login/access.ts';
import { type BodyEnding, markedBody, watchBody } from './http-body.ts';
import { claimLost, type Link, type LinkEvents, type MaySend, ServerFault } from './link.ts';
import { isRequest, type RpcId, type RpcMessage } from './message.ts';

export interface HttpOptions {
  /** Names the server in messages. */
  readonly name: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** The longest message that is read, in bytes. @defaultValue 64 MiB */
  readonly messageBytesMax?: number;
  /** The transport; the first `initialize` replaces `any` by the one that works. Shared by all links of a server. */
  readonly protocol: { kind: 'any' | 'streamable' | 'sse' };
  /** The stored login, shared by all links of a server; undefined where the headers hold a token. */
  readonly access?: OAuthAccess | undefined;
  /** Opens the connections. @defaultValue an agent that all servers share */
  readonly agent?: Agent | undefined;
}

type HttpTransport = StreamableHTTPClientTransport | SSEClientTransport;

/** A server of the older transport answers `initialize` with one of these (MCP 2025-11-25, transports). */
const olderStatuses = new Set([400, 404, 405]);
/** A server that answers with one of these has executed nothing. */
const refusedStatuses = new Set([
  301, 307, 308, 400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 421, 429, 431,
]);
/** How long the parser may take after the last byte of a body, in ms. */
const parseMs = 200;
/** How long the rest of a resumable stream may take, in ms. */
const resumeMs = 120_000;
/** The time limit for telling the server that its session has ended, in ms. */
const terminateMs = 2_000;

/** One HTTP session with an MCP server: Streamable HTTP, or the older HTTP with SSE. */
export class HttpLink implements Link {
  readonly #options: HttpOptions;
  readonly #events: LinkEvents;
  readonly #authorizedFetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
  /** The ids of the open requests. */
  readonly #waiting = new Set<RpcId>();
  /** Checks for the requests that are being sent, because renewing a login may delay them. */
  readonly #maySendById = new Map<RpcId, MaySend>();
  #transport: HttpTransport | undefined;
  #isClosed = false;

  constructor(options: HttpOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    this.#authorizedFetch = options.access?.wrapFetch(this.#fetchInTime) ?? this.#fetchInTime;
  }

  async start(): Promise<void> {
    const { protocol } = this.#options;
    await this.#startTransport(protocol.kind === 'sse' ? this.#sse() : this.#streamable());
  }

  async send(message: RpcMessage, maySend?: MaySend): Promise<void> {
    if (isRequest(message)) {
      this.#waiting.add(message.id);
      if (maySend) this.#maySendById.set(message.id, maySend);
    }
    try {
      await this.#transport?.send(message as JSONRPCMessage);
    } catch (error) {
      if (isRequest(message)) this.#waiting.delete(message.id);
      if (isRequest(message) && message.method === 'initialize' && this.#mayUseOlderTransport(error)) {
        await this.#sendByOlderTransport(message, error);
        return;
      }
      throw this.#faultOf(error);
    } finally {
      if (isRequest(message)) this.#maySendById.delete(message.id);
    }
  }

  setProtocolVersion(protocolVersion: string): void {
    if (this.#options.protocol.kind === 'any') this.#options.protocol.kind = 'streamable';
    this.#transport?.setProtocolVersion(protocolVersion);
  }

  setReading(): void {}

  async close(): Promise<void> {
    this.#isClosed = true;
    const transport = this.#transport;
    this.#transport = undefined;
    if (transport instanceof StreamableHTTPClientTransport) {
      const ending = transport.terminateSession().catch(() => undefined);
      await Promise.race([ending, new Promise<void>((resolve) => setTimeout(resolve, terminateMs).unref())]);
    }
    await transport?.close();
    for (const id of this.#waiting) {
      this.#events.lost(
        id,
        new ServerFault('unknown', `${this.#options.name}: the session ended before the server responded`),
      );
    }
  }

  #streamable(): HttpTransport {
    const { url, headers } = this.#options;
    return new StreamableHTTPClientTransport(url, { requestInit: { headers: { ...headers } }, fetch: this.#fetch });
  }

  #sse(): HttpTransport {
    const { url, headers } = this.#options;
    return new SSEClientTransport(url, { requestInit: { headers: { ...headers } }, fetch: this.#fetchEvents });
  }

  async #startTransport(transport: HttpTransport): Promise<void> {
    this.#transport = transport;
    const isSse = transport instanceof SSEClientTransport;
    let isOpen = false;
    (transport as Transport).onmessage = (message) => {
      const answer = message as RpcMessage;
      if (!('method' in answer)) this.#waiting.delete(answer.id);
      this.#events.message(answer);
    };
    transport.onerror = (error) => {
      // In the older transport, one stream carries all responses.
      if (isSse && isOpen && isStreamEnd(error)) this.#endBroken('the event stream broke off');
      else if (/maximum reconnection attempts/i.test(error.message)) this.#resumeFailed();
    };
    try {
      await transport.start();
      isOpen = true;
    } catch (error) {
      throw this.#faultOf(error);
    }
  }

  #mayUseOlderTransport(error: unknown): boolean {
    const { protocol } = this.#options;
    return protocol.kind === 'any' && error instanceof StreamableHTTPError && olderStatuses.has(error.code ?? 0);
  }

  async #sendByOlderTransport(message: RpcMessage, first: unknown): Promise<void> {
    await this.#transport?.close();
    try {
      await this.#startTransport(this.#sse());
    } catch (error) {
      const { name } = this.#options;
      const both = `${name} speaks neither Streamable HTTP (${describeError(first)}) nor SSE (${describeError(error)})`;
      throw new ServerFault('not_executed', both, { cause: first });
    }
    this.#options.protocol.kind = 'sse';
    await this.send(message);
  }

  #endBroken(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.closed(reason);
  }

  readonly #fetchInTime: typeof fetchWithoutTimeout = async (url, init) => {
    const ids = this.#maySendById.size > 0 && init?.method === 'POST' ? idsIn(init.body) : [];
    if (ids.some((id) => this.#maySendById.get(id)?.() === false)) throw claimLost(this.#options.name);
    return fetchWithoutTimeout(url, init, this.#options.agent);
  };

  readonly #fetch = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const response = await this.#authorizedFetch(url, init);
    if (!response.ok || !response.body) return response;
    const ids = init?.method === 'POST' ? idsIn(init.body) : [];
    const isEventStream = isEventStreamOf(response);
    const { messageBytesMax = 64 * 1024 * 1024 } = this.#options;
    const ended = (how: BodyEnding): void => this.#bodyEnded(ids, how);
    const body = markedBody(watchBody(response.body, { messageBytesMax, isEventStream, ended }), isEventStream);
    const { status, statusText, headers } = response;
    return new Response(body, { status, statusText, headers });
  };

  /** Fetches for the older transport: its stream has the responses of all requests, so its end fails no single one. */
  readonly #fetchEvents = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const response = await this.#authorizedFetch(url, init);
    if (!response.ok || !response.body || !isEventStreamOf(response)) return response;
    const { status, statusText, headers } = response;
    return new Response(markedBody(response.body, true), { status, statusText, headers });
  };

  /** Fails the requests of a body that ended without a response, unless its rest can be requested. */
  #bodyEnded(ids: readonly RpcId[], { fault, isResumable }: BodyEnding): void {
    const what = fault === 'too_large' ? 'the response is too large' : 'the response broke off';
    const isOver = fault === 'too_large' || !isResumable;
    for (const id of ids) this.#failAfter(id, isOver ? parseMs : resumeMs, what);
  }

  #failAfter(id: RpcId, delayMs: number, what: string): void {
    setTimeout(() => {
      if (!this.#waiting.delete(id) || this.#isClosed) return;
      this.#events.lost(id, new ServerFault('unknown', `${this.#options.name}: ${what}`));
    }, delayMs).unref();
  }

  #resumeFailed(): void {
    for (const id of [...this.#waiting]) this.#failAfter(id, 0, 'the response broke off and cannot be resumed');
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
    const isRefused = refusedStatuses.has(status);
    const summary = `${name} answered with HTTP ${status}`;
    return new ServerFault(isRefused ? 'not_executed' : 'unknown', summary, { sessionGone, cause: error });
  }

  #hasSession(): boolean {
    return this.#transport instanceof StreamableHTTPClientTransport && this.#transport.sessionId !== undefined;
  }
}

/** Reads the HTTP status of an error. The older transport puts it into the text only. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof StreamableHTTPError) return error.code === undefined || error.code < 0 ? undefined : error.code;
  const status = error instanceof Error ? /\(HTTP (\d{3})\)/.exec(error.message)?.[1] : undefined;
  return status === undefined ? undefined : Number(status);
}

function isEventStreamOf(response: Response): boolean {
  return /^text\/event-stream/i.test(response.headers.get('content-type') ?? '');
}

/** Whether the event stream itself failed, and not a message that was posted. */
function isStreamEnd(error: Error): boolean {
  return /^SSE error/.test(error.message);
}

/** Returns the id of the request in a posted body. */
function idsIn(body: unknown): RpcId[] {
  if (typeof body !== 'string') return [];
  const message = JSON.parse(body) as RpcMessage;
  return isRequest(message) ? [message.id] : [];
}

let sharedAgent: Agent | undefined;

/**
 * `fetch` without the 5 min limit of the built-in one: a tool may run longer, and an event stream may be silent longer.
 * The SDK follows the redirects that keep a request unchanged within its origin, and returns any other.
 */
async function fetchWithoutTimeout(url: string | URL, init?: RequestInit, agent?: Agent): Promise<Response> {
  sharedAgent ??= new Agent({ headersTimeout: 0, bodyTimeout: 0, connectTimeout: 10_000 });
  const body = typeof init?.body === 'string' ? restoreNumbers(init.body) : init?.body;
  const options = { ...init, ...defined({ body }), dispatcher: agent ?? sharedAgent } as unknown as Parameters<
    typeof undiciFetch
  >[1];
  return (await undiciFetch(url, options)) as unknown as Response;
}
