import { uptime } from 'node:os';

/** How long a measurement is kept although a later one is less exact, in ms. Clocks drift apart by about 1 ms in this time. */
const keptMs = 10_000;
/** How far the wall clock and the monotonic one may drift apart before one of them is wrong, in ms. */
const driftMs = 500;

interface Measurement {
  /** The time of Redis, in ms since the epoch, and how far it may be off. */
  readonly timeMs: number;
  readonly errorMs: number;
  readonly monotonicMs: number;
  readonly wallMs: number;
  readonly uptimeMs: number;
}

/**
 * Estimates the time of Redis between its replies. Each script returns the time, so this takes no round trip. The estimate stays
 * right if somebody sets the wall clock, or if the machine sleeps.
 */
export class RedisTime {
  #last: Measurement | undefined;

  /** How far the clock of Redis is ahead of the wall clock of this process, in ms; 0 before the first reply. */
  get offsetMs(): number {
    return this.#last === undefined ? 0 : Math.round(timeAfter(this.#last) - Date.now());
  }

  /**
   * Notes the time in a reply.
   * @param repliedMs the time of Redis, in ms since the epoch
   * @param sentMs when the command was sent, by `performance.now()`
   */
  note(repliedMs: number, sentMs: number): void {
    const monotonicMs = performance.now();
    // Redis read its clock between sending and now.
    const errorMs = (monotonicMs - sentMs) / 2;
    const timeMs = repliedMs + errorMs;
    const last = this.#last;
    if (last !== undefined) {
      const isExact = errorMs <= last.errorMs;
      const isOld = monotonicMs - last.monotonicMs > keptMs;
      // The clock of Redis was set, or another Redis answers.
      const isOther = Math.abs(timeMs - timeAfter(last)) > errorMs + last.errorMs + 1;
      if (!isExact && !isOld && !isOther) return;
    }
    this.#last = { timeMs, errorMs, monotonicMs, wallMs: Date.now(), uptimeMs: uptime() * 1_000 };
  }
}

/** Returns the present time of Redis. */
function timeAfter({ timeMs, monotonicMs, wallMs, uptimeMs }: Measurement): number {
  const passedMs = performance.now() - monotonicMs;
  // The wall clock was set, or the monotonic one stood still while the machine slept. The machine's clock shows how long.
  const isOff = Math.abs(Date.now() - wallMs - passedMs) > driftMs;
  return timeMs + (isOff ? uptime() * 1_000 - uptimeMs : passedMs);
}
