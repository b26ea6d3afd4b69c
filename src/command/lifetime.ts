import { closeSync, constants, openSync } from 'node:fs';
import { systemClock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Log } from '../core/observe/log.ts';
import { exitCodes } from './cli.ts';

/** How long answers may take to be handed to the operating system, in ms. */
const flushMs = 1_000;

interface Served {
  readonly app: { drain(withinMs: number): Promise<number> };
  /** Tells when each request has its answer. */
  readonly transport: { settled(): Promise<void> };
  readonly stop: Stopper;
  readonly log: Log;
  /** How long what is executing is waited for, in ms. */
  readonly drainMs: number;
  /** Ends the connection, when everything has its answer. */
  readonly close: () => Promise<void>;
}

/** Serves until it is to stop; then waits for what is executing, and ends. */
export async function untilDrained({ app, transport, stop, log, drainMs, close }: Served): Promise<void> {
  const why = await stop.stopped;
  log.debug(`draining: ${why}`);
  const drainingAtMs = systemClock.monotonicMs();
  // What was read before stdin ended still begins; after a signal nothing does.
  if (why === 'stdin ended') await Promise.race([transport.settled(), stop.signalled, bound(drainMs)]);
  // One bound for both: after the end of stdin, too, a server is gone within `drainMs` and what settling takes.
  await app.drain(Math.max(0, drainMs - (systemClock.monotonicMs() - drainingAtMs)));
  await Promise.race([transport.settled(), bound(flushMs)]);
  await close().catch((error: unknown) => log.debug(`closing: ${describeError(error)}`));
}

/** Runs reloads one after another. Requests that come while one is under way share the next one. */
export class Reloads {
  #reload: (() => Promise<void>) | undefined;
  #isAsked = false;
  #isRunning = false;

  readonly ask = (): void => {
    this.#isAsked = true;
    void this.#run();
  };

  /** Runs the reload for each request from now on, and for one that came before. @param reload never rejects */
  begin(reload: () => Promise<void>): void {
    this.#reload = reload;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (!this.#reload || this.#isRunning) return;
    this.#isRunning = true;
    while (this.#isAsked) {
      this.#isAsked = false;
      await this.#reload();
    }
    this.#isRunning = false;
  }
}

/** What ends a server. */
export interface Stopper {
  /** Why to stop. */
  readonly stopped: Promise<string>;
  readonly signalled: Promise<void>;
  readonly now: (why: string) => void;
}

/**
 * Tells once when to stop. A second signal ends the process at once.
 * @param onHup called at each SIGHUP that means something else than the end of the terminal. Default: it ends the server.
 */
export function stopper(onHup?: () => void): Stopper {
  let now = (_why: string): void => {};
  const stopped = new Promise<string>((resolve) => {
    now = resolve;
  });
  let hear = (): void => {};
  const signalled = new Promise<void>((resolve) => {
    hear = resolve;
  });
  let signals = 0;
  const hadTerminal = hasTerminal();
  // On Windows it means a console that was closed, and nothing else.
  const meansMore = (): boolean => process.platform !== 'win32' && !(hadTerminal && !hasTerminal());
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (signal === 'SIGHUP' && onHup && meansMore()) return onHup();
      signals += 1;
      if (signals > 1) process.exit(exitCodes.failure);
      hear();
      now(signal);
    });
  }
  return { stopped, signalled, now };
}

/**
 * Whether this process belongs to a terminal. When that is gone (a window closed, a connection lost) SIGHUP comes, too,
 * and by then the system has taken the terminal from the process.
 */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY));
    return true;
  } catch {
    return false;
  }
}

/**
 * A tool's stray promise must not cut off what other calls execute: it is logged. After an uncaught
 * exception nothing is certain any more: what executes is drained, and the process ends.
 */
export function watchFaults(log: Log, stop: () => void): { readonly seen: boolean } {
  const faults = { seen: false };
  process.on('unhandledRejection', (reason) => log.error(`a promise was rejected unheard: ${describeError(reason)}`));
  process.on('uncaughtException', (error) => {
    log.error(`uncaught exception: ${describeError(error)}`);
    faults.seen = true;
    stop();
  });
  return faults;
}

function bound(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
