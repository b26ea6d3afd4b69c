import { isDoubtCode, meaningOfRpcCode, meaningOfStatus } from './codes.ts';
import {
  absenceWords,
  beforeRunPhrases,
  brokenPhrases,
  doubtPhrases,
  effectWords,
  type FailureKind,
  negations,
  nothingPhrases,
  possibilities,
  refusalPhrases,
} from './phrases.ts';

/** The facts in an error that an upstream or a wrapped server answered with. */
export interface ErrorFacts {
  /** Its texts for people. */
  readonly texts: readonly string[];
  /** Its textual codes, such as `RATE_LIMITED`. */
  readonly codes?: readonly string[];
  /** An HTTP status that it names. */
  readonly status?: number;
  /** The code of a JSON-RPC error. */
  readonly rpcCode?: number;
  /** Whether it also has members that may be an effect, such as an id. */
  readonly hasMore?: boolean;
  readonly retryAfterMs?: number;
}

/** What an error answer means. */
export type AnswerMeaning =
  /** Nothing took effect. `kind` is undefined where it only says so. */
  | { readonly type: 'refused'; readonly kind?: FailureKind; readonly retryAfterMs?: number }
  /** It may have taken effect. */
  | { readonly type: 'doubt' };

const doubt: AnswerMeaning = Object.freeze({ type: 'doubt' });
/** Longer texts are cut, before any pattern reads them. */
const textCharsMax = 4_096;
/** How many words before a participle may negate it. */
const reachWords = 7;
/** The longest wait that an error may ask for, in ms. */
const retryAfterMsMax = 30 * 24 * 3_600_000;

/**
 * Decides whether an error that was answered is a definite refusal, so that nothing took effect, or leaves doubt. Pure.
 * A wrong "refused" may lead to a second effect, and a wrong "doubt" costs the caller one more call: so each rule for a
 * refusal yields to any sign of an effect.
 */
export function classifyErrorAnswer(facts: ErrorFacts): AnswerMeaning {
  const text = facts.texts.join('\n').slice(0, textCharsMax);
  const codes = (facts.codes ?? []).map((code) => normalised(code.slice(0, textCharsMax)));
  const plain = withoutCertainTimeouts(normalised(text));
  const all = [plain, ...codes].join('\n');
  const retry = retryAfterOf(facts, text);
  const refused = (kind: FailureKind | undefined): AnswerMeaning => ({
    type: 'refused',
    ...(kind === undefined ? {} : { kind }),
    ...retry,
  });
  const kind = kindOf(facts, all, codes);
  if (matches(beforeRunPhrases, plain))
    return refused(/\bunknown tool\b|\bnot found\b/.test(plain) ? 'not_found' : 'invalid');
  if (facts.hasMore || tellsEffect(text, kind === 'not_found')) return doubt;
  if (matches(nothingPhrases, plain)) return refused(kind);
  if (matches(doubtPhrases, all) || codes.some(isDoubtCode)) return doubt;
  const statuses = facts.status === undefined ? statusesIn(text) : [facts.status];
  if (statuses.some((status) => status >= 400 && meaningOfStatus(status) === 'doubt')) return doubt;
  if (facts.rpcCode !== undefined && isAboutRequest(facts.rpcCode, plain)) return refused(kind);
  if (statuses.some((status) => status >= 400)) return refused(kind);
  const row = phraseIn(all);
  if (row === undefined) return doubt;
  const isBroken = matches(brokenPhrases, all) || facts.rpcCode === -32603;
  return isBroken && !row.isStrong ? doubt : refused(kind);
}

/** Returns why a request failed that certainly had no effect; undefined where its error does not say. */
export function failureOf(facts: ErrorFacts): { readonly kind?: FailureKind; readonly retryAfterMs?: number } {
  const codes = (facts.codes ?? []).map(normalised);
  const text = facts.texts.join('\n').slice(0, textCharsMax);
  const kind = kindOf(facts, [normalised(text), ...codes].join('\n'), codes);
  return { ...(kind === undefined ? {} : { kind }), ...retryAfterOf(facts, text) };
}

/** Whether a text says that nothing happened, and tells no effect. */
export function saysNothingHappened(text: string): boolean {
  const cut = text.slice(0, textCharsMax);
  return !tellsEffect(cut, false) && matches(nothingPhrases, normalised(cut));
}

/** A strong phrase says more than a status, which says more than a weak phrase. */
function kindOf(facts: ErrorFacts, all: string, codes: readonly string[]): FailureKind | undefined {
  const ofCode = phraseIn(codes.join('\n'))?.kind;
  if (ofCode !== undefined) return ofCode;
  const row = phraseIn(all);
  if (row?.isStrong) return row.kind;
  const [status] =
    facts.status === undefined ? statusesIn(facts.texts.join('\n').slice(0, textCharsMax)) : [facts.status];
  const ofStatus = status === undefined || status < 400 ? 'doubt' : meaningOfStatus(status);
  if (ofStatus !== 'doubt') return ofStatus;
  return row?.kind ?? (facts.rpcCode === undefined ? undefined : meaningOfRpcCode(facts.rpcCode));
}

