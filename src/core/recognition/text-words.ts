import { hash } from 'node:crypto';
import { type Concept, type Lexicon, lexicon } from './lexicon.ts';
import { numericFacts, timeFact } from './numeric-facts.ts';
import { isHiragana, stemOf } from './stem.ts';

/**
 * The content of one text, as hashes. A token has four characters: two of the first letters of a word, two of the whole
 * stem. So two words of one family can be compared, and the text cannot be read from it.
 */
export interface TextWords {
  /** Content words, names and facts, in their order. */
  readonly tokens: readonly string[];
  /** Numbers, units, dates, addresses and identifiers, each once, in order of their hashes. */
  readonly facts: readonly string[];
  /** Names: words with a capital letter within a sentence, and words in quotes. */
  readonly names: readonly string[];
  /** The beginnings of content words that are not of a known group: such a word beside equal ones makes another thing. */
  readonly specific: readonly string[];
  /** Single letters, Roman numerals, sizes, short codes in capitals and symbols. Letters that are also words are facts. */
  readonly marks: readonly string[];
  /** Names in the opening of a letter. */
  readonly addressed: readonly string[];
  /** Sides of opposites that the text takes: the number of the opposition and the side, or `!` and the token of a word. */
  readonly sides: readonly string[];
  readonly isNegated: boolean;
  /** True if the text has the word "one" or "first", which is a number or an article. */
  readonly hasOne: boolean;
  /** True if the text says from where to where. */
  readonly isDirected: boolean;
}

/** The longest word that is read. Longer ones are data. */
const WORD_CHARS_MAX = 64;
/** Words of at least this many letters are also compared by their beginning. */
const PREFIX_CHARS = 6;
/** How many characters of a token stand for the beginning of its word. */
const START_CHARS = 2;
const GREETING_CHARS_MAX = 60;
const SIGNATURE_LINES_MAX = 6;

/** Reads the words of a text. Runs in time linear to its length, which the caller bounds. */
export function wordsOfText(text: string): TextWords {
  return new TextReader().read(text);
}

/** Fixed, so that the locale of the machine has no effect. */
let segmenter: Intl.Segmenter | undefined;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** FNV-1a. */
function hashOf(text: string, length: number, seed: number): number {
  let value = seed;
  for (let index = 0; index < length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}

/** Words begin with one half of the alphabet, facts with the other, so that the beginnings of both never match. */
function wordToken(stem: string): string {
  const start = hashOf(stem, Math.min(stem.length, PREFIX_CHARS), 0x811c9dc5) & 0x7ff;
  return encode(start, hashOf(stem, stem.length, 0x9747b28c) & 0xfff);
}

function factToken(fact: string): string {
  const both = hashOf(fact, fact.length, 0x5bd1e995);
  return encode(0x800 | (isCount(fact) ? 0x400 : 0) | (both & 0x3ff), (both >>> 10) & 0xfff);
}

/** A time, or a number that is not a year: dates put years in different places. */
function isCount(fact: string): boolean {
  return fact.startsWith('t:') || (fact.startsWith('n:') && !/^n:(?:19|20)\d\d$/.test(fact));
}

/** Tests whether a token stands for a word. The first characters of words and of facts are never the same. */
export function isWordToken(token: string): boolean {
  const code = token.charCodeAt(0);
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 102);
}

/** The part of a token that words with the same first letters share. Facts have to be equal as a whole. */
export function startOf(token: string): string {
  return isWordToken(token) ? token.slice(0, START_CHARS) : token;
}

/** Tests whether a token stands for a time, or for a number that is not a year. */
export function isCountToken(token: string): boolean {
  const first = ALPHABET.indexOf(token.charAt(0));
  return first >= 48;
}

function encode(high: number, low: number): string {
  const at = (index: number) => ALPHABET.charAt(index);
  return at(high >> 6) + at(high & 63) + at(low >> 6) + at(low & 63);
}

