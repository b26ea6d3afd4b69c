import { describeError } from '../src/core/errors.ts';
import { sqliteCode } from '../src/core/ledger/stores/sqlite-driver.ts';
import { type Answer, ApiError, apiServerError, invalidParameter } from './api-error.ts';
import { atomically, isDatabaseBusy } from './database.ts';
import { type FaultRule, SandboxClosed } from './faults.ts';
import { decodeForm, type FormHash } from './form.ts';
import { apiKeyOf, foreignAccount, type ReceivedRequest, type SandboxResponse, unauthorized } from './http.ts';
import type { KeyedResult } from './idempotency.ts';
import { accountOf, newId } from './ids.ts';
import { limits } from './limits.ts';
import { clockMs, makeCall, type Parts } from './parts.ts';
import { route } from './routes.ts';

type Strike = { id: string; rule: FaultRule } | undefined;

/** Answers one API request: records it in the journal and applies a matching fault. */
export async function handleApi(parts: Parts, request: ReceivedRequest): Promise<SandboxResponse> {
  const requestId = newId('req');
  const strike = parts.faults.take(request.method, request.path);
  const seq = parts.journal.arrived({
    at_ms: clockMs(parts),
    request_id: requestId,
    method: request.method,
    path: request.path,
    idempotency_key: headerOf(request, 'idempotency-key') ?? null,
    fault: strike?.rule.fault ?? null,
  });
  const reply = await answerRequest(parts, request, requestId, strike);
  const isAnswered = reply.kind === 'answer';
  const isReplayed = isAnswered && reply.headers['idempotent-replayed'] === 'true';
  parts.journal.ended(seq, isAnswered ? 'answered' : 'dropped', isAnswered ? reply.status : null, isReplayed);
  const result = isAnswered ? `${reply.status}${isReplayed ? ' replayed' : ''}` : 'no answer';
  parts.log(
    `${request.method} ${request.path} ${result}${strike === undefined ? '' : ` (fault ${strike.rule.fault})`}`,
  );
  return reply;
}

/** Checks authentication, rate limits, idempotency and parameters, and executes, in Stripe's order. */
async function answerRequest(
  parts: Parts,
  request: ReceivedRequest,
  requestId: string,
  strike: Strike,
): Promise<SandboxResponse> {
  const fault = strike?.rule.fault;
  if (fault === 'refuse') return { kind: 'drop' };
  const headers = responseHeaders(request, requestId);
  try {
    const prepared = prepare(parts, request, requestId, strike);
    const outcome = await execute(parts, prepared, waitOf(parts, strike, 'before_effect'));
    await waitOf(parts, strike, 'after_effect')?.();
    if (outcome.kind === 'replayed') {
      headers['idempotent-replayed'] = 'true';
      headers['original-request'] = outcome.originalRequest;
    }
    const status = outcome.kind === 'replayed' ? outcome.status : outcome.answer.status;
    const bodyText = outcome.kind === 'replayed' ? outcome.bodyText : JSON.stringify(outcome.answer.body);
    const answer = answered(status, bodyText, headers);
    if (strike?.rule.fault !== 'drop_answer') return answer;
    return strike.rule.cut === 'in_body' ? { ...answer, kind: 'cut' } : { kind: 'drop' };
  } catch (error) {
    if (error instanceof SandboxClosed) return { kind: 'drop' };
    const answer = answerOf(error);
    if (!(error instanceof ApiError)) parts.log(`error: ${describeError(error)}`);
    return answered(answer.status, JSON.stringify(answer.body), headers);
  }
}

interface Prepared {
  readonly account: string;
  readonly method: string;
  readonly path: string;
  readonly params: FormHash;
  readonly requestId: string;
  /** Undefined for reads and where a fault ignores it. */
  readonly key: string | undefined;
  run(): Answer;
}

/** Does everything before execution. @throws ApiError with nothing saved. */
function prepare(parts: Parts, request: ReceivedRequest, requestId: string, strike: Strike): Prepared {
  const fault = strike?.rule.fault;
  if (fault === 'unauthorized') throw unauthorized('Invalid API Key provided (a fault on request).');
  const apiKey = apiKeyOf(headerOf(request, 'authorization'));
  const account = accountOf(apiKey);
  const named = headerOf(request, 'stripe-account');
  if (named !== undefined && named !== account) throw foreignAccount(named);
  if (fault === 'rate_limit') throw rateLimited();
  const found = route(request.method, request.path);
  if (found === undefined) {
    throw new ApiError(
      404,
      {
        type: 'invalid_request_error',
        message: `Unrecognized request URL (${request.method}: ${request.path.slice(0, 200)}). The sandbox covers a part of Stripe's API.`,
      },
      'none',
    );
  }
  const params = decodeForm(request.method === 'POST' ? formBody(request) : request.query);
  const key = fault === 'ignore_idempotency_keys' ? undefined : idempotencyKeyOf(request);
  const livemode = /^[sr]k_live_/.test(apiKey);
  return {
    account,
    method: request.method,
    path: request.path,
    params,
    requestId,
    key,
    run() {
      const begin = found.endpoint.prepare(params, found.id);
      const call = makeCall(parts, { account, livemode, requestId, key });
      return struckAnswer(strike, () => begin(call));
    },
  };
}

