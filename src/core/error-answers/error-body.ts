import { arrayOf, isObject, type JsonObject } from '../json.ts';
import { wordSet } from '../word-set.ts';
import type { ErrorFacts } from './classify.ts';
import { type EffectSigns, type IsEcho, isOwnReference, noteCode, noteMember, noteState } from './effect-members.ts';

const depthMax = 5;
const textsMax = 40;

/** Members whose texts say what is wrong. Names are compared in lower case, without `_` and `-`. */
const textNames: ReadonlySet<string> = wordSet(
  'message messages msg error errors errormessages detail details description errordescription errormessage errormsg errordetail reason title hint faultstring cause failure failures usererrors',
);
/** Members whose value is a code. */
const codeNames: ReadonlySet<string> = wordSet(
  'code errorcode errcode type errortype kind category status statuscode httpstatus httpcode httpstatuscode name subcode declinecode',
);
/** Members that come with an error and are no effect. */
const besideNames: ReadonlySet<string> = wordSet(
  'ok success successful requestid traceid correlationid errorid timestamp time date path pointer source instance documentationurl docurl docs help helpurl moreinfo link links meta metadata extensions locations warnings version jsonrpc responsemetadata needed provided retryable temporary apiversion field fields param parameter',
);
/** Members beside an error at any depth. A `url` or an `id` there may well be an effect. */
const plainBeside: ReadonlySet<string> = new Set([...besideNames].filter((name) => !/^meta/.test(name)));
const retryNames: Readonly<Record<string, number>> = {
  retryafter: 1_000,
  retryafterseconds: 1_000,
  retryaftersec: 1_000,
  retryafterms: 1,
  retryin: 1_000,
};

/** Facts while they are collected. */
interface Collected {
  readonly texts: string[];
  readonly codes: string[];
  status?: number;
  rpcCode?: number;
  retryAfterMs?: number;
  /** Whether the body itself has members that may be a result. */
  hasResult: boolean;
  readonly signs: EffectSigns;
  readonly isEcho: IsEcho;
}

/**
 * Reads the facts of an error from a JSON body in any of the usual shapes (RFC 9457, Google, Stripe, JSON:API, GraphQL).
 * @param isEcho whether a value was an argument of the call. No other reference counts as a sign of an effect
 */
export function factsOfBody(body: unknown, isEcho: IsEcho = isNoEcho): ErrorFacts {
  return factsOf(readBody(body, isEcho));
}

/** Reads the facts of what an error has beside its message: a member counts only where it may be an effect. */
export function factsOfDetails(details: unknown, isEcho: IsEcho = isNoEcho): ErrorFacts {
  const found = readDetails(details, isEcho);
  return factsOf({ ...found, hasResult: false });
}

/** Returns the texts of a body, and the signs of an effect in its members. */
export function effectSignsOf(body: unknown, isEcho: IsEcho): EffectSigns & { readonly texts: readonly string[] } {
  const { signs, texts } = readDetails(body, isEcho);
  return { ...signs, texts };
}

function isNoEcho(): boolean {
  return false;
}

function startCollecting(isEcho: IsEcho): Collected {
  return { texts: [], codes: [], hasResult: false, signs: { tells: false, refers: false }, isEcho };
}

function readBody(body: unknown, isEcho: IsEcho): Collected {
  const found = startCollecting(isEcho);
  if (isObject(body)) collect(found, body, 0, body.jsonrpc !== undefined);
  else collectText(found, body, 0);
  return found;
}

function readDetails(details: unknown, isEcho: IsEcho): Collected {
  const found = startCollecting(isEcho);
  collectText(found, details, 0);
  return found;
}

