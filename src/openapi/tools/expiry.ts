import { arrayOf, isObject, type JsonObject } from '../../core/json.ts';
import type { ContentResult } from '../../core/tool/types.ts';
import { jsonOfText } from './json-text.ts';

/** Members with a point in time, or with a number of seconds, after which a secret is of no use. */
const pointName =
  /^(?:(?:token|session|url|link)?_?(?:expires|expiry|expiration|expire)(?:_?(?:at|on|time|date|datetime))?|valid_?until|exp)$/i;
const secondsName = /^(?:token_?)?(?:expires_?in|expiry_?in|ttl|valid_?for|expires_?in_?(?:sec(?:ond)?s?))$/i;
/** Members that hold what expires. */
const secretName =
  /token|secret|(?:^|_|[a-z])url$|(?:^|_)(?:link|ticket|code|signature|password|credential|session)s?$|Link$|jwt/i;

/** A result this close to its end is of no use either: at most this long, or a tenth of its life. */
const marginMsMax = 30_000;
const listItemsMax = 20;

/**
 * Returns how long a result with a secret can be used, in ms. Undefined for other results: the end of an order or of a
 * coupon does not make its creation meant again.
 */
export function usableMs(result: ContentResult, nowMs: number): number | undefined {
  const body = result.structuredContent ?? jsonOfText(result);
  if (!isObject(body)) return undefined;
  const inner = Object.values(body).flatMap((value) =>
    isObject(value) ? [value] : arrayOf(value).slice(0, listItemsMax),
  );
  const found = [body, ...inner.filter(isObject)].flatMap((each) => lifeMs(each, nowMs) ?? []);
  return found.length === 0 ? undefined : Math.min(...found);
}

function lifeMs(value: JsonObject, nowMs: number): number | undefined {
  const members = Object.entries(value);
  const hasSecret = members.some(([name, each]) => secretName.test(name) && typeof each === 'string' && each !== '');
  if (!hasSecret) return undefined;
  const lives = members.flatMap(([name, each]) => {
    const point = pointName.test(name) ? pointMs(each) : undefined;
    if (point !== undefined) return [point - nowMs];
    const seconds = secondsName.test(name) ? Number(each) : Number.NaN;
    return Number.isFinite(seconds) && seconds > 0 && each !== true ? [seconds * 1_000] : [];
  });
  if (lives.length === 0) return undefined;
  const life = Math.max(0, Math.min(...lives));
  return Math.max(0, life - Math.min(marginMsMax, life / 10));
}

/** Reads a point in time: seconds or milliseconds since 1970, or a date with a time. */
function pointMs(value: unknown): number | undefined {
  const isDigits = typeof value === 'string' && /^\d{9,14}$/.test(value);
  if (typeof value === 'number' || isDigits) {
    const number = Number(value);
    // Smaller numbers are durations or counts.
    if (!Number.isFinite(number) || number < 1e9) return undefined;
    return number < 1e11 ? number * 1_000 : number;
  }
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}/.test(value)) return undefined;
  const parsed = Date.parse(value);
  return Number.isNaN(parsed) ? undefined : parsed;
}
