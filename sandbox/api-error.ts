import type Stripe from 'stripe';

/** The `error` object of Stripe's error envelope (https://docs.stripe.com/api/errors). */
export interface ErrorBody {
  type: 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';
  message: string;
  code?: string;
  decline_code?: string;
  param?: string;
  doc_url?: string;
  charge?: string;
  payment_intent?: Stripe.PaymentIntent;
}

/**
 * The answer of an endpoint.
 *
 * `effects: 'kept'` commits the writes, also for a declined card (402). `'undone'` rolls them back. Both save the
 * answer under the idempotency key. `'none'` means that execution never began: nothing is saved and the key is free.
 */
export interface Answer {
  readonly status: number;
  readonly body: object;
  readonly effects: 'kept' | 'undone' | 'none';
}

/** Returns a success that keeps its effects. */
export function ok(body: object): Answer {
  return { status: 200, body, effects: 'kept' };
}

/** A refusal. Throwing it in an endpoint rolls its transaction back. */
export class ApiError extends Error {
  readonly answer: Answer;

  constructor(status: number, error: ErrorBody, effects: 'undone' | 'none' = 'undone') {
    super(error.message);
    this.name = 'ApiError';
    this.answer = { status, body: { error }, effects };
  }
}

/** Returns the refusal of invalid parameters. No endpoint ran, so nothing is saved under the key. */
export function invalidParameter(message: string, param: string | undefined, code?: string): ApiError {
  return new ApiError(400, requestError(message, param, code), 'none');
}

/** Returns a refusal by a running endpoint (illegal move, missing customer), saved under the key. */
export function refused(message: string, param?: string, code?: string): ApiError {
  return new ApiError(400, requestError(message, param, code));
}

/** Returns the refusal of a missing object, named in the path (404) or by `param` (400). */
export function noSuch(noun: string, id: string, param?: string): ApiError {
  const error = requestError(`No such ${noun}: '${id}'`, param ?? 'id', 'resource_missing');
  return new ApiError(param === undefined ? 404 : 400, error);
}

/** Returns an answer that does not reveal the effect, which `effects` controls. */
export function apiServerError(status: 500 | 503, message: string, effects: Answer['effects']): Answer {
  return { status, body: { error: { type: 'api_error', message } satisfies ErrorBody }, effects };
}

/** Returns the refusal of a key that is in use (409) or was used for another request (400). Never saved. */
export function idempotencyError(status: 400 | 409, message: string, code?: string): Answer {
  const error: ErrorBody = { type: 'idempotency_error', message };
  if (code !== undefined) error.code = code;
  return { status, body: { error }, effects: 'none' };
}

function requestError(message: string, param: string | undefined, code: string | undefined): ErrorBody {
  const error: ErrorBody = { type: 'invalid_request_error', message };
  if (param !== undefined) error.param = param;
  if (code !== undefined) {
    error.code = code;
    error.doc_url = `https://docs.stripe.com/error-codes#${code.replaceAll('_', '-')}`;
  }
  return error;
}
