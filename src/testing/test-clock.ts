import { type Clock, systemClock } from '../core/clock.ts';

interface ShiftedTimer {
  readonly dueMs: number;
  readonly run: () => void;
}

/** The system's clock, which a test can set forward. Timers that become due then run at once. */
export class ShiftedClock implements Clock {
  #shiftMs = 0;
  readonly #timers = new Set<ShiftedTimer>();

  wallMs(): number {
    return systemClock.wallMs() + this.#shiftMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#shiftMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer: ShiftedTimer = { dueMs: this.monotonicMs() + delayMs, run: () => this.#fire(timer, run, cancel) };
    const cancel = systemClock.after(delayMs, timer.run);
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
      cancel();
    };
  }

  pass(ms: number): void {
    this.#shiftMs += ms;
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= this.monotonicMs());
    for (const { run } of due.sort((a, b) => a.dueMs - b.dueMs)) run();
  }

  #fire(timer: ShiftedTimer, run: () => void, cancel: () => void): void {
    cancel();
    if (this.#timers.delete(timer)) run();
  }
}
