import {
  beforeRunPhrases,
  brokenPhrases,
  doubtPhrases,
  matches,
  normalised,
  nothingPhrases,
  refusalPhrases,
} from './phrases.ts';
import {
  absenceWords,
  adjectives,
  effectWords,
  finiteVerbs,
  harmlessPasts,
  hintStarts,
  irregularPasts,
  labels,
  negations,
  possibilities,
  stateWords,
  successWords,
} from './words.ts';

/** How many words before a participle may negate it. */
const reachWords = 7;
/** A text with more clauses leaves doubt. */
const clausesMax = 80;

/** A part of a text between two marks or conjunctions. */
interface Clause {
  readonly words: readonly string[];
  /** The text in the form that the phrases are written for. */
  readonly plain: string;
  /** The mark or conjunction before it and after it. */
  readonly before: string;
  readonly after: string;
}

const marks = /([.!?]+(?=\s|$)|[\n;,()[\]{}]|:(?=\s|$|["'{[])|\s[–—-]+\s|\b(?:but|however|although|though|and)\b)/i;
const sentenceEnd = /^(?:[.!?\n;]+|)$/;

/** Whether a text tells that something took effect: a listed participle that is neither negated nor only possible. */
export function tellsEffect(text: string, isAbsent: boolean): boolean {
  return clausesOf(text).some(({ words }) => hasEffectWord(words, isAbsent, (word) => effectWords.has(word)));
}

/**
 * Whether everything in a text belongs to a refusal: reasons, negations, hints, labels and echoes of arguments. Any other
 * text beside a refusal may tell an effect: a list cannot hold every word for one.
 */
export function isOnlyRefusal(text: string, isAbsent: boolean): boolean {
  const clauses = clausesOf(text);
  if (clauses.length > clausesMax) return false;
  return clauses.every((clause, at) => !hasSign(clause, isAbsent) && isHarmless(clauses, at));
}

/**
 * Tests whether a clause outside of the refusal has a sign of an effect, in whatever words: "30 went out, then rate limited".
 * For a text whose code or status refuses, so that other words need no reason.
 */
export function tellsEffectBeside(text: string, isAbsent: boolean): boolean {
  const clauses = clausesOf(text);
  if (clauses.length > clausesMax) return true;
  return clauses.some((clause) => {
    const { words, plain } = clause;
    return (
      hasEffectWord(words, isAbsent, isPastOrSuccess) && !isRest(plain) && !refuses(clause) && !isHint(words, plain)
    );
  });
}

/** "0 of 100 calls left" says how much of a quota remains. */
function isRest(plain: string): boolean {
  return /\b(?:calls?|requests?|attempts?|tries|credits?|units?|seconds?|minutes?|hours?|days?) left\b/.test(plain);
}

function clausesOf(text: string): readonly Clause[] {
  const parts = withoutEchoes(text).split(marks);
  const clauses: Clause[] = [];
  let before = '';
  for (let at = 0; at < parts.length; at += 2) {
    const part = parts[at] ?? '';
    const after = (parts[at + 1] ?? '').trim() || (at + 1 < parts.length ? '\n' : '');
    const words =
      part
        .replace(/([a-z\d])([A-Z])/g, '$1 $2')
        .toLowerCase()
        .match(/#?[\p{L}\p{N}_'/-]+/gu) ?? [];
    if (words.length > 0) {
      clauses.push({ words, plain: normalised(part), before, after });
      before = after;
    } else if (sentenceEnd.test(after) || !sentenceEnd.test(before)) before = after || before;
    if (clauses.length > clausesMax) break;
  }
  return clauses;
}

/** Removes addresses and quoted arguments. Quoted sentences stay, because they may come from another error. */
function withoutEchoes(text: string): string {
  return text
    .replace(/[’]/g, "'")
    .replace(/:\s*\n/g, ': ')
    .replace(/\b(?:make sure|ensure)\b[^.;\n]{1,200}/gi, (hint) => hint.replace(/,| and /g, ' '))
    .replace(/[\w.+-]{1,64}@[\w.-]{1,255}/g, ' x ')
    .replace(/\bhttps?:\/\/[^\s"')\]]+[^\s"')\].,:;]/gi, ' url ')
    .replace(/(?<!\w|[:=] ?)(["'`])((?:(?!\1)[^\n]){1,60})\1(?!\w)/g, (all, _mark, quoted: string) => {
      // httpx: Client error '404 Not Found' for url '...'
      if (/^[45]\d\d [A-Z]/.test(quoted)) return all;
      const words = quoted.toLowerCase().split(/\W+/);
      return /\s/.test(quoted) && words.some((word) => effectWords.has(word)) ? all : ' x ';
    })
    .replace(/(["`])[^\s"'`]{1,60}\1(?!\w)/g, ' x ');
}

/** Whether a clause tells an effect, in whatever words. */
function hasSign({ words, plain }: Clause, isAbsent: boolean): boolean {
  if (hasEffectWord(words, isAbsent, isPastOrSuccess)) return true;
  return matches(signs, plain);
}

const signs: readonly RegExp[] = [
  /\b\d+ (?:out )?of (?:the )?\d+\b/,
  /\bnew (?:\w+ ){1,2}#?\w*\d/,
  /\b(?:rows?|records?|entr(?:y|ies)|recipients?|batch|step|part|chunk) #?\d/,
  /\b(?:is|are) (?:now |currently )?(?:running|processing|live|under ?way|on its way|complete)\b/,
  /\b\d+\/\d+\b/,
  /\bhttp 2\d\d\b|\bon hold\b/,
  // It continued in spite of the refusal.
  /\bwarnings?\b|\b(?:continuing|proceeding|skipping|ignoring|leaving|falling back|defaulting|keeping)\b|^\W*using\b/,
  /\b(?:freshly|newly|just|recently) \w+ed\b|\b(?:should|will) (?:now |soon )?(?:receive|arrive|get|see)\b/,
  // It stopped on the way.
  /\bafter (?:the )?(?:\d+|first|some|several|a few) (?!m?s\b|sec|min|h\b|hour|day|attempt|retr|tr|fail)/,
  /\b(?:on|at|in|from|for) (?:message|item|file|e ?mail|page|request|call) #?\d/,
  // A later step of an operation whose first step took effect.
  /\b(?:receipt|confirmation|follow up|clean ?up)\b|\bnotify(?:ing)?\b|\bnotification (?:failed|e ?mail|could|was not)/,
];

function isPastOrSuccess(word: string, next: string | undefined): boolean {
  const last = word.split('-').at(-1) ?? word;
  if (last === 'went') return next !== 'wrong';
  if (effectWords.has(last) || irregularPasts.has(last) || successWords.has(last)) return true;
  return /^[a-z]{2,}ed$/.test(last) && !harmlessPasts.has(last);
}

/** Words after which a negation before them no longer counts: "not found after the payment was sent". */
const breaks: ReadonlySet<string> = new Set(['after', 'once', 'since', 'because', 'and', 'while']);

function hasEffectWord(
  words: readonly string[],
  isAbsent: boolean,
  isEffect: (word: string, next: string | undefined) => boolean,
): boolean {
  if (words[0] === 'ensure' || (words[0] === 'make' && words[1] === 'sure')) return false;
  return words.some((word, at) => {
    if (!isEffect(word, words[at + 1]) || (isAbsent && absenceWords.has(word))) return false;
    const near = words.slice(Math.max(0, at - reachWords), at);
    const before = near.slice(near.findLastIndex((each) => breaks.has(each)) + 1);
    if (before.some((each) => negations.has(each)) || isOnlyPossible(before.slice(-4))) return false;
    const isState = before.slice(-2).some((each) => each === 'is' || each === 'are');
    const isReason = words.slice(0, at).includes('because') && words.some((each) => negations.has(each));
    return !(isState && (stateWords.has(word) || isReason));
  });
}

/** "Must be sent" tells no effect, and "is already sent" tells an earlier one. "Was already sent" may tell its own. */
function isOnlyPossible(before: readonly string[]): boolean {
  if (before.some((each) => possibilities.has(each))) return true;
  if (before.some((each, at) => each === 'to' && before[at + 1] === 'be')) return true;
  return before.includes('already') && before.some((each) => states.has(each));
}

const states: ReadonlySet<string> = new Set(['is', 'are', 'has', 'have', "it's"]);

function isHarmless(clauses: readonly Clause[], at: number): boolean {
  const clause = clauses[at] as Clause;
  const { words, plain } = clause;
  if (refuses(clause) || matches(brokenPhrases, plain) || matches(doubtPhrases, plain)) return true;
  if (isLabel(words) || isHint(words, plain) || isCode(clause)) return true;
  if (words.some((word) => finiteVerbs.has(word))) return false;
  return isPrefix(clauses, at) || isEcho(clauses, at);
}

function refuses({ words, plain }: Clause): boolean {
  if (words.some((word) => negations.has(word) && word !== '0' && word !== 'until')) return true;
  if (matches(nothingPhrases, plain) || matches(beforeRunPhrases, plain)) return true;
  return refusalPhrases.some(({ patterns }) => matches(patterns, plain)) || /^\W*[45]\d\d\b/.test(plain);
}

/** "Error", "MCP error -32602", "SQLSTATE 42703", "PATCH url". */
function isLabel(words: readonly string[]): boolean {
  return (
    words.every((word) => labels.has(word) || /^-?\d+$/.test(word) || /(?:error|exception|fault)$/.test(word)) &&
    words.some((word) => labels.has(word) || !/^-?\d+$/.test(word))
  );
}

/** A code in brackets, such as the SQLSTATE of "ERROR 1062 (23000): ...". */
function isCode({ words, before, after }: Clause): boolean {
  return words.length === 1 && /^\d[\dA-Z]{4}$/i.test(words[0] ?? '') && before === '(' && after === ')';
}

/** Hints that may point to a new thing: "Check order 55". */
const pointers: ReadonlySet<string> = new Set(['check', 'see', 'refer', 'review', 'confirm', 'use']);

/** A next step or a rule, unless it names what may be a new thing: "See ticket #881". */
function isHint(words: readonly string[], plain: string): boolean {
  if (/#\d|\b[a-z]{2,6}_\w*\d/.test(words.join(' '))) return false;
  if (
    /\b(?:must|should|needs? to|has to|have to|can only|may only|only|expected|requires?|lacks?|supports)\b/.test(plain)
  )
    return true;
  if (
    /^\W*(?:instead )?(?:is|was|got) (?:an? )?(?:x|string|number|int\w*|float\w*|bool\w*|object|array|null|undefined|nil)\W*$/.test(
      plain,
    )
  )
    return true;
  const [first = '', second = ''] = words.filter((word) => !['then', 'also', 'or'].includes(word));
  if (pointers.has(first) && /\d/.test(plain)) return false;
  if (hintStarts.has(first)) return true;
  if (first === 'if')
    return /^\W*(?:or )?if (?:you (?:believe|think|need|want|are|have)|this|it|the (?:problem|issue|error))\b/.test(
      plain,
    );
  return words[0] === 'or' || (first === 'you' && (second === 'can' || second === 'may' || second === 'need'));
}

/** What stands before a refusal in its sentence: "GitHub API error: ...", "title and body are required". */
function isPrefix(clauses: readonly Clause[], at: number): boolean {
  const { words, after, plain } = clauses[at] as Clause;
  if (sentenceEnd.test(after) || /\d/.test(words.join(' '))) return false;
  const isError = /\b(?:error|exception|failure|fault|problem|reason|details?|executing|calling)\b/.test(plain);
  if (words.some((word) => adjectives.has(word) || (isAnyPast(word) && !(isError && harmlessPasts.has(word)))))
    return false;
  if (words.length > (isError ? 6 : 2)) return false;
  for (let next = at + 1; next < clauses.length; next += 1) {
    const clause = clauses[next] as Clause;
    if (sentenceEnd.test(clause.before)) return false;
    if (refuses(clause)) return true;
    if (sentenceEnd.test(clause.after)) return false;
  }
  return false;
}

/** What a refusal repeats after it: "Unknown tool: do_it", "not found (id 17)", "permission denied, open 'a'". */
function isEcho(clauses: readonly Clause[], at: number): boolean {
  const { words, before } = clauses[at] as Clause;
  const isList = before === ',' || /^[a-z]/i.test(before);
  if (sentenceEnd.test(before) || words.some((word) => isAnyPast(word) && (isList || !harmlessPasts.has(word))))
    return false;
  if (words.length > (isList ? 3 : 12) || (isList && /(?:^|\s)(?:#|\d)/.test(words.join(' ')))) return false;
  for (let last = at - 1; last >= 0; last -= 1) {
    const clause = clauses[last] as Clause;
    if (refuses(clause)) return true;
    if (sentenceEnd.test(clause.before)) return false;
  }
  return false;
}

function isAnyPast(word: string): boolean {
  return irregularPasts.has(word) || successWords.has(word) || /^[a-z]{2,}ed$/.test(word) || word === 'went';
}
