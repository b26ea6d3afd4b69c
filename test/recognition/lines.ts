import type { Readable, Writable } from 'node:stream';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';

interface RpcAnswer {
  readonly id?: number | string;
  readonly method?: string;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** A client of MCP over two streams, which can leave a call without waiting for its answer. */
export class LineClient {
  readonly #output: Writable;
  readonly #waiting = new Map<number, (answer: RpcAnswer | undefined) => void>();
  #rest = '';
  #nextId = 1;

  /** @param input what the server writes. @param output what the server reads */
  constructor(input: Readable, output: Writable) {
    this.#output = output;
    input.setEncoding('utf8');
    input.on('data', (chunk: string) => this.#receive(chunk));
    input.on('close', () => this.#end());
    input.on('end', () => this.#end());
    output.on('error', () => this.#end());
  }

  async initialize(): Promise<void> {
    const clientInfo = { name: 'corpus', version: '1.0.0' };
    await this.#ask('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
    this.#send({ method: 'notifications/initialized' });
    await this.#ask('tools/list', {});
  }

  /** @returns undefined when no answer comes. @param left cancels the call when it resolves */
  async call(
    name: string,
    args: Readonly<Record<string, unknown>>,
    meta?: Readonly<Record<string, unknown>>,
    left?: Promise<void>,
  ): Promise<CallToolResult | undefined> {
    const id = this.#nextId;
    const cancelled = left?.then(() => {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) return;
      this.#send({ method: 'notifications/cancelled', params: { requestId: id, reason: 'timed out' } });
      this.#waiting.delete(id);
      waiting(undefined);
    });
    const answer = await this.#ask('tools/call', { name, arguments: args, ...(meta ? { _meta: meta } : {}) });
    void cancelled;
    if (answer === undefined) return undefined;
    if (answer.error) return { isError: true, content: [{ type: 'text', text: answer.error.message }] };
    return answer.result as CallToolResult;
  }

  end(): void {
    this.#output.end();
    this.#end();
  }

  #ask(method: string, params: object): Promise<RpcAnswer | undefined> {
    const id = this.#nextId++;
    const answered = new Promise<RpcAnswer | undefined>((resolve) => this.#waiting.set(id, resolve));
    this.#send({ id, method, params });
    return answered;
  }

  #send(message: object): void {
    this.#output.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  #receive(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const message = JSON.parse(line) as RpcAnswer;
      if (message.method !== undefined || typeof message.id !== 'number') continue;
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      waiting?.(message);
    }
  }

  #end(): void {
    for (const waiting of this.#waiting.values()) waiting(undefined);
    this.#waiting.clear();
  }
}
