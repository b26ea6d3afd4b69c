import type { Clock } from '../../core/clock.ts';
import { McpOnceError } from '../../core/errors.ts';
import type { FetchFunction } from './bounded-fetch.ts';
import { KeySet } from './key-set.ts';
import type { AccessLog, IssuerSettings, JwtSettings, TokenVerdict } from './settings.ts';

type JoseModule = typeof import('jose');

/** Loaded with the first token, so that a server without OAuth does not wait for it. */
const loadJose = () => import('jose');

/** Returns the issuer that a token names, unverified; undefined when it is not a JWT. */
export async function namedIssuer(token: string): Promise<string | undefined> {
  if (token.split('.').length !== 3) return undefined;
  const { decodeJwt } = await loadJose();
  try {
    const { iss } = decodeJwt(token);
    return typeof iss === 'string' ? iss : '';
  } catch {
    return undefined;
  }
}

/** Returns the `typ` of a token's header, unverified; undefined when the token is not a JWT or has none. */
export async function headerTypeOf(token: string): Promise<unknown> {
  if (token.split('.').length !== 3) return undefined;
  const { decodeProtectedHeader } = await loadJose();
  try {
    return decodeProtectedHeader(token).typ;
  } catch {
    return undefined;
  }
}

/**
 * Checks JWTs of one issuer (RFC 7519, RFC 8725): issuer, audience, expiry, and a signature by a key of the issuer's set
 * with a configured algorithm. Keys that the header names (`jwk`, `jku`, `x5u`) are ignored.
 */
export function createJwtVerifier(
  issuer: IssuerSettings,
  settings: JwtSettings,
  parts: { clock: Clock; fetch: FetchFunction; log: AccessLog },
): (token: string) => Promise<TokenVerdict> {
  const keySet = new KeySet(
    {
      url: settings.jwksUrl,
      timeoutMs: issuer.timeoutMs,
      maxAgeMs: settings.keysMaxAgeMs,
      reloadMinMs: settings.reloadMinMs,
    },
    parts,
  );
  return async (token) => {
    const library = await loadJose();
    try {
      const { payload } = await library.jwtVerify(token, keySet.finder(library), {
        issuer: issuer.issuer,
        audience: [...issuer.audiences],
        algorithms: [...settings.algorithms],
        requiredClaims: ['exp'],
        currentDate: new Date(parts.clock.wallMs()),
        clockTolerance: issuer.clockToleranceMs / 1_000,
        ...(settings.tokenType === undefined ? {} : { typ: settings.tokenType }),
      });
      return { type: 'verified', claims: payload };
    } catch (error) {
      if (error instanceof library.errors.JWTExpired) return { type: 'invalid', why: 'the token has expired' };
      if (error instanceof library.errors.JOSEError) {
        return { type: 'invalid', why: 'the token is not valid here', detail: errorDetail(error, library) };
      }
      // An unusable key is the issuer's fault, not the caller's.
      if (!(error instanceof McpOnceError)) {
        parts.log.warn('Access: a token could not be checked with the key of its issuer.', { url: settings.jwksUrl });
      }
      return { type: 'unavailable' };
    }
  };
}

/** jose's messages about claims are fixed texts. Its messages about headers quote the token, so only their code is used. */
function errorDetail(error: InstanceType<JoseModule['errors']['JOSEError']>, { errors }: JoseModule): string {
  return error instanceof errors.JWTClaimValidationFailed ? error.message : error.code;
}
