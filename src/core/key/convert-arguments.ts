import { isMarkedNumber, parseJson, writeJson } from '../exact-json.ts';
import type { ArgumentPlace } from './argument-place.ts';
import { ARGUMENT_LIMITS, inspectJson, isPlainObject, pointerOf } from './check-json.ts';
import { jsonIn } from './fold-arguments.ts';
import { KIND } from './fold-text.ts';
import { isPerTryValue, type PerTryKind, perTryKindOf } from './per-try-fields.ts';
import { JSON_TYPE } from './place-facts.ts';

/**
 * What happens to properties that a strict schema does not declare: the call is refused, or they are dropped with a note, or
 * they are sent. `refuse` still drops a key, time or signature that a caller has made up for this try.
 */
export type UndeclaredRule = 'refuse' | 'drop' | 'pass';

/** Arguments that a schema refused, in a form that it may accept. */
export interface Conversion {
  /** The given value itself if there is nothing to convert. */
  readonly value: Record<string, unknown>;
  /** JSON pointers of the values that were converted. */
  readonly converted: readonly string[];
  readonly undeclared: readonly Undeclared[];
  /** The removed nulls of properties without a default, also those in JSON text. A null may clear a value. */
  readonly nulls: readonly Undeclared[];
}

/** A removed property: the schema does not declare it, or treats its null as absent. */
interface Undeclared {
  readonly path: readonly (string | number)[];
  readonly name: string;
  readonly value: unknown;
}

interface Converting {
  readonly rule: UndeclaredRule;
  readonly path: (string | number)[];
  readonly converted: string[];
  readonly undeclared: Undeclared[];
  readonly nulls: Undeclared[];
  /** True where the result is for comparing only. */
  readonly keepsSpace: boolean;
}

const REPORTED_MAX = 100;

/**
 * Converts arguments that a schema refused. Converts only values that the schema cannot accept as they are: JSON text in
 * place of a number, boolean, list or object, another case of a listed text, white space around a text with a format, and
 * null for an optional property. Takes out undeclared properties if the rule says so.
 *
 * @param keepsSpace keeps the white space around a text with a format, which folding judges by the tool and the name
 */
export function convertArguments(
  value: Record<string, unknown>,
  place: ArgumentPlace,
  rule: UndeclaredRule,
  keepsSpace = false,
): Conversion {
  const run: Converting = { rule, path: [], converted: [], undeclared: [], nulls: [], keepsSpace };
  const converted = convertObject(value, place, run);
  return { value: converted, converted: run.converted, undeclared: run.undeclared, nulls: run.nulls };
}

/** Puts removed properties back in their places. Copies the objects that it changes. */
export function withUndeclared(
  value: Record<string, unknown>,
  undeclared: readonly Undeclared[],
): Record<string, unknown> {
  const copies = new Set<unknown>();
  const copied = <Container extends object>(container: Container): Container => {
    if (copies.has(container)) return container;
    const copy = (Array.isArray(container) ? [...container] : { ...container }) as Container;
    copies.add(copy);
    return copy;
  };
  const root = copied(value);
  for (const each of undeclared) {
    let current: Record<string | number, unknown> | undefined = root;
    for (const step of each.path) {
      const next: unknown = Object.hasOwn(current, step) ? current[step] : undefined;
      if (typeof next !== 'object' || next === null) {
        current = undefined;
        break;
      }
      const copy: object = copied(next);
      current[step] = copy;
      current = copy as Record<string | number, unknown>;
    }
    if (current !== undefined && !Object.hasOwn(current, each.name)) current[each.name] = each.value;
  }
  return root;
}

/** Returns the arguments without the properties that the rule takes out. Changes nothing else, also in JSON text. */
export function withoutUndeclared(
  value: Record<string, unknown>,
  place: ArgumentPlace,
  rule: UndeclaredRule,
): Record<string, unknown> {
  return takenOut(value, place, rule) as Record<string, unknown>;
}