const WHITE_SPACE = /\s+/;
const PLAIN_WORD = /^[A-Za-z]+$/;
const DIGIT = /\d/;
const LETTER = /\p{L}/u;
const UPPER_START = /^\p{Lu}/u;
/** Scripts without spaces between words: Thai, Lao, Khmer, Myanmar, kana and Han. */
const UNSPACED = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]/;
const HAN_NUMBER = /^([二两兩三四五六七八九十][一二三四五六七八九十]{0,2})([^一二三四五六七八九十]{1,2})$/;
const OPPOSITE = /^(?:un|dis|non|in|im|ir)(\p{L}{4,})$/u;
const EDGE = /[\p{L}\p{N}]/u;
/** The first Hangul syllable. Korean joins particles to dates. */
const HANGUL = 0xac00;
const MARK_CHARS_MAX = 5;
const SIZE_OR_ROMAN = /^(?:x{1,2}[sl]|(?=[ivx]{2})x{0,3}(?:ix|iv|v?i{0,3}))$/;
/** Letters that are also articles, pronouns or conjunctions in some language. */
const LETTER_WORDS: ReadonlySet<string> = new Set('aeiouywz');
/** Emoji and other signs, a row of equal ones as one. Signs of a mark, a number or a list do not count. */
const SYMBOLS = /(?![©®™°№•▪■●‣])((?:\p{Extended_Pictographic}|\p{So}|[↑↓])\ufe0f?)\1*/gu;
const QUOTES = '"“”«»„‟「」『』`';

class TextReader {
  readonly #lexicon: Lexicon = lexicon();
  readonly #tokens: string[] = [];
  /** Words without content, which count if there is nothing else. */
  readonly #fillers: string[] = [];
  readonly #specific = new Set<string>();
  readonly #marks = new Set<string>();
  readonly #facts = new Set<string>();
  readonly #names = new Set<string>();
  readonly #addressed = new Set<string>();
  readonly #sides = new Set<string>();
  #isNegated = false;
  #hasOne = false;
  #isDirected = false;
  /** Names have capital letters in this text, and other words do not. */
  #marksNames = false;
  #isPortuguese = false;
  #isSentenceStart = true;
  #inQuote = 0;
  /** A number whose unit may follow. */
  #number: number | undefined;
  /** A time of day in digits, whose half may follow: 3:00 pm. */
  #time: readonly [hours: number, minutes: number] | undefined;
  #maybeNegated = false;
  #previous = '';
  /** How many tokens the previous word gave. */
  #previousTokens = 0;

