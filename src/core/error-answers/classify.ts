import { isOnlyRefusal, tellsEffect, tellsEffectBeside } from './clauses.ts';
import { isDoubtCode, meaningOfRpcCode, meaningOfStatus } from './codes.ts';
import { isForeign, tellsForeignEffect } from './foreign-texts.ts';
import { tellsPart } from './parts-done.ts';
import {
  beforeRunPhrases,
  brokenPhrases,
  doubtPhrases,
  type FailureKind,
  matches,
  normalised,
  nothingPhrases,
  refusalPhrases,
  temporaryDeclines,
} from './phrases.ts';
import { keyTroubleIn } from './used-key.ts';

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
/** The longest wait that an error may ask for, in ms. */
const retryAfterMsMax = 30 * 24 * 3_600_000;

/**
 * Decides whether an error that was answered is a definite refusal, so that nothing took effect, or leaves doubt. Pure.
 * A wrong "refused" may lead to a second effect, and a wrong "doubt" costs the caller one more call: so each rule for a
 * refusal yields to any sign of an effect.
 */
export function classifyErrorAnswer(facts: ErrorFacts): AnswerMeaning {
  const text = withoutFrames(facts.texts.join('\n').slice(0, textCharsMax));
  const codes = (facts.codes ?? []).map((code) => normalised(code.slice(0, textCharsMax)));
  const plain = withoutCertainTimeouts(normalised(text));
  const rpcCode = facts.rpcCode ?? rpcCodeIn(text);
  const all = [plain, ...codes].join('\n');
  const refused = (kind: FailureKind | undefined): AnswerMeaning => ({
    type: 'refused',
    ...(kind === undefined ? {} : { kind }),
    ...waitOf(kind, facts, text),
  });
  const kind = kindOf(facts, all, codes);
  if (isBeforeRun(plain)) return refused(/\bunknown tool\b|\bnot found\b/.test(plain) ? 'not_found' : 'invalid');
  const isCoded = facts.status !== undefined || phraseIn(codes.join('\n')) !== undefined || rpcCode !== undefined;
  const certain = withoutCertainStates(withWords(text));
  if ([text, ...(facts.codes ?? [])].some(keyTroubleIn)) return doubt;
  if (facts.hasMore || tellsPart(text) || tellsForeignEffect(text)) return doubt;
  if (tellsEffect(certain, kind === 'not_found')) return doubt;
  if (
    isCoded
      ? tellsEffectBeside(certain, kind === 'not_found')
      : isForeign(text) || !isOnlyRefusal(certain, kind === 'not_found')
  )
    return doubt;
  if (matches(nothingPhrases, plain)) return refused(kind);
  if (matches(doubtPhrases, all) || codes.some(isDoubtCode)) return doubt;
  const statuses = facts.status === undefined ? statusesIn(text) : [facts.status];
  if (statuses.some((status) => status >= 400 && meaningOfStatus(status) === 'doubt')) return doubt;
  if (rpcCode !== undefined && isAboutRequest(rpcCode, plain)) return refused(kind);
  if (statuses.some((status) => status >= 400)) return refused(kind);
  const row = phraseIn(all);
  if (row === undefined) return doubt;
  const isBroken = matches(brokenPhrases, all) || rpcCode === -32603;
  return isBroken && !row.isStrong ? doubt : refused(kind);
}

/** Returns why a request failed that certainly had no effect; undefined where its error does not say. */
export function failureOf(facts: ErrorFacts): { readonly kind?: FailureKind; readonly retryAfterMs?: number } {
  const codes = (facts.codes ?? []).map(normalised);
  const text = facts.texts.join('\n').slice(0, textCharsMax);
  const kind = kindOf(facts, [normalised(text), ...codes].join('\n'), codes);
  return { ...(kind === undefined ? {} : { kind }), ...waitOf(kind, facts, text) };
}

/** Waiting does not help after a lasting refusal: "try again with at most 100 characters". */
function waitOf(kind: FailureKind | undefined, facts: ErrorFacts, text: string): { readonly retryAfterMs?: number } {
  const mayPass =
    kind === undefined || kind === 'limited' || kind === 'unavailable' || facts.retryAfterMs !== undefined;
  return mayPass ? retryAfterOf(facts, text) : {};
}

/** Whether a text says that nothing happened, and tells no effect. */
export function saysNothingHappened(text: string): boolean {
  const cut = text.slice(0, textCharsMax);
  return !tellsPart(cut) && isOnlyRefusal(withoutCertainStates(cut), false) && matches(nothingPhrases, normalised(cut));
}

/** Some declines are temporary. */
function kindOf(facts: ErrorFacts, all: string, codes: readonly string[]): FailureKind | undefined {
  const kind = lastingKindOf(facts, all, codes);
  return kind === 'declined' && matches(temporaryDeclines, all) ? 'unavailable' : kind;
}

