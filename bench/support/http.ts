import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';
import type { Command } from './servers.ts';

export type Era = '2025' | '2026';

const accept = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };
const info = { name: 'bench', version: '1.0.0' };

/** A server process over HTTP, with keep-alive connections to it. */
export class HttpSide {
  readonly #child: ChildProcess;
  readonly #url: string;
  readonly #agent = new Agent({ connections: 64, keepAliveTimeout: 60_000 });

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.#url = url;
  }

  static async start({ args, env }: Command): Promise<HttpSide> {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    process.once('exit', () => child.kill('SIGKILL'));
    const ended = once(child, 'exit').then(() => Promise.reject(new Error('the server exited during startup')));
    const [url] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended])) as [string];
    ended.catch(() => undefined);
    return new HttpSide(child, url);
  }

  /** Returns the headers that a client of an era sends with calls; in 2025 from its own session. */
  async client(era: Era): Promise<(name: string, args: unknown) => Promise<CallAnswer>> {
    const headers = era === '2025' ? await this.openSession() : { 'mcp-protocol-version': '2026-07-28' };
    let id = 0;
    return (name, args) => {
      id += 1;
      const params = { name, arguments: args, ...(era === '2025' ? {} : { _meta: modernMeta }) };
      const modern = era === '2025' ? {} : { 'mcp-method': 'tools/call', 'mcp-name': name };
      return this.#post({ jsonrpc: '2.0', id, method: 'tools/call', params }, { ...headers, ...modern });
    };
  }

  /** Opens a session of MCP 2025-11-25. @returns the headers of its further requests. */
  async openSession(): Promise<Record<string, string>> {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: info };
    const { headers } = await this.#post({ jsonrpc: '2.0', id: 0, method: 'initialize', params }, {});
    return { 'mcp-session-id': String(headers['mcp-session-id']), 'mcp-protocol-version': '2025-11-25' };
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Returns resident memory in bytes (Linux). */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1_024;
  }

  async end(): Promise<void> {
    await this.#agent.destroy();
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async #post(message: object, more: Record<string, string>): Promise<CallAnswer> {
    const { statusCode, headers, body } = await request(this.#url, {
      method: 'POST',
      headers: { ...accept, ...more },
      body: JSON.stringify(message),
      dispatcher: this.#agent,
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`HTTP ${statusCode}: ${text}`);
    return { headers, text };
  }
}

export interface CallAnswer {
  readonly headers: Readonly<Record<string, unknown>>;
  /** Reads the body: JSON, or the events of a stream. */
  readonly text: string;
}

const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': info,
  'io.modelcontextprotocol/clientCapabilities': {},
};
