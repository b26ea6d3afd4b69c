import type { Clock } from '../../core/clock.ts';
import type { FetchFunction } from './bounded-fetch.ts';
import { principalOf } from './claims.ts';
import { Introspection } from './introspection.ts';
import { type IntrospectionSlotSettings, introspectionSlots, peerGroup } from './introspection-slots.ts';
import { createJwtVerifier, headerTypeOf, namedIssuer } from './jwt.ts';
import { createRefusals, type Refusals } from './refusals.ts';
import type { AccessLog, AccessSettings, IssuerSettings, OAuthSettings, TokenVerdict } from './settings.ts';
import { createTokenLookup, isOwnToken } from './static-tokens.ts';
import { foreignTokenPart } from './token-type.ts';
import type { Admission, Admit, StepUp } from './types.ts';

/** Longer headers are refused unread, in characters. Node accepts 16 KiB of all headers by default. */
const tokenCharsMax = 16 * 1_024;
/** RFC 6750, 2.1: `b64token`. */
const tokenText = /^[A-Za-z0-9\-._~+/]+=*$/;

export interface AdmitParts {
  readonly clock: Clock;
  readonly log: AccessLog;
  /** @defaultValue `globalThis.fetch` */
  readonly fetch?: FetchFunction;
  /** @defaultValue `introspectionSlots` */
  readonly slots?: IntrospectionSlotSettings;
}

interface Issuer {
  readonly settings: IssuerSettings;
  /** @param peer the caller's address, as `peerGroup` returns it */
  readonly verify: (token: string, peer: string) => Promise<TokenVerdict>;
}

/**
 * Admits callers by a token of the configuration, or else by a token of an OAuth issuer.
 *
 * A token that cannot be checked is refused, with 503 where that is not the caller's fault. A token is sent to its own
 * issuer only, and appears in no message and no log.
 */
export function createAdmit(settings: AccessSettings, parts: AdmitParts): Admit {
  const { oauth } = settings;
  const refusals = createRefusals(oauth);
  const staticPrincipal = createTokenLookup(settings.tokens);
  const issuers = (oauth?.issuers ?? []).map((each) => openIssuer(each, parts));

  const decide = async (token: string, peer: string): Promise<Admission> => {
    const principal = staticPrincipal(token);
    if (principal !== undefined) return { type: 'admitted', principal };
    const issuer = oauth === undefined || isOwnToken(token) ? undefined : await findIssuer(token, issuers);
    if (oauth === undefined || issuer === undefined) return refusals.invalid('the token is not known');
    const verdict = await issuer.verify(token, peer);
    switch (verdict.type) {
      case 'verified': {
        const foreign = foreignTokenPart(await headerTypeOf(token), verdict.claims, issuer.settings);
        if (foreign === undefined) return admissionOf(verdict.claims, issuer.settings, oauth);
        const why = 'the token is not an access token';
        const detail = `${why}, by ${foreign} (access.oauth.issuers[].accessTokenTypes)`;
        return refusals.invalid(why, issuerDetail(issuer.settings, { why, detail }));
      }
      case 'invalid':
        return refusals.invalid(verdict.why, issuerDetail(issuer.settings, verdict));
      case 'unavailable':
        return refusals.unavailable();
    }
  };

  const admissionOf = (
    claims: Readonly<Record<string, unknown>>,
    issuer: IssuerSettings,
    settings: OAuthSettings,
  ): Admission => {
    const claimed = principalOf(claims, issuer, settings);
    switch (claimed.type) {
      case 'principal':
        return {
          type: 'admitted',
          principal: claimed.principal,
          stepUp: stepUpFrom(claimed.granted, settings, refusals),
        };
      case 'invalid':
        return refusals.invalid(claimed.why);
      case 'insufficient':
        return refusals.insufficient(claimed.scopes);
    }
  };

  return async (headers, peer) => {
    const bearer = bearerOf(headers);
    if (bearer.type === 'none') return refusals.noToken();
    if (bearer.type === 'malformed') return refusals.malformed(bearer.why);
    try {
      return await decide(bearer.token, peerGroup(peer));
    } catch (error) {
      // The error's message may quote the token.
      parts.log.warn('Access: a token could not be checked.', {
        error: error instanceof Error ? error.name : 'unknown',
      });
      return refusals.unavailable();
    }
  };
}

function issuerDetail({ issuer }: IssuerSettings, { why, detail = why }: { why: string; detail?: string }): string {
  return `of ${issuer}: ${detail}`;
}

/** Makes the `StepUp` of a token. Where several scopes would allow a tool, it names the first. */
function stepUpFrom(granted: readonly string[], oauth: OAuthSettings, refusals: Refusals): StepUp | undefined {
  const { scopeTools, requiredScopes } = oauth;
  const others = Object.keys(scopeTools).filter((scope) => !granted.includes(scope));
  if (others.length === 0) return undefined;
  return (allows, accumulates) => {
    const isAllowing = (scope: string): boolean => allows(scopeTools[scope] ?? []);
    const needed = granted.some(isAllowing) ? undefined : others.find(isAllowing);
    if (needed === undefined) return undefined;
    return refusals.insufficient([...new Set([...requiredScopes, ...(accumulates ? [] : granted), needed])]);
  };
}

/** Finds the issuer that a JWT names; for any other token, the one with introspection. */
async function findIssuer(token: string, issuers: readonly Issuer[]): Promise<Issuer | undefined> {
  const named = await namedIssuer(token);
  return issuers.find(({ settings }) =>
    named === undefined ? settings.verify.type === 'introspection' : settings.issuer === named,
  );
}

function openIssuer(settings: IssuerSettings, given: AdmitParts): Issuer {
  const { clock, log, fetch = globalThis.fetch, slots = introspectionSlots } = given;
  const parts = { clock, log, fetch, slots };
  if (settings.verify.type === 'jwt') return { settings, verify: createJwtVerifier(settings, settings.verify, parts) };
  const introspection = new Introspection(settings, settings.verify, parts);
  return { settings, verify: (token, peer) => introspection.verify(token, peer) };
}

type Bearer =
  | { readonly type: 'token'; readonly token: string }
  | { readonly type: 'none' }
  | { readonly type: 'malformed'; readonly why: string };

/**
 * Reads the bearer token from the request's single `Authorization` header. Two such headers are refused: a proxy may
 * have checked the other one.
 */
function bearerOf(headers: Readonly<Record<string, string | readonly string[] | undefined>>): Bearer {
  const given = Object.entries(headers).flatMap(([name, value]) =>
    name.toLowerCase() === 'authorization' && value !== undefined ? value : [],
  );
  const [value, ...more] = given;
  if (value === undefined) return { type: 'none' };
  if (more.length > 0) return { type: 'malformed', why: 'there is more than one Authorization header' };
  if (value.length > tokenCharsMax) return { type: 'malformed', why: 'the Authorization header is too long' };
  const scheme = /^(\S+)(?: +|$)/.exec(value)?.[1] ?? '';
  if (scheme.toLowerCase() !== 'bearer') return { type: 'none' };
  const token = value.slice(scheme.length).trim();
  if (!tokenText.test(token)) return { type: 'malformed', why: 'the Authorization header holds no bearer token' };
  return { type: 'token', token };
}
