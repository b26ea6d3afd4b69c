import { z } from 'zod';

/**
 * A length of time: milliseconds as a number, or a text with a unit: "500ms", "90s", "15m", "24h" or "7d".
 *
 * @example
 * const window: Duration = '24h'; // the same as 86_400_000
 */
export type Duration = number | string;

/** The bounds of a duration, both inclusive, in ms. */
export interface DurationBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const durationText = /^(\d{1,15}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;

/** Returns a duration in ms; undefined for a value that is not a `Duration` of 0 or more. */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const [, count, unit = ''] = durationText.exec(value) ?? [];
  return count === undefined ? undefined : Math.round(Number(count) * (unitsMs[unit] ?? Number.NaN));
}

/**
 * Returns the shortest exact text for a number of milliseconds.
 *
 * @example
 * durationOf(86_400_000) // "1d"
 */
export function durationOf(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const count = ms / (unitsMs[unit] ?? 1);
    if (count >= 1 && Number.isInteger(count)) return `${count}${unit}`;
  }
  return `${ms}ms`;
}

/** Returns a schema that reads a `Duration` within bounds and outputs ms. */
export function duration({ minMs, maxMs }: DurationBounds) {
  const range = `from ${durationOf(minMs)} to ${durationOf(maxMs)}`;
  const error = `must be a whole number of milliseconds or a text such as "500ms", "90s", "15m", "24h" or "7d", ${range}`;
  return z
    .union([z.int(error).min(minMs, error).max(maxMs, error), z.string().regex(durationText, error)], { error })
    .transform((value) => parseDuration(value) ?? Number.NaN)
    .refine((ms) => ms >= minMs && ms <= maxMs, `must be ${range}`);
}
