import { McpOnceError } from '../errors.ts';
import { pointerTokens } from '../json.ts';
import { isPlainObject } from './check-json.ts';

const POINTERS_MAX = 100;
const POINTER_CHARS_MAX = 1_000;
const STEPS_MAX = 64;

/** Returns why a text does not point to arguments; undefined for a JSON pointer (RFC 6901), also one with `*` steps. */
export function pointerFault(pointer: string): string | undefined {
  if (pointer === '') return 'must name an argument, such as "/memo"; an empty pointer names all of them';
  if (!pointer.startsWith('/')) return 'must be a JSON pointer, which begins with a slash, such as "/lines/*/memo"';
  if (pointer.length > POINTER_CHARS_MAX) return `must have at most ${POINTER_CHARS_MAX} characters`;
  if (/~(?![01])/.test(pointer)) return 'has a "~" that is not followed by 0 or 1: write "~0" for "~" and "~1" for "/"';
  return pointerTokens(pointer).length > STEPS_MAX ? `must have at most ${STEPS_MAX} steps` : undefined;
}

/** A JSON pointer to arguments, and its unescaped steps. `*` stands for each item of a list. */
interface ParsedPointer {
  readonly pointer: string;
  readonly steps: readonly string[];
}

const parsed = new WeakMap<readonly string[], readonly ParsedPointer[]>();

/** Parses pointers once for each list. @throws McpOnceError `configuration_invalid` that names the pointer and its fault */
function parsePointers(pointers: readonly string[]): readonly ParsedPointer[] {
  const known = parsed.get(pointers);
  if (known !== undefined) return known;
  if (pointers.length > POINTERS_MAX) {
    throw new McpOnceError('configuration_invalid', `A rule has more than ${POINTERS_MAX} pointers.`);
  }
  const made = pointers.map((pointer) => {
    const fault = pointerFault(pointer);
    if (fault === undefined) return { pointer, steps: pointerTokens(pointer) };
    throw new McpOnceError('configuration_invalid', `The pointer ${JSON.stringify(pointer.slice(0, 100))} ${fault}.`);
  });
  parsed.set(pointers, made);
  return made;
}

/**
 * Returns a copy of the arguments without the places that the pointers name. Places that do not exist are ignored.
 *
 * @throws McpOnceError `configuration_invalid` for a text that is not a JSON pointer
 * @example
 * withoutPointers({ lines: [{ id: 1, n: 2 }] }, ['/lines/*\/id']) // { lines: [{ n: 2 }] }
 */
export function withoutPointers(value: Record<string, unknown>, pointers: readonly string[]): Record<string, unknown> {
  return parsePointers(pointers).reduce<unknown>((rest, { steps }) => without(rest, steps, 0), value) as Record<
    string,
    unknown
  >;
}

/** Returns the values at the pointers, by pointer. A pointer with `*` has a list of values. Absent places are left out. */
export function pickPointers(value: Record<string, unknown>, pointers: readonly string[]): Record<string, unknown> {
  const picked = parsePointers(pointers).flatMap(({ pointer, steps }): [string, unknown][] => {
    const found: unknown[] = [];
    collect(value, steps, 0, found);
    if (found.length === 0) return [];
    return [[pointer, steps.includes('*') ? found : found[0]]];
  });
  return Object.fromEntries(picked);
}

function without(value: unknown, steps: readonly string[], depth: number): unknown {
  const step = steps[depth] as string;
  const isLast = depth === steps.length - 1;
  if (Array.isArray(value)) {
    if (step !== '*' && indexOf(step, value) === undefined) return value;
    const isMeant = (index: number): boolean => step === '*' || String(index) === step;
    if (isLast) return value.filter((_, index) => !isMeant(index));
    return value.map((item, index) => (isMeant(index) ? without(item, steps, depth + 1) : item));
  }
  if (!isPlainObject(value) || !Object.hasOwn(value, step)) return value;
  const { [step]: member, ...rest } = value;
  return isLast ? rest : { ...value, [step]: without(member, steps, depth + 1) };
}

function collect(value: unknown, steps: readonly string[], depth: number, found: unknown[]): void {
  const step = steps[depth];
  if (step === undefined) {
    if (value !== undefined) found.push(value);
  } else if (Array.isArray(value)) {
    if (step === '*') for (const item of value) collect(item, steps, depth + 1, found);
    else if (indexOf(step, value) !== undefined) collect(value[Number(step)], steps, depth + 1, found);
  } else if (isPlainObject(value) && Object.hasOwn(value, step)) {
    collect(value[step], steps, depth + 1, found);
  }
}

function indexOf(step: string, list: readonly unknown[]): number | undefined {
  return /^(?:0|[1-9]\d{0,8})$/.test(step) && Number(step) < list.length ? Number(step) : undefined;
}