  read(text: string): TextWords {
    const lines = this.#withoutLetterForm(foldText(text).split('\n'));
    this.#detectLanguage(lines);
    this.#readLines(lines);
    if (this.#maybeNegated) this.#isNegated = true;
    return {
      tokens: this.#tokens.length > 0 ? this.#tokens : this.#fillers,
      facts: [...this.#facts].sort(),
      names: [...this.#names].sort(),
      specific: [...this.#specific].sort(),
      marks: [...this.#marks].sort(),
      addressed: [...this.#addressed].sort(),
      sides: [...this.#sides].sort(),
      isNegated: this.#isNegated,
      hasOne: this.#hasOne,
      isDirected: this.#isDirected,
    };
  }

  #readLines(lines: readonly string[]): void {
    let code: string[] | undefined;
    for (const line of lines) {
      if (line.trimStart().startsWith('```')) {
        if (code !== undefined) this.#fact(`code:${hash('sha256', code.join('\n').trim(), 'hex')}`);
        code = code === undefined ? [] : undefined;
      } else if (code !== undefined) code.push(line.trimEnd());
      else {
        this.#isSentenceStart = true;
        for (const chunk of line.split(WHITE_SPACE)) if (chunk !== '') this.#chunk(chunk);
      }
    }
    if (code !== undefined) this.#fact(`code:${hash('sha256', code.join('\n').trim(), 'hex')}`);
  }

  /** Removes the opening and the signature of a letter. The names of the opening are kept. */
  #withoutLetterForm(all: readonly string[]): readonly string[] {
    const lines = all.filter((line) => line.trim() !== '');
    const [first = ''] = lines;
    const opening = this.#openingLength(first, lines.length > 1);
    if (opening > 0) {
      for (const word of first.slice(0, opening).split(WHITE_SPACE).map(bareWord)) {
        const { greetings, stop } = this.#lexicon;
        const isName = UPPER_START.test(word) && !greetings.has(foldWord(word)) && !stop.has(foldWord(word));
        if (isName) this.#addressed.add(wordToken(stemOf(foldWord(word))));
      }
    }
    const rest = opening > 0 ? [first.slice(opening), ...lines.slice(1)] : lines;
    const kept = this.#withoutSignature(rest);
    return kept.some((line) => LETTER.test(line)) ? kept : all;
  }

  #openingLength(line: string, isFollowed: boolean): number {
    const [one = '', two = '', three = ''] = line
      .trimStart()
      .split(WHITE_SPACE, 3)
      .map((word) => foldWord(bareWord(word)));
    const { greetings } = this.#lexicon;
    const isGreeting = greetings.has(one) || greetings.has(`${one}_${two}`);
    if (!isGreeting || (one === 'best' && three === '')) return 0;
    const end = line.slice(0, GREETING_CHARS_MAX).search(/[,!:،，！]/);
    if (end >= 0) return end + 1;
    return isFollowed && line.length <= GREETING_CHARS_MAX && line.split(WHITE_SPACE).length <= 5 ? line.length : 0;
  }

  #withoutSignature(lines: readonly string[]): readonly string[] {
    const from = Math.max(1, lines.length - SIGNATURE_LINES_MAX);
    for (let index = from; index < lines.length; index += 1) {
      if (this.#isSignOff(lines[index] ?? '')) return lines.slice(0, index);
    }
    const last = lines.at(-1) ?? '';
    const start = Math.max(last.lastIndexOf('. ', last.length - 3), last.lastIndexOf('! '), last.lastIndexOf('? ')) + 1;
    if (start > 0 && this.#isSignOff(last.slice(start))) return [...lines.slice(0, -1), last.slice(0, start)];
    return lines;
  }

  #isSignOff(line: string): boolean {
    if (line.length > GREETING_CHARS_MAX || DIGIT.test(line)) return false;
    const words = line.trim().split(WHITE_SPACE);
    const [one = '', two = ''] = words.map((word) => foldWord(bareWord(word)));
    const { signOffs } = this.#lexicon;
    if (one === '--' || line.trim() === '--') return true;
    if (!signOffs.has(one) && !signOffs.has(`${one}_${two}`)) return false;
    return words.length <= 3 || (words.length <= 6 && line.includes(','));
  }

  /** German gives every noun a capital letter, and headings give one to every word. */
  #detectLanguage(lines: readonly string[]): void {
    let [german, portuguese, upper, lower] = [0, 0, 0, 0];
    const { germanMarks, portugueseMarks } = this.#lexicon;
    for (const line of lines.slice(0, 20)) {
      for (const [index, chunk] of line.split(WHITE_SPACE, 60).entries()) {
        if (index > 0 && UPPER_START.test(chunk)) upper += 1;
        else if (index > 0 && LETTER.test(chunk.charAt(0))) {
          lower += 1;
          if (germanMarks.has(chunk)) german += 1;
          if (portugueseMarks.has(chunk)) portuguese += 1;
        }
      }
    }
    this.#isPortuguese = portuguese > 0;
    this.#marksNames = german === 0 && upper <= lower;
  }

  #chunk(chunk: string): void {
    if (UNSPACED.test(chunk)) {
      this.#unspaced(chunk);
      return;
    }
    if (PLAIN_WORD.test(chunk)) {
      this.#mark(chunk, '');
      this.#word(chunk);
      this.#isSentenceStart = false;
      return;
    }
    if (QUOTES.includes(chunk.charAt(0)) || (chunk.startsWith("'") && chunk.length > 2)) this.#inQuote = 8;
    const core = trimEdges(chunk);
    this.#markSymbols(chunk);
    if (core !== '') {
      if (PLAIN_WORD.test(core)) this.#mark(core, chunk.slice(chunk.indexOf(core) + core.length));
      if (core.length > WORD_CHARS_MAX || core.includes('://') || core.startsWith('www.'))
        this.#fact(`i:${address(core)}`);
      else if (core.includes('@')) this.#fact(`i:${core.toLowerCase()}`);
      else if (DIGIT.test(core)) this.#numeric(core);
      else if (chunk.startsWith('@')) this.#fact(`i:@${core.toLowerCase()}`);
      else this.#letters(core, chunk);
      this.#isSentenceStart = /[.!?:]$/.test(chunk.replace(/["”»')\]]+$/, '')) || chunk === '•';
    } else this.#symbols(chunk);
    if (this.#inQuote > 0) {
      const end = chunk.replace(/[.,;:!?)]+$/, '').at(-1) ?? '';
      this.#inQuote = chunk.length > 1 && (QUOTES.includes(end) || end === "'") ? 0 : this.#inQuote - 1;
    }
  }

  /** Notes a word that is too short to be content, but tells two texts apart: flat a, chapter iv, size s, the IT team. */
  #mark(core: string, after: string): void {
    if (core.length > MARK_CHARS_MAX || this.#number !== undefined) return;
    const word = core.toLowerCase();
    const sign = /^[+#*-]+/.exec(after)?.[0] ?? '';
    if (core.length === 1)
      this.#marks.add(LETTER_WORDS.has(word) && sign === '' ? factToken(`~${word}`) : wordToken(`~${word}${sign}`));
    else if (SIZE_OR_ROMAN.test(word)) this.#marks.add(wordToken(`~${word}`));
    else if (
      core.length === 2 &&
      this.#marksNames &&
      this.#lexicon.stop.has(word) &&
      /^[A-Z]+$/.test(core) &&
      word !== 'ok'
    ) {
      this.#marks.add(wordToken(`~${word}`));
    }
  }

  #markSymbols(chunk: string): void {
    for (const [symbols] of chunk.matchAll(SYMBOLS)) this.#marks.add(wordToken(`~${symbols.replaceAll('\ufe0f', '')}`));
  }

  /** A chunk without letters and digits: a list mark, a dash, a sign of a currency, an arrow. */
  #symbols(chunk: string): void {
    const currency = this.#lexicon.currencies.get(chunk);
    if (currency !== undefined) this.#fact(`c:${currency}`);
    else if (chunk === '%') this.#fact('u:%');
    else if (chunk === '->' || chunk === '→') this.#isDirected = true;
    else if (chunk === '-' || chunk === '*' || chunk === '•' || chunk === '–') this.#isSentenceStart = true;
    else if (/\p{Extended_Pictographic}/u.test(chunk)) this.#fillers.push(factToken(chunk));
  }

