import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { OutcomeMeta } from '../../src/server/render.ts';

/** The files beside this one, also when this one has been compiled to dist. */
const fixtures = fileURLToPath(
  new URL('../../test/chaos/fixtures/', import.meta.url).href.replace('/dist/test/', '/test/'),
);
const info = { name: 'chaos', version: '1.0.0' };

export interface ServerSettings {
  /** The JavaScript file of the program. */
  readonly program: string;
  /** A folder for the files of this server. */
  readonly folder: string;
  readonly name: string;
  readonly store: string;
  readonly upstream: string;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Further environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** How far the wall clock of the process is ahead, in ms. */
  readonly aheadMs?: number;
  /**
   * How it is reached: `serve` over HTTP or stdio, or `wrap` over stdio with a server behind it.
   * @defaultValue http
   */
  readonly via?: Via;
}

export type Via = 'http' | 'stdio' | 'wrap';

/** What a caller got. */
export interface Told {
  readonly outcome: OutcomeMeta;
  readonly result: { readonly id?: string } | undefined;
  readonly text: string;
}

/** A real server process, over HTTP on a free port or over its stdio. */
export class ServerProcess {
  readonly settings: ServerSettings;
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #stderr: () => string;
  readonly #send: Send;
  readonly #url: string;

  private constructor(
    settings: ServerSettings,
    child: ChildProcessWithoutNullStreams,
    stderr: () => string,
    send: Send,
    url: string,
  ) {
    this.settings = settings;
    this.#child = child;
    this.#stderr = stderr;
    this.#send = send;
    this.#url = url;
    this.exited = once(child, 'exit');
  }

  static async start(settings: ServerSettings): Promise<ServerProcess> {
    const { program, folder, name, store, upstream, config = {}, aheadMs = 0, env = {}, via = 'http' } = settings;
    const file = `${folder}/${name}.json`;
    writeFileSync(file, JSON.stringify(config));
    const child = spawn(process.execPath, ['--import', `${fixtures}clock.mjs`, program, ...commandOf(via, file)], {
      stdio: 'pipe',
      env: {
        PATH: process.env.PATH ?? '',
        HOME: folder,
        MCP_ONCE_STORE: store,
        MCP_ONCE_LOG_LEVEL: 'warn',
        CHAOS_UPSTREAM: upstream,
        CHAOS_CLOCK_MS: String(aheadMs),
        CHAOS_CLOCK_FILE: `${folder}/${name}.clock`,
        CHAOS_WRAPPED_PID: `${folder}/${name}.wrapped`,
        ...env,
      },
    });
    endWithThis(child);
    child.stdin.on('error', () => undefined);
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-100_000);
    });
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the server did not start: ${stderr}`);
    });
    ended.catch(() => undefined);
    if (via !== 'http') {
      const send = sendOverStdio(child);
      await Promise.race([send('tools/list', {}), ended]);
      return new ServerProcess(settings, child, () => stderr, send, '');
    }
    const line = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>;
    const [url] = await Promise.race([line, ended]);
    return new ServerProcess(settings, child, () => stderr, sendOverHttp(url), url);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get stderr(): string {
    return this.#stderr();
  }

  /** @throws when no answer comes. */
  async call(name: string, args: Record<string, unknown>, signal?: AbortSignal): Promise<Told> {
    const { result, error } = await this.#send('tools/call', { name, arguments: args }, signal);
    if (result === undefined) throw new Error(`no result: ${JSON.stringify(error)}`);
    return {
      outcome: result._meta['mcp-once/outcome'],
      result: result.structuredContent,
      text: result.content.map((part: { text?: string }) => part.text ?? '').join('\n'),
    };
  }

  /** Returns the status of a probe such as `/readyz`. */
  async probe(path: string): Promise<number> {
    return (await fetch(new URL(path, this.#url))).status;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isAlive) this.#child.kill(signal);
  }

  /** Kills the server behind `wrap`, if there is one now. */
  killWrapped(): void {
    try {
      process.kill(Number(readFileSync(`${this.settings.folder}/${this.settings.name}.wrapped`, 'utf8')), 'SIGKILL');
    } catch {
      // It has ended, or has not started.
    }
  }

  /** Sets the wall clock of the process. Resolves when it is set. */
  async setAhead(ms: number): Promise<void> {
    writeFileSync(`${this.settings.folder}/${this.settings.name}.clock`, String(ms));
    const set = new Promise<void>((resolve) => {
      const look = (chunk: Buffer): void => {
        if (!chunk.toString().includes('chaos: clock')) return;
        this.#child.stderr?.off('data', look);
        resolve();
      };
      this.#child.stderr?.on('data', look);
    });
    this.signal('SIGUSR2');
    await Promise.race([set, this.exited]);
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.signal(signal);
    if (this.isAlive) await this.exited;
  }
}

function commandOf(via: Via, config: string): string[] {
  const serve = ['serve', '--config', config, '--tools', `${fixtures}tools`];
  switch (via) {
    case 'http':
      return [...serve, '--http', '127.0.0.1:0'];
    case 'stdio':
      return serve;
    case 'wrap':
      return ['wrap', '--config', config, '--', process.execPath, `${fixtures}wrapped.mjs`];
  }
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the server answered.
type Message = any;
/** Sends a request of MCP 2026-07-28 and returns the response. Rejects when no response comes. */
type Send = (method: string, params: Record<string, unknown>, signal?: AbortSignal) => Promise<Message>;

const _meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': info,
  'io.modelcontextprotocol/clientCapabilities': {},
};

function sendOverHttp(url: string): Send {
  return async (method, params, signal) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        'mcp-name': String(params.name),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }),
      signal: signal ?? null,
    });
    return messageIn(await response.text());
  };
}

/** A caller that leaves cancels its request. */
function sendOverStdio({ stdin, stdout }: ChildProcessWithoutNullStreams): Send {
  const waiting = new Map<number, (message: Message) => void>();
  createInterface({ input: stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Message;
    waiting.get(message.id)?.(message);
  });
  stdout.setMaxListeners(0);
  let lastId = 0;
  const write = (message: object): void => void stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  return (method, params, signal) =>
    new Promise((resolve, reject) => {
      lastId += 1;
      const id = lastId;
      const leave = (): void => {
        write({ method: 'notifications/cancelled', params: { requestId: id } });
        reject(new Error('the caller left'));
      };
      waiting.set(id, resolve);
      signal?.addEventListener('abort', leave, { once: true });
      if (stdout.closed) return reject(new Error('the server has ended'));
      stdout.once('close', () => reject(new Error('the server ended')));
      write({ id, method, params: { ...params, _meta } });
    });
}

function messageIn(text: string): Message {
  const lines = text.split('\n').filter((line) => line.startsWith('data: {'));
  return JSON.parse(lines.at(-1)?.slice('data: '.length) ?? text);
}

/** Ends a child when this process ends, also by a fault. */
export function endWithThis(child: ChildProcess): void {
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}
