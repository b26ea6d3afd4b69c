/** How often in a minute an upstream is started again. */
const restartsMax = 5;
const withinMs = 60_000;
const delayMinMs = 100;
const delayMaxMs = 5_000;

/** Says when a connection that has ended may be opened again: later each time, and not for ever. */
export class RestartSchedule {
  #atMs: number[] = [];

  mayBegin(nowMs: number): boolean {
    return this.#atMs.filter((atMs) => nowMs - atMs < withinMs).length < restartsMax;
  }

  /** @returns how long to wait before the next start, in ms; undefined when there were too many in the last minute. */
  next(nowMs: number): number | undefined {
    this.#atMs = this.#atMs.filter((atMs) => nowMs - atMs < withinMs);
    const before = this.#atMs.length;
    if (before >= restartsMax) return undefined;
    this.#atMs.push(nowMs);
    return Math.min(delayMinMs * 4 ** before, delayMaxMs);
  }
}
