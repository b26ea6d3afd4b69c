import { z } from 'zod';
import { text } from '../../config/parts.ts';
import { duration } from '../../core/duration.ts';
import { McpOnceError } from '../../core/errors.ts';
import { accessLimits } from '../defaults.ts';
import type { AccessSettings, IssuerSettings, OAuthSettings } from './settings.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

const name = z
  .string()
  .regex(/^[^\p{Cc}\p{Cs}]{1,200}$/u, 'must be 1 to 200 characters, none of them a control character');
const tenant = z
  .string()
  .regex(/^[^\p{Cc}\p{Cs}/]{1,200}$/u, 'must be 1 to 200 characters, none of them "/" or a control character');
const patterns = z.array(z.string().min(1).max(256)).max(1_000);
const claimName = z.string().min(1).max(200);
/** RFC 6749, 3.3: `scope-token`. */
const scope = z
  .string()
  .regex(/^[\x21\x23-\x5B\x5D-\x7E]{1,200}$/, 'must be a scope: no space, " or \\')
  .refine((value) => value !== 'offline_access', 'must be a scope of this server: refresh tokens are not its matter');

/** Allows unencrypted connections to this machine only, since credentials and keys travel over them. */
function isSecure(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, username, password, hash } = new URL(value);
  if (username !== '' || password !== '' || hash !== '') return false;
  const isLoopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback);
}

const secureUrl = z
  .string()
  .max(2_000)
  .refine(isSecure, 'must be an https URL (http on a loopback address alone), without user, password and fragment');

const tokenSchema = z.strictObject({
  hash: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits, as "mcp-once config token" prints')
    .describe('The SHA-256 of the token, "sha256:" and 64 hexadecimal digits. "mcp-once config token" makes both.'),
  tenant: tenant.describe(
    'The tenant of the token. It must not be the tenant of an issuer. 1 to 200 characters, no "/".',
  ),
  subject: name.describe('The subject of the token. Keys and limits are per subject. 1 to 200 characters.'),
  tools: patterns
    .optional()
    .describe('The tools that the token allows, by name; * matches any characters. Default: all. At most 1000.'),
});

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

const jwtSchema = z.strictObject({
  jwksUrl: secureUrl.describe("The URL of the issuer's public keys (JWK Set). https, or http on loopback."),
  algorithms: z
    .array(z.enum(algorithms, 'must be an algorithm with a public key: RS*, PS*, ES* or EdDSA'))
    .min(1)
    .prefault(['RS256', 'PS256', 'ES256', 'EdDSA'])
    .describe(
      'The allowed signature algorithms. Default RS256, PS256, ES256, EdDSA. Algorithms with a shared secret are not allowed.',
    ),
  tokenType: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe(
      'The type ("typ" of the header) that every token must have, such as "at+jwt" (RFC 9068). Default: at+jwt, JWT or none.',
    ),
  keysMaxAge: duration({ minMs: 10 * second, maxMs: 24 * hour })
    .prefault(10 * minute)
    .describe('How long keys are used before they are loaded again. Default 10m. 10s to 24h.'),
  reloadMin: duration({ minMs: second, maxMs: hour })
    .prefault(10 * second)
    .describe('The shortest time between two loads that unknown keys cause. Default 10s. 1s to 1h.'),
});

const introspectionSchema = z.strictObject({
  url: secureUrl.describe('The introspection endpoint of the issuer (RFC 7662). https, or http on loopback.'),
  clientId: text.describe('The client id of this server at the issuer.'),
  clientSecretVariable: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, 'must be the name of a variable: letters, digits and _')
    .describe('The environment variable that holds the client secret. The secret itself is never in this file.'),
  authentication: z
    .enum(['basic', 'post'])
    .prefault('basic')
    .describe('How the server authenticates: in a header (basic) or in the body (post). Default basic.'),
  cache: duration({ minMs: 0, maxMs: 5 * minute })
    .prefault(30 * second)
    .describe(
      'How long a response is used, at most until the token expires. A revoked token stays valid for so long. Default 30s. 0 to 5m.',
    ),
});