/** Executes once per idempotency key. */
async function execute(
  parts: Parts,
  prepared: Prepared,
  wait: (() => Promise<void>) | undefined,
): Promise<KeyedResult> {
  const run = () => undoable(parts, prepared.run);
  const { key } = prepared;
  if (key !== undefined) {
    const keyed = { ...prepared, key };
    return wait === undefined
      ? parts.idempotency.executeOnce(keyed, run)
      : parts.idempotency.executeOnceAfter(keyed, wait, run);
  }
  await wait?.();
  const answer = prepared.method === 'GET' ? run() : atomically(parts.db, run);
  return { kind: 'executed', answer };
}

/** Runs in a savepoint within the outer transaction, and rolls it back when it throws. */
function undoable(parts: Parts, run: () => Answer): Answer {
  try {
    return parts.db.transaction('deferred', run);
  } catch (error) {
    // A database error must roll the outer transaction back: nothing happened, nothing is saved.
    if (isDatabaseError(error)) throw error;
    if (!(error instanceof ApiError)) parts.log(`error: ${describeError(error)}`);
    return answerOf(error);
  }
}

function struckAnswer(strike: Strike, run: () => Answer): Answer {
  const rule = strike?.rule;
  if (rule?.fault === 'error_before_effect') {
    return rule.status === 503
      ? apiServerError(503, 'The service is unavailable (a fault on request); nothing was executed.', 'none')
      : apiServerError(500, 'An unknown error occurred (a fault on request).', 'undone');
  }
  const answer = run();
  return rule?.fault === 'error_after_effect' && answer.effects === 'kept'
    ? apiServerError(500, 'An unknown error occurred (a fault on request).', 'kept')
    : answer;
}

/** Returns the delay that a fault imposes before or after the effect. */
function waitOf(
  parts: Parts,
  strike: Strike,
  phase: 'before_effect' | 'after_effect',
): (() => Promise<void>) | undefined {
  const rule = strike?.rule;
  if (strike === undefined || (rule?.fault !== 'delay' && rule?.fault !== 'hang')) return undefined;
  if ((rule.when ?? 'before_effect') !== phase) return undefined;
  return rule.fault === 'delay' ? () => parts.faults.delay(rule.ms) : () => parts.faults.hold(strike.id);
}

function formBody(request: ReceivedRequest): string {
  const type = headerOf(request, 'content-type');
  if (request.bodyText === '' || type === undefined || type.startsWith('application/x-www-form-urlencoded')) {
    return request.bodyText;
  }
  throw invalidParameter(
    `Invalid request: send the body as application/x-www-form-urlencoded, not as ${type.slice(0, 50)}.`,
    undefined,
  );
}

/** Returns the key of a write. Reads ignore keys. */
function idempotencyKeyOf(request: ReceivedRequest): string | undefined {
  const key = headerOf(request, 'idempotency-key');
  if (request.method !== 'POST' || key === undefined) return undefined;
  if (key !== '' && key.length <= limits.idempotencyKeyMax) return key;
  const message = `An idempotency key has 1 to ${limits.idempotencyKeyMax} characters; this one has ${key.length}.`;
  throw new ApiError(400, { type: 'idempotency_error', message }, 'none');
}

function responseHeaders(request: ReceivedRequest, requestId: string): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'request-id': requestId };
  const version = headerOf(request, 'stripe-version');
  const key = headerOf(request, 'idempotency-key');
  if (version !== undefined) headers['stripe-version'] = version;
  if (key !== undefined && request.method === 'POST') headers['idempotency-key'] = key;
  return headers;
}

/** Adds Stripe's advice to its SDKs: do not retry a saved 500, which is replayed, but retry a conflict. */
function answered(status: number, bodyText: string, headers: Record<string, string>) {
  if (status === 500) headers['stripe-should-retry'] = 'false';
  if (status === 409) headers['stripe-should-retry'] = 'true';
  return { kind: 'answer', status, headers, bodyText } as const;
}

function answerOf(error: unknown): Answer {
  if (error instanceof ApiError) return error.answer;
  if (isDatabaseBusy(error)) {
    const message = 'This object cannot be accessed right now because another request is accessing it. Try again.';
    return new ApiError(429, { type: 'invalid_request_error', code: 'lock_timeout', message }, 'none').answer;
  }
  return apiServerError(
    500,
    'The sandbox itself failed; its log has the reason.',
    isDatabaseError(error) ? 'none' : 'undone',
  );
}

function rateLimited(): ApiError {
  const message = 'Request rate limit exceeded (a fault on request).';
  return new ApiError(429, { type: 'invalid_request_error', code: 'rate_limit', message }, 'none');
}

function isDatabaseError(error: unknown): boolean {
  return sqliteCode(error) !== undefined;
}

function headerOf(request: ReceivedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
