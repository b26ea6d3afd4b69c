import type { JsonSchema } from '../json.ts';
import { directStepsMax, patternCharsMax, patternSteps } from './pattern-steps.ts';
import { countValues, schemaSteps } from './schema-steps.ts';
import { withTimeLimit } from './time-limit.ts';

/** What a bounded check found. `given_up`: the check took too long, and says nothing about the value. */
export type Verdict = 'valid' | 'invalid' | 'given_up';

/** The parts of a schema that are given up when they take too long. */
export type SlowPart = 'pattern' | 'schema';

export interface CheckBoundsOptions {
  /** @defaultValue `performance.now` */
  readonly monotonicMs?: () => number;
  /** The longest run of a check, in ms. A check runs at most twice for one value. @defaultValue 40 */
  readonly runMsMax?: number;
}

/** A pattern as validators use it. */
export interface TestedPattern {
  test(text: string): boolean;
  toString(): string;
}

const defaultRunMsMax = 40;
const runsMax = 2;
/** How long a part of a schema stays given up, in ms. */
const givenUpMs = 10 * 60_000;

/** Thrown inside a check without a time limit when it would take too long. The check then runs with one. */
class NeedsTimeLimit extends Error {}

/** One check, and which of its parts are given up until when. */
interface RunningCheck {
  readonly patterns: Map<TestedPattern, number>;
  isLimited: boolean;
  steps: number;
  /** The pattern that is being tested. When the time limit strikes, it is the slow part. */
  current: TestedPattern | undefined;
}

/**
 * Bounds the time of checks with schemas of other people. A pattern may take years on a hostile text, and alternatives
 * may multiply. A part that takes too long is given up for its schema for 10 minutes: a pattern accepts every text, and
 * a schema says `given_up`. So one value blocks the process for at most 80 ms, and the next ones not at all.
 */
export class CheckBounds {
  readonly #monotonicMs: () => number;
  readonly #runMsMax: number;
  #running: RunningCheck | undefined;

  constructor({ monotonicMs = () => performance.now(), runMsMax = defaultRunMsMax }: CheckBoundsOptions = {}) {
    this.#monotonicMs = monotonicMs;
    this.#runMsMax = runMsMax;
  }

  /** Compiles a pattern for use in checks. @throws SyntaxError */
  pattern(source: string, flags: string): TestedPattern {
    if (source.length > patternCharsMax) return { test: () => true, toString: () => `/${source}/${flags}` };
    const regExp = new RegExp(source, flags);
    const steps = patternSteps(source);
    const bounded: TestedPattern = {
      test: (text) => this.#test(bounded, steps(text.length), () => regExp.test(text)),
      toString: () => String(regExp),
    };
    return bounded;
  }

  /** Bounds a format whose time grows with the square of the text's length, as those of ajv-formats do. */
  format(accepts: (text: string) => boolean): (text: string) => boolean {
    const bounded: TestedPattern = { test: () => true, toString: () => 'format' };
    return (text) => this.#test(bounded, text.length ** 2, () => accepts(text));
  }

  /**
   * Bounds the check of a compiled schema.
   *
   * @param gaveUp called when a part of the schema is given up
   */
  check(
    schema: JsonSchema,
    accepts: (value: unknown) => boolean,
    gaveUp: (part: SlowPart) => void,
  ): (value: unknown) => Verdict {
    const schemaStepsMax = schemaSteps(schema);
    const patterns = new Map<TestedPattern, number>();
    let givenUpUntil = 0;
    const run = (value: unknown, isLimited: boolean): Verdict | TestedPattern | 'late' => {
      const check: RunningCheck = { patterns, isLimited, steps: 0, current: undefined };
      this.#running = check;
      try {
        if (!isLimited) return verdictOf(accepts(value));
        const done = withTimeLimit(this.#runMsMax, () => accepts(value));
        return done.isLate ? (check.current ?? 'late') : verdictOf(done.value);
      } finally {
        this.#running = undefined;
      }
    };
    return (value) => {
      const nowMs = this.#monotonicMs();
      if (givenUpUntil > nowMs) return 'given_up';
      const isQuick = schemaStepsMax * countValues(value, directStepsMax) <= directStepsMax;
      const direct = isQuick ? orUndefined(() => run(value, false)) : undefined;
      if (direct !== undefined) return direct as Verdict;
      for (let runs = 0; runs < runsMax; runs += 1) {
        const found = run(value, true);
        if (found === 'valid' || found === 'invalid') return found;
        if (found === 'late' || found === 'given_up') break;
        patterns.set(found, nowMs + givenUpMs);
        gaveUp('pattern');
      }
      givenUpUntil = nowMs + givenUpMs;
      gaveUp('schema');
      return 'given_up';
    };
  }

  #test(pattern: TestedPattern, steps: number, test: () => boolean): boolean {
    const check = this.#running;
    if (check === undefined) return test();
    const givenUpUntil = check.patterns.get(pattern);
    if (givenUpUntil !== undefined && givenUpUntil > this.#monotonicMs()) return true;
    check.steps += steps;
    if (!check.isLimited && check.steps > directStepsMax) throw new NeedsTimeLimit();
    check.current = pattern;
    const matches = test();
    check.current = undefined;
    return matches;
  }
}

function verdictOf(accepted: boolean): Verdict {
  return accepted ? 'valid' : 'invalid';
}

function orUndefined<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof NeedsTimeLimit) return undefined;
    throw error;
  }
}
