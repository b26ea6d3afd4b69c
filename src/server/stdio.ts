import type { Readable, Writable } from 'node:stream';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { writeJson } from '../core/exact-json.ts';
import { type ErrorResponse, jsonRpcError, readLine } from './incoming.ts';
import { internalError, invalidRequest } from './jsonrpc-codes.ts';
import { type Line, LineReader } from './lines.ts';

export interface StdioOptions {
  /** @defaultValue `process.stdin` */
  readonly input?: Readable;
  /** @defaultValue `process.stdout` */
  readonly output?: Writable;
  /** The longest line that is read, in bytes. @defaultValue 8 MiB */
  readonly lineBytesMax?: number;
  /** How many requests may be in flight. Any further one gets an error. @defaultValue 4096 */
  readonly inFlightMax?: number;
  /** The number of containers within which each number of a message keeps its text. @defaultValue none */
  readonly exactDepth?: number | undefined;
  /**
   * Called once when no further request can come, because the input ended or the client has gone. Requests in flight
   * continue: await `settled()`, then close the server.
   */
  readonly onEnd?: () => void;
}

/**
 * MCP over two byte streams, one JSON-RPC message per line (MCP 2025-11-25, transports, stdio).
 *
 * Every line gets a response, unless the protocol forbids one, and no line closes the connection. After the input has
 * ended, responses are still written. The connection ends when the output cannot be written. While the output is full
 * nothing is read.
 */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport['onmessage'];

  readonly #input: Readable;
  readonly #output: Writable;
  readonly #write: Writable['write'];
  readonly #lines: LineReader;
  readonly #lineBytesMax: number;
  readonly #inFlightMax: number;
  readonly #exactDepth: number | undefined;
  readonly #onEnd: (() => void) | undefined;
  /** The requests without a response. The value tells two uses of one id apart. */
  readonly #inFlight = new Map<RequestId, symbol>();
  #writing = 0;
  #waiting: (() => void)[] = [];
  #started = false;
  #ended = false;
  #closed = false;

  constructor(options: StdioOptions = {}) {
    this.#input = options.input ?? process.stdin;
    this.#output = options.output ?? process.stdout;
    // Bound now, because `keepStdoutForProtocol` may replace `write` later.
    this.#write = this.#output.write.bind(this.#output);
    this.#lineBytesMax = options.lineBytesMax ?? 8 * 1024 * 1024;
    this.#lines = new LineReader(this.#lineBytesMax);
    this.#inFlightMax = options.inFlightMax ?? 4_096;
    this.#exactDepth = options.exactDepth;
    this.#onEnd = options.onEnd;
  }

  async start(): Promise<void> {
    if (this.#started) throw new Error('the transport has already been started');
    this.#started = true;
    // Never removed: a write that fails after the close must not end the process.
    this.#output.on('error', this.#broken);
    this.#output.on('drain', this.#resume);
    this.#input.on('data', this.#receive);
    this.#input.on('end', this.#end);
    this.#input.on('close', this.#end);
    this.#input.on('error', this.#inputFailed);
  }

  /** Resolves when the operating system has the line. Rejects when the client has gone. */
  async send(message: JSONRPCMessage | ErrorResponse): Promise<void> {
    if (this.#closed) throw new Error('the connection is closed');
    // Serialised first: a message that cannot be serialised leaves its request in flight, and the SDK reports it.
    const line = `${writeJson(message)}\n`;
    if (!('method' in message) && message.id !== undefined && message.id !== null) this.#inFlight.delete(message.id);
    await this.#writeLine(line);
  }

  /** Resolves when every response has been written or the connection is closed. Has no time-out of its own. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#resolveSettled();
    });
  }

  /** Stops reading and calls `onclose`. The SDK then aborts the requests in flight. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#input.off('data', this.#receive);
    this.#input.off('end', this.#end);
    this.#input.off('close', this.#end);
    this.#input.pause();
    this.#output.off('drain', this.#resume);
    this.onclose?.();
    this.#resolveSettled();
  }

  #writeLine(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writing += 1;
      const written = (error?: Error | null): void => {
        this.#writing -= 1;
        if (error) reject(error);
        else resolve();
        this.#resolveSettled();
      };
      if (!this.#write(line, written)) this.#input.pause();
    });
  }

  readonly #receive = (chunk: Buffer | string): void => {
    for (const line of this.#lines.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)) this.#take(line);
  };

  #take(line: Line): void {
    if (this.#closed) return;
    if (line.type === 'over_bound') {
      const message = `The line is longer than ${this.#lineBytesMax} bytes. Nothing was executed.`;
      this.#refuse(jsonRpcError(null, invalidRequest, message));
      return;
    }
    const incoming = readLine(line.bytes, this.#exactDepth);
    switch (incoming.type) {
      case 'message':
        this.#deliver(incoming.message);
        return;
      case 'refused':
        this.#refuse(incoming.response);
        return;
      case 'ignored':
        this.onerror?.(new Error(`ignored: ${incoming.reason}`));
    }
  }

  #deliver(message: JSONRPCMessage): void {
    // A subscription (MCP 2026-07-28) gets its response when it ends, so nothing waits for it.
    if ('method' in message && 'id' in message && message.method !== 'subscriptions/listen') {
      const refusal = this.#admit(message.id);
      if (refusal) {
        this.#refuse(refusal);
        return;
      }
    } else if ('method' in message && message.method === 'notifications/cancelled') {
      this.#forgetLater(message.params?.requestId);
    }
    this.onmessage?.(message);
  }

  /**
   * Refuses a second request under an id in flight. The SDK forgets the first one, and no client could tell the two
   * responses apart.
   */
  #admit(id: RequestId): ErrorResponse | undefined {
    if (this.#inFlight.has(id)) {
      const message = 'Another request with this id is in flight and continues. Nothing was executed for this one.';
      return jsonRpcError(id, invalidRequest, message);
    }
    if (this.#inFlight.size >= this.#inFlightMax) {
      const message = `More than ${this.#inFlightMax} requests are in flight. Nothing was executed. Send the request again later.`;
      return jsonRpcError(id, internalError, message);
    }
    this.#inFlight.set(id, Symbol());
    return undefined;
  }

  /** Frees the id of a cancelled request, which gets no response, once the SDK has seen the cancellation. */
  #forgetLater(id: unknown): void {
    const use = this.#inFlight.get(id as RequestId);
    if (use === undefined) return;
    setImmediate(() => {
      if (this.#inFlight.get(id as RequestId) === use) this.#inFlight.delete(id as RequestId);
      this.#resolveSettled();
    });
  }

  #refuse(response: ErrorResponse): void {
    this.onerror?.(new Error(`refused: ${response.error.message}`));
    // `send` would free the id, which may belong to a request in flight.
    this.#writeLine(`${writeJson(response)}\n`).catch(this.#broken);
  }

  readonly #resume = (): void => {
    if (!this.#closed) this.#input.resume();
  };

  readonly #end = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    for (const line of this.#lines.end()) this.#take(line);
    this.#onEnd?.();
  };

  readonly #inputFailed = (error: Error): void => {
    this.onerror?.(error);
    this.#end();
  };

  readonly #broken = (error: Error): void => {
    if (this.#closed) return;
    this.onerror?.(error);
    this.close().catch(() => undefined);
    this.#end();
  };

  #resolveSettled(): void {
    if (!this.#closed && (this.#inFlight.size > 0 || this.#writing > 0)) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    // Deferred, so that the SDK has seen each response go and aborts no finished request.
    for (const resolve of waiting) setImmediate(resolve);
  }
}

/**
 * Redirects everything else that is written to stdout, such as a tool's `console.log`, to stderr. Call it after the
 * transport has been created.
 * @returns a function that undoes it
 */
export function keepStdoutForProtocol(): () => void {
  const { stdout, stderr } = process;
  const { write } = stdout;
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write;
  return () => {
    stdout.write = write;
  };
}
