import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { holdsMark, restoreNumbers } from '../core/exact-json.ts';

/** How long a caller may leave written data unread, in ms. */
const readMs = 60_000;

/** How many requests of one connection may wait behind another one. */
const pipelinedMax = 256;

/** The SDKs read only the path. The host has been checked before. */
const anyUrl = 'http://localhost/mcp';

class RequestHeaders {
  readonly #fields: IncomingMessage['headers'];

  constructor(fields: IncomingMessage['headers']) {
    this.#fields = fields;
  }

  get(name: string): string | null {
    const value = this.#fields[name.toLowerCase()];
    return Array.isArray(value) ? value.join(', ') : (value ?? null);
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  *entries(): IterableIterator<[string, string]> {
    for (const name of Object.keys(this.#fields)) yield [name, this.get(name) ?? ''];
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
}

/** The part of a fetch `Request` that the SDKs read. The body has been read and checked before. */
class ReadRequest {
  readonly url = anyUrl;
  readonly method: string;
  readonly headers: RequestHeaders;
  readonly #response: ServerResponse;
  #signal: AbortSignal | undefined;

  constructor({ method = 'GET', headers }: IncomingMessage, response: ServerResponse) {
    this.method = method;
    this.headers = new RequestHeaders(headers);
    this.#response = response;
  }

  /** Aborts when the caller leaves before its response is written. Made on first use, because few requests need it. */
  get signal(): AbortSignal {
    this.#signal ??= leaving(this.#response);
    return this.#signal;
  }
}

/**
 * Presents a Node request as the fetch `Request` that the SDKs expect. A real one takes 45 µs to make, an eighth of a
 * replay, for a body and other parts that nothing reads.
 */
export function toWebRequest(request: IncomingMessage, response: ServerResponse): Request {
  return new ReadRequest(request, response) as unknown as Request;
}

function leaving(response: ServerResponse): AbortSignal {
  const left = new AbortController();
  const leave = (): void => {
    if (!response.writableFinished) left.abort();
  };
  if (response.closed || response.destroyed) leave();
  else response.once('close', leave);
  return left.signal;
}

/** Makes an HTTP response with a JSON-RPC error that belongs to no request id. */
export function httpError(
  status: number,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message } }, { status, headers });
}

/** The responses of each connection that wait behind another one. */
const waitingResponses = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * Closes a response with its connection. With pipelined requests, Node emits `close` only for the response whose turn
 * it is; the others would never end and would keep their slots. A connection with very many pipelined requests is cut
 * off, because each takes memory even before its sender is authenticated.
 */
export function closeWithConnection({ socket }: IncomingMessage, response: ServerResponse): void {
  if (response.socket) return;
  const waiting = waitingResponses.get(socket) ?? waitingOn(socket);
  waiting.add(response);
  response.once('socket', () => waiting.delete(response));
  if (waiting.size > pipelinedMax) socket.destroy();
}

function waitingOn(socket: Socket): Set<ServerResponse> {
  const waiting = new Set<ServerResponse>();
  waitingResponses.set(socket, waiting);
  socket.once('close', () => {
    for (const response of waiting) {
      response.destroy();
      response.emit('close');
    }
  });
  return waiting;
}

/** Writes a response, a stream as it comes. Resolves when all is written or the caller has gone. Never rejects. */
export async function writeResponse(response: ServerResponse, content: Response): Promise<void> {
  if (response.destroyed || response.headersSent) {
    await content.body?.cancel().catch(() => undefined);
    return;
  }
  const headers = Object.fromEntries(content.headers);
  // The SDK adds this to streams. Keeping the connection is decided between the caller and this server.
  if (headers.connection === 'keep-alive') delete headers.connection;
  response.writeHead(content.status, headers);
  if (!content.body) {
    response.end();
    return;
  }
  const reader = content.body.getReader();
  const stop = (): void => void reader.cancel().catch(() => undefined);
  response.once('close', stop);
  const batch = new WriteBatch(response);
  batch.begin();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      batch.begin();
      if (!response.write(withNumbers(value))) await drained(response);
    }
    response.end();
  } catch {
    response.destroy();
  } finally {
    batch.end();
    response.off('close', stop);
  }
}

/** The SDKs write marked numbers as strings. Each of their chunks holds whole messages. */
function withNumbers(chunk: Uint8Array): Uint8Array | string {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return holdsMark(bytes) ? restoreNumbers(bytes.toString()) : chunk;
}

/**
 * Sends everything that one turn of the event loop writes in one packet: usually head, events and end. Each packet
 * costs as much as a whole replay. A stream without events yet gets its head at the end of the turn.
 */
class WriteBatch {
  readonly #response: ServerResponse;
  #turn: NodeJS.Immediate | undefined;
  #isHeadSent = false;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  begin(): void {
    if (this.#turn) return;
    this.#response.cork();
    this.#turn = setImmediate(() => {
      // Node holds a head without a body back until it is flushed.
      if (!this.#isHeadSent) this.#response.flushHeaders();
      this.#isHeadSent = true;
      this.end();
    });
  }

  end(): void {
    if (!this.#turn) return;
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#response.uncork();
  }
}

/** Waits until the caller has read. One that does not read is cut off, because unread data takes memory. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const bound = setTimeout(() => response.destroy(), readMs);
    const end = (): void => {
      clearTimeout(bound);
      response.off('drain', end);
      response.off('close', end);
      resolve();
    };
    response.on('drain', end);
    response.on('close', end);
    if (response.destroyed) end();
  });
}
