import { hash } from 'node:crypto';
import { isFileLike, withoutTags } from './file-like.ts';
import type { FreeText } from './free-text.ts';
import { isCountToken, isWordToken, startOf, wordsOfText } from './text-words.ts';

/** How the wording of one call relates to that of another with the same skeleton. */
export type TextRelation = 'same' | 'reworded' | 'other';

/**
 * A summary of the free texts of a call: JSON, about 1 KB at most. It contains hashes, no text. Sketches of two releases
 * are compared by equality only, unless their `format` is the same.
 */
export interface TextSketch {
  readonly format: number;
  readonly fields: readonly FieldSketch[];
}

/** Four characters for each token. Members that would be empty or false are absent. */
interface FieldSketch {
  readonly pointer: string;
  /** SHA-256 of the text, shortened to 22 characters. */
  readonly hash: string;
  /** Compared by equality only. */
  readonly exact?: true;
  readonly tokens?: string;
  readonly facts?: string;
  /** The number of facts, if there are too many to keep; `facts` is then a hash of all. */
  readonly factCount?: number;
  readonly names?: string;
  /** Two characters for each. */
  readonly specific?: string;
  readonly marks?: string;
  readonly addressed?: string;
  readonly sides?: string;
  readonly negated?: true;
  readonly one?: true;
  readonly directed?: true;
}

const FORMAT = 1;
const TOKEN_CHARS = 4;
/** Fields beyond this number are joined to one. */
const FIELDS_MAX = 6;
/** How many tokens, facts and names of all fields are kept. */
const TOKENS_MAX = 132;
const FACTS_MAX = 32;
const NAMES_MAX = 16;
const MARKS_MAX = 12;
/** How much of a long text is read, at its start and at its end. */
const START_CHARS_MAX = 6_000;
const END_CHARS_MAX = 2_000;
/** Longer texts are hashed as they are. */
const FOLDED_CHARS_MAX = 20_000;

/** A text with this many content words can carry a decision about a shorter one of the same call. */
const LONG_TOKENS = 12;

/** Longer texts have no marks and no specific words: single words do not decide about them. */
const SHORT_TOKENS_MAX = 24;
/** A text with at most this many content words means another thing with one more. */
const BRIEF_TOKENS_MAX = 6;
/** The order of words counts in texts with at least this many content words. */
const REORDERED_TOKENS_MIN = 3;
/** A negation may be worded as its opposite in a text with this many content words: "cannot log in", "lost access". */
const NEGATED_TOKENS_MIN = 8;

/** Summarises the free texts of a call. Runs in bounded time for texts of any length, except for one hash. */
export function sketchOf(texts: readonly FreeText[]): TextSketch {
  const present = texts.filter(({ text }) => /\S/.test(text)).sort((a, b) => (a.pointer < b.pointer ? -1 : 1));
  const fields = present.length <= FIELDS_MAX ? present : joined(present);
  const share = Math.max(1, fields.length);
  return { format: FORMAT, fields: fields.map((field) => sketchOfField(field, share)) };
}

/**
 * Compares the free texts of two calls with the same skeleton.
 *
 * - `same`: all texts are equal.
 * - `reworded`: no number, name, date or other fact differs, and most words agree, or one call left a text out.
 * - `other`: the content differs, as between two items of a batch.
 */
export function relationOfTexts(a: TextSketch, b: TextSketch): TextRelation {
  const pairs = pairsOf(a, b);
  const isSame = a.fields.length === b.fields.length && pairs.length === a.fields.length;
  if (isSame && pairs.every(([one, two]) => one.hash === two.hash)) return 'same';
  if (a.fields.length === 0 || b.fields.length === 0) return 'reworded';
  if (a.format !== b.format) return 'other';
  if (pairs.length === 0) return relationOfPairs([[merged(a.fields), merged(b.fields)]]);
  const relation = relationOfPairs(pairs);
  return relation === 'reworded' || pairs.length === Math.max(a.fields.length, b.fields.length)
    ? relation
    : movedFacts(a, b, pairs);
}

type FieldPair = readonly [FieldSketch, FieldSketch];

function pairsOf(a: TextSketch, b: TextSketch): FieldPair[] {
  return a.fields.flatMap((field) => {
    const other = b.fields.find(({ pointer }) => pointer === field.pointer);
    return other === undefined ? [] : [[field, other] as const];
  });
}

/** Returns how much of the wording two calls share, from 0 to 1. */
export function similarityOfTexts(a: TextSketch, b: TextSketch): number {
  return agreementOf([merged(a.fields), merged(b.fields)]).similarity;
}

