import { defined } from '../../core/json.ts';
import type { OAuthSettings } from './settings.ts';

const wellKnown = '/.well-known/oauth-protected-resource';

/** The protected resource metadata of RFC 9728, and the path that serves it. */
export interface ResourceMetadata {
  /** The well-known path, followed by the path of the resource (3.1). */
  readonly path: string;
  readonly url: string;
  readonly document: Readonly<Record<string, unknown>>;
}

/** Describes how clients get a token for this server. */
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
      ...defined({ scopes_supported: scopes.length === 0 ? undefined : scopes }),
      bearer_methods_supported: ['header'],
      resource_name: 'mcp-once',
    }),
  });
}

/** Returns the scopes that every token needs and those that allow tools. */
export function knownScopes(oauth: Pick<OAuthSettings, 'requiredScopes' | 'scopeTools'>): readonly string[] {
  return [...new Set([...oauth.requiredScopes, ...Object.keys(oauth.scopeTools)])];
}
