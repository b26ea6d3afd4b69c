import { BoundedMap } from '../bounded-map.ts';
import { foldedNumbers, isMarkedNumber, parseJson, restoreNumbers } from '../exact-json.ts';
import { wordSet } from '../word-set.ts';
import type { ArgumentPlace, PropertyRule } from './argument-place.ts';
import { keepsString } from './argument-place.ts';
import { canonicalize, sameJson } from './canonical-json.ts';
import { ARGUMENT_LIMITS, findJsonFault, inspectJson, isPlainObject, pointerOf } from './check-json.ts';
import { countedForm } from './counted-form.ts';
import { foldPayment } from './fold-signed.ts';
import { foldText, KIND, kindOfName, wordsOf } from './fold-text.ts';
import {
  type Beside,
  hasContent,
  isNonceName,
  isNumberOfThing,
  isOfTry,
  isPerTryValue,
  type PerTryField,
  type PerTryKind,
  perTryKindOf,
  perTryKindOfField,
  readPerTryField,
  type ToolHabits,
  toolHabitsOf,
} from './per-try-fields.ts';
import { JSON_TYPE, type PlaceFacts, typeBitOf } from './place-facts.ts';

/** The arguments as they count for the hash. */
export interface FoldedArguments {
  readonly value: Record<string, unknown>;
  /** True if folding changed more than leaving out defaults. */
  readonly isChanged: boolean;
  /** JSON pointers of the arguments that were left out, because a caller makes them up for each try. */
  readonly leftOut: readonly string[];
  /** Names and values among them that may name a thing, such as `REQ-12`; undefined where there are none. */
  readonly leftOutThings: readonly (readonly [string, string | number])[] | undefined;
}

type Path = (string | number)[];

/** The state of one fold. */
interface Fold {
  readonly habits: Habits;
  readonly path: Path;
  readonly leftOut: string[];
  leftOutThings: (readonly [string, string | number])[] | undefined;
  isChanged: boolean;
}

/** What the name of a tool says about its arguments. */
interface Habits extends ToolHabits {
  /** Whether the tool makes something new, so that an empty list of labels says no more than none. */
  readonly makes: boolean;
  /** Whether the tool changes what exists, so that an empty value may remove what was there. */
  readonly changes: boolean;
  readonly keepsSpace: boolean;
  readonly keepsOrder: boolean;
}

/** What is known about a member before its value is seen. */
interface MemberFold {
  readonly kind: number;
  /** The kinds that its name stands for, whatever its format. */
  readonly nameKind: number;
  readonly perTry: PerTryKind | undefined;
  /** What the schema says about a declared member whose value may be new for each try. */
  readonly field?: PerTryField | undefined;
  readonly default?: FoldedDefault | undefined;
}

/** A default, folded and as the schema has it. */
interface FoldedDefault {
  readonly value: unknown;
  readonly unfolded: unknown;
}

const REPORTED_MAX = 100;
/** Words of tools that type or insert text, so that white space has a meaning. */
const TYPING_TOOL = wordSet('type keys keyboard press terminal shell exec stdin append insert prepend');
/** Words of tools that make something new. */
const MAKING_TOOL = wordSet('create add new send post make register book schedule submit pay open');
/** Words of tools for which an empty value removes what was there. */
const CHANGING_TOOL = wordSet('update set edit modify patch replace put upsert save change sync configure');
/** Words of tools that set the order of things. */
const ORDERING_TOOL = wordSet('reorder sort arrange rank prioritize prioritise');

/**
 * Folds valid arguments for the hash, so that arguments with the same meaning get the same hash. Leaves out members that
 * equal their default, and members that a caller makes up for each try. Folding twice changes nothing more.
 *
 * `clears` says that an empty list may remove what was there, whatever the name of the tool says.
 *
 * Never folds what can differ in meaning: the case of other strings, white space in code, the order of other lists.
 */
export function foldArguments(
  value: Record<string, unknown>,
  place: ArgumentPlace,
  tool?: string | undefined,
  clears?: boolean | undefined,
): FoldedArguments {
  const habits = habitsOf(tool ?? '');
  const fold: Fold = {
    habits: clears === true && habits.makes ? { ...habits, makes: false } : habits,
    path: [],
    leftOut: [],
    leftOutThings: undefined,
    isChanged: false,
  };
  const folded = foldObject(value, place, fold);
  return { value: folded, isChanged: fold.isChanged, leftOut: fold.leftOut, leftOutThings: fold.leftOutThings };
}

