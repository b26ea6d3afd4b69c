import { type Context, createContext, Script } from 'node:vm';
import { type JsonSchema, objectOf } from '../../core/json.ts';

/** Texts up to this length are tested without a time limit, in characters. No pattern takes long on them. */
const quickCharsMax = 16;
/** The same limit for patterns with few repetitions. */
const plainCharsMax = 200;
/** The longest test of a pattern on one text, in ms. */
const patternMsMax = 50;
/** The longest validation of one value, in ms. */
const checkMsMax = 1_000;
/** Schemas with a higher weight may run long. The weight is the number of validation steps at one place of a value. */
const weightMax = 5_000;

let sandbox: { readonly script: Script; readonly context: Context } | undefined;

/** Runs synchronous work with a time limit, which costs 0.2 ms. @throws Error when the limit is reached */
function withTimeLimit<T>(ms: number, work: () => T): T {
  sandbox ??= { script: new Script('work()'), context: createContext({}) };
  const { script, context } = sandbox;
  Object.assign(context, { work });
  return script.runInContext(context, { timeout: ms }) as T;
}

/**
 * Returns a copy of a pattern whose `test` has a time limit. A document's pattern may take years on a hostile text and
 * block the process meanwhile. After one time-out the pattern accepts every text, and the API decides.
 */
export function timeLimitedPattern(pattern: RegExp): RegExp {
  const { source } = pattern;
  const isPlain = !/\)[+*?{]|\\[1-9k]/.test(source) && (source.match(/[+*?{]/g) ?? []).length <= 2;
  const directCharsMax = isPlain ? plainCharsMax : quickCharsMax;
  let hasTimedOut = false;
  const test = (text: string): boolean => {
    if (text.length <= directCharsMax) return pattern.test(text);
    if (hasTimedOut) return true;
    try {
      return withTimeLimit(patternMsMax, () => pattern.test(text));
    } catch {
      hasTimedOut = true;
      return true;
    }
  };
  return Object.assign(new RegExp(pattern), { test });
}

/** Returns the same function with a time limit. It throws an error when the limit is reached. */
export function timeLimited<Given, Result>(work: (given: Given) => Result): (given: Given) => Result {
  return (given) => withTimeLimit(checkMsMax, () => work(given));
}

/**
 * Returns whether validation with a schema may run long. This is so if it has too many alternatives, including those behind
 * references, or if it has alternatives and contains itself: then they multiply with the depth of the value.
 */
export function mayRunLong(schema: JsonSchema): boolean {
  const definitions = objectOf(schema.$defs);
  const weights = new Map<string, number>();
  const weigh = (value: unknown): number => {
    if (Array.isArray(value)) return value.reduce((sum: number, each) => sum + weigh(each), 0);
    if (typeof value !== 'object' || value === null) return 0;
    let sum = 1;
    for (const [keyword, each] of Object.entries(value)) {
      if (keyword === '$ref' && typeof each === 'string') sum += weightOf(each);
      else if (keyword !== '$defs') sum += weigh(each);
    }
    return Math.min(sum, weightMax + 1);
  };
  const weightOf = (reference: string): number => {
    const known = weights.get(reference);
    if (known !== undefined) return known;
    // A schema that refers to itself reads this value before the real one is known.
    weights.set(reference, weightMax + 1);
    const target = reference.startsWith('#/$defs/') ? definitions[reference.slice('#/$defs/'.length)] : schema;
    const weight = weigh(target);
    weights.set(reference, weight);
    return weight;
  };
  const root: Record<string, unknown> = { ...schema };
  return /"(?:allOf|anyOf|oneOf|not|if)":/.test(JSON.stringify(schema)) && weigh(root) > weightMax;
}
