/**
 * Time, passed in so that tests own it. Wall-clock time is only ever compared and shown; every
 * duration that safety rests on (leases, fencing) is taken from the monotonic clock.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, by this machine's clock; may jump. */
  wallMs(): number;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels it. Keeps no process alive. */
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

/** Waits for `work` for at most `boundMs`, then takes what `late` gives or throws. The work goes on. */
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
