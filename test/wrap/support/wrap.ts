import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { CallToolResult, ClientCapabilities } from '@modelcontextprotocol/sdk/types.js';
import { onTestFinished } from 'vitest';
import type { Ran } from '../../support/cli-process.ts';
import { program as main } from '../../support/program.ts';
import { type ProgramProcess, startProcess, startProgram } from '../../support/program-here.ts';
import { runWith } from '../../support/run-here.ts';
import { temporaryFolder } from '../../support/temporary.ts';

export { program as main } from '../../support/program.ts';
export const impostor = fileURLToPath(new URL('./impostor.mjs', import.meta.url));
export const scripted = fileURLToPath(new URL('./server.mjs', import.meta.url));

type Environment = Record<string, string>;

export const baseEnvironment: Environment = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };

/** Runs `wrap` with options that end it at once: in this process, unless it begins to serve before it refuses them. */
export async function runWrap(args: readonly string[], env: Environment = {}): Promise<Ran> {
  const environment = { ...baseEnvironment, ...env };
  if (args.some((arg) => /^--(?:explain|write|undo)$/.test(arg))) return runWith(environment, '.', ['wrap', ...args]);
  const command = [main, 'wrap', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    input: '',
    encoding: 'utf8',
    env: environment,
  });
  return { code: status, stdout, stderr };
}

/** Returns the command line that wraps a server. */
export function wrapArgs(store: string, server: readonly string[], options: readonly string[] = []): string[] {
  return [main, 'wrap', '--store', store, '--log-level', 'warn', ...options, '--', process.execPath, ...server];
}

export interface ConnectOptions {
  readonly env?: Environment;
  readonly capabilities?: ClientCapabilities;
  readonly prepare?: (client: Client) => void;
  readonly cwd?: string;
}

/** Connects the official client to a new process, or over a transport. */
export async function connect(args: readonly string[] | Transport, options: ConnectOptions = {}): Promise<Client> {
  const { env = {}, capabilities = {}, prepare, cwd } = options;
  const client = new Client({ name: 'wrap-test', version: '1.0.0' }, { capabilities });
  prepare?.(client);
  if ('start' in args) {
    onTestFinished(() => client.close());
    await client.connect(args);
    return client;
  }
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...args],
    env: { ...baseEnvironment, ...env },
    stderr: 'ignore',
    ...(cwd === undefined ? {} : { cwd }),
  });
  onTestFinished(() => client.close());
  await client.connect(transport);
  return client;
}

export type Outcome = Readonly<Record<string, unknown>> & { readonly code: string; readonly replayed: boolean };

/** Returns the outcome of a guarded call; undefined for a call that passed. */
export function outcomeOf(result: unknown): Outcome | undefined {
  return (result as CallToolResult)._meta?.['mcp-once/outcome'] as Outcome | undefined;
}

export function textOf(result: unknown): string {
  const [first] = (result as CallToolResult).content;
  return first?.type === 'text' ? first.text : '';
}

/** A JSON-RPC message of any form. */
// biome-ignore lint/suspicious/noExplicitAny: each test looks at its own part.
export type Message = any;

/** A client that writes raw messages and keeps all messages that it receives. */
export class RawClient {
  readonly child: ProgramProcess;
  readonly heard: Message[] = [];
  readonly exited: Promise<number | null>;
  stderr = '';
  #waiting: (() => void)[] = [];
  #nextId = 1;

  /**
   * @param atEnd registers what ends the process: by default at the end of the test.
   * @param start `startProcess` for a test that kills or suspends the proxy.
   */
  constructor(
    args: readonly string[],
    env: Environment = {},
    atEnd: (kill: () => void) => void = onTestFinished,
    start: (args: readonly string[], env: Environment) => ProgramProcess = startProgram,
  ) {
    this.child = start(args, { ...baseEnvironment, ...env });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.child.stdin?.on('error', () => undefined);
    this.exited = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)));
    if (this.child.stdout) {
      createInterface({ input: this.child.stdout }).on('line', (line) => {
        this.heard.push(JSON.parse(line));
        for (const look of this.#waiting) look();
      });
    }
    atEnd(() => void this.child.kill('SIGKILL'));
  }

  send(message: Record<string, unknown>): void {
    this.child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  /** Resolves with the first message, received or future, that matches. */
  until(isIt: (message: Message) => boolean): Promise<Message> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.heard.find(isIt);
        if (!found) return;
        this.#waiting = this.#waiting.filter((each) => each !== look);
        resolve(found);
      };
      this.#waiting.push(look);
      look();
    });
  }

  /** Sends a request with the next id, and resolves with the response. */
  ask(method: string, params?: unknown, id: string | number = this.#nextId++): Promise<Message> {
    this.send({ id, method, ...(params === undefined ? {} : { params }) });
    return this.until((message) => message.id === id && !('method' in message));
  }

  call(name: string, args: Record<string, unknown>, more: Record<string, unknown> = {}): Promise<Message> {
    return this.ask('tools/call', { name, arguments: args, ...more });
  }

  async initialize(params: Record<string, unknown> = {}): Promise<Message> {
    const answer = await this.ask('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'raw', version: '1' },
      ...params,
    });
    this.send({ method: 'notifications/initialized' });
    return answer;
  }

  end(): void {
    this.child.stdin?.end();
  }
}

/** Returns a client of a proxy in a process, which the test kills or suspends. */
export function ownProcess(args: readonly string[], env: Environment = {}): RawClient {
  return new RawClient(args, env, onTestFinished, startProcess);
}

/** Makes a folder for one test with a store and the effects of scripted servers. */
export function stage() {
  const folder = temporaryFolder();
  const effects = join(folder, 'effects');
  const starts = join(folder, 'starts');
  const store = `sqlite:${join(folder, 'store.sqlite')}`;
  const linesOf = (file: string): string[] =>
    existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  const env: Environment = { EFFECTS: effects, STARTS: starts };
  return {
    folder,
    store,
    env,
    effects: () => linesOf(effects),
    starts: () => linesOf(starts).map(Number),
    releaseFile: `${effects}.release`,
    /** Makes the option for a configuration with a short lease, for a test that kills the owner of a claim. */
    shortLease: (): string[] => {
      const file = join(folder, 'mcp-once.json');
      writeFileSync(file, JSON.stringify({ lease: '1s' }));
      return ['--config', file];
    },
    /** Wraps a scripted server, and returns its client. */
    wrapped: (more: Environment = {}, options: readonly string[] = []) =>
      new RawClient(wrapArgs(store, [scripted], options), { ...env, ...more }),
    /** Returns a client of the scripted server without the proxy, as a control. */
    direct: (more: Environment = {}) => new RawClient([scripted], { ...env, ...more }),
  };
}