/**
 * Tests whether the texts may say the same in quite other words. Two items of a list do not: texts of one form, or only
 * numbers, with a different fact, name or opposite.
 */
export function maySayTheSame(a: TextSketch, b: TextSketch): boolean {
  if (a.format !== b.format) return false;
  const pairs = pairsOf(a, b);
  if (pairs.some(([one, two]) => (one.exact || two.exact) && one.hash !== two.hash)) return false;
  const all: FieldPair = [merged(a.fields), merged(b.fields)];
  const [one, two] = all;
  const { isTemplate, similarity } = agreementOf(all);
  const hasOneForm = isTemplate && similarity >= 0.5;
  const hasNoWords = [one, two].every((field) => !tokensOf(field).some(isWordToken));
  if (!hasOneForm && !hasNoWords) return true;
  const [ofOne, ofTwo] = [new Set(split(one.facts)), new Set(split(two.facts))];
  const hasOtherFact = hasFactBeyond(ofOne, ofTwo, two.one) && hasFactBeyond(ofTwo, ofOne, one.one);
  const hasOtherName = hasNameBeyond(one, two) && hasNameBeyond(two, one);
  return !hasOtherFact && !hasOtherName && !pairs.some(opposes);
}

/** A fact may move from one text to another: from the title to the body that only one call has. */
function movedFacts(a: TextSketch, b: TextSketch, pairs: readonly FieldPair[]): 'reworded' | 'other' {
  const all: FieldPair = [merged(a.fields), merged(b.fields)];
  if (factsDiffer(all) || namesDiffer(all)) return 'other';
  return pairs.every((pair) => !contradicts(pair)) && agreementOf(all).isClose ? 'reworded' : 'other';
}

function relationOfPairs(pairs: readonly FieldPair[]): 'reworded' | 'other' {
  if (pairs.some(([a, b]) => (a.exact || b.exact) && a.hash !== b.hash)) return 'other';
  const changed = pairs.filter(([a, b]) => a.hash !== b.hash);
  const everything: FieldPair = [merged(pairs.map(([a]) => a)), merged(pairs.map(([, b]) => b))];
  if (factsDiffer(everything) || namesDiffer(everything) || changed.some(contradicts)) return 'other';
  const far = changed.map(agreementOf).filter(({ isClose }) => !isClose);
  if (far.length === 0) return 'reworded';
  return far.every((each) => isCarried(each, pairs)) ? 'reworded' : 'other';
}

/**
 * A text with few common words still counts as reworded beside another text that clearly says the same: a title beside a
 * long body in other words, or a body under an equal title of several words.
 */
function isCarried(far: Agreement, pairs: readonly FieldPair[]): boolean {
  return pairs.some((pair) => {
    const [a, b] = pair;
    if (a.hash === b.hash) return tokensOf(a).length >= 4 && far.similarity >= 0.4 && !far.isTemplate;
    const agreement = agreementOf(pair);
    return agreement.isClose && agreement.size >= LONG_TOKENS && far.size < agreement.size && !far.isTemplate;
  });
}

/** Numbers, dates, addresses and identifiers must be equal, wherever they stand. */
function factsDiffer([a, b]: FieldPair): boolean {
  if (a.facts === b.facts) return false;
  if (a.factCount !== undefined || b.factCount !== undefined) {
    return a.factCount !== b.factCount || a.facts !== b.facts;
  }
  const [ofA, ofB] = [new Set(split(a.facts)), new Set(split(b.facts))];
  return hasFactBeyond(ofA, ofB, b.one) || hasFactBeyond(ofB, ofA, a.one);
}

function hasFactBeyond(
  facts: ReadonlySet<string>,
  others: ReadonlySet<string>,
  othersHaveOne: true | undefined,
): boolean {
  for (const fact of facts) if (!others.has(fact) && !(othersHaveOne && fact === oneToken())) return true;
  return false;
}

let one: string | undefined;
function oneToken(): string {
  one ??= wordsOfText('1').facts[0] ?? '';
  return one;
}

/** A name must also be a word of the other text. */
function namesDiffer([a, b]: FieldPair): boolean {
  return hasNameBeyond(a, b) || hasNameBeyond(b, a);
}

function hasNameBeyond(a: FieldSketch, b: FieldSketch): boolean {
  const names = split(a.names);
  if (names.length === 0) return false;
  const words = new Set([...tokensOf(b), ...split(b.names), ...split(b.addressed)]);
  const missing = names.filter((name) => !words.has(name));
  if (missing.length === 0) return false;
  const starts = new Set([...words].map(startOf));
  return missing.some((name) => !starts.has(startOf(name)));
}

