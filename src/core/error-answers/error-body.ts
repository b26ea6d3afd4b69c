import { arrayOf, isObject, type JsonObject } from '../json.ts';
import type { ErrorFacts } from './classify.ts';

const depthMax = 5;
const textsMax = 40;

/** Members whose texts say what is wrong. Names are compared in lower case, without `_` and `-`. */
const textNames: ReadonlySet<string> = new Set(
  'message messages msg error errors detail details description errordescription errormessage errormsg errordetail reason title hint faultstring cause failure failures usererrors'.split(
    ' ',
  ),
);
/** Members whose value is a code. */
const codeNames: ReadonlySet<string> = new Set(
  'code errorcode type errortype kind category status statuscode httpstatus httpcode httpstatuscode name subcode declinecode'.split(
    ' ',
  ),
);
/** Members that come with an error and are no effect. */
const besideNames: ReadonlySet<string> = new Set(
  'ok success successful requestid traceid correlationid errorid timestamp time date path pointer source instance documentationurl docurl docs help helpurl moreinfo link links meta metadata extensions locations warnings version jsonrpc responsemetadata needed provided retryable temporary apiversion field fields param parameter'.split(
    ' ',
  ),
);
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
  hasMore: boolean;
}

/** Reads the facts of an error from a JSON body in any of the usual shapes (RFC 9457, Google, Stripe, JSON:API, GraphQL). */
export function factsOfBody(body: unknown): ErrorFacts {
  const found: Collected = { texts: [], codes: [], hasMore: false };
  if (isObject(body)) collect(found, body, 0, body.jsonrpc !== undefined);
  else collectText(found, body, 0);
  return found;
}

function collect(found: Collected, body: JsonObject, depth: number, isRpc: boolean): void {
  for (const [name, value] of Object.entries(body)) {
    const plain = name.toLowerCase().replace(/[_-]/g, '');
    const factor = retryNames[plain];
    if (factor !== undefined && Number.isFinite(Number(value))) found.retryAfterMs ??= Number(value) * factor;
    else if (textNames.has(plain)) collectText(found, value, depth);
    else if (codeNames.has(plain) && !isObject(value)) collectCode(found, value);
    else if (plain === 'extensions') collectText(found, value, depth);
    else if (depth === 0 && saysMore(plain, value, isRpc)) found.hasMore = true;
  }
}

function saysMore(name: string, value: unknown, isRpc: boolean): boolean {
  return !(besideNames.has(name) || (name === 'id' && isRpc)) && holdsSomething(value);
}

/** Whether a value is there: null, false, 0, empty texts, lists and objects, and objects of such values are not. */
function holdsSomething(value: unknown, depth = 0): boolean {
  if (depth > depthMax) return true;
  if (value === null || value === undefined || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return isObject(value) ? Object.values(value).some((each) => holdsSomething(each, depth + 1)) : true;
}

function collectText(found: Collected, value: unknown, depth: number): void {
  if (depth > depthMax || found.texts.length >= textsMax) return;
  if (typeof value === 'string') {
    // A word such as `invalid_auth` is a code.
    (/^[\w.:/-]+$/.test(value) ? found.codes : found.texts).push(value);
  } else if (Array.isArray(value)) {
    for (const each of value.slice(0, textsMax)) collectText(found, each, depth + 1);
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

function collectCode(found: Collected, value: unknown): void {
  const number = typeof value === 'number' ? value : /^\d{3}$/.test(String(value)) ? Number(value) : undefined;
  if (number !== undefined && number >= 100 && number <= 599) found.status ??= number;
  else if (number !== undefined && number <= -32_000) found.rpcCode ??= number;
  else if (typeof value === 'string' && value !== '') found.codes.push(value);
}

/** What the body of a success says about the request. */
export interface SaidNo {
  readonly facts: ErrorFacts;
  /** Whether the body certainly is an error, and nothing else: it has no member that may be a result. */
  readonly isOnlyError: boolean;
  /** True for a GraphQL error before execution: no `data` at all (GraphQL October 2021, 7.1). */
  readonly isBeforeExecution: boolean;
}

/**
 * Returns what an error says whose response has a status of success: `ok: false`, `success: false`, `errors` without
 * data, an `error` without a result, a JSend error, a JSON-RPC error. Returns undefined for a body that says no such thing.
 */
export function saidNo(body: unknown): SaidNo | undefined {
  if (!isObject(body)) return undefined;
  const facts = factsOfBody(withoutEmptyData(body));
  const isOnlyError = facts.hasMore !== true;
  if (!isNo(body, isOnlyError)) return undefined;
  const errors = arrayOf(body.errors);
  const isGraphql = errors.some(
    (each) => isObject(each) && (each.locations !== undefined || isObject(each.extensions)),
  );
  const isBeforeExecution = isGraphql && isOnlyError && !Object.hasOwn(body, 'data');
  return { facts, isOnlyError, isBeforeExecution };
}

function isNo(body: JsonObject, isOnlyError: boolean): boolean {
  if (body.ok === false || body.success === false || body.successful === false) return true;
  if (body.jsonrpc !== undefined && isObject(body.error)) return true;
  if (!isOnlyError) return false;
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
