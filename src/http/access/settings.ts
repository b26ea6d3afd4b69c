/** Who is admitted, as configured and checked. Durations in ms. With neither tokens nor OAuth nobody is. */
export interface AccessSettings {
  readonly tokens: readonly StaticToken[];
  readonly oauth?: OAuthSettings | undefined;
}

/** A token that the configuration names by its hash. */
export interface StaticToken {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly hash: string;
  readonly tenant: string;
  readonly subject: string;
  readonly tools?: readonly string[] | undefined;
}

/** The server as an OAuth 2.1 resource server. */
export interface OAuthSettings {
  /** The URL under which clients know this server. */
  readonly resource: string;
  readonly issuers: readonly IssuerSettings[];
  /** Scopes that every token must have. */
  readonly requiredScopes: readonly string[];
  /** Tool patterns by scope. When empty, every admitted token allows all tools. */
  readonly scopeTools: Readonly<Record<string, readonly string[]>>;
}

/** One authorization server. No other issuer and no static token has the same tenant. */
export interface IssuerSettings {
  readonly issuer: string;
  readonly tenant: string;
  /** The claim that subdivides the tenant: with it subjects belong to `tenant/CLAIM`, without it to `tenant`. */
  readonly tenantClaim?: string | undefined;
  readonly subjectClaim: string;
  readonly audiences: readonly string[];
  /** Types of the issuer's access tokens, besides the usual ones. */
  readonly accessTokenTypes: readonly string[];
  readonly clockToleranceMs: number;
  readonly timeoutMs: number;
  readonly verify: JwtSettings | IntrospectionSettings;
}

/** For tokens that are JWTs, checked with the issuer's public keys. */
export interface JwtSettings {
  readonly type: 'jwt';
  readonly jwksUrl: string;
  readonly algorithms: readonly string[];
  /** The `typ` that the header of every token must have. Any when undefined. */
  readonly tokenType?: string | undefined;
  readonly keysMaxAgeMs: number;
  readonly reloadMinMs: number;
}

/** For tokens that the issuer is asked about (RFC 7662). */
export interface IntrospectionSettings {
  readonly type: 'introspection';
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly authentication: 'basic' | 'post';
  readonly cacheMs: number;
}

/** Gets the faults of the configured servers. Entries never hold a token or a claim. */
export interface AccessLog {
  warn(message: string, fields?: Readonly<Record<string, string | number | boolean>>): void;
}

/** The result of checking a token. `why` goes to the caller and `detail` to the log. Both are fixed texts. */
export type TokenVerdict =
  | { readonly type: 'verified'; readonly claims: Readonly<Record<string, unknown>> }
  | { readonly type: 'invalid'; readonly why: string; readonly detail?: string }
  | { readonly type: 'unavailable' };