/** One text negates or takes the opposite side, or addresses somebody else, or swaps two facts. */
function contradicts([a, b]: FieldPair): boolean {
  return opposes([a, b]) || (a.negated !== b.negated && !isNegatedElsewise([a, b]));
}

function isNegatedElsewise(pair: FieldPair): boolean {
  const { isMoved, isClose, size } = agreementOf(pair);
  return isMoved && isClose && size >= NEGATED_TOKENS_MIN;
}

/** One text takes the opposite side, or addresses somebody else, or swaps two facts. */
function opposes([a, b]: FieldPair): boolean {
  if (sidesDiffer(a.sides, b.sides) || deniesWord(a, b) || deniesWord(b, a)) return true;
  if (marksDiffer(split(a.marks), split(b.marks))) return true;
  const [toA, toB] = [split(a.addressed), split(b.addressed)];
  if (toA.length > 0 && toB.length > 0 && !toA.some((name) => toB.includes(name))) return true;
  return swapsFacts(a, b);
}

/** Each text has a mark that the other lacks: flat a and flat b. An added one, such as an emoji, does not count. */
function marksDiffer(a: readonly string[], b: readonly string[]): boolean {
  const [onlyA, onlyB] = [a.filter((mark) => !b.includes(mark)), b.filter((mark) => !a.includes(mark))];
  // Two letters that are also words may be articles.
  return onlyA.length > 0 && onlyB.length > 0 && [...onlyA, ...onlyB].some(isWordToken);
}

/** Tests for two sides of one opposition, of which neither text takes both. */
function sidesDiffer(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return false;
  const [sidesA, sidesB] = [a.split(' '), b.split(' ')];
  for (const side of sidesA) {
    const opposition = side.slice(0, side.indexOf('.') + 1);
    if (opposition === '' || sidesB.includes(side)) continue;
    const others = sidesB.filter((other) => other.startsWith(opposition));
    if (others.length > 0 && !others.some((other) => sidesA.includes(other))) return true;
  }
  return false;
}

/** Tests for "unsupported" in one text, where the other says "supported". */
function deniesWord(a: FieldSketch, b: FieldSketch): boolean {
  if (a.sides === undefined || !a.sides.includes('!')) return false;
  const [ofA, ofB, sidesB] = [new Set(tokensOf(a)), new Set(tokensOf(b)), new Set((b.sides ?? '').split(' '))];
  return a.sides.split(' ').some((side) => {
    const word = side.slice(1);
    return side.startsWith('!') && ofB.has(word) && !ofA.has(word) && !sidesB.has(side);
  });
}

/** The same words in the same places, but two facts have changed theirs: "from 3 to 5", "from Berlin to Paris". */
function swapsFacts(a: FieldSketch, b: FieldSketch): boolean {
  const [tokensA, tokensB] = [tokensOf(a), tokensOf(b)];
  if (tokensA.length !== tokensB.length) return false;
  const isDirected = a.directed === true && b.directed === true;
  const names = new Set(isDirected ? [...split(a.names), ...split(b.names)] : []);
  let swaps = 0;
  for (const [index, token] of tokensA.entries()) {
    const other = tokensB[index] ?? '';
    if (token === other) continue;
    const isSwap = (isCountToken(token) && isCountToken(other)) || (names.has(token) && names.has(other));
    if (!isSwap) return false;
    swaps += 1;
  }
  return swaps === 2;
}

interface Agreement {
  /** The content of both is about the same. */
  readonly isClose: boolean;
  /** Twice the common tokens, divided by all tokens. */
  readonly similarity: number;
  /** The common words stand in the same order, and each gap is filled in both: two items of a batch from one form. */
  readonly isTemplate: boolean;
  /** Common words stand in another order: two items of a batch rarely differ so. */
  readonly isMoved: boolean;
  /** The tokens of the shorter text. */
  readonly size: number;
}