function factsOf({ texts, codes, status, rpcCode, retryAfterMs, hasResult, signs }: Collected): ErrorFacts {
  return {
    texts,
    codes,
    hasMore: hasResult || signs.tells || signs.refers,
    ...(status === undefined ? {} : { status }),
    ...(rpcCode === undefined ? {} : { rpcCode }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function collect(found: Collected, body: JsonObject, depth: number, isRpc: boolean): void {
  for (const [name, value] of textsFirst(body)) {
    const plain = name.toLowerCase().replace(/[_-]/g, '');
    const factor = retryNames[plain];
    if (factor !== undefined && Number.isFinite(Number(value))) found.retryAfterMs ??= Number(value) * factor;
    else if (textNames.has(plain)) collectText(found, value, depth);
    else if (codeNames.has(plain) && !isObject(value)) collectCode(found, plain, value);
    else if (plain === 'extensions' || (plain === 'data' && depth > 0)) collectText(found, value, depth);
    else if (isWaitOnly(value)) collect(found, value, depth + 1, isRpc);
    else if (depth === 0) found.hasResult ||= saysMore(plain, value, isRpc);
    else if (!isOwnMember(plain, body)) noteMember(found.signs, name, value, found.isEcho);
  }
}

/** Puts the texts of a body before those in its lists: a long list must not cut off the message about all of it. */
function textsFirst(body: JsonObject): readonly (readonly [string, unknown])[] {
  const entries = Object.entries(body);
  const isText = ([, value]: readonly [string, unknown]) => typeof value === 'string';
  return [...entries.filter(isText), ...entries.filter((entry) => !isText(entry))];
}

/** Whether a member is about the error itself: an error of JSON:API has an id, and Google types its details. */
function isOwnMember(plain: string, body: JsonObject): boolean {
  if (plain === 'id' && ['title', 'detail', 'source', 'links'].some((name) => Object.hasOwn(body, name))) return true;
  return String(body['@type'] ?? '').startsWith('type.googleapis.com/google.rpc.') || plainBeside.has(plain);
}

/** Whether an object only says how long to wait: Telegram's `parameters: { retry_after: 31 }`. */
function isWaitOnly(value: unknown): value is JsonObject {
  if (!isObject(value)) return false;
  const names = Object.keys(value);
  return names.length > 0 && names.every((name) => Object.hasOwn(retryNames, name.toLowerCase().replace(/[_-]/g, '')));
}

/** Counts of what failed, and Notion's `object: "error"`, are no effect. */
function saysMore(name: string, value: unknown, isRpc: boolean): boolean {
  if (besideNames.has(name) || isOwnReference(name) || (name === 'id' && isRpc)) return false;
  if (value === 'error' || (typeof value === 'number' && failedCounts.test(name))) return false;
  return holdsSomething(value);
}

const failedCounts = /^(?:total|num(?:ber)?of)?(?:failed|failures|rejected|skipped|invalid|errors?)(?:count|total)?$/;

/** Whether a value is there: null, false, 0, empty texts, lists and objects, and objects of such values are not. */
function holdsSomething(value: unknown, depth = 0): boolean {
  if (depth > depthMax) return true;
  if (value === null || value === undefined || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return isObject(value) ? Object.values(value).some((each) => holdsSomething(each, depth + 1)) : true;
}

function collectText(found: Collected, value: unknown, depth: number): void {
  if (depth > depthMax) {
    found.signs.refers ||= holdsSomething(value);
  } else if (typeof value === 'string') {
    // A word such as `invalid_auth` is a code.
    if (/^[\w.:/-]+$/.test(value)) addCode(found, value);
    else addText(found, value);
  } else if (Array.isArray(value)) {
    for (const each of value) collectText(found, each, depth + 1);
  } else if (isObject(value)) {
    collect(found, value, depth + 1, false);
    // A member per field, as in { "errors": { "email": ["is invalid"], "name": "is too long" } }.
    for (const each of Object.values(value)) {
      const isText = typeof each === 'string' && /\s/.test(each);
      const isTexts = Array.isArray(each) && each.every((item) => typeof item === 'string');
      if (isText || isTexts) collectText(found, each, depth + 1);
    }
  }
}

/** Keeps each text once. Texts beyond the bound are not read, so that they may tell an effect. */
function addText(found: Collected, text: string): void {
  if (found.texts.includes(text)) return;
  if (found.texts.length < textsMax) found.texts.push(text);
  else found.signs.refers = true;
}

function addCode(found: Collected, code: string): void {
  if (found.codes.includes(code)) return;
  if (found.codes.length < textsMax) found.codes.push(code);
  noteCode(found.signs, code);
}

function collectCode(found: Collected, name: string, value: unknown): void {
  const number = typeof value === 'number' ? value : /^\d{3}$/.test(String(value)) ? Number(value) : undefined;
  if (number !== undefined && number >= 100 && number <= 599) found.status ??= number;
  else if (number !== undefined && number <= -32_000) found.rpcCode ??= number;
  else if (typeof value === 'string' && value !== '') {
    addCode(found, value);
    if (name === 'status') noteState(found.signs, value);
  }
}

/** What the body of a success says about the request. */
export interface SaidNo {
  readonly facts: ErrorFacts;
  /** Whether the body certainly is an error, and nothing else: it has no member that may be a result. */
  readonly isOnlyError: boolean;
  /** True for GraphQL errors of the request itself, before execution (GraphQL October 2021, 7.1). */
  readonly isBeforeExecution: boolean;
}

/**
 * Returns what an error says whose response has a status of success: `ok: false`, `success: false`, `errors` without
 * data, an `error` without a result, a JSend error, a JSON-RPC error. Returns undefined for a body that says no such thing.
 */
export function saidNo(body: unknown, isEcho: IsEcho = isNoEcho): SaidNo | undefined {
  if (!isObject(body)) return undefined;
  const found = readBody(withoutEmptyData(body), isEcho);
  const isOnlyError = !found.hasResult;
  if (!isNo(body, isOnlyError)) return undefined;
  const facts = factsOf(found);
  const isBeforeExecution = facts.hasMore !== true && !Object.hasOwn(body, 'data') && areRequestErrors(body.errors);
  // A run that has failed says so with the status `failed`, and it did run.
  return { facts: hasRun(body) ? { ...facts, hasMore: true } : facts, isOnlyError, isBeforeExecution };
}

/** Codes and texts of GraphQL servers for a document that they could not execute (graphql-js, Apollo, Hasura). */
const requestCodes =
  /^(?:graphql_(?:parse|validation)_failed|persisted_query_not_(?:found|supported)|operation_resolution_failure|unauthenticated|validation[-_]failed|parse[-_]failed|access[-_]denied|invalid[-_]jwt)$/i;
const requestTexts =
  /^(?:syntax error\b|cannot query field\b|unknown (?:argument|type|field|operation|fragment|directive)\b|variable "?\$|field "[^"]{1,200}" (?:argument|of type|must)\b|must provide (?:an operation|a query|query)|(?:unauthenticated|unauthorized)\b)/i;

/** Whether all errors are GraphQL errors of the request: without data, no code or text proves less than that. */
function areRequestErrors(errors: unknown): boolean {
  const list = arrayOf(errors);
  if (list.length === 0) return false;
  return list.every((each) => {
    if (!isObject(each) || Array.isArray(each.path)) return false;
    const { extensions, message, locations } = each;
    const code = isObject(extensions) ? extensions.code : undefined;
    if (typeof code === 'string') return requestCodes.test(code);
    return locations !== undefined && typeof message === 'string' && requestTexts.test(message);
  });
}

/** Whether a body is the result of a run: JSend knows `fail` and `error` only. */
function hasRun({ status, error, errors, ok, success }: JsonObject): boolean {
  const saysMore = [error, errors].some((each) => holdsSomething(each)) || ok === false || success === false;
  return !saysMore && typeof status === 'string' && /^fail(?:ed|ure)$/i.test(status);
}

function isNo(body: JsonObject, isOnlyError: boolean): boolean {
  if (body.ok === false || body.success === false || body.successful === false) return true;
  if (body.jsonrpc !== undefined && isObject(body.error)) return true;
  if (!isOnlyError) return hasErrorBeside(body);
  if (arrayOf(body.errors).length > 0 || refusesInGraphql(body.data)) return true;
  if (typeof body.error === 'string' ? body.error !== '' : holdsSomething(body.error)) return body.ok !== true;
  const { status, message } = body;
  // JSend (https://github.com/omniti-labs/jsend): `fail` has its reasons in `data`, `error` has a message.
  return (
    typeof status === 'string' &&
    /^(?:error|fail|failure|failed)$/i.test(status) &&
    (message ?? body.data) !== undefined
  );
}

/** Whether a body has an error beside what may be a result: `{"error": "rate limited", "sent": 30}`. */
function hasErrorBeside({ id, error, errors, data, ok, success }: JsonObject): boolean {
  // A resource may well have failed after it was made: a job with its error.
  if (id !== undefined || ok === true || success === true) return false;
  if (data === undefined && arrayOf(errors).some((each) => isErrorText(each))) return true;
  return isErrorText(error);
}

function isErrorText(value: unknown): boolean {
  if (typeof value === 'string')
    return /\p{L}{2}/u.test(value) && !/^(?:no|none|null|false|ok|success|no errors?)$/i.test(value);
  return (
    isObject(value) &&
    [value.message, value.detail, value.code, value.type].some((each) => isErrorText(each) && typeof each === 'string')
  );
}

/** Leaves out data that holds no result: GraphQL's `data: { create: null }`, and the reasons of a JSend failure. */
function withoutEmptyData(body: JsonObject): JsonObject {
  if (!isObject(body.data)) return body;
  const { data, ...rest } = body;
  if (!holdsSomething(data)) return rest;
  if (refusesInGraphql(data)) return { ...rest, errors: Object.values(data) };
  return body.status === 'fail' ? { ...rest, details: data } : body;
}

/** Whether every mutation in GraphQL data returned errors instead of a result (`userErrors`, as Shopify's). */
function refusesInGraphql(data: unknown): boolean {
  if (!isObject(data) || Object.keys(data).length === 0) return false;
  return Object.values(data).every((result) => {
    if (!isObject(result)) return false;
    const { userErrors = result.errors, errors: _, ...rest } = result;
    const { userErrors: _own, ...others } = rest as JsonObject;
    return arrayOf(userErrors).length > 0 && !holdsSomething(others);
  });
}
