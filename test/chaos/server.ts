import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
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
}

/** What a caller got. */
export interface Told {
  readonly outcome: OutcomeMeta;
  readonly result: { readonly id?: string } | undefined;
  readonly text: string;
}

/** A real server process over HTTP, on a free port. */
export class ServerProcess {
  readonly settings: ServerSettings;
  readonly url: string;
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #stderr: () => string;

  private constructor(settings: ServerSettings, child: ChildProcess, url: string, stderr: () => string) {
    this.settings = settings;
    this.#child = child;
    this.url = url;
    this.#stderr = stderr;
    this.exited = once(child, 'exit');
  }

  static async start(settings: ServerSettings): Promise<ServerProcess> {
    const { program, folder, name, store, upstream, config = {}, aheadMs = 0, env = {} } = settings;
    const file = `${folder}/${name}.json`;
    writeFileSync(file, JSON.stringify(config));
    const serve = ['serve', '--config', file, '--tools', `${fixtures}tools`, '--http', '127.0.0.1:0'];
    const child = spawn(process.execPath, ['--import', `${fixtures}clock.mjs`, program, ...serve], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH ?? '',
        HOME: folder,
        MCP_ONCE_STORE: store,
        MCP_ONCE_LOG_LEVEL: 'warn',
        CHAOS_UPSTREAM: upstream,
        CHAOS_CLOCK_MS: String(aheadMs),
        CHAOS_CLOCK_FILE: `${folder}/${name}.clock`,
        ...env,
      },
    });
    endWithThis(child);
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-100_000);
    });
    const line = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>;
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the server did not start: ${stderr}`);
    });
    const [url] = await Promise.race([line, ended]);
    ended.catch(() => undefined);
    return new ServerProcess(settings, child, url, () => stderr);
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
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': info,
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const response = await fetch(this.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': name,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta } }),
      signal: signal ?? null,
    });
    const { result, error } = messageIn(await response.text());
    if (result === undefined) throw new Error(`no result: ${JSON.stringify(error)}`);
    return {
      outcome: result._meta['mcp-once/outcome'],
      result: result.structuredContent,
      text: result.content.map((part: { text?: string }) => part.text ?? '').join('\n'),
    };
  }

  /** Returns the status of a probe such as `/readyz`. */
  async probe(path: string): Promise<number> {
    return (await fetch(new URL(path, this.url))).status;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isAlive) this.#child.kill(signal);
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

// biome-ignore lint/suspicious/noExplicitAny: whatever the server answered.
function messageIn(text: string): any {
  const lines = text.split('\n').filter((line) => line.startsWith('data: {'));
  return JSON.parse(lines.at(-1)?.slice('data: '.length) ?? text);
}

/** Ends a child when this process ends, also by a fault. */
export function endWithThis(child: ChildProcess): void {
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}