function agreementOf([a, b]: FieldPair): Agreement {
  const [tokensA, tokensB] = [tokensOf(a), tokensOf(b)];
  const [commonA, commonB] = [commonTokens(tokensA, tokensB), commonTokens(tokensB, tokensA)];
  const [countA, countB] = [countOf(commonA), countOf(commonB)];
  const size = Math.min(tokensA.length, tokensB.length);
  const similarity = (countA + countB) / Math.max(1, tokensA.length + tokensB.length);
  const isContained = size > 0 && (isWithin(tokensA, tokensB) || isWithin(tokensB, tokensA));
  const hasOtherThing = hasThingBeyond(a, b) || hasThingBeyond(b, a);
  const addsThing = size <= BRIEF_TOKENS_MAX && hasOtherThing;
  const isTemplate = !isContained && hasEqualGaps(tokensA, commonA, tokensB, commonB);
  const isOneEach = tokensA.length - countA === 1 && tokensB.length - countB === 1;
  // In another order of words, one that says little may stand for another: "going to", "tell me".
  const isOneWord = isOneEach && size < LONG_TOKENS && hasOtherThing;
  const isMoved =
    !isTemplate && !isOneWord && size >= REORDERED_TOKENS_MIN && isReordered(tokensA, commonA, tokensB, commonB);
  const isClose = isContained ? !addsThing : !isTemplate && !isOneWord && similarity >= similarityMin(size);
  return {
    isClose: isClose || (isMoved && similarity >= movedSimilarityMin(size)),
    isMoved,
    similarity,
    isTemplate,
    size,
  };
}

/** A short text changes its meaning with one word. */
function similarityMin(size: number): number {
  if (size <= 3) return 1;
  if (size <= 6) return 0.7;
  return size <= 14 ? 0.6 : 0.5;
}

/** Two items of a batch that share words have them in the same order. */
function movedSimilarityMin(size: number): number {
  if (size < 5) return 0.75;
  return size < 7 ? 0.5 : 0.33;
}

/**
 * Tests for a specific word that the other text does not have: "on android" in one of two tasks. A name in the opening of
 * the other text counts, and so does a part of a compound word.
 */
function hasThingBeyond(field: FieldSketch, other: FieldSketch): boolean {
  const { specific = '' } = field;
  if (specific === '') return false;
  const [tokens, others] = [tokensOf(field), tokensOf(other)];
  const starts = new Set([...others, ...split(other.addressed)].map(startOf));
  let things = 0;
  for (let at = 0; at < specific.length; at += 2) if (!starts.has(specific.slice(at, at + 2))) things += 1;
  const ownStarts = new Set(tokens.map(startOf));
  const compounds = others.filter((token) => !tokens.includes(token) && ownStarts.has(startOf(token)));
  return things > compounds.length;
}

/** Tests whether each token of one text is also in the other, however often. */
function isWithin(tokens: readonly string[], others: readonly string[]): boolean {
  const starts = new Set(others.map(startOf));
  return tokens.every((token) => starts.has(startOf(token)));
}

/** Marks the tokens that the other text has too, equal or with the same first letters, each as often as it is there. */
function commonTokens(tokens: readonly string[], others: readonly string[]): boolean[] {
  const left = new Map<string, number>();
  for (const other of others) {
    const start = startOf(other);
    left.set(start, (left.get(start) ?? 0) + 1);
  }
  return tokens.map((token) => {
    const start = startOf(token);
    const count = left.get(start) ?? 0;
    if (count > 0) left.set(start, count - 1);
    return count > 0;
  });
}

/** Tests whether the common tokens stand in another order. A token that is there more than once does not count. */
function isReordered(
  a: readonly string[],
  commonA: readonly boolean[],
  b: readonly string[],
  commonB: readonly boolean[],
): boolean {
  const placesB = new Map<string, number>();
  for (const [at, token] of b.entries()) {
    if (commonB[at]) placesB.set(startOf(token), placesB.has(startOf(token)) ? -1 : at);
  }
  let last = -1;
  for (const [at, token] of a.entries()) {
    const place = commonA[at] ? (placesB.get(startOf(token)) ?? -1) : -1;
    if (place < 0) continue;
    if (place < last) return true;
    last = place;
  }
  return false;
}

function countOf(marks: readonly boolean[]): number {
  let count = 0;
  for (const mark of marks) if (mark) count += 1;
  return count;
}

function hasEqualGaps(
  a: readonly string[],
  commonA: readonly boolean[],
  b: readonly string[],
  commonB: readonly boolean[],
): boolean {
  let [atA, atB] = [0, 0];
  while (atA < a.length || atB < b.length) {
    const [startA, startB] = [atA, atB];
    while (atA < a.length && !commonA[atA]) atA += 1;
    while (atB < b.length && !commonB[atB]) atB += 1;
    if (atA > startA !== atB > startB) return false;
    const [tokenA, tokenB] = [a[atA], b[atB]];
    if (tokenA === undefined || tokenB === undefined) return tokenA === tokenB;
    if (startOf(tokenA) !== startOf(tokenB)) return false;
    atA += 1;
    atB += 1;
  }
  return true;
}

