import { nearestNumbers } from '../exact-json.ts';
import { declaresProperty } from '../key/argument-place.ts';
import { isPlainObject } from '../key/check-json.ts';
import type { Tool } from '../tool/types.ts';

/** The argument with which a caller numbers several equal operations of a repeatable tool. It never reaches the tool. */
export const OCCURRENCE_FIELD = 'occurrence';
/** The largest accepted number. */
export const OCCURRENCE_MAX = 10_000;

export type TakenOccurrence =
  | {
      readonly ok: true;
      readonly arguments: unknown;
      readonly occurrence: number;
      /** Whether the caller gave the number. Then a call with the same number is a repeat, whatever came between. */
      readonly isNumbered: boolean;
    }
  | { readonly ok: false; readonly message: string };

/** Whether a tool takes `occurrence`. One that moves money takes a repeat token only, which proves that the caller has seen the first result. */
export function takesOccurrence(tool: Pick<Tool, 'class' | 'movesMoney' | 'input'>): boolean {
  return (
    tool.class === 'repeatable' &&
    tool.movesMoney !== true &&
    !declaresProperty(tool.input.jsonSchema, OCCURRENCE_FIELD)
  );
}

/** Takes `occurrence` out of the arguments of a repeatable tool. Absent and null mean 1. */
export function takeOccurrence(tool: Pick<Tool, 'class' | 'movesMoney' | 'input'>, raw: unknown): TakenOccurrence {
  if (!isPlainObject(raw) || !Object.hasOwn(raw, OCCURRENCE_FIELD) || !takesOccurrence(tool)) {
    return { ok: true, arguments: raw, occurrence: 1, isNumbered: false };
  }
  const { [OCCURRENCE_FIELD]: came, ...rest } = raw;
  // A caller may write 2.0.
  const given = nearestNumbers(came);
  if (given === null || given === '') return { ok: true, arguments: rest, occurrence: 1, isNumbered: false };
  const number = typeof given === 'string' && /^[1-9]\d{0,4}$/.test(given) ? Number(given) : given;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= OCCURRENCE_MAX) {
    return { ok: true, arguments: rest, occurrence: number, isNumbered: true };
  }
  return { ok: false, message: `/${OCCURRENCE_FIELD} must be a whole number from 1 to ${OCCURRENCE_MAX}` };
}
