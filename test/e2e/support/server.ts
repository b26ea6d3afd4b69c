import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { OutcomeMeta } from '../../../src/server/render.ts';
import { type ProgramProcess, startProcess, startProgram } from '../../support/program-here.ts';

export type Arguments = Readonly<Record<string, unknown>>;

/** What a caller received. */
export interface Told {
  readonly outcome: OutcomeMeta;
  /** The tool's result, where there is one. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the tool returned; each test looks at its own part.
  readonly result: any;
  /** The first text, for the model. */
  readonly text: string;
  /** In a few words: "executed", "replayed", "recovered (resend)", "idempotency_conflict (memo)". */
  readonly words: string;
}

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly meta?: Arguments;
  /** Fields of `params` beside `name` and `arguments`, which no schema of the SDK knows. */
  readonly params?: Arguments;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const looseResult = z.looseObject({});

/** A real server, with the official client on the other side of its stdin and stdout. */
export class ServerProcess {
  readonly client: Client;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly #child: ProgramProcess;
  #stderr = '';

  private constructor(client: Client, child: ProgramProcess) {
    this.client = client;
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    child.stdin.on('error', () => undefined);
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
  }

  static start(args: readonly string[], env: Record<string, string>): Promise<ServerProcess> {
    return ServerProcess.#connect(startProcess(args, env));
  }

  /** Starts a server in this process where it can, for tests that neither end the server nor send it signals. */
  static startHere(args: readonly string[], env: Record<string, string>): Promise<ServerProcess> {
    return ServerProcess.#connect(startProgram(args, env));
  }

  static async #connect(child: ProgramProcess): Promise<ServerProcess> {
    const client = new Client({ name: 'e2e', version: '1.0.0' });
    const server = new ServerProcess(client, child);
    // Lines of JSON in both directions: the transport does not mind which side it is on.
    const transport = new StdioServerTransport(child.stdout, child.stdin);
    child.stdout.once('close', () => void transport.close());
    try {
      await client.connect(transport);
    } catch (error) {
      await server.kill();
      throw new Error(`the server did not start: ${server.stderr}`, { cause: error });
    }
    return server;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** @throws when the call gets no answer: it was cancelled, it took too long, or the server is gone. */
  async call(name: string, args: Arguments, options: CallOptions = {}): Promise<Told> {
    const { timeoutMs = 60_000, signal, meta, params } = options;
    const request = {
      method: 'tools/call',
      params: { ...params, name, arguments: { ...args }, ...(meta ? { _meta: { ...meta } } : {}) },
    };
    const how = { timeout: timeoutMs, ...(signal ? { signal } : {}) };
    // The schema of callTool would remove unknown fields.
    const result = params
      ? await this.client.request(request, looseResult, how)
      : await this.client.callTool(request.params as Parameters<Client['callTool']>[0], undefined, how);
    return toldOf(result as CallToolResult);
  }

  /** Calls a tool and returns the words of the outcome, or "no answer". */
  async heard(name: string, args: Arguments, options?: CallOptions): Promise<string> {
    return this.call(name, args, options).then(
      ({ words }) => words,
      () => 'no answer',
    );
  }

  /** Resolves when the server has read everything sent before. */
  async ping(): Promise<void> {
    await this.client.ping();
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Ends stdin, as a client does that no longer needs its server. */
  endInput(): void {
    this.#child.stdin.end();
  }

  /** Closes stdin and stdout, as after the death of a client. */
  breakPipes(): void {
    this.#child.stdout.destroy();
    this.#child.stdin.destroy();
  }

  /** Kills the process, even if it is suspended. */
  async kill(): Promise<Exit> {
    this.#child.kill('SIGKILL');
    return this.exited;
  }
}

/** Returns what a result says to its caller. */
export function toldOf(answer: CallToolResult): Told {
  const outcome = answer._meta?.['mcp-once/outcome'] as OutcomeMeta;
  const [first] = answer.content;
  const text = first?.type === 'text' ? first.text : '';
  // The result itself, without the notice of a replay or a conflict.
  const { mcp_once: _notice, ...stored } = answer.structuredContent ?? {};
  const result = answer.structuredContent && stored;
  return { outcome, result, text, words: wordsOf(outcome) };
}

function wordsOf({ code, replayed, recovered, fields }: OutcomeMeta): string {
  if (code !== 'succeeded') return fields ? `${code} (${fields.join(', ')})` : code;
  if (replayed) return 'replayed';
  return recovered === undefined ? 'executed' : `recovered (${recovered})`;
}
