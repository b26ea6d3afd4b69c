import { type Context, createContext, Script } from 'node:vm';
import type { JsonSchema } from '../../core/json.ts';

/** Texts up to so many characters are tried at once: no pattern takes long on them. */
const quickCharsMax = 16;
/** The same with a pattern that repeats hardly anything. */
const plainCharsMax = 200;
/** How long a pattern may take on one text, in ms. */
const patternMsMax = 50;
/** How long checking one value may take, in ms. */
const checkMsMax = 1_000;
/** In so many steps at the most a schema is checked by at one place of a value, where that counts as little. */
const weightMax = 5_000;

let bounds: { readonly script: Script; readonly context: Context } | undefined;

/** Runs what nothing else could interrupt. Costs a fifth of a millisecond. @throws Error when it takes longer. */
function within<T>(ms: number, work: () => T): T {
  bounds ??= { script: new Script('work()'), context: createContext({}) };
  const { script, context } = bounds;
  Object.assign(context, { work });
  return script.runInContext(context, { timeout: ms }) as T;
}

/**
 * A document may hold patterns that take years on a text that is made for them, and would stop the whole process
 * meanwhile. One that takes too long is given up and lets everything through: the API judges then.
 */
export function boundedPattern(pattern: RegExp): RegExp {
  const { source } = pattern;
  const isPlain = !/\)[+*?{]|\\[1-9k]/.test(source) && (source.match(/[+*?{]/g) ?? []).length <= 2;
  const directCharsMax = isPlain ? plainCharsMax : quickCharsMax;
  let isGivenUp = false;
  const test = (text: string): boolean => {
    if (text.length <= directCharsMax) return pattern.test(text);
    if (isGivenUp) return true;
    try {
      return within(patternMsMax, () => pattern.test(text));
    } catch {
      isGivenUp = true;
      return true;
    }
  };
  return Object.assign(new RegExp(pattern), { test });
}

/** The same work, which ends with an error where it takes too long. */
export function boundedWork<Given, Result>(work: (given: Given) => Result): (given: Given) => Result {
  return (given) => within(checkMsMax, () => work(given));
}

/**
 * Whether checking by a schema may take long: its alternatives, through all references, are too many, or it holds
 * itself, so that they multiply with the depth of the value.
 */
export function mayTakeLong(schema: JsonSchema): boolean {
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
    // Asked again before it is known, it holds itself.
    weights.set(reference, weightMax + 1);
    const target = reference.startsWith('#/$defs/') ? definitions[reference.slice('#/$defs/'.length)] : schema;
    const weight = weigh(target);
    weights.set(reference, weight);
    return weight;
  };
  const root: Record<string, unknown> = { ...schema };
  return /"(?:allOf|anyOf|oneOf|not|if)":/.test(JSON.stringify(schema)) && weigh(root) > weightMax;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
