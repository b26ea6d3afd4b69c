/**
 * The source of time. It is passed in so that tests control it. Wall-clock time is only compared and shown. Leases and
 * fencing, on which safety depends, use the monotonic clock.
 */
export interface Clock {
  /** Returns the ms since the Unix epoch, by this machine's clock. May jump. */
  wallMs(): number;
  /** Returns the ms since an arbitrary start. Never goes back. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`. The timer does not keep the process alive. @returns a function that cancels it */
  after(delayMs: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

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