const TOOLS_MAX = 10_000;
const habits = new BoundedMap<string, Habits>(TOOLS_MAX);

/** Returns what the name of a tool says about its arguments. */
function habitsOf(tool: string): Habits {
  let known = habits.get(tool);
  if (known === undefined) {
    const words = wordsOf(tool);
    const verb = words.find((word) => MAKING_TOOL.has(word) || CHANGING_TOOL.has(word)) ?? '';
    known = {
      ...toolHabitsOf(words),
      makes: MAKING_TOOL.has(verb),
      changes: CHANGING_TOOL.has(verb),
      keepsSpace: words.some((word) => TYPING_TOOL.has(word)),
      keepsOrder: words.some((word) => ORDERING_TOOL.has(word)),
    };
    habits.set(tool, known);
  }
  return known;
}

/** Whether a tool, by its name, changes what exists. */
export function changesThings(tool: string): boolean {
  return habitsOf(tool).changes;
}

function foldObject(object: Record<string, unknown>, place: ArgumentPlace, fold: Fold): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  const { path } = fold;
  let isEmpty = true;
  const guessed: string[] = [];
  let beside: Beside | undefined;
  for (const name of Object.keys(object)) {
    const member = object[name];
    if (member === undefined) continue;
    const rule = place.property(name);
    const known = memberFold(rule, name, place);
    if (isEmptyList(member) && fold.habits.makes && rule.isNamed && isOptional(name, known, place)) {
      fold.isChanged = true;
      continue;
    }
    if (known.perTry !== undefined && mayBeLeftOut(member, known, rule, fold)) beside ??= besideIn(object, place, fold);
    if (beside !== undefined && isLeftOut(name, member, known, rule, place, beside, fold)) {
      path.push(name);
      leaveOut(member, known, fold);
      path.pop();
      if (!rule.isNamed && path.length === 0) guessed.push(name);
      continue;
    }
    path.push(name);
    const before = fold.leftOut.length;
    const folded = foldMember(member, rule.place, known, fold, object);
    path.pop();
    if (known.default !== undefined && isDefault(folded, known.default, rule.place, fold)) continue;
    // Without its invented members, an object such as `meta` says nothing.
    if (fold.leftOut.length > before && isEmptied(folded, member)) continue;
    kept[name] = folded;
    isEmpty = false;
  }
  // Nothing else tells two calls of an untyped tool apart.
  if (isEmpty && guessed.length > 0) return restore(guessed, object, kept, fold);
  return kept;
}

function isEmptyList(member: unknown): boolean {
  return Array.isArray(member) && member.length === 0;
}

function isOptional(name: string, known: MemberFold, place: ArgumentPlace): boolean {
  return known.default === undefined && !place.required.includes(name);
}

function restore(
  names: readonly string[],
  object: Record<string, unknown>,
  kept: Record<string, unknown>,
  fold: Fold,
): Record<string, unknown> {
  for (const name of names) kept[name] = object[name];
  const pointers = new Set(names.map((name) => pointerOf([name])));
  const others = fold.leftOut.filter((pointer) => !pointers.has(pointer));
  fold.leftOut.splice(0, fold.leftOut.length, ...others);
  fold.leftOutThings = fold.leftOutThings?.filter(([pointer]) => !pointers.has(pointer));
  return kept;
}

function leaveOut(member: unknown, { perTry, field }: MemberFold, fold: Fold): void {
  fold.isChanged = true;
  if (fold.leftOut.length >= REPORTED_MAX) return;
  const pointer = pointerOf(fold.path);
  fold.leftOut.push(pointer);
  if (perTry !== 'reference' || field?.said === 'try' || !isNumberOfThing(member)) return;
  fold.leftOutThings ??= [];
  fold.leftOutThings.push([pointer, typeof member === 'number' ? member : String(member).trim()]);
}