/** A strong phrase says more than a status, which says more than a weak phrase. */
function lastingKindOf(facts: ErrorFacts, all: string, codes: readonly string[]): FailureKind | undefined {
  const ofCode = phraseIn(codes.join('\n'))?.kind;
  if (ofCode !== undefined) return ofCode;
  // A quoted word is an argument: `Unknown field "rate_limit"`.
  const row =
    phraseIn(all.replace(/"[^"\n]{1,60}"|(?<!\w)'[^'\n]{1,60}'(?!\w)|`[^`\n]{1,60}`/g, ' x ')) ?? phraseIn(all);
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

/** Whether a server refused before it ran the tool. A text about an effect before that is about an earlier step. */
function isBeforeRun(plain: string): boolean {
  const starts = beforeRunPhrases.flatMap((pattern) => pattern.exec(plain)?.index ?? []);
  return starts.length > 0 && !tellsEffect(plain.slice(0, Math.min(...starts)), false);
}

/** Splits a code that tells two things: `message_sent_but_thread_not_found`. */
function withWords(text: string): string {
  return text.replace(/\b[a-z\d_]{1,100}_but_[a-z\d_]{1,100}\b/gi, (code) => code.replaceAll('_', ' '));
}

/** Writes in fewer words what libraries put around a reason: undici, requests, httpx; editors and Playwright. */
function withoutFrames(text: string): string {
  return text
    .replace(/\bTypeError: fetch failed\b/g, 'fetch failed')
    .replace(
      /\bHTTPS?ConnectionPool\([^()\n]{0,200}\): (?:Max retries exceeded with url: \S{1,500} \(Caused by )?/g,
      'error: ',
    )
    .replace(/^(?:[a-z_]\w{0,40}\.){1,6}Undefined\w{1,40}: /gm, 'error: ')
    .replace(/^(?:[a-z_][\w]{0,40}\.){1,6}([A-Z]\w{1,60}): /gm, '$1: ')
    .replace(/\bSMTP 5\d\d(?: 5\.\d{1,3}\.\d{1,3})? (?:<[^<>\s]{1,300}>: )?/g, 'error: ')
    .replace(/\nLINE \d{1,6}: [^\n]*(?:\n\s*\^)?/g, '')
    .replace(/<[\w.]{1,100} object at 0x[\da-f]+>/gi, 'x')
    .replace(/\bfor more (?:information|details),? (?:check|see|visit):? https?:\S{1,500}/gi, '')
    .replace(
      /\bfound \d+ (?:matches|occurrences|elements|results)\b[^.\n]{0,80}?\bbut expected (?:exactly )?\d+/gi,
      'is ambiguous',
    )
    .replace(/\bstrict mode violation: [^\n]{1,200}? resolved to \d+ elements/gi, 'is ambiguous');
}

/** Participles that say why the state of a thing does not allow a request (GitHub, Kubernetes). */
function withoutCertainStates(text: string): string {
  return text
    .replace(/\b(?:was|has been) archived so (?:it )?is read-only\b/gi, 'is read-only')
    .replace(/\bthe object has been modified(?=[;,.] please apply)/gi, 'conflict');
}

/** A connection that could not be made, or not in time, carried no request, and a lock that did not come rolls back. */
function withoutCertainTimeouts(text: string): string {
  return text
    .replace(/\bconnect etimedout\b|\bconnect time ?out\b|\btimed out (?:while )?connecting\b/g, 'connection refused')
    .replace(/\bnew ?connection ?error\b|\bfailed to establish a new connection\b/g, 'connection refused')
    .replace(/\block wait time ?out exceeded\b|\bcancell?ing statement due to lock time ?out\b/g, 'deadlock detected');
}

/** The words of each status. Without them, "issue 429 not found" would be a limit. */
const reasons: Readonly<Record<string, string>> = {
  400: 'bad request',
  401: 'unauthori[sz]ed',
  402: 'payment required',
  403: 'forbidden',
  404: 'not found',
  405: 'method not allowed',
  408: 'request timeout',
  409: 'conflict',
  410: 'gone',
  412: 'precondition failed',
  422: 'unprocessable',
  429: 'too many requests',
  500: 'internal server error',
  501: 'not implemented',
  502: 'bad gateway',
  503: 'service unavailable',
  504: 'gateway time',
};
const reasonTexts = Object.entries(reasons).map(([status, reason]) => `${status}\\b[\\s:,-]*${reason}`);
const statusPatterns: readonly RegExp[] = [
  /\b(?:get|post|put|patch|delete) https?:\S+: ([45]\d\d)\b/gi,
  /\b(?:status(?: code)?|http(?:\/\d(?:\.\d)?)?(?: error)?|error(?: code)?|code|answered|returned|responded with)\s*[:=]?\s*\(?([45]\d\d)\b/gi,
  new RegExp(`(?<![#\\w])(?=([45]\\d\\d))(?:${reasonTexts.join('|')})`, 'gi'),
  /^[^\w#]*([45]\d\d)(?=\W*$|\s*[:{-]|\s+[A-Z])/g,
];

/** Returns the HTTP statuses that a text names. */
function statusesIn(text: string): readonly number[] {
  return statusPatterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, status]) => Number(status)));
}

/** The code of a JSON-RPC error that a server put at the beginning of a text, as the SDKs do. */
function rpcCodeIn(text: string): number | undefined {
  const [, code] = /^\W*(?:error: )?mcp error (-32\d{3})\b/i.exec(text) ?? [];
  return code === undefined ? undefined : Number(code);
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
