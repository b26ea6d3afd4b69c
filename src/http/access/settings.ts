/** Who may come in, as configured and checked. Durations in ms. With neither tokens nor OAuth nobody does. */
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

/** This server as an OAuth 2.1 resource server. */
export interface OAuthSettings {
  /** The URL that clients know this server by. */
  readonly resource: string;
  readonly issuers: readonly IssuerSettings[];
  /** Every token must have all of them. */
  readonly requiredScopes: readonly string[];
  /** Patterns of tools by scope; empty: a token that is good for this server is good for all tools. */
  readonly scopeTools: Readonly<Record<string, readonly string[]>>;
}

/** One authorization server. Its tenant is its own: no other issuer and no static token has it. */
export interface IssuerSettings {
  readonly issuer: string;
  readonly tenant: string;
  /** Undefined: all subjects of the issuer are of `tenant`; else of `tenant/CLAIM`. */
  readonly tenantClaim?: string | undefined;
  readonly subjectClaim: string;
  readonly audiences: readonly string[];
  readonly clockToleranceMs: number;
  readonly timeoutMs: number;
  readonly verify: JwtSettings | IntrospectionSettings;
}

/** Tokens are JWTs, checked with the issuer's public keys. */
export interface JwtSettings {
  readonly type: 'jwt';
  readonly jwksUrl: string;
  readonly algorithms: readonly string[];
  /** The `typ` of the header that every token must have; undefined: any. */
  readonly tokenType?: string | undefined;
  readonly keysMaxAgeMs: number;
  readonly reloadMinMs: number;
}

/** Tokens are asked about (RFC 7662). */
export interface IntrospectionSettings {
  readonly type: 'introspection';
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly authentication: 'basic' | 'post';
  readonly cacheMs: number;
}

/** Where faults of the configured servers are told. Never a token, never a claim. */
export interface AccessLog {
  warn(message: string, fields?: Readonly<Record<string, string | number | boolean>>): void;
}

/** What one issuer says of a token. `why` is fixed text: it goes to the caller. `detail` is, too, and goes to the log. */
export type TokenVerdict =
  | { readonly type: 'verified'; readonly claims: Readonly<Record<string, unknown>> }
  | { readonly type: 'invalid'; readonly why: string; readonly detail?: string }
  | { readonly type: 'unavailable' };
