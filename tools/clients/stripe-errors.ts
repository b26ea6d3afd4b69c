import type { Classification } from 'mcp-once';

/** What is read of an error of the stripe SDK. */
interface StripeFailure {
  /** The SDK's name of the class, such as `StripeCardError`. */
  readonly type: string;
  readonly statusCode?: number;
  /** `error.type` of the answer's body. */
  readonly rawType?: string;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** What failed below HTTP. */
  readonly detail?: unknown;
}

/**
 * What an error says about the effect of the request that it came from, by
 * https://docs.stripe.com/api/idempotent_requests and https://docs.stripe.com/error-low-level.
 *
 * Stripe saves status and body under the idempotency key once an endpoint began to execute, and answers
 * later requests from there, with the header `Idempotent-Replayed: true`: such an answer is the final
 * one for the key. Rate limits (429), authentication (401) and validation come before that layer, so
 * they speak only of the request at hand. A key that is in use, or was used with other parameters,
 * says nothing about the effect of the request that used it first.
 *
 * @returns undefined for what is no error of the SDK: the default decides.
 */
export function classifyStripeError(error: unknown): Classification | undefined {
  if (!isStripeFailure(error)) return undefined;
  if (error.type === 'StripeConnectionError') return neverSent(error.detail) ? 'not_executed' : 'unknown';
  const { statusCode } = error;
  if (statusCode === undefined || statusCode >= 500) return 'unknown';
  if (statusCode === 409 || error.rawType === 'idempotency_error') return 'unknown';
  // A declined card: the endpoint executed, so the refusal is saved under the key.
  if (statusCode === 402) return 'failed';
  if (!refusals.has(statusCode)) return 'unknown';
  if (error.headers?.['idempotent-replayed'] === 'true') return 'failed';
  return statusCode === 404 && error.code === 'resource_missing' ? 'gone' : 'not_executed';
}

/** The 4xx codes of Stripe's list that mean "not done". Others (409, 424, a proxy's own) tell nothing. */
const refusals: ReadonlySet<number> = new Set([400, 401, 403, 404, 429]);

/** System calls that come before the first byte of a request; see connect(2) and getaddrinfo(3). */
const beforeSending: ReadonlySet<string> = new Set(['connect', 'getaddrinfo']);

/**
 * The server's certificate was refused: Node destroys such a connection before it sends a byte of the request.
 * https://nodejs.org/api/tls.html#x509-certificate-error-codes
 */
const refusedCertificate =
  /^(CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|ERR_TLS_CERT_ALTNAME_INVALID)/;

/** Whether a failure below HTTP certainly came before anything was sent. Looks at most eight causes deep. */
function neverSent(failure: unknown): boolean {
  let current = failure;
  for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
    const { syscall, code } = current as NodeJS.ErrnoException;
    if (beforeSending.has(syscall ?? '') || refusedCertificate.test(code ?? '')) return true;
    if (current instanceof AggregateError) return current.errors.length > 0 && current.errors.every(neverSent);
    current = current.cause;
  }
  return false;
}

/** By shape, not by class: loading the SDK to compare with its classes would cost start-up time. */
function isStripeFailure(error: unknown): error is StripeFailure {
  return error instanceof Error && 'type' in error && typeof error.type === 'string' && error.type.startsWith('Stripe');
}