function takenOut(value: unknown, place: ArgumentPlace, rule: UndeclaredRule): unknown {
  if (typeof value === 'string') return takenOutOfText(value, place, rule);
  if (Array.isArray(value)) {
    const items = value.map((item, index) => takenOut(item, place.item(index), rule));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (!isPlainObject(value)) return value;
  const members = Object.entries(value);
  const kept = members.flatMap(([name, member]) => {
    const { isNamed, place: inner } = place.property(name);
    const isTaken = !isNamed && takesOut(rule, name, member) && place.forbids(name);
    return isTaken ? [] : [[name, takenOut(member, inner, rule)] as const];
  });
  const isSame = kept.length === members.length && kept.every(([, member], index) => member === members[index]?.[1]);
  return isSame ? value : Object.fromEntries(kept);
}

function takenOutOfText(text: string, place: ArgumentPlace, rule: UndeclaredRule): string {
  if ((place.facts.types & JSON_TYPE.string) !== 0 || !/^\s*[{[]/.test(text)) return text;
  let value: unknown;
  try {
    value = parseJson(text, 0);
  } catch {
    return text;
  }
  if (inspectJson(value, { ...ARGUMENT_LIMITS, bytesMax: text.length }).fault !== undefined) return text;
  const kept = takenOut(value, place, rule);
  return kept === value ? text : writeJson(kept);
}

/** Returns the JSON pointers of properties that were taken out. */
export function undeclaredPointers(undeclared: readonly Undeclared[]): string[] {
  return undeclared.slice(0, REPORTED_MAX).map(({ path, name }) => pointerOf([...path, name]));
}

function convertObject(
  object: Record<string, unknown>,
  place: ArgumentPlace,
  run: Converting,
): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  let isChanged = false;
  for (const name of Object.keys(object)) {
    const member = object[name];
    const rule = place.property(name);
    if (!rule.isNamed && takesOut(run.rule, name, member) && place.forbids(name)) {
      run.undeclared.push({ path: [...run.path], name, value: member });
      isChanged = true;
      continue;
    }
    run.path.push(name);
    const isAbsent = member === null && rule.isNamed && (rule.stripNull || isRefusedNull(place, name, rule.place));
    if (isAbsent && rule.defaultValue === undefined) run.nulls.push({ path: run.path.slice(0, -1), name, value: null });
    if (isAbsent) report(run);
    else kept[name] = convert(member, rule.place, run);
    run.path.pop();
    isChanged ||= isAbsent || kept[name] !== member;
  }
  return isChanged ? kept : object;
}

function takesOut(rule: UndeclaredRule, name: string, value: unknown): boolean {
  if (rule !== 'refuse') return true;
  const kind = perTryKindOf(name);
  return kind !== undefined && !countsAlone.has(kind) && isPerTryValue(kind, value);
}

/** These may be content, unless something beside them says otherwise. */
const countsAlone: ReadonlySet<PerTryKind> = new Set(['chosen', 'moment', 'seal']);

function isRefusedNull(parent: ArgumentPlace, name: string, { facts }: ArgumentPlace): boolean {
  return (facts.types & JSON_TYPE.null) === 0 && !parent.required.includes(name);
}

function convert(value: unknown, place: ArgumentPlace, run: Converting): unknown {
  if (typeof value === 'string') return convertText(value, place, run);
  if (Array.isArray(value)) return convertItems(value, place, run);
  return isPlainObject(value) ? convertObject(value, place, run) : value;
}

function convertItems(items: readonly unknown[], place: ArgumentPlace, run: Converting): readonly unknown[] {
  let isChanged = false;
  const converted = items.map((item, index) => {
    run.path.push(index);
    const next = convert(item, place.item(index), run);
    run.path.pop();
    isChanged ||= next !== item;
    return next;
  });
  return isChanged ? converted : items;
}

function convertText(text: string, place: ArgumentPlace, run: Converting): unknown {
  if (isMarkedNumber(text)) return text;
  const { types, isEnumerated, hasFormat, kind } = place.facts;
  const mayBeText = (types & JSON_TYPE.string) !== 0;
  if (mayBeText && hasFormat && !isEnumerated && kind !== KIND.exact) {
    if (run.keepsSpace) return text;
    const bare = text.trim();
    if (bare !== text) report(run);
    return bare;
  }
  if (mayBeText && (!isEnumerated || place.acceptsText(text))) return text;
  const json = jsonIn(text, types, run.path.length, run.keepsSpace);
  const found = json === undefined ? listedText(text, place) : convert(json, place, run);
  if (found !== undefined) report(run);
  return found ?? (json === null ? null : text);
}

/** Returns the one listed text that differs only in case and outer white space. */
function listedText(text: string, place: ArgumentPlace): string | undefined {
  const wanted = text.trim().toLowerCase();
  const fitting = new Set(place.listedTexts().filter((each) => each.toLowerCase() === wanted));
  const [only] = fitting;
  return fitting.size === 1 ? only : undefined;
}

function report({ converted, path }: Converting): void {
  if (converted.length < REPORTED_MAX) converted.push(pointerOf(path));
}
