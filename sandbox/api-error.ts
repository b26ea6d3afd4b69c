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
 * What an endpoint answers.
 *
 * `effects: 'kept'` commits what was written (also for a declined card, 402), `'undone'` rolls it
 * back; either way the answer is saved under the idempotency key. `'none'`: execution never began,
 * so nothing is saved and the same key may be used again.
 */
export interface Answer {
  readonly status: number;
  readonly body: object;
  readonly effects: 'kept' | 'undone' | 'none';
}

/** Success, with what was written. */
export function ok(body: object): Answer {
  return { status: 200, body, effects: 'kept' };
}

/** A refusal, thrown from within an endpoint so that its transaction is rolled back. */
export class ApiError extends Error {
  readonly answer: Answer;

  constructor(status: number, error: ErrorBody, effects: 'undone' | 'none' = 'undone') {
    super(error.message);
    this.name = 'ApiError';
    this.answer = { status, body: { error }, effects };
  }
}

/** Parameters that fail validation: no endpoint ran, so nothing is saved under the key. */
export function invalidParameter(message: string, param: string | undefined, code?: string): ApiError {
  return new ApiError(400, requestError(message, param, code), 'none');
}

/** A refusal by a running endpoint (an illegal move, a missing customer): saved under the key. */
export function refused(message: string, param?: string, code?: string): ApiError {
  return new ApiError(400, requestError(message, param, code));
}

/** An object named in the path (`param` absent, 404) or by a parameter (400) is not there. */
export function noSuch(noun: string, id: string, param?: string): ApiError {
  const error = requestError(`No such ${noun}: '${id}'`, param ?? 'id', 'resource_missing');
  return new ApiError(param === undefined ? 404 : 400, error);
}

/** An answer that says nothing of the effect; `effects` says what became of it. */
export function serverError(status: 500 | 503, message: string, effects: Answer['effects']): Answer {
  return { status, body: { error: { type: 'api_error', message } satisfies ErrorBody }, effects };
}

/** A key that is in use (409), or was used for another request (400): never saved. */
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
