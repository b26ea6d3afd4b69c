import { wordSet } from '../word-set.ts';

const SAMPLE_CHARS_MAX = 4_000;
const SAMPLE_LINES_MAX = 60;

/** Marks of code and markup. In prose, they are under 2 % of the characters. */
const CODE_CHARS = /[{};=<>[\]|\\]/g;
const CODE_START = /^(?:#!|<\?|<!DOCTYPE|<html|%PDF|diff --git |--- a\/|@@ |-----BEGIN )/i;
const CODE_LINE =
  /^\s*(?:import |export |from \S+ import|const |let |var |function |def |class \w+[:({ ]|return\b.*;|public |private |package |#include|using |SELECT |INSERT INTO|UPDATE \w+ SET|CREATE TABLE|if \(|for \(|while \(|\}|@\w+\()/;
const CODE_CHARS_MIN = 6;
const TEXT_CHARS_MIN = 40;

const TAG = /<\/?([a-z][a-z0-9]*)\b[^<>]*>/gi;
/** The tags of a formatted letter. */
const LETTER_TAGS: ReadonlySet<string> = wordSet(
  'p br b i u strong em a ul ol li div span h1 h2 h3 h4 blockquote small hr html head body',
);
const ADDRESS_IN_TAG = /\bhref="([^"<>]*)"/i;

/** Returns the words of a letter in simple HTML, with the addresses of its links. Other texts are returned as they are. */
export function withoutTags(text: string): string {
  if (!text.trimStart().startsWith('<')) return text;
  let isLetter = true;
  const words = text.replace(TAG, (tag, name: string) => {
    if (!LETTER_TAGS.has(name.toLowerCase())) isLetter = false;
    return ` ${ADDRESS_IN_TAG.exec(tag)?.[1] ?? ''} ${/^(?:p|br|div|li|h\d)$/i.test(name) ? '\n' : ''}`;
  });
  if (!isLetter || words.includes('<') || words.trim().length * 3 < text.length) return text;
  return words.replaceAll('&nbsp;', ' ').replaceAll('&amp;', '&').replaceAll('&#39;', "'").replaceAll('&quot;', '"');
}

/**
 * Tests whether a text looks like the content of a file: JSON, markup, CSV, code or encoded data. Such a text is not
 * wording, and its smallest change is a change of content.
 */
export function isFileLike(text: string): boolean {
  const sample = text.slice(0, SAMPLE_CHARS_MAX).trim();
  const end = text.slice(-200).trimEnd().at(-1) ?? '';
  if (CODE_START.test(sample)) return true;
  if ((sample.startsWith('{') && end === '}') || (sample.startsWith('[') && end === ']' && sample.length > 2))
    return true;
  if (sample.startsWith('<') && end === '>') return true;
  const lines = sample.split('\n', SAMPLE_LINES_MAX).filter((line) => line.trim() !== '');
  return hasCode(sample, lines) || isTable(lines) || isEncoded(sample);
}

function hasCode(sample: string, lines: readonly string[]): boolean {
  // Code within a Markdown text is a part of it.
  if (sample.includes('```')) return false;
  const codeLines = lines.filter((line) => CODE_LINE.test(line) || /[;{}]\s*$/.test(line)).length;
  if (lines.length >= 2 && codeLines * 2 >= lines.length) return true;
  if (sample.length < TEXT_CHARS_MIN) return codeLines === lines.length && /[;{}]\s*$/.test(sample);
  const marks = sample.match(CODE_CHARS)?.length ?? 0;
  return marks >= CODE_CHARS_MIN && marks * 16 > sample.length;
}

/** Lines with the same number of separators, and no sentences. */
function isTable(lines: readonly string[]): boolean {
  const [first] = lines;
  if (first === undefined || lines.length < 2) return false;
  return ['\t', ',', ';'].some((separator) => {
    const count = first.split(separator).length;
    const countMin = separator === '\t' ? 2 : 3;
    const isPlain = (line: string) => line.split(separator).length === count && !/[.!?] |, /.test(line);
    return count >= countMin && lines.length >= (separator === '\t' ? 2 : 3) && lines.every(isPlain);
  });
}

/** One long word: base64, hexadecimal, a token. */
function isEncoded(sample: string): boolean {
  return sample.length > 100 && !/[^\x21-\x7e]/.test(sample.slice(0, 100));
}