/** A member that equals its default is left out of every hash anyway, so it is not reported. */
function mayBeLeftOut(member: unknown, known: MemberFold, rule: PropertyRule, fold: Fold): boolean {
  const { perTry, default: standard } = known;
  if (perTry === undefined || !isPerTryValue(perTry, member)) return false;
  // A time in a list tells its items apart.
  const isInList = fold.path.some((step) => typeof step === 'number');
  if (isInList && perTry !== 'key' && perTry !== 'reference') return false;
  return standard === undefined || !isDefault(member, standard, rule.place, fold);
}

function isLeftOut(
  name: string,
  member: unknown,
  known: MemberFold,
  rule: PropertyRule,
  parent: ArgumentPlace,
  beside: Beside,
  fold: Fold,
): boolean {
  const { perTry: kind, field } = known;
  if (kind === undefined || !mayBeLeftOut(member, known, rule, fold)) return false;
  const around = fold.path.at(-1);
  const objectName = typeof around === 'string' ? around : undefined;
  const isListed = !rule.isNamed && parent.facts.listsProperties;
  return isOfTry({ kind, name, value: member, field, objectName, isListed, tool: fold.habits, beside });
}

/** Looks at what stands beside the members of an object that may be new for each try. */
function besideIn(object: Record<string, unknown>, place: ArgumentPlace, fold: Fold): Beside {
  const has = (...kinds: readonly PerTryKind[]): boolean =>
    Object.keys(object).some((name) => {
      const kind = perTryKindOf(name);
      return kind !== undefined && kinds.includes(kind) && isPerTryValue(kind, object[name]);
    });
  const hasTryReference = (): boolean =>
    Object.keys(object).some((name) => {
      if (perTryKindOf(name) !== 'reference') return false;
      const rule = place.property(name);
      return isLeftOut(name, object[name], memberFold(rule, name, place), rule, place, beside, fold);
    });
  const beside: Beside = {
    hasKey: once(() => has('key')),
    hasNonce: once(() => Object.keys(object).some((name) => isNonceName.test(name) && isText(object[name]))),
    hasSignature: once(() => has('signature', 'seal')),
    hasTimestamp: once(() => has('timestamp', 'moment')),
    hasTryReference: once(hasTryReference),
    hasContent: once(() => hasContent(object)),
  };
  return beside;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function once(test: () => boolean): () => boolean {
  let known: boolean | undefined;
  return () => {
    known ??= test();
    return known;
  };
}

function isEmptied(folded: unknown, member: unknown): boolean {
  return isPlainObject(folded) && Object.keys(folded).length === 0 && isPlainObject(member);
}

function foldMember(
  member: unknown,
  place: ArgumentPlace,
  known: MemberFold,
  fold: Fold,
  parent: Record<string, unknown> | undefined,
): unknown {
  if (typeof member === 'string') return foldString(member, place, known, fold, parent);
  if (typeof member !== 'object' || member === null) return member;
  if (Array.isArray(member)) return foldList(member, place, known, fold, parent);
  const object = asObject(member, fold);
  const payment = foldPayment(object);
  if (payment !== undefined) fold.isChanged = true;
  return foldObject(payment ?? object, place, fold);
}

function asObject(value: object, fold: Fold): Record<string, unknown> {
  if (isPlainObject(value)) return value;
  throw new NotJson([...fold.path]);
}

/** Thrown for a value that is not JSON, which only a tool's own schema can make. */
export class NotJson extends Error {
  readonly path: readonly (string | number)[];

  constructor(path: readonly (string | number)[]) {
    super('not JSON');
    this.path = path;
  }
}

function foldString(
  text: string,
  place: ArgumentPlace,
  known: MemberFold,
  fold: Fold,
  parent: Record<string, unknown> | undefined,
): unknown {
  if (isMarkedNumber(text)) return foldedNumbers(text);
  const { types } = place.facts;
  if ((types & JSON_TYPE.string) === 0) {
    const json = jsonIn(text, types, fold.path.length, true);
    if (json !== undefined) {
      fold.isChanged = true;
      return foldMember(json, place, known, fold, parent);
    }
  }
  const folded = foldText(text, known.kind);
  const result = folded !== text && isExact(known, fold, parent) ? foldText(text, known.kind | KIND.exact) : folded;
  if (result !== text) fold.isChanged = true;
  if (!takesList(known, place.facts)) return result;
  fold.isChanged = true;
  return (known.kind & KIND.email) !== 0 && result.includes('@') ? result.split(',') : [result];
}

/** Tests whether the only change is in white space that has a meaning: what a tool types, or the content of a file. */
function isExact(known: MemberFold, fold: Fold, parent: Record<string, unknown> | undefined): boolean {
  if (fold.habits.keepsSpace) return known.kind === 0;
  if ((known.nameKind & KIND.content) === 0 || parent === undefined) return false;
  return Object.keys(parent).some((name) => (kindOfName(name) & KIND.file) !== 0);
}

/** Tests for `to: "a@x"` where the schema takes `to: ["a@x"]` as well. */
function takesList({ nameKind }: MemberFold, { types }: PlaceFacts): boolean {
  return (nameKind & KIND.set) !== 0 && (types & JSON_TYPE.string) !== 0 && (types & JSON_TYPE.array) !== 0;
}

/**
 * Returns the value whose JSON text was sent in place of it; undefined where the text has another type than
 * `types`, or breaks a limit.
 *
 * @param isCounted whether the result is for comparing only, so that it may hold what has no canonical form
 */
export function jsonIn(text: string, types: number, depth: number, isCounted = false): unknown {
  const found = jsonValueIn(text, types);
  if (isMarkedNumber(found)) return (types & JSON_TYPE.number) === 0 ? undefined : foldedNumbers(found);
  if (found === undefined || (typeBitOf(found) & types) === 0 || typeof found === 'string') return undefined;
  const limits = { ...ARGUMENT_LIMITS, depthMax: ARGUMENT_LIMITS.depthMax - depth - 1 };
  if (!isCounted) return findJsonFault(found, limits) === undefined ? foldedNumbers(found) : undefined;
  const { fault, isUnusual } = inspectJson(found, limits);
  if (fault !== undefined) return undefined;
  return isUnusual ? countedForm(found) : found;
}

const JSON_SCALAR = /^\s*(?:-?\d{1,400}(?:\.\d{1,400})?(?:[eE][+-]?\d{1,4})?|true|false|null)\s*$/;
const PYTHON_BOOLEAN = /^\s*(?:True|False)\s*$/;

function jsonValueIn(text: string, types: number): unknown {
  const isContainer = (types & (JSON_TYPE.object | JSON_TYPE.array)) !== 0 && /^\s*[{[]/.test(text);
  if (!isContainer && !JSON_SCALAR.test(text)) {
    return (types & JSON_TYPE.boolean) !== 0 && PYTHON_BOOLEAN.test(text) ? text.trim() === 'True' : undefined;
  }
  try {
    // The marks of a caller's text have been doubled once, and are doubled again.
    return parseJson(restoreNumbers(text), 0);
  } catch {
    return undefined;
  }
}

function foldList(
  items: readonly unknown[],
  place: ArgumentPlace,
  known: MemberFold,
  fold: Fold,
  parent: Record<string, unknown> | undefined,
): unknown[] {
  let itemPlace: ArgumentPlace | undefined;
  let itemFold = known;
  const folded = items.map((item, index) => {
    const next = place.item(index);
    if (next !== itemPlace) {
      itemPlace = next;
      itemFold = {
        kind: kindAt(next, known.nameKind & ~KIND.set),
        nameKind: known.nameKind & ~KIND.set,
        perTry: undefined,
      };
    }
    fold.path.push(index);
    const value = foldMember(item, next, itemFold, fold, undefined);
    fold.path.pop();
    return value;
  });
  return isSet(folded, place, known, fold, parent) ? sorted(folded, place, fold) : folded;
}

const IS_ORDER =
  /\b(?:in (?:the |this |that )?(?:given )?order|ordered|ordering|order (?:of|in which|matters)|sequence|rank(?:ed|ing)?|priorit\w*)\b/i;

function isSet(
  items: readonly unknown[],
  place: ArgumentPlace,
  { nameKind }: MemberFold,
  fold: Fold,
  parent: Record<string, unknown> | undefined,
): boolean {
  if (items.length < 2 || fold.habits.keepsOrder || (nameKind & KIND.ordered) !== 0) return false;
  const { facts } = place;
  const isNamedSet = (nameKind & KIND.set) !== 0 && items.every((item) => typeof item === 'string');
  if (!facts.isUnique && !isNamedSet) return false;
  if (facts.description !== undefined && IS_ORDER.test(facts.description)) return false;
  if (place.ownItems() > 0) return false;
  return parent === undefined || !hasParallelList(items.length, parent, fold.path.at(-1));
}

const PARALLEL_NAME =
  /^(?:values?|data|datasets?|series|counts?|colou?rs?|points|x|y|amounts|weights|scores|probabilities)$/i;

/** Tests for another list that belongs to a list by position, such as the values of a chart's labels. */
function hasParallelList(length: number, parent: Record<string, unknown>, own: string | number | undefined): boolean {
  return Object.keys(parent).some((name) => {
    const other = parent[name];
    if (name === own || !Array.isArray(other)) return false;
    return PARALLEL_NAME.test(name) || (other.length === length && typeof other[0] === 'number');
  });
}

/** Sorts a set, and removes items that became equal. */
function sorted(items: unknown[], place: ArgumentPlace, fold: Fold): unknown[] {
  const isVerbatim = place.item(0).verbatim || place.verbatim;
  const unicode = isVerbatim ? 'verbatim' : 'nfc';
  const texts = items.map((item) => {
    if (typeof item !== 'string') return `json:${canonicalize(item, { unicode })}`;
    return `text:${isVerbatim ? item : item.normalize('NFC')}`;
  });
  if (texts.every((text, index) => index === 0 || (texts[index - 1] as string) < text)) return items;
  fold.isChanged = true;
  const byText = new Map(texts.map((text, index) => [text, items[index]]));
  return [...byText.keys()].sort().map((text) => byText.get(text));
}

const members = new WeakMap<PropertyRule, MemberFold>();

function memberFold(rule: PropertyRule, name: string, parent: ArgumentPlace): MemberFold {
  if (!rule.isNamed) {
    const nameKind = kindOfName(name);
    return { kind: kindAt(rule.place, nameKind), nameKind, perTry: perTryKindOf(name) };
  }
  const known = members.get(rule);
  if (known !== undefined) return known;
  const made = makeMemberFold(rule, name, parent.required);
  members.set(rule, made);
  return made;
}

/** Depends on the schema alone, so that every process folds alike. */
function makeMemberFold(rule: PropertyRule, name: string, required: readonly string[]): MemberFold {
  const { facts } = rule.place;
  const nameKind = kindOfName(name);
  const { description, isEnumerated, types } = facts;
  const perTry = perTryKindOfField(name, description);
  const isNumber = (types & JSON_TYPE.number) !== 0 && (types & ~(JSON_TYPE.number | JSON_TYPE.null)) === 0;
  const field = { name, description, isEnumerated, isNumber, required };
  const made: MemberFold = {
    kind: kindAt(rule.place, nameKind),
    nameKind,
    perTry,
    field: perTry && readPerTryField(perTry, field),
  };
  if (rule.defaultValue === undefined) return made;
  const inner: Fold = {
    ...{ habits: habitsOf(''), path: [0] },
    ...{ leftOut: [], leftOutThings: undefined, isChanged: false },
  };
  const unfolded = rule.defaultValue.value;
  return { ...made, default: { value: foldMember(unfolded, rule.place, made, inner, undefined), unfolded } };
}

/** A format decides over the name. */
function kindAt({ facts }: ArgumentPlace, nameKind: number): number {
  if (facts.kind !== 0 || facts.hasFormat) return facts.kind;
  return facts.isEnumerated ? KIND.exact : nameKind & ~(KIND.set | KIND.ordered | KIND.file | KIND.content);
}

function isDefault(member: unknown, standard: FoldedDefault, place: ArgumentPlace, fold: Fold): boolean {
  if (equals(member, standard.value, place)) return true;
  return (fold.habits.keepsSpace || fold.habits.keepsOrder) && equals(member, standard.unfolded, place);
}

function equals(member: unknown, value: unknown, place: ArgumentPlace): boolean {
  if (member === value) return true;
  if (typeof member !== typeof value || member === null || value === null) return false;
  if (typeof member !== 'string' && typeof member !== 'object') return false;
  return sameJson(member, value, { keepString: (path) => keepsString(place, path) });
}
