import type { Clock } from '../../core/clock.ts';
import { McpOnceError } from '../../core/errors.ts';
import type { FetchFunction } from './get-json.ts';
import { KeySet } from './key-set.ts';
import type { AccessLog, IssuerSettings, JwtSettings, TokenVerdict } from './settings.ts';

type Jose = typeof import('jose');

/** Loaded with the first token: a server without OAuth does not wait for it. */
const jose = () => import('jose');

/** The issuer that a token names, unverified; undefined when it is no JWT. */
export async function namedIssuer(token: string): Promise<string | undefined> {
  if (token.split('.').length !== 3) return undefined;
  const { decodeJwt } = await jose();
  try {
    const { iss } = decodeJwt(token);
    return typeof iss === 'string' ? iss : '';
  } catch {
    return undefined;
  }
}

/**
 * Checks JWTs of one issuer (RFC 7519, RFC 8725): signature by a key of its set and an algorithm of the
 * list, issuer, audience, expiry. What the header says of keys (`jwk`, `jku`, `x5u`) counts for nothing.
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
    const library = await jose();
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
        return { type: 'invalid', why: 'the token is not valid here', detail: detailOf(error, library) };
      }
      // A key that cannot be used is the issuer's fault, not the caller's.
      if (!(error instanceof McpOnceError)) {
        parts.log.warn('Access: a token could not be checked with the key of its issuer.', { url: settings.jwksUrl });
      }
      return { type: 'unavailable' };
    }
  };
}

/** Of what is wrong with a claim all words are fixed; what is wrong with a header is told in words of the token. */
function detailOf(error: InstanceType<Jose['errors']['JOSEError']>, { errors }: Jose): string {
  return error instanceof errors.JWTClaimValidationFailed ? error.message : error.code;
}
