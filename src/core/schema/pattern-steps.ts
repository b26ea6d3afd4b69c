/** A pattern that takes at most this many steps is tested without a time limit, which would cost more. */
export const directStepsMax = 50_000;
/** A longer pattern is not compiled: that would take too long, and no time limit ends it. */
export const patternCharsMax = 4_096;

/** A part of a pattern: in how many ways it can match, at most, within a text of a length. */
type Ways = (chars: number) => number;

/** Where the reader is in a pattern. */
interface Reader {
  readonly source: string;
  at: number;
}

const quantifier = /^(?:([*+?])|\{(\d{1,9})(?:(,)(\d{1,9})?)?\})\??/;
const group = /^\((?:\?(?::|<?[=!]|<\w{1,100}>))?/;
/** One escaped character or class. Excludes references to groups, whose cost is not known. */
const escaped = /^\\(?:u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z]|[pP]\{[^}]{1,100}\}|[^1-9k])/s;
const charClass = /^\[(?:\\.|[^\]\\])*\]/s;
/** With more parts a pattern is not analysed. */
const sourceCharsMax = 1_000;

/**
 * Returns an upper bound of the steps that backtracking takes to test a text of a length, or Infinity for patterns whose
 * cost is not known. It counts the ways in which the parts can match: `^\d{4}-\d\d$` has one, `^a*b*$` has about n²,
 * and `^(a+)+$` more than 2ⁿ.
 */
export function patternSteps(source: string): (chars: number) => number {
  const reader: Reader = { source, at: 0 };
  const ways = source.length > sourceCharsMax ? undefined : readAlternatives(reader);
  if (ways === undefined || reader.at < source.length) return () => Number.POSITIVE_INFINITY;
  const isAnchored = source.startsWith('^') && !source.includes('|');
  const isCounted = source.includes('{');
  return (chars) => {
    // Between two choices the matcher takes as many steps as the pattern has parts, repeated ones included.
    const stepsBetween = source.length + 1 + (isCounted ? chars : 0);
    return ways(chars) * stepsBetween * (isAnchored ? 1 : chars + 1);
  };
}

function readAlternatives(reader: Reader): Ways | undefined {
  const all: Ways[] = [];
  do {
    const sequence = readSequence(reader);
    if (sequence === undefined) return undefined;
    all.push(sequence);
  } while (accept(reader, '|'));
  return (chars) => all.reduce((sum, ways) => sum + ways(chars), 0);
}

function readSequence(reader: Reader): Ways | undefined {
  const all: Ways[] = [];
  while (reader.at < reader.source.length && !'|)'.includes(reader.source[reader.at] ?? '')) {
    const part = readPart(reader);
    if (part === undefined) return undefined;
    all.push(part);
  }
  return (chars) => all.reduce((product, ways) => product * ways(chars), 1);
}

function readPart(reader: Reader): Ways | undefined {
  const part = readAtom(reader);
  if (part === undefined) return undefined;
  const [text, sign, low, comma, high] = quantifier.exec(rest(reader)) ?? [];
  if (text === undefined) return part;
  reader.at += text.length;
  const fewest = sign === undefined ? Number(low) : sign === '+' ? 1 : 0;
  const isFixed = sign === undefined && comma === undefined;
  const most = isFixed ? fewest : sign === '?' ? 1 : high === undefined ? Number.POSITIVE_INFINITY : Number(high);
  return (chars) => repeatedWays(part(chars), fewest, Math.min(most, fewest + chars));
}

/** Adds up the ways of each number of repetitions. */
function repeatedWays(ways: number, fewest: number, most: number): number {
  if (ways <= 1) return most - fewest + 1;
  return ways ** (most + 1);
}

function readAtom(reader: Reader): Ways | undefined {
  const text = rest(reader);
  const opening = group.exec(text)?.[0];
  if (opening !== undefined) {
    reader.at += opening.length;
    // A bare `(?` is syntax that is not known here.
    const inner = rest(reader).startsWith('?') ? undefined : readAlternatives(reader);
    return inner !== undefined && accept(reader, ')') ? inner : undefined;
  }
  const atom = escaped.exec(text)?.[0] ?? charClass.exec(text)?.[0];
  if (atom === undefined && /^[\\[*+?]/.test(text)) return undefined;
  reader.at += atom?.length ?? 1;
  return () => 1;
}

function accept(reader: Reader, char: string): boolean {
  if (reader.source[reader.at] !== char) return false;
  reader.at += 1;
  return true;
}

function rest({ source, at }: Reader): string {
  return source.slice(at);
}