const issuerSchema = z
  .strictObject({
    issuer: secureUrl.describe('The issuer exactly as its tokens name it ("iss").'),
    tenant: tenant.describe(
      'The tenant of its subjects. No other issuer and no token of the file may have it, so equal subjects of two issuers never meet. 1 to 200 characters, no "/".',
    ),
    tenantClaim: claimName
      .optional()
      .describe('The claim that tells tenants of one issuer apart. The tenant is then TENANT/CLAIM. Default: none.'),
    subjectClaim: claimName
      .prefault('sub')
      .describe('The claim that identifies the subject, unique within the tenant and never reassigned. Default "sub".'),
    audiences: z
      .array(text)
      .min(1)
      .max(20)
      .optional()
      .describe('The accepted audiences ("aud"). Default: the resource. 1 to 20.'),
    accessTokenTypes: z
      .array(z.string().min(1).max(100))
      .max(20)
      .prefault([])
      .describe(
        'Further types by which the issuer marks its access tokens, in the header "typ" or in the claims "typ", "token_use" or "token_type". Known are at+jwt, JWT, Bearer, access and access_token. Tokens of any other type, such as ID tokens, are refused. At most 20.',
      ),
    clockTolerance: duration({ minMs: 0, maxMs: 5 * minute })
      .prefault(30 * second)
      .describe('How far the clocks of issuer and server may differ. Default 30s. 0 to 5m.'),
    timeout: duration({ minMs: 100, maxMs: 30 * second })
      .prefault(5 * second)
      .describe('How long the issuer may take to respond. After that the request gets 503. Default 5s. 100ms to 30s.'),
    jwt: jwtSchema.optional().describe('For JWT tokens, which this server checks with the public keys of the issuer.'),
    introspection: introspectionSchema
      .optional()
      .describe('For other tokens, which this server asks the issuer about.'),
  })
  .superRefine(({ jwt, introspection }, context) => {
    if ((jwt === undefined) === (introspection === undefined)) {
      context.addIssue({ code: 'custom', message: 'must have either jwt or introspection' });
    }
  });

const oauthSchema = z.strictObject({
  resource: secureUrl
    .refine((value) => !value.includes('?'), 'must have no query')
    .describe(
      'The URL by which clients know this server, such as https://mcp.example.com/mcp. Tokens must be issued for it.',
    ),
  issuers: z
    .array(issuerSchema)
    .min(1)
    .max(20)
    .describe('The authorization servers whose tokens are accepted. 1 to 20.'),
  requiredScopes: z
    .array(scope)
    .max(100)
    .prefault([])
    .describe('Scopes that every token must have. Default: none. At most 100.'),
  scopeTools: z
    .record(scope, patterns)
    .prefault({})
    .describe('The tools that a scope allows, by name; * matches any characters. Default: every token allows all.'),
});

const limit = (max: number) => z.int().min(1).max(max);

