/** How long a measurement is kept although a later one is less exact, in ms. Clocks drift apart by about 1 ms in this time. */
const keptMs = 10_000;

/**
 * Measures how far the clock of Redis is ahead of the wall clock of this process. Each script returns the time, so this takes
 * no round trip.
 */
export class RedisTime {
  #offsetMs = 0;
  #errorMs = Number.POSITIVE_INFINITY;
  #measuredMs = 0;

  /** How far the clock of Redis is ahead, in ms; 0 before the first reply. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /**
   * Notes the time in a reply.
   * @param timeMs the time of Redis, in ms since the epoch
   * @param sentMs when the command was sent, by `performance.now()`
   */
  note(timeMs: number, sentMs: number): void {
    const nowMs = performance.now();
    // Redis read its clock between sending and now.
    const errorMs = (nowMs - sentMs) / 2;
    const offsetMs = Math.round(timeMs + errorMs - Date.now());
    const isExact = errorMs <= this.#errorMs;
    const isOld = nowMs - this.#measuredMs > keptMs;
    // One of the clocks was set, or another Redis answers.
    const isOther = Math.abs(offsetMs - this.#offsetMs) > errorMs + this.#errorMs + 1;
    if (!isExact && !isOld && !isOther) return;
    this.#offsetMs = offsetMs;
    this.#errorMs = errorMs;
    this.#measuredMs = nowMs;
  }
}
