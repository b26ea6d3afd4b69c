import { wordSet } from '../word-set.ts';
import { stemOf } from './stem.ts';
import * as tables from './word-tables.ts';

/** Words that mean about the same. Opposites have the same `opposition` and another `side`. */
export interface Concept {
  readonly name: string;
  /** Undefined if the concept has no opposite. */
  readonly opposition: number | undefined;
  readonly side: number;
}

/** The word tables, prepared for look-up. */
export interface Lexicon {
  readonly stop: ReadonlySet<string>;
  readonly concepts: ReadonlyMap<string, Concept>;
  readonly conceptsByStem: ReadonlyMap<string, Concept>;
  /** Two words with a meaning of their own: `log in`. The key joins them by `_`. */
  readonly phrases: ReadonlyMap<string, Concept>;
  readonly phraseStarts: ReadonlySet<string>;
  /** The side that a small word takes, such as `in`, by the word. */
  readonly smallSides: ReadonlyMap<string, string>;
  /** Content words that may be added to a short text without making it another one. */
  readonly generic: ReadonlySet<string>;
  readonly negations: ReadonlySet<string>;
  readonly notNegated: ReadonlySet<string>;
  readonly numbers: ReadonlyMap<string, number>;
  readonly months: ReadonlyMap<string, number>;
  readonly days: ReadonlyMap<string, number>;
  /** All words that may be a month, a day, a time or a number. */
  readonly calendar: ReadonlySet<string>;
  readonly capitalisedDates: ReadonlySet<string>;
  readonly units: ReadonlyMap<string, string>;
  readonly currencies: ReadonlyMap<string, string>;
  readonly greetings: ReadonlySet<string>;
  readonly signOffs: ReadonlySet<string>;
  readonly directions: ReadonlySet<string>;
  readonly germanMarks: ReadonlySet<string>;
  readonly portugueseMarks: ReadonlySet<string>;
}

let prepared: Lexicon | undefined;

/** Prepares the tables on first use. */
export function lexicon(): Lexicon {
  prepared ??= prepare();
  return prepared;
}

function prepare(): Lexicon {
  const phrases = new Map<string, Concept>();
  const concepts = readConcepts(phrases);
  const conceptsByStem = new Map<string, Concept>();
  for (const [word, concept] of concepts) {
    const stem = stemOf(word);
    if (!conceptsByStem.has(stem)) conceptsByStem.set(stem, concept);
  }
  const [numbers, months, days] = [readNumbers(), numbered(tables.MONTHS), numbered(tables.DAYS)];
  return {
    stop: wordSet(tables.STOP_WORDS),
    concepts,
    conceptsByStem,
    phrases,
    phraseStarts: new Set([...phrases.keys()].map((phrase) => phrase.split('_')[0] ?? '')),
    smallSides: readSmallSides(),
    generic: wordSet(tables.GENERIC_WORDS),
    negations: wordSet(tables.NEGATIONS),
    notNegated: wordSet(tables.NOT_NEGATED),
    numbers,
    months,
    days,
    calendar: new Set(['noon', 'midnight', ...numbers.keys(), ...months.keys(), ...days.keys()]),
    capitalisedDates: wordSet(tables.CAPITALISED_DATES),
    units: named(tables.UNITS),
    currencies: named(tables.CURRENCIES),
    greetings: wordSet(tables.GREETINGS),
    signOffs: wordSet(tables.SIGN_OFFS),
    directions: wordSet(tables.DIRECTIONS),
    germanMarks: wordSet(tables.GERMAN_MARKS),
    portugueseMarks: wordSet(tables.PORTUGUESE_MARKS),
  };
}

/** A word that two lines share joins their groups, so that a loan word connects the languages. */
function readConcepts(phrases: Map<string, Concept>): Map<string, Concept> {
  const concepts = new Map<string, Concept>();
  const lines = tables.WORD_GROUPS.trim().split('\n');
  for (const [line, text] of lines.entries()) {
    const sides = text.split(' | ').map((side) => side.trim().split(' '));
    const named = sides.map((words) => words.map((word) => concepts.get(word)).find((known) => known !== undefined));
    const opposition =
      sides.length > 1 ? (named.find((each) => each?.opposition !== undefined)?.opposition ?? line) : undefined;
    for (const [side, words] of sides.entries()) {
      const known = named[side];
      const isSame = known !== undefined && (opposition === undefined || known.opposition === opposition);
      const concept = isSame ? known : { name: `=${words[0]}`, opposition, side };
      for (const word of words) {
        const target = word.includes('_') ? phrases : concepts;
        if (!target.has(word)) target.set(word, concept);
      }
    }
  }
  return concepts;
}

/** A word may take part in several oppositions. The first one counts. */
function readSmallSides(): Map<string, string> {
  const sides = new Map<string, string>();
  for (const [line, text] of tables.SMALL_OPPOSITES.trim().split('\n').entries()) {
    for (const [side, words] of text.split(' | ').entries()) {
      for (const word of words.trim().split(' ')) if (!sides.has(word)) sides.set(word, `~${line}.${side}`);
    }
  }
  return sides;
}

function readNumbers(): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const row of tables.NUMBER_WORDS) {
    for (const [index, words] of row.split(' ').entries()) {
      for (const word of words.split('/')) if (word !== '-' && !numbers.has(word)) numbers.set(word, index + 1);
    }
  }
  for (const pair of tables.LARGE_NUMBER_WORDS.split(' ')) {
    const [word = '', number] = pair.split(':');
    if (!numbers.has(word)) numbers.set(word, Number(number));
  }
  return numbers;
}

function numbered(rows: readonly string[]): Map<string, number> {
  return new Map(rows.flatMap((row, index) => row.split('/').map((word) => [word, index + 1] as const)));
}

function named(table: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const group of table.split(' ')) {
    const [name = '', ...others] = group.split('/');
    for (const word of [name, ...others]) if (word !== '' && !entries.has(word)) entries.set(word, name);
  }
  return entries;
}
