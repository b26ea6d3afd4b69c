import type { OAuthSettings } from './settings.ts';

const wellKnown = '/.well-known/oauth-protected-resource';

/** The protected resource metadata (RFC 9728), and where it is to be served. */
export interface ResourceMetadata {
  /** Its path: the well-known one before the path of the resource (3.1). */
  readonly path: string;
  readonly url: string;
  readonly document: Readonly<Record<string, unknown>>;
}

/** What clients need to know to get a token for this server. Pure. */
export function resourceMetadata(oauth: OAuthSettings): ResourceMetadata {
  const { origin, pathname } = new URL(oauth.resource);
  const path = `${wellKnown}${pathname === '/' ? '' : pathname}`;
  const scopes = knownScopes(oauth);
  return Object.freeze({
    path,
    url: `${origin}${path}`,
    document: Object.freeze({
      resource: oauth.resource,
      authorization_servers: oauth.issuers.map(({ issuer }) => issuer),
      ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
      bearer_methods_supported: ['header'],
      resource_name: 'mcp-once',
    }),
  });
}

/** The scopes that mean something here: those that every token needs, and those that give tools. */
export function knownScopes(oauth: Pick<OAuthSettings, 'requiredScopes' | 'scopeTools'>): readonly string[] {
  return [...new Set([...oauth.requiredScopes, ...Object.keys(oauth.scopeTools)])];
}