  #numeric(core: string): void {
    const { units, currencies } = this.#lexicon;
    const lower = foldWord(core);
    // A number with a word of a script without case directly after it: 3월, 5개.
    const joined = /^(\d+)(\p{Lo}+)$/u.exec(lower);
    if (joined !== null) {
      const [, digits = '', word = ''] = joined;
      this.#setNumber(Number(digits));
      this.#word(word);
      return;
    }
    if (/^\d{1,9}$/.test(lower) && !/^0\d/.test(lower)) {
      // `1 000` with a space as separator.
      if (this.#number !== undefined && this.#number > 0 && this.#number < 1000 && /^\d{3}$/.test(lower)) {
        this.#dropNumber();
        this.#setNumber(Number(`${this.#number}${lower}`));
        return;
      }
      this.#setNumber(Number(lower));
      return;
    }
    const isNumber = /^\d{1,3} ?000$/.test(lower);
    if (isNumber) {
      this.#setNumber(Number(lower.replace(' ', '')));
      return;
    }
    if (lower === '000' && this.#number !== undefined) {
      this.#dropNumber();
      this.#setNumber(this.#number * 1000);
      return;
    }
    const facts = numericFacts(lower, units, currencies);
    for (const fact of facts) this.#fact(fact);
    const [only] = facts;
    if (facts.length === 1 && only?.startsWith('n:')) this.#number = Number(only.slice(2));
    const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(lower) ?? [];
    if (only?.startsWith('t:') && minutes !== undefined) this.#time = [Number(hours), Number(minutes)];
  }

  #setNumber(number: number): void {
    this.#fact(`n:${number}`);
    this.#number = number;
  }

  /** Takes back the last number, because the next word changes its meaning. */
  #dropNumber(): void {
    const token = this.#tokens.pop();
    if (token !== undefined && !this.#tokens.includes(token)) this.#facts.delete(token);
  }

  /** Letters with other characters between them: `sign-in`, `and/or`, `don't`, `src/app.ts`, `user_id`, `e.g.` */
  #letters(core: string, chunk: string): void {
    const folded = foldWord(core);
    if (/^(?:\p{L}\.)+\p{L}?$/u.test(folded)) {
      this.#word(core.replaceAll('.', ''));
      return;
    }
    if (folded.includes('_') || /\p{L}[.\\:=&]\p{Ll}/u.test(core)) {
      this.#fact(`i:${folded}`);
      return;
    }
    if (this.#isPhrase(folded)) {
      this.#word(core);
      return;
    }
    if (folded === 'no' && chunk.endsWith('.')) return;
    if (core.includes("'")) {
      this.#contraction(core);
      return;
    }
    if (!/[^\p{L}\p{M}]/u.test(core)) {
      this.#word(core);
      return;
    }
    for (const part of core.split(/[^\p{L}\p{M}]+/u)) {
      if (part !== '') this.#word(part);
    }
  }

  #isPhrase(word: string): boolean {
    const { concepts, days } = this.#lexicon;
    return word.includes('-') && (concepts.has(word) || days.has(word));
  }

  #contraction(core: string): void {
    const at = core.indexOf("'");
    const [before, after] = [core.slice(0, at), core.slice(at + 1)];
    if (after.toLowerCase() === 't') this.#maybeNegate();
    else if (after.length > 2 && before.length <= 2) this.#word(after.replaceAll("'", ''));
    else if (before !== '') this.#word(before);
  }

  #unspaced(chunk: string): void {
    segmenter ??= new Intl.Segmenter('en', { granularity: 'word' });
    for (const { segment, isWordLike } of segmenter.segment(chunk)) {
      if (isWordLike !== true) {
        if (QUOTES.includes(segment)) this.#inQuote = this.#inQuote > 0 ? 0 : 8;
        else {
          this.#markSymbols(segment);
          this.#symbols(segment);
        }
      } else if (!UNSPACED.test(segment)) this.#chunk(segment);
      else if (!this.#datePart(segment)) this.#counted(segment);
    }
    this.#isSentenceStart = false;
  }

  /** 三天, 十二个: a number and what it counts, in one word. 三月 alone is a month. */
  #counted(segment: string): void {
    const match = this.#lexicon.calendar.has(segment) ? null : HAN_NUMBER.exec(segment);
    const number = match === null ? undefined : hanNumber(match[1] ?? '');
    const counted = match?.[2] ?? '';
    if (number !== undefined) this.#setNumber(number);
    const rest =
      this.#number === undefined ? segment : (number === undefined ? segment : counted).replace(/^天内$/, '天');
    if (!this.#datePart(rest)) this.#word(rest);
  }

  /** 3月12日, 15点, 5号: the number came before. */
  #datePart(segment: string): boolean {
    if (this.#number === undefined) return false;
    if (segment === '日' || segment === '号' || segment === '號' || segment === '年') return true;
    if (segment === '月') {
      const month = this.#number;
      this.#dropNumber();
      this.#fact(`m:${month}`);
      return true;
    }
    return /^[点點时時]$/.test(segment) && this.#toTime(undefined);
  }

  /** Turns the number before into a time of day. */
  #toTime(half: string | undefined): boolean {
    const [hours, minutes] = this.#time ?? [this.#number, 0];
    const fact = hours === undefined ? undefined : timeFact(hours, minutes, half);
    if (fact === undefined) return false;
    this.#dropNumber();
    this.#fact(fact);
    return true;
  }

  #fact(fact: string): void {
    const token = factToken(fact);
    this.#facts.add(token);
    this.#tokens.push(token);
    this.#endWord('', 1);
    this.#number = undefined;
    this.#time = undefined;
    this.#isSentenceStart = false;
  }

  #endWord(word: string, tokens: number): void {
    if (this.#maybeNegated) {
      this.#maybeNegated = false;
      if (!this.#lexicon.notNegated.has(word)) this.#isNegated = true;
    }
    this.#previous = word;
    this.#previousTokens = tokens;
  }

  #maybeNegate(): void {
    this.#endWord('', 0);
    this.#maybeNegated = true;
  }

  #word(raw: string): void {
    const word = foldWord(raw);
    const number = this.#number;
    if (this.#phrase(word) || this.#dateOrNumber(word, raw)) return;
    this.#number = undefined;
    this.#time = undefined;
    const { negations, concepts, stop, currencies, units, directions, smallSides, generic } = this.#lexicon;
    const smallSide = smallSides.get(word);
    if (smallSide !== undefined) this.#sides.add(smallSide);
    if (directions.has(word)) this.#isDirected = true;
    if (negations.has(word) && !(word === 'no' && this.#isPortuguese)) {
      this.#maybeNegate();
      return;
    }
    const currency = word.length > 1 || number !== undefined ? currencies.get(word) : undefined;
    if (currency !== undefined && isCurrencyWord(word, raw, number)) {
      this.#fact(`c:${currency}`);
      return;
    }
    const unit = number === undefined ? undefined : units.get(word);
    if (unit !== undefined) {
      this.#fact(`u:${unit}`);
      return;
    }
    const concept = concepts.get(word);
    // A single capital letter names a size, a plan or a section.
    const isLetter = word.length === 1 && UPPER_START.test(raw) && word !== 'i' && !this.#isSentenceStart;
    const isFiller = stop.has(word) && !isLetter;
    if (concept !== undefined && isFiller && concept.opposition === undefined) {
      this.#fillers.push(wordToken(concept.name));
      this.#endWord(word, 0);
      return;
    }
    if (concept !== undefined) {
      this.#concept(concept, word);
      return;
    }
    const stem = stemOf(word);
    if (isFiller || (word.length === 1 && isHiragana(word.charCodeAt(0)))) {
      this.#fillers.push(wordToken(stem));
      this.#endWord(word, 0);
      return;
    }
    const known = this.#lexicon.conceptsByStem.get(stem);
    if (known !== undefined) {
      this.#concept(known, word);
      return;
    }
    const token = wordToken(stem);
    this.#tokens.push(token);
    if (!generic.has(word) && !this.#isOfFillers(word)) this.#specific.add(startOf(token));
    this.#opposite(word);
    const isName = this.#marksNames && !this.#isSentenceStart && UPPER_START.test(raw);
    if (isName || this.#inQuote > 0) this.#names.add(token);
    this.#endWord(word, 1);
  }

  /** A segment of a script without spaces may join two words without content: 请在. */
  #isOfFillers(word: string): boolean {
    return UNSPACED.test(word) && [...word].every((character) => this.#lexicon.stop.has(character));
  }

  /** Remembers the word of which this one is the opposite by its prefix: `supported` for `unsupported`. */
  #opposite(word: string): void {
    const rest = OPPOSITE.exec(word)?.[1];
    if (rest === undefined) return;
    const stem = stemOf(rest);
    const concept = this.#lexicon.concepts.get(rest) ?? this.#lexicon.conceptsByStem.get(stem);
    this.#sides.add(`!${wordToken(concept?.name ?? stem)}`);
  }

  #concept(concept: Concept, word: string): void {
    this.#tokens.push(wordToken(concept.name));
    if (concept.opposition !== undefined) this.#sides.add(`${concept.opposition}.${concept.side}`);
    this.#endWord(word, 1);
  }

  /** Replaces the previous word, if both together have a meaning of their own. */
  #phrase(word: string): boolean {
    const { phrases, phraseStarts } = this.#lexicon;
    if (this.#previous === '' || !phraseStarts.has(this.#previous)) return false;
    const concept = phrases.get(`${this.#previous}_${word}`);
    if (concept === undefined) return false;
    for (let count = this.#previousTokens; count > 0; count -= 1) {
      const start = startOf(this.#tokens.pop() ?? '');
      if (!this.#tokens.some((token) => startOf(token) === start)) this.#specific.delete(start);
    }
    this.#concept(concept, word);
    this.#number = undefined;
    this.#time = undefined;
    return true;
  }

  #dateOrNumber(word: string, raw: string): boolean {
    const { months, days, capitalisedDates, numbers, calendar } = this.#lexicon;
    if (this.#time !== undefined && this.#clock(word)) return true;
    if (this.#number === undefined && !calendar.has(word) && word.charCodeAt(0) < HANGUL) return false;
    if (this.#number !== undefined && this.#clock(word)) return true;
    const isPlain = !capitalisedDates.has(word) || this.#number !== undefined || UPPER_START.test(raw);
    const month = isPlain
      ? (months.get(word) ?? (this.#number === undefined ? undefined : koreanMonth(word, this.#number)))
      : undefined;
    if (month !== undefined) {
      if (word.startsWith('월')) this.#dropNumber();
      this.#fact(`m:${month}`);
      return true;
    }
    const day = isPlain ? (days.get(word) ?? days.get(koreanStem(word))) : undefined;
    if (day !== undefined) {
      this.#fact(`d:${day}`);
      return true;
    }
    if (word === 'noon' || word === 'midnight') {
      this.#fact(word === 'noon' ? 't:12:00' : 't:0:00');
      return true;
    }
    const number = numbers.get(word);
    if (number === undefined || (word === 'second' && this.#previous === 'a')) return false;
    if (number === 1) {
      this.#hasOne = true;
      const { opposition, side } = this.#lexicon.concepts.get(word) ?? {};
      if (opposition !== undefined) this.#sides.add(`${opposition}.${side}`);
      this.#fillers.push(wordToken(word));
      this.#endWord(word, 0);
    } else this.#setNumber(number);
    return true;
  }

  #clock(word: string): boolean {
    if (word === 'am' || word === 'pm') return this.#toTime(word);
    if (word === 'uhr' || word === 'oclock' || word === 'clock') return this.#toTime(undefined);
    if (word === '일' || word === '일에' || word === '년') {
      this.#endWord(word, 0);
      return true;
    }
    return (word === '시' || word === '시에') && this.#toTime(undefined);
  }
}

/** Reads 十二 as 12 and 三 as 3; undefined for one, which is also an article, and for numbers over 99. */
function hanNumber(digits: string): number | undefined {
  const [tens = '', ones] = digits.includes('十') ? digits.split('十') : ['', digits];
  const value = (digit: string) => '零一二三四五六七八九'.indexOf(digit.replace(/[两兩]/, '二'));
  const high = digits.includes('十') ? (tens === '' ? 1 : value(tens)) : 0;
  const low = ones === undefined || ones === '' ? 0 : value(ones);
  const number = high * 10 + low;
  return high < 0 || low < 0 || number <= 1 ? undefined : number;
}

function koreanMonth(word: string, number: number): number | undefined {
  return /^월(에|의|은|을|부터|까지)?$/.test(word) ? number : undefined;
}

function koreanStem(word: string): string {
  return word.charCodeAt(0) >= HANGUL ? stemOf(word) : word;
}

/** Some codes are words: `try`, `real`. They count in capital letters or after a number. */
function isCurrencyWord(word: string, raw: string, number: number | undefined): boolean {
  return (
    number !== undefined || raw === raw.toUpperCase() || (word.length > 4 && word !== 'pound' && word !== 'pounds')
  );
}

/** Normalises characters with several forms: width, digits of other scripts, apostrophes, spaces between digits. */
function foldText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: tests for ASCII
  if (/^[\x00-\x7f]*$/.test(text)) return text.replace(/\r\n?/g, '\n');
  return text
    .replace(/(\d)[\u00a0\u2009\u202f](?=\d{3})/g, '$1')
    .normalize('NFKC')
    .replace(/\r\n?/g, '\n')
    .replace(/[\u2018\u2019\u02bc]/g, "'")
    .replace(/[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]/g, (digit) => String(((digit.charCodeAt(0) & 0xf) % 0x10) % 10))
    .replace(/[。！？]/g, '. ');
}

/** Lower case, without diacritics in Latin script. */
function foldWord(word: string): string {
  const lower = word.toLowerCase();
  for (let index = 0; index < lower.length; index += 1) {
    const code = lower.charCodeAt(index);
    if (code > 0x7f)
      return code < 0x250
        ? lower
            .normalize('NFD')
            .replace(/[\u0300-\u036f]/g, '')
            .replaceAll('ß', 'ss')
        : lower;
  }
  return lower;
}

function bareWord(word: string): string {
  return word.replace(/[^\p{L}\p{M}'-]/gu, '');
}

/** Removes punctuation at both ends, but keeps signs that belong to a number: `$50`, `-5`, `#45`, `10%`, `50€`. */
function trimEdges(chunk: string): string {
  let start = 0;
  let end = chunk.length;
  while (start < end && !EDGE.test(chunk.charAt(start)) && !isPairStart(chunk, start)) start += 1;
  while (end > start && !EDGE.test(chunk.charAt(end - 1)) && !isPairEnd(chunk, end)) end -= 1;
  if (start > 0 && /[$€£¥₹₽₩₺₪₴₦#+−-]/.test(chunk.charAt(start - 1)) && /\d/.test(chunk.charAt(start))) start -= 1;
  if (end < chunk.length && end > start && /[%€$£¥₹₽°º]/.test(chunk.charAt(end)) && /\d/.test(chunk.charAt(end - 1)))
    end += 1;
  return chunk.slice(start, end);
}

function isPairStart(chunk: string, at: number): boolean {
  const code = chunk.charCodeAt(at);
  return code >= 0xd800 && code < 0xdc00 && /\p{L}/u.test(chunk.slice(at, at + 2));
}

function isPairEnd(chunk: string, end: number): boolean {
  const code = chunk.charCodeAt(end - 1);
  if (code >= 0xdc00 && code < 0xe000) return /\p{L}/u.test(chunk.slice(end - 2, end));
  // A vowel sign at the end of a word.
  return code > 0x2ff && /\p{M}/u.test(chunk.charAt(end - 1));
}

/** The same address with and without its scheme, `www.` and the last slash. */
function address(core: string): string {
  return core
    .toLowerCase()
    .replace(/^[a-z]+:\/\//, '')
    .replace(/^www\./, '')
    .replace(/\/$/, '');
}
