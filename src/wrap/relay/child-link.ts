import { type ChildProcess, spawn as posixSpawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { describeError, isErrnoException } from '../../core/errors.ts';
import { type Line, LineReader } from '../../server/lines.ts';
import { endProcess, windowsSpawn } from './child-process.ts';
import { LineExcerpt, responseIdIn } from './line-excerpt.ts';
import { claimLost, type Link, type LinkEvents, type MaySend, ServerFault } from './link.ts';
import { messageOf, type RpcId, type RpcMessage } from './message.ts';

export interface ChildOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  /** Default: this process's own. */
  readonly cwd?: string;
  /** The longest message that is read, in bytes. Default 64 MiB. */
  readonly messageBytesMax?: number;
}

/** A line that the process has not taken. */
interface Unwritten {
  readonly line: string;
  readonly maySend: MaySend | undefined;
  readonly resolve: () => void;
  readonly reject: (fault: ServerFault) => void;
}

/** How long a process may take to end by itself, and then after SIGTERM, in ms. */
const endMs = 2_000;
/** How long what a dead process has left in its stdout may take to be read, in ms. */
const leftoverMs = 1_000;
/** More than this, written and not yet taken by the process, and it does not read any more; in characters. */
const unreadCharsMax = 64 * 1024 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * An MCP server's process, one JSON-RPC message a line on its stdin and stdout (MCP 2025-11-25, transports,
 * stdio); its stderr goes to ours. Not the SDK's transport: that one copies what it holds with each chunk,
 * refuses what its schemas do not know, and tells neither failed writes nor how the process ended.
 */
export class ChildLink implements Link {
  readonly #options: ChildOptions;
  readonly #events: LinkEvents;
  readonly #lines: LineReader;
  readonly #bytesMax: number;
  #child: ChildProcess | undefined;
  readonly #ends = new LineExcerpt();
  #isOverBound = false;
  #isClosing = false;
  #hasEnded = false;
  #odd = 0;
  #how = 'it ended';
  readonly #unwritten: Unwritten[] = [];
  #unwrittenChars = 0;
  #isWriting = false;

  constructor(options: ChildOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    this.#bytesMax = options.messageBytesMax ?? 64 * 1024 * 1024;
    this.#lines = new LineReader(this.#bytesMax);
  }

  async start(): Promise<void> {
    const { name, command, args, env, cwd } = this.#options;
    const spawn = process.platform === 'win32' ? await windowsSpawn() : posixSpawn;
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        const missing = isErrnoException(error) && error.code === 'ENOENT';
        const why = missing ? 'its command is not found (or its folder is not there)' : describeError(error);
        reject(new ServerFault('not_executed', `${name} cannot be started: ${why}`, { cause: error }));
      };
      try {
        const child = spawn(command, [...args], { env, cwd, stdio: ['pipe', 'pipe', 'inherit'], windowsHide: true });
        this.#child = child;
        child.once('spawn', resolve);
        child.on('error', failed);
        this.#listen(child);
      } catch (error) {
        failed(error);
      }
    });
  }

  send(message: RpcMessage, maySend?: MaySend): Promise<void> {
    const { name } = this.#options;
    const stdin = this.#child?.stdin;
    if (!stdin?.writable || this.#hasEnded) {
      return Promise.reject(new ServerFault('not_executed', `${name} is not running`));
    }
    if (this.#unwrittenChars > unreadCharsMax) {
      return Promise.reject(new ServerFault('not_executed', `${name} does not read what it is sent`));
    }
    return new Promise((resolve, reject) => {
      const line = `${JSON.stringify(message)}\n`;
      this.#unwrittenChars += line.length;
      this.#unwritten.push({ line, maySend, resolve, reject });
      this.#writeNext(stdin);
    });
  }

  /** One line at a time: Node writes those that wait as one, and fails them all where only the last was not taken. */
  #writeNext(stdin: Writable): void {
    const next = this.#isWriting ? undefined : this.#unwritten.shift();
    if (!next) return;
    if (next.maySend?.() === false) {
      this.#unwrittenChars -= next.line.length;
      next.reject(claimLost(this.#options.name));
      this.#writeNext(stdin);
      return;
    }
    this.#isWriting = true;
    stdin.write(next.line, (error) => {
      this.#isWriting = false;
      this.#unwrittenChars -= next.line.length;
      const { name } = this.#options;
      // A line that was not written whole is none.
      if (error) next.reject(new ServerFault('not_executed', `${name} takes no more input`, { cause: error }));
      else next.resolve();
      this.#writeNext(stdin);
    });
  }

  agreed(): void {}

  setReading(on: boolean): void {
    if (on) this.#child?.stdout?.resume();
    else this.#child?.stdout?.pause();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
    });
    child.stdin?.end();
    child.stdout?.resume();
    if (await isWithin(exited, endMs)) return;
    endProcess(child, 'SIGTERM');
    if (await isWithin(exited, endMs)) return;
    endProcess(child, 'SIGKILL');
  }

  #listen(child: ChildProcess): void {
    child.stdin?.on('error', (error) => this.#events.warning(`writing: ${describeError(error)}`));
    child.stdout?.on('error', (error) => this.#events.warning(`reading: ${describeError(error)}`));
    child.stdout?.on('data', this.#receive);
    child.once('exit', (code, signal) => {
      this.#how = signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`;
      // A process of its own may hold its stdout open for ever.
      setTimeout(this.#end, leftoverMs).unref();
    });
    child.once('close', this.#end);
  }

  readonly #end = (): void => {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#child?.stdout?.destroy();
    this.#child?.stdin?.destroy();
    if (!this.#isClosing) this.#events.closed(this.#how);
  };

  readonly #receive = (chunk: Buffer): void => {
    if (this.#isClosing || this.#hasEnded) return;
    for (const line of this.#lines.push(chunk)) this.#take(line);
    this.#noteEnds(chunk);
  };

  #take(line: Line): void {
    if (line.type === 'over_bound') {
      this.#isOverBound = true;
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(utf8.decode(line.bytes));
    } catch {
      value = undefined;
    }
    // Older versions of MCP have batches (2025-03-26).
    for (const each of Array.isArray(value) ? value : [value]) {
      const message = messageOf(each);
      if (message) this.#events.message(message);
      else this.#tellOdd(line.bytes.length);
    }
  }

  /** Never what it says: it may hold anything. */
  #tellOdd(bytes: number): void {
    this.#odd += 1;
    if (this.#odd <= 10) this.#events.warning(`a line of ${bytes} bytes on its stdout is no message, and is left out`);
  }

  #noteEnds(chunk: Buffer): void {
    const ended = this.#ends.push(chunk);
    if (ended === undefined || !this.#isOverBound) return;
    this.#isOverBound = false;
    this.#overBound(responseIdIn(ended));
  }

  #overBound(id: RpcId | undefined): void {
    const { name } = this.#options;
    const what = `its answer has more than the ${this.#bytesMax} bytes that are read`;
    if (id !== undefined) {
      this.#events.lost(id, new ServerFault('unknown', `${name}: ${what}`));
      return;
    }
    // Somebody waits for it, and nobody knows who: ended, and begun again.
    this.#how = `it was ended: a message has more than the ${this.#bytesMax} bytes that are read`;
    if (this.#child) endProcess(this.#child, 'SIGKILL');
    this.#end();
  }
}

function isWithin(done: Promise<void>, boundMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), boundMs);
    void done.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