/** Authentication and limits for callers over HTTP. */
export const accessSchema = z
  .strictObject({
    tokens: z.array(tokenSchema).max(1_000).prefault([]).describe('Bearer tokens, by their hashes. At most 1000.'),
    oauth: oauthSchema.optional().describe('OAuth 2.1: this server accepts the tokens of authorization servers.'),
    callsPerSubjectMax: limit(10_000)
      .prefault(accessLimits.callsPerSubjectMax)
      .describe('The largest number of calls in flight of one subject in one process. Default 64. 1 to 10000.'),
    callsPerTenantMax: limit(100_000)
      .prefault(accessLimits.callsPerTenantMax)
      .describe('The largest number of calls in flight of one tenant in one process. Default 512. 1 to 100000.'),
    recordsPerSubjectMax: limit(1_000_000_000)
      .prefault(accessLimits.recordsPerSubjectMax)
      .describe(
        'About how many records of one subject the ledger may hold. Beyond it, only repeats are answered. Default 100000. 1 to 1000000000.',
      ),
    recordsPerTenantMax: limit(1_000_000_000)
      .prefault(accessLimits.recordsPerTenantMax)
      .describe('The same for one tenant. Default 1000000. 1 to 1000000000.'),
    callsMax: limit(100_000)
      .prefault(accessLimits.callsMax)
      .describe('The largest number of calls in flight in one process. Default 4096. 1 to 100000.'),
    sessionsPerSubjectMax: limit(1_000_000)
      .prefault(accessLimits.sessionsPerSubjectMax)
      .describe(
        'The largest number of sessions of MCP 2025-11-25 and earlier of one subject in one process. One more ends its oldest idle one. Default 1000. 1 to 1000000.',
      ),
    subscriptionsPerSubjectMax: limit(1_000_000)
      .prefault(accessLimits.subscriptionsPerSubjectMax)
      .describe(
        'The largest number of open streams of MCP 2026-07-28 (subscriptions/listen) of one subject in one process. Default 64. 1 to 1000000.',
      ),
  })
  .superRefine(({ tokens, oauth }, context) => {
    const problem = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    const issuers = oauth?.issuers ?? [];
    const tenants = issuers.map((each) => each.tenant);
    issuers.forEach(({ issuer, tenant: own }, at) => {
      if (tenants.indexOf(own) !== at) problem(['oauth', 'issuers', at, 'tenant'], 'is that of another issuer');
      if (issuers.findIndex((each) => each.issuer === issuer) !== at) {
        problem(['oauth', 'issuers', at, 'issuer'], 'is there twice');
      }
    });
    if (issuers.filter(({ introspection }) => introspection !== undefined).length > 1) {
      problem(
        ['oauth', 'issuers'],
        'must have at most one issuer with introspection, since a token must not be shown to another issuer',
      );
    }
    tokens.forEach(({ hash, tenant: own }, at) => {
      if (tenants.includes(own)) problem(['tokens', at, 'tenant'], 'is that of an issuer');
      if (tokens.findIndex((each) => each.hash === hash) !== at) problem(['tokens', at, 'hash'], 'is there twice');
    });
  });

export type AccessConfig = z.infer<typeof accessSchema>;
type FileIssuer = z.infer<typeof issuerSchema>;

/** Returns the option names that are known at a place within `access`, for suggestions. */
export function accessKeys(place: readonly PropertyKey[]): readonly string[] {
  if (place.includes('jwt')) return Object.keys(jwtSchema.shape);
  if (place.includes('introspection')) return Object.keys(introspectionSchema.shape);
  if (place[0] === 'oauth' && place[1] === 'issuers') return Object.keys(issuerSchema.shape);
  if (place[0] === 'oauth') return Object.keys(oauthSchema.shape);
  return Object.keys((place[0] === 'tokens' ? tokenSchema : accessSchema).shape);
}

/**
 * Returns the settings of authentication, with the secrets of the environment filled in.
 * @throws McpOnceError `configuration_invalid` that names a missing variable.
 */
export function accessSettings(
  { tokens, oauth }: AccessConfig,
  environment: Readonly<Record<string, string | undefined>>,
): AccessSettings {
  return { tokens, ...(oauth === undefined ? {} : { oauth: oauthOf(oauth, environment) }) };
}

function oauthOf(
  { issuers, ...rest }: NonNullable<AccessConfig['oauth']>,
  environment: Readonly<Record<string, string | undefined>>,
): OAuthSettings {
  return { ...rest, issuers: issuers.map((each) => issuerOf(each, rest.resource, environment)) };
}

function issuerOf(
  { jwt, introspection, audiences, clockTolerance, timeout, ...rest }: FileIssuer,
  resource: string,
  environment: Readonly<Record<string, string | undefined>>,
): IssuerSettings {
  const same = { ...rest, audiences: audiences ?? [resource], clockToleranceMs: clockTolerance, timeoutMs: timeout };
  if (introspection !== undefined) {
    const { clientSecretVariable, cache, ...asked } = introspection;
    const clientSecret = environment[clientSecretVariable];
    if (!clientSecret) {
      throw new McpOnceError(
        'configuration_invalid',
        `Configuration: access: the variable ${clientSecretVariable} is not set: it holds the secret for introspection.`,
      );
    }
    return { ...same, verify: { type: 'introspection', ...asked, clientSecret, cacheMs: cache } };
  }
  if (jwt === undefined) throw new McpOnceError('configuration_invalid', 'Configuration: an issuer has no jwt.');
  const { keysMaxAge, reloadMin, ...checked } = jwt;
  return { ...same, verify: { type: 'jwt', ...checked, keysMaxAgeMs: keysMaxAge, reloadMinMs: reloadMin } };
}
