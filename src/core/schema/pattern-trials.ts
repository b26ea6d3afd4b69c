import { BoundedMap } from '../bounded-map.ts';
import { directStepsMax, patternCharsMax, patternSteps } from './pattern-steps.ts';
import { withTimeLimit } from './time-limit.ts';

const trialMsMax = 10;
/** How long all trials with a time limit may take together within a period, in ms. */
const trialsMsMax = 100;
const periodMs = 60_000;
const rememberedMax = 1_000;

/**
 * Tests whether many patterns of other people match a text. Undefined: it would take too long. So would many patterns
 * that are a little slow each, so all of them share one time limit.
 */
export class PatternTrials {
  readonly #monotonicMs: () => number;
  readonly #known = new BoundedMap<string, boolean>(rememberedMax);
  #periodEndsMs = 0;
  #spentMs = 0;

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
  }

  /** @throws SyntaxError for an invalid pattern */
  matches(source: string, text: string): boolean | undefined {
    if (source.length > patternCharsMax) return undefined;
    const pattern = new RegExp(source, 'u');
    if (patternSteps(source)(text.length) <= directStepsMax) return pattern.test(text);
    const name = JSON.stringify([source, text]);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const startMs = this.#monotonicMs();
    if (startMs >= this.#periodEndsMs) [this.#periodEndsMs, this.#spentMs] = [startMs + periodMs, 0];
    if (this.#spentMs >= trialsMsMax) return undefined;
    const trial = withTimeLimit(trialMsMax, () => pattern.test(text));
    this.#spentMs += this.#monotonicMs() - startMs;
    if (!trial.isLate) this.#known.set(name, trial.value);
    return trial.isLate ? undefined : trial.value;
  }
}
