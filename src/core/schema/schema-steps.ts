import type { JsonSchema } from '../json.ts';

/** A schema with more steps counts as endless. */
const stepsMax = 100_000;

/**
 * Returns how many steps the validation of one place of a value takes, at most: each part of the schema counts, those
 * behind references once for each reference. Infinity for a schema that contains itself, because its parts may multiply
 * with the depth of the value.
 */
export function schemaSteps(schema: JsonSchema): number {
  const known = new Map<string, number>();
  const stepsOf = (value: unknown): number => {
    if (Array.isArray(value)) return value.length + sum(value, stepsOf);
    if (typeof value !== 'object' || value === null) return 0;
    return 1 + sum(Object.entries(value), ([keyword, each]) => keywordSteps(keyword, each));
  };
  const keywordSteps = (keyword: string, value: unknown): number => {
    if (keyword === '$dynamicRef' || keyword === '$recursiveRef') return Number.POSITIVE_INFINITY;
    if (keyword === '$ref' && typeof value === 'string') return referenceSteps(value);
    return keyword === '$defs' || keyword === 'definitions' ? 0 : stepsOf(value);
  };
  const referenceSteps = (reference: string): number => {
    const before = known.get(reference);
    if (before !== undefined) return before;
    // A schema that refers to itself reads this value before the real one is known.
    known.set(reference, Number.POSITIVE_INFINITY);
    const [, keyword, name] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(reference) ?? [];
    const definitions = keyword === undefined ? undefined : schema[keyword];
    const target = isRecord(definitions) && name !== undefined ? definitions[name] : undefined;
    // Where a reference leads is not always known here. The whole schema is the safe answer.
    const steps = stepsOf(target ?? schema);
    known.set(reference, steps);
    return steps;
  };
  const steps = stepsOf(schema);
  return steps > stepsMax ? Number.POSITIVE_INFINITY : steps;
}

/** Counts the values inside a value, itself included, up to a limit. */
export function countValues(value: unknown, limit: number): number {
  let count = 0;
  const waiting: unknown[] = [value];
  while (waiting.length > 0 && count < limit) {
    const each = waiting.pop();
    count += 1;
    if (typeof each !== 'object' || each === null) continue;
    const inner = Array.isArray(each) ? each : Object.values(each);
    if (inner.length > limit) return limit;
    waiting.push(...inner);
  }
  return count;
}

function sum<Item>(items: readonly Item[], steps: (item: Item) => number): number {
  return items.reduce((total, each) => total + steps(each), 0);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
