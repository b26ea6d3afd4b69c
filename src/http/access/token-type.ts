import type { IssuerSettings } from './settings.ts';

/** The types of a JWT's header that access tokens have: RFC 9068, and what issuers write without it. */
const headerTypes = ['at+jwt', 'jwt'];
/** The values that say "access token" in the claims `typ` (Keycloak), `token_use` (Cognito, Hydra) and `token_type`. */
const claimTypes = ['access', 'access_token', 'at+jwt', 'bearer', 'jwt'];
const typeClaims = ['typ', 'token_use', 'token_type'];
/** Claims of ID tokens only (OpenID Connect Core, 3.3.2.11) and of logout tokens and security events (RFC 8417). */
const foreignClaims = ['at_hash', 'c_hash', 's_hash', 'events', 'token_introspection'];

/**
 * Returns which part of a token says that it is no access token; undefined when none does. An issuer signs ID tokens,
 * refresh tokens and logout tokens with the same keys, and whoever gets those must not get in with them.
 * @param headerType the `typ` of the token's header, if the token is a JWT that has one
 */
export function foreignTokenPart(
  headerType: unknown,
  claims: Readonly<Record<string, unknown>>,
  { accessTokenTypes, verify }: Pick<IssuerSettings, 'accessTokenTypes' | 'verify'>,
): string | undefined {
  const own = [...accessTokenTypes, ...(verify.type === 'jwt' && verify.tokenType ? [verify.tokenType] : [])];
  const isNamed = (value: unknown, known: readonly string[]): boolean =>
    typeof value === 'string' && [...known, ...own].some((each) => plainType(each) === plainType(value));
  if (headerType !== undefined && !isNamed(headerType, headerTypes)) return 'the header "typ"';
  const given = typeClaims.filter((name) => claimIn(claims, name) !== undefined);
  const other = given.find((name) => !isNamed(claims[name], claimTypes));
  const foreign = other ?? foreignClaims.find((name) => claimIn(claims, name) !== undefined);
  if (foreign !== undefined) return `the claim "${foreign}"`;
  // Keycloak before version 25 also puts the nonce into access tokens, and names their type.
  const isNonceOfLogin =
    given.length === 0 && !isNamed(headerType, ['at+jwt']) && claimIn(claims, 'nonce') !== undefined;
  return isNonceOfLogin ? 'the claim "nonce"' : undefined;
}

/** Media types are compared without case, and "application/" may be left out (RFC 7515, 4.1.9). */
function plainType(type: string): string {
  return type.toLowerCase().replace(/^application\//, '');
}

function claimIn(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
