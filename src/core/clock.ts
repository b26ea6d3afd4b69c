import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { uptime } from 'node:os';

/**
 * A reading of the clock that all processes of a machine share. It counts from the start of the machine, also while the
 * machine sleeps, and nobody can set it.
 */
export interface MachineTime {
  /** Identifies the machine and its boot; '' if the system does not report it. */
  readonly boot: string;
  readonly ms: number;
}

/**
 * The source of time. It is passed in so that tests control it. Wall-clock time is only compared and shown. Leases and
 * fencing, on which safety depends, use the monotonic clock.
 */
export interface Clock {
  /** Returns the ms since the Unix epoch, by this machine's clock. May jump. */
  wallMs(): number;
  /** Returns the ms since an arbitrary start. Never goes back. */
  monotonicMs(): number;
  /** Returns the time of this machine. Absent in a clock that belongs to one process. */
  machine?(): MachineTime;
  /** Calls `run` once after `delayMs`. The timer does not keep the process alive. @returns a function that cancels it */
  after(delayMs: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  machine: () => ({ boot: bootOfMachine(), ms: Math.round(uptime() * 1000) }),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Returns a clock whose wall clock is set ahead. */
export function aheadBy(clock: Clock, offsetMs: () => number): Clock {
  return {
    wallMs: () => clock.wallMs() + offsetMs(),
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs, run) => clock.after(delayMs, run),
  };
}

let boot: string | undefined;

/** Containers of a machine may have clocks of their own. Their time namespace identifies them. */
function bootOfMachine(): string {
  boot ??= identityOfBoot();
  return boot;
}

function identityOfBoot(): string {
  try {
    const parts = [readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'), readlinkSync('/proc/self/ns/time')];
    return createHash('sha256').update(parts.join(' ')).digest('base64url').slice(0, 12);
  } catch {
    return '';
  }
}

/** Resolves after `delayMs`, or at once when `signal` aborts. Never rejects. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(delayMs, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** Waits for `work` for at most `boundMs`, then settles with what `late` returns or throws. The work continues. */
export function within<T>(clock: Clock, work: Promise<T>, boundMs: number, late: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(boundMs, () => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    });
    work.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error) => {
        cancel();
        reject(error);
      },
    );
  });
}