function sketchOfField({ pointer, text }: FreeText, share: number): FieldSketch {
  const folded = text.length > FOLDED_CHARS_MAX ? text : withSingleSpaces(text.normalize('NFC')).trim();
  const digest = hash('sha256', folded, 'base64').slice(0, 22);
  const wording = withoutTags(readable(text));
  if (isFileLike(wording)) return { pointer, hash: digest, exact: true };
  const words = wordsOfText(wording);
  const tokens = bounded(words.tokens, Math.floor(TOKENS_MAX / share));
  const names = words.names.slice(0, Math.floor(NAMES_MAX / share) + 1);
  const isShort = words.tokens.length <= SHORT_TOKENS_MAX / share;
  const sides = isShort ? words.sides : words.sides.filter((side) => !side.startsWith('~'));
  return {
    pointer,
    hash: digest,
    ...(tokens.length > 0 && { tokens: tokens.join('') }),
    ...factsOf(words.facts, Math.floor(FACTS_MAX / share) + 1),
    ...(names.length > 0 && { names: names.join('') }),
    ...(isShort && words.specific.length > 0 && { specific: words.specific.join('') }),
    ...(isShort && words.marks.length > 0 && { marks: words.marks.slice(0, MARKS_MAX).join('') }),
    ...(words.addressed.length > 0 && { addressed: words.addressed.slice(0, 4).join('') }),
    ...(sides.length > 0 && { sides: sides.slice(0, 16).join(' ') }),
    ...(words.isNegated && { negated: true }),
    ...(words.hasOne && { one: true }),
    ...(words.isDirected && { directed: true }),
  };
}

/** Most texts are returned as they are, which is ten times as fast as replacing each space by itself. */
function withSingleSpaces(text: string): string {
  return /[^\S ]| {2}/.test(text) ? text.replace(/\s+/g, ' ') : text;
}

function factsOf(facts: readonly string[], factsMax: number): Pick<FieldSketch, 'facts' | 'factCount'> {
  if (facts.length === 0) return {};
  if (facts.length <= factsMax) return { facts: facts.join('') };
  return { facts: hash('sha256', facts.join(''), 'base64').slice(0, 22), factCount: facts.length };
}

/** Keeps the start and the end. */
function bounded(tokens: readonly string[], tokensMax: number): readonly string[] {
  if (tokens.length <= tokensMax) return tokens;
  const end = Math.floor(tokensMax / 4);
  return [...tokens.slice(0, tokensMax - end), ...tokens.slice(tokens.length - end)];
}

function readable(text: string): string {
  if (text.length <= START_CHARS_MAX + END_CHARS_MAX) return text;
  return `${text.slice(0, START_CHARS_MAX)}\n${text.slice(-END_CHARS_MAX)}`;
}

/** Joins all fields but the first ones, so that a call with a thousand lines has a small sketch too. */
function joined(fields: readonly FreeText[]): readonly FreeText[] {
  const rest = fields.slice(FIELDS_MAX - 1);
  const text = rest.map((field) => field.text).join('\n');
  return [...fields.slice(0, FIELDS_MAX - 1), { pointer: '*', text }];
}

function merged(fields: readonly FieldSketch[]): FieldSketch {
  const [only] = fields;
  if (only !== undefined && fields.length === 1) return only;
  const texts = (pick: (field: FieldSketch) => string | undefined) => fields.map((field) => pick(field) ?? '').join('');
  const counted = fields.filter((field) => field.factCount !== undefined);
  return {
    pointer: '',
    hash: texts((field) => field.hash),
    tokens: texts((field) => field.tokens),
    facts: counted.length === 0 ? texts((field) => field.facts) : fields.map((field) => field.facts ?? '').join(' '),
    ...(counted.length > 0 && { factCount: counted.reduce((sum, field) => sum + (field.factCount ?? 0), 0) }),
    names: texts((field) => field.names),
    specific: texts((field) => field.specific),
    addressed: texts((field) => field.addressed),
    ...(fields.some((field) => field.exact) && { exact: true }),
    ...(fields.some((field) => field.one) && { one: true }),
  };
}

function tokensOf(field: FieldSketch): string[] {
  return split(field.tokens);
}

function split(tokens: string | undefined): string[] {
  const parts: string[] = [];
  for (let at = 0; at < (tokens?.length ?? 0); at += TOKEN_CHARS) parts.push(tokens?.slice(at, at + TOKEN_CHARS) ?? '');
  return parts;
}
