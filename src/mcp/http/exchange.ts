import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long a caller may take to read what is waiting for it, in ms. */
const readMs = 60_000;

/** The SDKs look at the path only; the host has been checked before. */
const anyUrl = 'http://localhost/mcp';

/** A request as the SDKs take it, without its body. @param signal aborts when the caller goes away. */
export function webRequest({ method = 'GET', headers }: IncomingMessage, signal: AbortSignal): Request {
  const fields = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined) fields.append(name, each);
  }
  return new Request(anyUrl, { method, headers: fields, signal });
}

/** A JSON-RPC error that is not about a certain request. */
export function errorAnswer(
  status: number,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message } }, { status, headers });
}

/** Writes an answer, a stream as it comes. Resolves when all is written, or the caller is gone. Never rejects. */
export async function writeAnswer(response: ServerResponse, answer: Response): Promise<void> {
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
  const together = new Together(response);
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
class Together {
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
