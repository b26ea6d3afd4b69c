import { randomUUID } from 'node:crypto';
import type { Clock, MachineTime } from '../../src/core/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 1_000;
  #timers = new Set<Timer>();
  /** Each clock is that of a machine of its own, unless it gets the start of another one's. */
  readonly boot: string;

  constructor(wallMs = Date.UTC(2026, 0, 1), boot: string = randomUUID()) {
    this.#wallMs = wallMs;
    this.boot = boot;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  machine(): MachineTime {
    return { boot: this.boot, ms: this.#monotonicMs };
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#monotonicMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Sets only the wall clock, as an administrator can. */
  jumpWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** Advances both clocks at once. Runs no timer. */
  skip(byMs: number): void {
    this.#move(this.#monotonicMs + byMs);
  }

  /** Advances both clocks. Runs due timers in order and waits until their work has settled. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#monotonicMs + byMs;
    for (;;) {
      await settleDown(2);
      const due = [...this.#timers].filter((timer) => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#move(Math.max(due.atMs, this.#monotonicMs));
      due.run();
    }
    this.#move(endMs);
    await settleDown();
  }

  #move(toMs: number): void {
    this.#wallMs += toMs - this.#monotonicMs;
    this.#monotonicMs = toMs;
  }
}

/** Waits a few turns of the event loop, until all work waits for time or I/O. */
export async function settleDown(turns = 10): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
