import type { ListedOperation } from './types.ts';

/** Finds up to `limit` operations by words, best match first, of those that `isShown` accepts. */
export type SearchOperations = (
  query: string,
  limit: number,
  isShown?: (listed: ListedOperation) => boolean,
) => ListedOperation[];

/** The weight of a word by the field it occurs in. */
const weights = { name: 6, path: 4, tags: 4, summary: 3, description: 1 } as const;
const prefixFactor = 0.5;
const queryCharsMax = 500;
const queryWordsMax = 20;
const descriptionCharsMax = 2000;
const prefixCharsMin = 3;

interface Index {
  /** By word: its weight in each operation, by the operation's position. */
  readonly words: ReadonlyMap<string, ReadonlyMap<number, number>>;
  readonly sorted: readonly string[];
}

/**
 * Creates a search over names, paths, tags, summaries and descriptions. A match counts by the field it is in and by how
 * rare the word is. A match of only the beginning of a word counts half. The first search builds the index.
 */
export function searchIndex(
  listedOperations: readonly ListedOperation[],
  names: ReadonlyMap<ListedOperation, string>,
): SearchOperations {
  let index: Index | undefined;
  return (query, limit, isShown = () => true) => {
    index ??= indexOf(listedOperations, names);
    const scores = new Map<number, number>();
    const queried = [...new Set(wordsOf(query.slice(0, queryCharsMax)))].slice(0, queryWordsMax);
    for (const word of queried) {
      for (const [position, score] of scoresOf(index, word, listedOperations.length)) {
        scores.set(position, (scores.get(position) ?? 0) + score);
      }
    }
    const best = [...scores].sort(([one, a], [other, b]) => b - a || one - other);
    const found = best.flatMap(([position]) => listedOperations[position] ?? []);
    return found.filter(isShown).slice(0, Math.max(0, limit));
  };
}

function indexOf(listedOperations: readonly ListedOperation[], names: ReadonlyMap<ListedOperation, string>): Index {
  const words = new Map<string, Map<number, number>>();
  for (const [position, listed] of listedOperations.entries()) {
    const texts = {
      name: `${names.get(listed) ?? ''} ${listed.operationId ?? ''} ${listed.method}`,
      path: listed.path,
      tags: listed.tags.join(' '),
      summary: listed.summary ?? '',
      description: (listed.description ?? '').slice(0, descriptionCharsMax),
    };
    for (const [part, text] of Object.entries(texts)) {
      const weight = weights[part as keyof typeof weights];
      for (const word of new Set(wordsOf(text))) {
        const counts = words.get(word) ?? new Map<number, number>();
        words.set(word, counts);
        counts.set(position, (counts.get(position) ?? 0) + weight);
      }
    }
  }
  return { words, sorted: [...words.keys()].sort() };
}

/** Scores operations for one word of a query, which may also be the beginning of an indexed word. */
function scoresOf({ words, sorted }: Index, word: string, total: number): Map<number, number> {
  const scores = new Map<number, number>();
  for (let at = firstFrom(sorted, word); at < sorted.length; at += 1) {
    const known = sorted[at] ?? '';
    const isSame = known === word;
    if (!isSame && (word.length < prefixCharsMin || !known.startsWith(word))) break;
    const counts = words.get(known) ?? new Map<number, number>();
    const rarity = Math.log(1 + total / counts.size) * (isSame ? 1 : prefixFactor);
    for (const [position, weight] of counts) {
      scores.set(position, Math.max(scores.get(position) ?? 0, weight * rarity));
    }
  }
  return scores;
}

function firstFrom(sorted: readonly string[], word: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') < word) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Splits a text into lower-case words. Camel case is split, and a plural "s" is dropped. */
function wordsOf(text: string): string[] {
  const parts = text
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu);
  return (parts ?? []).map((word) => (word.length > 3 && /[^s]s$/.test(word) ? word.slice(0, -1) : word));
}
