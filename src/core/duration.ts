import { z } from 'zod';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const durationText = /^(\d{1,15}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;

export interface DurationBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** A duration within bounds: milliseconds as a number, or a text such as "500ms", "90s", "15m", "24h", "7d". Gives ms. */
export function duration(bounds: DurationBounds) {
  const { minMs, maxMs } = bounds;
  const range = `from ${durationOf(minMs)} to ${durationOf(maxMs)}`;
  const error = `must be a whole number of milliseconds or a text such as "500ms", "90s", "15m", "24h" or "7d", ${range}`;
  return z
    .union([z.int(error).min(minMs, error).max(maxMs, error), z.string().regex(durationText, error)], { error })
    .transform((value) => (typeof value === 'number' ? value : millisecondsOf(value)))
    .refine((ms) => ms >= minMs && ms <= maxMs, `must be ${range}`);
}

/** The shortest text for a duration that is exact: 86,400,000 is "1d". */
function durationOf(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const count = ms / (unitsMs[unit] ?? 1);
    if (count >= 1 && Number.isInteger(count)) return `${count}${unit}`;
  }
  return `${ms}ms`;
}

function millisecondsOf(text: string): number {
  const [, count = '', unit = ''] = durationText.exec(text) ?? [];
  return Math.round(Number(count) * (unitsMs[unit] ?? Number.NaN));
}
