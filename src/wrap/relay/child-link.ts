import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { describeError, isErrnoException } from '../../core/errors.ts';
import { MESSAGE_CONTENT_DEPTH, parseJson, writeJson } from '../../core/exact-json.ts';
import { type Line, LineReader } from '../../server/lines.ts';
import { LineExcerpt, responseIdIn } from './line-excerpt.ts';
import { claimLost, type Link, type LinkEvents, type MaySend, ServerFault } from './link.ts';
import { messageOf, type RpcId, type RpcMessage } from './message.ts';

export interface ChildOptions {
  /** Names the server in messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  /** @defaultValue the working directory of this process */
  readonly cwd?: string;
  /** The longest message that is read, in bytes. @defaultValue 64 MiB */
  readonly messageBytesMax?: number;
}

/** A line that is not written yet. */
interface Unwritten {
  readonly line: string;
  readonly maySend: MaySend | undefined;
  readonly resolve: () => void;
  readonly reject: (fault: ServerFault) => void;
}

/** The time limit for a process to end by itself, and then again after SIGTERM, in ms. */
const graceMs = 2_000;
/** How long stdout is read after the process has ended, in ms. */
const leftoverMs = 1_000;
/** A process that has not read this much of its stdin is taken to read no more, in characters. */
const unreadCharsMax = 64 * 1024 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Runs an MCP server as a process, with one JSON-RPC message per line on stdin and stdout (MCP 2025-11-25,
 * transports, stdio). Its stderr goes to ours. The SDK's transport does not fit: it copies its buffer with each chunk,
 * refuses messages that its schemas do not know, and reports neither failed writes nor how the process ended.
 */
export class ChildLink implements Link {
  readonly #options: ChildOptions;
  readonly #events: LinkEvents;
  readonly #lines: LineReader;
  readonly #bytesMax: number;
  #child: ChildProcess | undefined;
  readonly #excerpt = new LineExcerpt();
  #isOversized = false;
  #isClosing = false;
  #hasEnded = false;
  #invalidLines = 0;
  #endReason = 'the process ended';
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
    const start = process.platform === 'win32' ? await loadWindowsSpawn() : spawn;
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        const missing = isErrnoException(error) && error.code === 'ENOENT';
        const why = missing ? 'its command or its working directory does not exist' : describeError(error);
        reject(new ServerFault('not_executed', `${name} cannot be started: ${why}`, { cause: error }));
      };
      try {
        const child = start(command, [...args], { env, cwd, stdio: ['pipe', 'pipe', 'inherit'], windowsHide: true });
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
      return Promise.reject(new ServerFault('not_executed', `${name} does not read its stdin`));
    }
    return new Promise((resolve, reject) => {
      const line = `${writeJson(message)}\n`;
      this.#unwrittenChars += line.length;
      this.#unwritten.push({ line, maySend, resolve, reject });
      this.#writeNext(stdin);
    });
  }

  /** Writes one line at a time. Node joins waiting lines, and would fail all of them when only the last one failed. */
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
      // The server ignores a line that was not written completely.
      if (error) next.reject(new ServerFault('not_executed', `${name} accepts no more input`, { cause: error }));
      else next.resolve();
      this.#writeNext(stdin);
    });
  }

  setProtocolVersion(): void {}

  setReading(isOn: boolean): void {
    if (isOn) this.#child?.stdout?.resume();
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
    if (await isWithin(exited, graceMs)) return;
    endProcess(child, 'SIGTERM');
    if (await isWithin(exited, graceMs)) return;
    endProcess(child, 'SIGKILL');
  }

  #listen(child: ChildProcess): void {
    child.stdin?.on('error', (error) => this.#events.warning(`writing: ${describeError(error)}`));
    child.stdout?.on('error', (error) => this.#events.warning(`reading: ${describeError(error)}`));
    child.stdout?.on('data', this.#receive);
    child.once('exit', (code, signal) => {
      this.#endReason =
        signal === null ? `the process ended with exit code ${code}` : `the process was ended by ${signal}`;
      // A child of the process may keep stdout open.
      setTimeout(this.#end, leftoverMs).unref();
    });
    child.once('close', this.#end);
  }

  readonly #end = (): void => {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#child?.stdout?.destroy();
    this.#child?.stdin?.destroy();
    if (!this.#isClosing) this.#events.closed(this.#endReason);
  };

  readonly #receive = (chunk: Buffer): void => {
    if (this.#isClosing || this.#hasEnded) return;
    for (const line of this.#lines.push(chunk)) this.#takeLine(line);
    this.#noteExcerpt(chunk);
  };

  #takeLine(line: Line): void {
    if (line.type === 'over_bound') {
      this.#isOversized = true;
      return;
    }
    let value: unknown;
    try {
      value = parseJson(utf8.decode(line.bytes), MESSAGE_CONTENT_DEPTH);
    } catch {
      value = undefined;
    }
    // MCP 2025-03-26 has batches.
    for (const each of Array.isArray(value) ? value : [value]) {
      const message = messageOf(each);
      if (message) this.#events.message(message);
      else this.#warnInvalidLine(line.bytes.length);
    }
  }

  /** Logs the length only: the line may hold secrets. */
  #warnInvalidLine(bytes: number): void {
    this.#invalidLines += 1;
    if (this.#invalidLines <= 10)
      this.#events.warning(`ignored a line of ${bytes} bytes on stdout that is not a JSON-RPC message`);
  }

  #noteExcerpt(chunk: Buffer): void {
    const ended = this.#excerpt.push(chunk);
    if (ended === undefined || !this.#isOversized) return;
    this.#isOversized = false;
    this.#rejectOversized(responseIdIn(ended));
  }

  #rejectOversized(id: RpcId | undefined): void {
    const { name } = this.#options;
    const what = `the response is longer than ${this.#bytesMax} bytes`;
    if (id !== undefined) {
      this.#events.lost(id, new ServerFault('unknown', `${name}: ${what}`));
      return;
    }
    // The request of this response is unknown, so the process is restarted to fail all open requests.
    this.#endReason = `a message is longer than ${this.#bytesMax} bytes`;
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

/** Loads a `spawn` for Windows, where most commands (`npx`) are scripts that only `cmd` can start. */
async function loadWindowsSpawn(): Promise<typeof spawn> {
  return (await import('cross-spawn')).spawn;
}

/** Ends a process. Windows has no signals, and the children of `cmd` would survive it, so all of them are ended. */
function endProcess(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (process.platform !== 'win32' || child.pid === undefined) {
    child.kill(signal);
    return;
  }
  const ending = spawn('taskkill', ['/pid', String(child.pid), '/T', '/F'], { stdio: 'ignore', windowsHide: true });
  ending.on('error', () => child.kill());
}
