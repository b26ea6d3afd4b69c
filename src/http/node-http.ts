import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** How long a caller may take to read what is waiting for it, in ms. */
const readMs = 60_000;

/** How many requests may wait behind another one on a connection. */
const behindMax = 256;

/** The SDKs look at the path only; the host has been checked before. */
const anyUrl = 'http://localhost/mcp';

/** The SDKs ask by names in lower case. */
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

/** What the SDKs read of a request: its body is read already, and checked. */
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

  /** Aborts when the caller goes away before its answer is written. Few ask for it. */
  get signal(): AbortSignal {
    this.#signal ??= leaving(this.#response);
    return this.#signal;
  }
}

/**
 * A request as the SDKs take it. One of fetch takes 45 µs to make, an eighth of a replay, for a body and much else that
 * nobody looks at.
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

/** A JSON-RPC error that is not about a certain request. */
export function httpError(
  status: number,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message } }, { status, headers });
}

/** The responses of each connection that wait behind another one. */
const behind = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * Node tells only the response whose turn it is that its connection has closed. One that waits behind another
 * (requests sent without waiting for answers) would never end, and nor would what is held for it. Who sends very
 * many so is cut off: each takes memory, also before it is known who sends it.
 */
export function closeWithConnection({ socket }: IncomingMessage, response: ServerResponse): void {
  if (response.socket) return;
  const waiting = behind.get(socket) ?? waitingOn(socket);
  waiting.add(response);
  response.once('socket', () => waiting.delete(response));
  if (waiting.size > behindMax) socket.destroy();
}

function waitingOn(socket: Socket): Set<ServerResponse> {
  const waiting = new Set<ServerResponse>();
  behind.set(socket, waiting);
  socket.once('close', () => {
    for (const response of waiting) {
      response.destroy();
      response.emit('close');
    }
  });
  return waiting;
}

/** Writes an answer, a stream as it comes. Resolves when all is written, or the caller is gone. Never rejects. */
export async function writeResponse(response: ServerResponse, answer: Response): Promise<void> {
  if (response.destroyed || response.headersSent) {
    await answer.body?.cancel().catch(() => undefined);
    return;
  }
  const headers = Object.fromEntries(answer.headers);
  // The SDK's, on streams: whether the connection is kept is between the caller and this server.
  if (headers.connection === 'keep-alive') delete headers.connection;
  response.writeHead(answer.status, headers);
  if (!answer.body) {
    response.end();
    return;
  }
  const reader = answer.body.getReader();
  const stop = (): void => void reader.cancel().catch(() => undefined);
  response.once('close', stop);
  const together = new WriteBatch(response);
  together.begin();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      together.begin();
      if (!response.write(value)) await drained(response);
    }
    response.end();
  } catch {
    response.destroy();
  } finally {
    together.end();
    response.off('close', stop);
  }
}

/**
 * What one turn of the event loop writes leaves in one packet: head, events and end of most answers. Each by itself
 * costs as much as all that is done for a replay. A stream that has nothing to say yet has its head at the turn's end.
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
      // A head by itself is held back until it is asked for.
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

/** Who does not read is cut off: what waits for it takes memory. */
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
