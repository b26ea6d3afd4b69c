import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { program } from './program.ts';

/** Returns the environment of a person whose home is this folder. */
export function environmentIn(folder: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { PATH = '' } = process.env;
  return { PATH, HOME: folder, XDG_DATA_HOME: folder, LOCALAPPDATA: folder, ...more };
}

/** The output and exit code of a command. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the compiled command in its own folder until it ends. */
export function run(folder: string, args: readonly string[], environment: Record<string, string> = {}): Ran {
  const env = environmentIn(folder, environment);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    input: '',
  });
  return { code: status, stdout, stderr };
}

export interface Message {
  readonly id?: number;
  // biome-ignore lint/suspicious/noExplicitAny: each test reads its own part of the server's messages.
  readonly result?: any;
  readonly error?: { readonly message: string };
}

/** Registers work for the end of a test or of a file. */
type AtEnd = (work: () => Promise<void>) => void;

/** A server as a client starts it: a child process with lines of JSON on stdin and stdout. */
export class Served {
  readonly child: ChildProcessWithoutNullStreams;
  /** Every line of stdout. */
  readonly lines: string[] = [];
  stderr = '';
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  #rest = '';
  #id = 0;
  #listeners = new Set<() => void>();

  /** Starts a server in a folder and initializes it. @param atEnd registers its end: `afterAll` for a server of many tests */
  static async start(
    folder: string,
    args: readonly string[] = [],
    environment: Record<string, string> = {},
    atEnd: AtEnd = onTestFinished,
  ) {
    const served = new Served(folder, args, environment, atEnd);
    await served.request('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    });
    served.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return served;
  }

  constructor(
    folder: string,
    args: readonly string[],
    environment: Record<string, string>,
    atEnd: AtEnd = onTestFinished,
  ) {
    const env = environmentIn(folder, environment);
    this.child = spawn(process.execPath, [program, 'serve', ...args], { cwd: folder, env });
    this.child.stdin.on('error', () => undefined);
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => this.#receive(text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#tell();
    });
    this.exited = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        resolve({ code, signal });
        this.#tell();
      });
    });
    atEnd(async () => {
      this.child.kill('SIGKILL');
      await this.exited;
    });
  }

  send(message: object): void {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  async request(method: string, params: object): Promise<Message> {
    this.#id += 1;
    const id = this.#id;
    this.send({ jsonrpc: '2.0', id, method, params });
    await this.until(() => this.#messages().some((message) => message.id === id));
    return this.#messages().find((message) => message.id === id) ?? {};
  }

  async call(name: string, args: object) {
    const { result, error } = await this.request('tools/call', { name, arguments: args });
    if (error) throw new Error(error.message);
    return result;
  }

  /** Resolves when a condition holds. Checks it after every message. Rejects when the server has exited. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (holds()) resolve();
        else if (this.child.exitCode !== null) reject(new Error(`the server exited: ${this.stderr}`));
        else return;
        this.#listeners.delete(look);
      };
      this.#listeners.add(look);
      look();
    });
  }

  /** Ends stdin, as a client does that no longer needs the server. */
  end() {
    this.child.stdin.end();
    return this.exited;
  }

  #messages(): Message[] {
    return this.lines.map((line) => JSON.parse(line) as Message);
  }

  #receive(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    this.lines.push(...parts);
    this.#tell();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
