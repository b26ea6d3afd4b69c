import { type Clock, pause } from './clock.ts';

interface Shared<T> {
  get(): Promise<T>;
  /** Returns what is open or being opened. Opens nothing. */
  current(): Promise<T> | undefined;
}

/** Opens something once and shares it. After a failure the next `get` opens it again. */
export function shared<T>(open: () => Promise<T>): Shared<T> {
  let opening: Promise<T> | undefined;
  const get = (): Promise<T> => {
    if (opening) return opening;
    const mine = open();
    opening = mine;
    mine.catch(() => {
      opening = undefined;
    });
    return mine;
  };
  return { get, current: () => opening };
}

/** Keeps a promise in a set until it settles. */
export function tracked<T>(set: Set<Promise<unknown>>, work: Promise<T>): Promise<T> {
  const done = work.then(
    () => undefined,
    () => undefined,
  );
  set.add(done);
  void done.then(() => set.delete(done));
  return work;
}

/** Waits until a set is empty, for at most `boundMs`. The set may grow meanwhile. */
export async function untilEmpty(set: ReadonlySet<Promise<unknown>>, clock: Clock, boundMs: number): Promise<void> {
  const deadlineMs = clock.monotonicMs() + boundMs;
  while (set.size > 0) {
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) return;
    const bound = new AbortController();
    await Promise.race([Promise.allSettled([...set]), pause(clock, leftMs, bound.signal)]);
    bound.abort();
  }
}

/** Waits for work until the signal aborts. The work itself continues. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | 'aborted'> {
  return new Promise((resolve, reject) => {
    const leave = (): void => resolve('aborted');
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
