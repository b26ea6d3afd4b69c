import { closeSync, constants, openSync } from 'node:fs';
import { systemClock } from '../core/clock.ts';
import { describeError, faultFields } from '../core/errors.ts';
import type { Log } from '../core/observe/log.ts';
import { exitCodes, type Host } from './cli.ts';

/** How long the last answers may take to be written, in ms. */
const flushMs = 1_000;

interface Served {
  readonly app: { drain(withinMs: number): Promise<number> };
  /** Resolves when each request has its answer. */
  readonly transport: { settled(): Promise<void> };
  readonly stop: Stopper;
  readonly log: Log;
  /** How long to wait for running executions, in ms. */
  readonly drainMs: number;
  /** Closes the connection, after the last answer. */
  readonly close: () => Promise<void>;
}

/** Waits until the server has to stop, drains it, and closes the connection. */
export async function untilDrained({ app, transport, stop, log, drainMs, close }: Served): Promise<void> {
  const why = await stop.stopped;
  log.debug(`draining: ${why}`);
  const drainingAtMs = systemClock.monotonicMs();
  // Requests that were read before stdin ended still begin. After a signal none begins.
  if (why === 'stdin ended') await Promise.race([transport.settled(), stop.signalled, bound(drainMs)]);
  // Both waits share one bound, so a server ends within `drainMs` plus the time for settling.
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

/** Tells a server when to stop. */
export interface Stopper {
  /** Resolves with the reason to stop. */
  readonly stopped: Promise<string>;
  readonly signalled: Promise<void>;
  readonly now: (why: string) => void;
}

/**
 * Listens for signals. The first one stops the server, a second one ends the process at once.
 * @param onHup called for each SIGHUP, except when the terminal has closed. Default: SIGHUP stops the server.
 */
export function stopper(host?: Host, onHup?: () => void): Stopper {
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
  // On Windows SIGHUP only means that the console was closed.
  const meansMore = (): boolean => process.platform !== 'win32' && !(hadTerminal && !hasTerminal());
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    (host?.signals ?? process).on(signal, () => {
      if (signal === 'SIGHUP' && onHup && meansMore()) return onHup();
      signals += 1;
      if (signals > 1) (host ?? process).exit(exitCodes.failure);
      hear();
      now(signal);
    });
  }
  return { stopped, signalled, now };
}

/**
 * Returns whether this process has a controlling terminal. When the terminal closes, the system sends SIGHUP as well,
 * and has detached the terminal by then.
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
 * Logs unhandled rejections, which must not cut off other calls. After an uncaught exception the state of the process is
 * uncertain: it drains and ends. A host watches its own process.
 */
export function watchFaults(log: Log, stop: () => void, host?: Host): { readonly seen: boolean } {
  const faults = { seen: false };
  if (host) return faults;
  process.on('unhandledRejection', (reason) =>
    log.error(`unhandled promise rejection: ${describeError(reason)}`, faultFields(reason)),
  );
  process.on('uncaughtException', (error) => {
    log.error(`uncaught exception: ${describeError(error)}`, faultFields(error));
    faults.seen = true;
    stop();
  });
  return faults;
}

function bound(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
