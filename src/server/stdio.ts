import type { Readable, Writable } from 'node:stream';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ErrorCode, type JSONRPCMessage, type RequestId } from '@modelcontextprotocol/sdk/types.js';
import { type ErrorResponse, errorResponse, readLine } from './incoming.ts';
import { type Line, LineReader } from './lines.ts';

export interface StdioOptions {
  /** Default: the process's stdin. */
  readonly input?: Readable;
  /** Default: the process's stdout. */
  readonly output?: Writable;
  /** The longest line that is read, in bytes. Default 8 MiB. */
  readonly lineBytesMax?: number;
  /** How many requests may be unanswered at once; one more is answered with an error. Default 4096. */
  readonly inFlightMax?: number;
  /**
   * Called once when no further request can come: the input ended, or the client is gone. Requests
   * in flight go on; await `settled()`, then close the server.
   */
  readonly onEnd?: () => void;
}

/**
 * MCP over two byte streams, one JSON-RPC message a line (MCP 2025-11-25, transports, stdio).
 *
 * Every line gets an answer, or is one that must have none, and whatever comes the connection lives
 * on. The end of the input closes nothing: answers in flight are still written. The output ends
 * the connection when it cannot be written to. While the output is full nothing is read.
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
  readonly #onEnd: (() => void) | undefined;
  /** The requests that have no answer yet. The value tells apart two uses of one id. */
  readonly #inFlight = new Map<RequestId, symbol>();
  #writing = 0;
  #waiting: (() => void)[] = [];
  #started = false;
  #ended = false;
  #closed = false;

  constructor(options: StdioOptions = {}) {
    this.#input = options.input ?? process.stdin;
    this.#output = options.output ?? process.stdout;
    // Bound now: `keepStdoutForProtocol` may turn everybody else's writes away later.
    this.#write = this.#output.write.bind(this.#output);
    this.#lineBytesMax = options.lineBytesMax ?? 8 * 1024 * 1024;
    this.#lines = new LineReader(this.#lineBytesMax);
    this.#inFlightMax = options.inFlightMax ?? 4_096;
    this.#onEnd = options.onEnd;
  }

  async start(): Promise<void> {
    if (this.#started) throw new Error('the transport is started already');
    this.#started = true;
    // Stays for good: a write that fails after the close must not end the process either.
    this.#output.on('error', this.#broken);
    this.#output.on('drain', this.#resume);
    this.#input.on('data', this.#receive);
    this.#input.on('end', this.#end);
    this.#input.on('close', this.#end);
    this.#input.on('error', this.#inputFailed);
  }

  /** Resolves when the line has been handed to the operating system. Rejects when the client is gone. */
  async send(message: JSONRPCMessage | ErrorResponse): Promise<void> {
    if (this.#closed) throw new Error('the connection is closed');
    // Serialised first: what cannot be leaves its request in flight, and the SDK reports it.
    const line = `${JSON.stringify(message)}\n`;
    if (!('method' in message) && message.id !== undefined && message.id !== null) this.#inFlight.delete(message.id);
    await this.#writeLine(line);
  }

  /** Resolves when each request has its answer, written, or the connection is closed. Set a bound of your own. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#tellSettled();
    });
  }

  /** Reads no more and tells `onclose`, whereupon the SDK aborts what is in flight. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#input.off('data', this.#receive);
    this.#input.off('end', this.#end);
    this.#input.off('close', this.#end);
    this.#input.pause();
    this.#output.off('drain', this.#resume);
    this.onclose?.();
    this.#tellSettled();
  }

  #writeLine(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writing += 1;
      const written = (error?: Error | null): void => {
        this.#writing -= 1;
        if (error) reject(error);
        else resolve();
        this.#tellSettled();
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
      const message = `A line has more than the ${this.#lineBytesMax} bytes that are read. Nothing was executed.`;
      this.#refuse(errorResponse(null, ErrorCode.InvalidRequest, message));
      return;
    }
    const incoming = readLine(line.bytes);
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
    // A subscription (MCP 2026-07-28) is answered when it ends: nothing waits for that.
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
   * Two requests in flight under one id cannot both be answered (the SDK forgets the first, and no
   * client could tell the answers apart): the second is refused.
   */
  #admit(id: RequestId): ErrorResponse | undefined {
    if (this.#inFlight.has(id)) {
      const message = 'Another request with this id is in flight, and goes on. Nothing was executed for this one.';
      return errorResponse(id, ErrorCode.InvalidRequest, message);
    }
    if (this.#inFlight.size >= this.#inFlightMax) {
      const message = `More than ${this.#inFlightMax} requests are in flight. Nothing was executed: send it again later.`;
      return errorResponse(id, ErrorCode.InternalError, message);
    }
    this.#inFlight.set(id, Symbol());
    return undefined;
  }

  /** A cancelled request has no answer. Its id stays taken until the SDK has seen the cancellation. */
  #forgetLater(id: unknown): void {
    const use = this.#inFlight.get(id as RequestId);
    if (use === undefined) return;
    setImmediate(() => {
      if (this.#inFlight.get(id as RequestId) === use) this.#inFlight.delete(id as RequestId);
      this.#tellSettled();
    });
  }

  #refuse(response: ErrorResponse): void {
    this.onerror?.(new Error(`refused: ${response.error.message}`));
    // Not through `send`: the id may be that of a request that is still in flight.
    this.#writeLine(`${JSON.stringify(response)}\n`).catch(this.#broken);
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

  #tellSettled(): void {
    if (!this.#closed && (this.#inFlight.size > 0 || this.#writing > 0)) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    // Later, so that the SDK, too, has seen each answer go and aborts nothing that is done.
    for (const tell of waiting) setImmediate(tell);
  }
}

/**
 * Sends to stderr whatever anybody else (a tool's `console.log`) writes to stdout, which carries
 * protocol only. Call it after the transport has been made.
 * @returns a function that undoes it.
 */
export function keepStdoutForProtocol(): () => void {
  const { stdout, stderr } = process;
  const { write } = stdout;
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write;
  return () => {
    stdout.write = write;
  };
}
