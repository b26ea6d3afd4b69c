import type { Classification } from 'mcp-once';

/** The fields that are read from an error of the stripe SDK. */
interface StripeFailure {
  /** The SDK's name of the class, such as `StripeCardError`. */
  readonly type: string;
  readonly statusCode?: number;
  /** `error.type` of the answer's body. */
  readonly rawType?: string;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** The failure below HTTP. */
  readonly detail?: unknown;
}

/**
 * Classifies an error by the effect of its request, according to
 * https://docs.stripe.com/api/idempotent_requests and https://docs.stripe.com/error-low-level.
 *
 * Once an endpoint begins to execute, Stripe saves status and body under the idempotency key and replays them with
 * the header `Idempotent-Replayed: true`. A replayed answer is final for the key. Rate limits (429), authentication
 * (401) and validation precede that layer and concern only the current request. A key that is in use, or was used
 * with other parameters, does not reveal the effect of the first request.
 *
 * @returns undefined for an error that is not from the SDK, which leaves it to the default.
 */
export function classifyStripeError(error: unknown): Classification | undefined {
  if (!isStripeFailure(error)) return undefined;
  if (error.type === 'StripeConnectionError') return neverSent(error.detail) ? 'not_executed' : 'unknown';
  const { statusCode } = error;
  if (statusCode === undefined || statusCode >= 500) return 'unknown';
  if (statusCode === 409 || error.rawType === 'idempotency_error') return 'unknown';
  // A declined card. The endpoint executed, so the refusal is saved under the key.
  if (statusCode === 402) return 'failed';
  if (!refusals.has(statusCode)) return 'unknown';
  if (error.headers?.['idempotent-replayed'] === 'true') return 'failed';
  return statusCode === 404 && error.code === 'resource_missing' ? 'gone' : 'not_executed';
}

/** Stripe's 4xx codes that mean "not executed". Others (409, 424, a proxy's) reveal nothing. */
const refusals: ReadonlySet<number> = new Set([400, 401, 403, 404, 429]);

/** System calls that precede the first byte of a request; see connect(2) and getaddrinfo(3). */
const beforeSending: ReadonlySet<string> = new Set(['connect', 'getaddrinfo']);

/**
 * Codes of a refused server certificate. Node closes such a connection before it sends a byte of the request.
 * https://nodejs.org/api/tls.html#x509-certificate-error-codes
 */
const refusedCertificate =
  /^(CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|ERR_TLS_CERT_ALTNAME_INVALID)/;

/** Returns whether a failure certainly preceded sending. Follows at most eight causes. */
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

/** Checks the shape, since loading the SDK to compare classes would cost start-up time. */
function isStripeFailure(error: unknown): error is StripeFailure {
  return error instanceof Error && 'type' in error && typeof error.type === 'string' && error.type.startsWith('Stripe');
}
