import { knownScopes } from './metadata.ts';
import type { IssuerSettings, OAuthSettings } from './settings.ts';
import type { Principal } from './types.ts';

const nameCharsMax = 255;

export type Claimed =
  /** `granted`: the token's scopes that allow tools. */
  | { readonly type: 'principal'; readonly principal: Principal; readonly granted: readonly string[] }
  | { readonly type: 'invalid'; readonly why: string }
  | { readonly type: 'insufficient'; readonly scopes: readonly string[] };

/**
 * Derives the principal of a verified token.
 *
 * The tenant is the one configured for the issuer, followed by "/" and the tenant claim if there is one. Configured
 * tenants contain no "/" and differ per issuer, so principals of two issuers never collide, whatever their claims say.
 */
export function principalOf(
  claims: Readonly<Record<string, unknown>>,
  issuer: IssuerSettings,
  oauth: Pick<OAuthSettings, 'requiredScopes' | 'scopeTools'>,
): Claimed {
  // RFC 7800: the holder would have to prove a key, which this server cannot check. As a bearer token it may be stolen.
  if (claim(claims, 'cnf') !== undefined) return { type: 'invalid', why: 'the token is bound to a key' };
  const subject = nameIn(claims, issuer.subjectClaim);
  if (subject === undefined) return { type: 'invalid', why: 'the token names no subject' };
  const own = issuer.tenantClaim === undefined ? undefined : nameIn(claims, issuer.tenantClaim);
  if (issuer.tenantClaim !== undefined && own === undefined) {
    return { type: 'invalid', why: 'the token names no tenant' };
  }
  const tenant = own === undefined ? issuer.tenant : `${issuer.tenant}/${own}`;
  const scopes = scopesIn(claims);
  const mapped = Object.keys(oauth.scopeTools);
  const granted = mapped.filter((scope) => scopes.has(scope));
  const lacks = oauth.requiredScopes.some((scope) => !scopes.has(scope));
  // One challenge names all scopes, because each challenge is another login for a person.
  if (mapped.length > 0 && granted.length === 0) return { type: 'insufficient', scopes: knownScopes(oauth) };
  if (lacks) return { type: 'insufficient', scopes: oauth.requiredScopes };
  if (mapped.length === 0) return { type: 'principal', principal: Object.freeze({ tenant, subject }), granted };
  const tools = Object.freeze([...new Set(granted.flatMap((scope) => oauth.scopeTools[scope] ?? []))]);
  return { type: 'principal', principal: Object.freeze({ tenant, subject, tools }), granted };
}

/** Reads `scope` (RFC 9068, RFC 7662) or `scp`, which some servers use. Either is a text or a list. */
function scopesIn(claims: Readonly<Record<string, unknown>>): ReadonlySet<string> {
  const given = claim(claims, 'scope') ?? claim(claims, 'scp');
  if (typeof given === 'string') return new Set(given.split(' '));
  return new Set(Array.isArray(given) ? given.filter((each) => typeof each === 'string') : []);
}

function nameIn(claims: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = claim(claims, name);
  const isName = typeof value === 'string' && /^[^\p{Cc}\p{Cs}]+$/u.test(value) && value.length <= nameCharsMax;
  return isName ? value : undefined;
}

function claim(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
