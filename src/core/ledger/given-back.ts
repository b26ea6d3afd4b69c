import { BoundedMap } from '../bounded-map.ts';
import { type Clock, pause } from '../clock.ts';

/** How many claims are given back at once. */
const claimsMax = 1_000;

/**
 * Claims whose reply from the store was lost. Nothing was sent under them, although their record may be in flight. The process
 * tries to give each one back until it succeeds or ends, and a call that finds one waits for that.
 */
export class GivenBack {
  readonly #clock: Clock;
  readonly #claims = new BoundedMap<string, () => void>(claimsMax);
  readonly #closing = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(token: string): boolean {
    return this.#claims.has(token);
  }

  /** Tries again without waiting for the back-off. */
  retry(token: string): void {
    this.#claims.get(token)?.();
  }

  /** @param give gives the claim back. Returns whether it succeeded. Never rejects. */
  async add(token: string, give: () => Promise<boolean>): Promise<void> {
    let woken = new AbortController();
    const wake = (): void => woken.abort();
    this.#claims.set(token, wake);
    for (let delayMs = 50; this.#claims.get(token) === wake; delayMs = Math.min(delayMs * 2, 2_000)) {
      if (await give()) this.#claims.delete(token);
      else await pause(this.#clock, delayMs, AbortSignal.any([woken.signal, this.#closing.signal]));
      woken = new AbortController();
      if (this.#closing.signal.aborted) return;
    }
  }

  /** Stops trying. @returns how many claims are left in the ledger */
  close(): number {
    this.#closing.abort();
    return this.#claims.size;
  }
}
