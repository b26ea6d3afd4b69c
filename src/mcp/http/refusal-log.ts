import type { Clock } from '../../clock.ts';
import type { Log } from '../../observe/log.ts';

/** How often the same is told, in ms: refusals cost whoever sends them nothing. */
const everyMs = 10_000;
/** How many different refusals are told apart. */
const kindsMax = 1_000;

/** Tells the operator who is not let in, and why: each kind at once, and then seldom, with how often it came. */
export class RefusalLog {
  readonly #log: Pick<Log, 'info'>;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, { toldAtMs: number; since: number }>();

  constructor(log: Pick<Log, 'info'>, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @param why fixed text, and nothing that a caller wrote */
  tell(status: number, why: string): void {
    const name = `${status} ${why}`;
    const nowMs = this.#clock.monotonicMs();
    const kind = this.#kinds.get(name);
    if (kind && nowMs - kind.toldAtMs < everyMs) {
      kind.since += 1;
      return;
    }
    if (!kind && this.#kinds.size >= kindsMax) this.#kinds.clear();
    const more = kind && kind.since > 0 ? { before: kind.since } : {};
    this.#kinds.set(name, { toldAtMs: nowMs, since: 0 });
    this.#log.info('http: refused', { status, why, ...more });
  }
}
