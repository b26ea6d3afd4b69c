import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { openSession, post, postModern, toolCall } from '../../support/http-server.ts';
import { type ProgramProcess, startProcess, startProgram } from '../../support/program-here.ts';
import { type Arguments, type Exit, type Told, toldOf } from './server.ts';

export type Era = '2025' | '2026';

/** A client of one era, connected to a server. */
export interface EraClient {
  call(name: string, args: Arguments, meta?: Arguments): Promise<Told>;
  tools(): Promise<string[]>;
  close(): Promise<void>;
}

const info = { name: 'e2e', version: '1.0.0' };

/** A real server that serves over HTTP. */
export class HttpProcess {
  readonly url: string;
  readonly exited: Promise<Exit>;
  readonly #child: ProgramProcess;
  readonly #clients: EraClient[] = [];
  readonly #stderr: () => string;

  private constructor(child: ProgramProcess, url: string, exited: Promise<Exit>, stderr: () => string) {
    this.#child = child;
    this.url = url;
    this.exited = exited;
    this.#stderr = stderr;
  }

  static start(args: readonly string[], env: Record<string, string>): Promise<HttpProcess> {
    return HttpProcess.#listening(startProcess(args, env));
  }

  /** Starts a server in this process where it can, for tests that do not kill it. */
  static startHere(args: readonly string[], env: Record<string, string>): Promise<HttpProcess> {
    return HttpProcess.#listening(startProgram(args, env));
  }

  static async #listening(child: ProgramProcess): Promise<HttpProcess> {
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const exited = new Promise<Exit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    const failed = exited.then(() => Promise.reject(new Error(`the server did not start: ${stderr}`)));
    failed.catch(() => undefined);
    const [url] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), failed])) as [string];
    return new HttpProcess(child, url, exited, () => stderr);
  }

  get stderr(): string {
    return this.#stderr();
  }

  /** The official client of an era. */
  async client(era: Era, headers: Record<string, string> = {}): Promise<EraClient> {
    const client = await (era === '2025' ? connect2025 : connect2026)(new URL(this.url), headers);
    this.#clients.push(client);
    return client;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<Exit> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close().catch(() => undefined)));
    this.#child.kill('SIGKILL');
    return this.exited;
  }
}

async function connect2025(url: URL, headers: Record<string, string>): Promise<EraClient> {
  const client = new Client(info);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }) as Transport);
  return {
    call: async (name, args, _meta) => {
      const params = { name, arguments: { ...args }, ...(_meta ? { _meta: { ..._meta } } : {}) };
      return toldOf((await client.callTool(params)) as CallToolResult);
    },
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    close: () => client.close(),
  };
}

async function connect2026(url: URL, headers: Record<string, string>): Promise<EraClient> {
  const client = new ModernClient(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(new ModernTransport(url, { requestInit: { headers } }));
  return {
    call: async (name, args, _meta) => {
      const params = { name, arguments: { ...args }, ...(_meta ? { _meta: { ..._meta } } : {}) };
      return toldOf((await client.callTool(params)) as unknown as CallToolResult);
    },
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    close: () => client.close(),
  };
}

/** Sends a call without waiting for its answer. @returns a function that cuts its connection. */
export async function fetchCall(url: string, era: Era, name: string, args: Arguments): Promise<() => void> {
  const caller = new AbortController();
  const sent =
    era === '2025'
      ? post(url, toolCall('cut', args, name), await openSession(url), caller.signal)
      : postModern(url, 'tools/call', { name, arguments: args }, {}, caller.signal);
  sent.catch(() => undefined);
  return () => caller.abort();
}
