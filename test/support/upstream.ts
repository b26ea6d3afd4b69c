import { randomUUID } from 'node:crypto';
import type { Classification } from '../../src/index.ts';
import { defineClient, z } from '../../src/index.ts';

/** An effect that happened at the upstream. */
export interface UpstreamEffect {
  readonly id: string;
  readonly key: string;
  readonly marker: string;
  readonly body: unknown;
}

export type Fault =
  | 'none'
  /** The effect happens and the response is lost. */
  | 'drop_answer'
  /** The effect happens and the response is a saved 500. */
  | 'error_after'
  /** The request is lost, and no response comes. */
  | 'lost'
  | 'refuse'
  | 'reject'
  | 'unauthorized'
  | 'decline'
  | 'gone'
  /** The effect and the response wait for `release`. */
  | 'hang_before'
  /** The effect happens at once, and the response waits for `release`. */
  | 'hang_after';

export class UpstreamError extends Error {
  readonly classification: Classification;

  constructor(message: string, classification: Classification) {
    super(message);
    this.classification = classification;
  }
}

/** The upstream of engine tests. It counts effects and knows nothing of the ledger. */
export class Upstream {
  readonly effects: UpstreamEffect[] = [];
  /** Every request that arrived, with or without an effect. */
  readonly requests: string[] = [];
  honoursKeys = true;
  readonly #faults: Fault[] = [];
  readonly #saved = new Map<string, () => UpstreamEffect>();
  #gates: (() => void)[] = [];
  #arrivals: { count: number; resolve: () => void }[] = [];

  /** The faults of the next requests, in order. */
  next(...faults: Fault[]): void {
    this.#faults.push(...faults);
  }

  /** Removes the remaining faults. */
  calm(): void {
    this.#faults.length = 0;
  }

  release(): void {
    for (const open of this.#gates.splice(0)) open();
  }

  arrived(count: number): Promise<void> {
    if (this.requests.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#arrivals.push({ count, resolve }));
  }

  async send(key: string, body: unknown, marker = ''): Promise<UpstreamEffect> {
    this.requests.push(key);
    for (const arrival of this.#arrivals) if (this.requests.length >= arrival.count) arrival.resolve();
    const fault = this.#faults.shift() ?? 'none';
    if (fault === 'lost') return new Promise(() => {});
    if (fault === 'refuse') throw new UpstreamError('connection refused', 'not_executed');
    if (fault === 'unauthorized') throw new UpstreamError('401', 'not_executed');
    const saved = this.honoursKeys ? this.#saved.get(key) : undefined;
    if (saved) return saved();
    if (fault === 'reject') throw new UpstreamError('400 invalid', 'not_executed');
    if (fault === 'gone') throw new UpstreamError('404', 'gone');
    if (fault === 'decline') return this.#save(key, () => fail('402 declined', 'failed'));
    if (fault === 'hang_before') {
      if (this.honoursKeys) this.#saved.set(key, () => fail('409 in use', 'unknown'));
      await this.#gate();
    }
    const effect = { id: randomUUID(), key, marker, body };
    this.effects.push(effect);
    if (fault === 'error_after') return this.#save(key, () => fail('500', 'unknown'));
    this.#save(key, () => effect);
    if (fault === 'hang_after') await this.#gate();
    if (fault === 'drop_answer') fail('socket hang up', 'unknown');
    return effect;
  }

  #gate(): Promise<void> {
    return new Promise((resolve) => this.#gates.push(resolve));
  }

  #save(key: string, answer: () => UpstreamEffect): UpstreamEffect {
    this.#saved.set(key, answer);
    return answer();
  }
}

function fail(message: string, classification: Classification): never {
  throw new UpstreamError(message, classification);
}

/** Creates a client of the upstream. With `memoryMs` 0 it takes no idempotency keys. */
export function upstreamClient(upstream: Upstream, memoryMs = 86_400_000, origin = 'test') {
  return defineClient({
    name: 'upstream',
    env: z.object({ ACCOUNT: z.string().default('a') }),
    open: () => upstream,
    upstream: (env) => ({ origin, mode: 'test', account: env.ACCOUNT }),
    keyMemory: memoryMs,
    classify: (error) => (error instanceof UpstreamError ? error.classification : undefined),
  });
}