/** -32602 and -32601 are about the request, unless the server complains about its own result. */
function isAboutRequest(rpcCode: number, text: string): boolean {
  if (meaningOfRpcCode(rpcCode) === undefined) return false;
  return !/\b(?:results?|outputs?|responses?|answers?|repl(?:y|ies)|sampling|elicitation|roots)\b/.test(text);
}

function phraseIn(text: string): (typeof refusalPhrases)[number] | undefined {
  return refusalPhrases.find(({ patterns }) => matches(patterns, text));
}

function matches(patterns: readonly RegExp[], text: string): boolean {
  return patterns.some((pattern) => pattern.test(text));
}

function normalised(text: string): string {
  return text
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/[’]/g, "'")
    .toLowerCase()
    .replace(/[_-]+/g, ' ')
    .replace(/[^\S\n]+/g, ' ');
}

/** A connection that could not be made in time carried no request, and a lock that did not come rolls back. */
function withoutCertainTimeouts(text: string): string {
  return text
    .replace(/\bconnect etimedout\b|\bconnect time ?out\b|\btimed out (?:while )?connecting\b/g, 'connection refused')
    .replace(/\block wait time ?out exceeded\b/g, 'deadlock detected');
}

/** Words after which a negation before them no longer counts: "not found after the payment was sent". */
const breaks: ReadonlySet<string> = new Set(['after', 'once', 'since', 'because', 'and', 'while']);

/** Whether a text tells that something took effect: a participle that is neither negated nor only possible. */
function tellsEffect(text: string, isAbsent: boolean): boolean {
  const clauses = text
    .replace(/[’]/g, "'")
    .toLowerCase()
    .split(/[\n;:!?,()[\]]+|\.(?:\s|$)|\b(?:but|however|although|though)\b/);
  return clauses.some((clause) => {
    const words = clause.match(/[\p{L}\p{N}_'-]+/gu) ?? [];
    return words.some((word, at) => {
      if (!effectWords.has(word) || (isAbsent && absenceWords.has(word))) return false;
      const near = words.slice(Math.max(0, at - reachWords), at);
      const before = near.slice(near.findLastIndex((each) => breaks.has(each)) + 1);
      return !before.some((each) => negations.has(each)) && !isOnlyPossible(before.slice(-4));
    });
  });
}

/** "Must be sent" tells no effect, and "is already sent" tells an earlier one. "Was already sent" may tell its own. */
function isOnlyPossible(before: readonly string[]): boolean {
  if (before.some((each) => possibilities.has(each))) return true;
  if (before.some((each, at) => each === 'to' && before[at + 1] === 'be')) return true;
  return before.includes('already') && before.some((each) => states.has(each));
}

const states: ReadonlySet<string> = new Set(['is', 'are', 'has', 'have']);

const statusWords =
  'bad request|unauthorized|payment required|forbidden|not found|method not allowed|request timeout|conflict|gone|precondition failed|unprocessable|too many requests|internal server error|not implemented|bad gateway|service unavailable|gateway time';
const statusPatterns: readonly RegExp[] = [
  /\b(?:status(?: code)?|http(?:\/\d(?:\.\d)?)?(?: error)?|error(?: code)?|code|answered|returned|responded with)\s*[:=]?\s*\(?([45]\d\d)\b/gi,
  new RegExp(`\\b([45]\\d\\d)\\b[\\s:,-]*(?:${statusWords})`, 'gi'),
  /^\W*([45]\d\d)\b/g,
];

/** Returns the HTTP statuses that a text names. */
function statusesIn(text: string): readonly number[] {
  return statusPatterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, status]) => Number(status)));
}

const units: Readonly<Record<string, number>> = { ms: 1, milli: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Reads how long to wait: from the facts, or from a text such as "retry after 30 seconds". */
function retryAfterOf({ retryAfterMs }: ErrorFacts, text: string): { readonly retryAfterMs?: number } {
  const found =
    /\b(?:retry|try again|wait)\b[^.\n\d]{0,30}(\d{1,7}(?:\.\d{1,3})?)\s*(ms|milli\w*|s|secs?|seconds?|m|mins?|minutes?|h|hours?)?\b/i.exec(
      text,
    );
  const [, amount, unit = 's'] = found ?? [];
  const factor =
    units[unit.toLowerCase()] ?? units[unit.slice(0, 5).toLowerCase()] ?? units[unit.charAt(0).toLowerCase()];
  const ms = retryAfterMs ?? (amount === undefined ? undefined : Number(amount) * (factor ?? 1_000));
  if (ms === undefined || !(ms > 0) || ms > retryAfterMsMax) return {};
  return { retryAfterMs: Math.ceil(ms) };
}
