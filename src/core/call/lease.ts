import { describeError } from '../errors.ts';
import type { Claim } from '../ledger/claim.ts';
import { emit } from '../observe/events.ts';
import type { EngineParts } from './types.ts';

/**
 * Renews a claim's lease at each third of it, while something runs. A failed renewal is tried again at the next third.
 * Until one succeeds, the claim is not fresh and nothing is dispatched.
 */
export class LeaseKeeper {
  readonly #engine: EngineParts;
  readonly #claim: Claim;
  #cancel: () => void = () => {};
  #stopped = false;

  constructor(engine: EngineParts, claim: Claim) {
    this.#engine = engine;
    this.#claim = claim;
    this.#schedule();
  }

  stop(): void {
    this.#cancel();
    this.#cancel = () => {};
    this.#stopped = true;
  }

  #schedule(): void {
    if (this.#stopped || this.#claim.lost) return;
    this.#cancel = this.#engine.clock.after(this.#claim.record.leaseMs / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    try {
      await this.#claim.renew();
    } catch (error) {
      emit({ type: 'ledger_fault', operation: this.#claim.record.key, message: describeError(error) });
    }
    this.#schedule();
  }
}
