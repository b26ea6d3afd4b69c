/** The first pause before a repeat, in ms; doubled each time. */
const firstPauseMs = 500;
/** The longest pause that is waited for, in ms: whoever asks for more gets no repeat from here. */
const pauseMsMax = 20_000;

/**
 * How long to wait before repeat number `repeat` (from 1), in ms: as `Retry-After` asks (seconds, or a date; RFC 9110,
 * 10.2.3), else exponential back-off with jitter. Undefined where the API asks for more than 20 s: sending earlier
 * than it asks would only be refused again.
 * @param now by the wall clock, in ms.
 */
export function pauseBefore(repeat: number, retryAfter: string | undefined, now: number): number | undefined {
  const askedMs = retryAfter === undefined ? undefined : retryAfterMs(retryAfter, now);
  if (askedMs !== undefined) return askedMs > pauseMsMax ? undefined : askedMs;
  const backoffMs = firstPauseMs * 2 ** (repeat - 1);
  return Math.min(backoffMs * (0.5 + Math.random() / 2), pauseMsMax);
}

function retryAfterMs(value: string, now: number): number | undefined {
  if (/^\s*\d+(?:\.\d+)?\s*$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0);
}
