import { defaults } from '../config/defaults.ts';
import { type RefusalOutcome, refusal } from '../core/call/outcome.ts';
import type { ToolCall } from '../core/call/types.ts';
import { defined, isObject, objectOf } from '../core/json.ts';
import { checkScope, GuardFault } from './options.ts';
import type { GuardOptions, GuardScope } from './types.ts';

/** The claims that name the subject of an access token. RFC 7519 defines `sub`. */
const subjectClaims = ['sub', 'subject'] as const;

/** Where the scope of a call comes from. */
export interface ScopeRule {
  /** The author's option. */
  readonly scope: GuardOptions['scope'];
  /** The scope that the environment names, for calls without a token. */
  readonly fallback: GuardScope | undefined;
  /** True when other people may use the same store. */
  readonly shared: boolean;
}

/**
 * Returns the scope of a call: the author's option, else the subject of the verified token, else the environment's scope,
 * else a common one. The client id of a token does not count, because one client serves many people.
 *
 * @throws McpOnceError `configuration_invalid` when none of them names the scope
 */
export function scopeFor({ scope, fallback, shared }: ScopeRule, extra: object): ToolCall['scope'] {
  if (scope !== undefined) return checkScope(typeof scope === 'function' ? scope(extra) : scope);
  const authInfo = authInfoOf(extra);
  if (authInfo !== undefined) {
    const { subject, issuer } = subjectOf(authInfo);
    if (subject !== undefined) return { tenant: fallback?.tenant ?? issuer ?? defaults.tenant, subject };
    throw scopeUnknown("the access token's authInfo names no subject (authInfo.extra.sub)");
  }
  if (fallback !== undefined) return checkScope(fallback);
  if (shared) throw scopeUnknown('the store is shared, and this call does not name its user');
  return { tenant: defaults.tenant, subject: defaults.subject };
}

/** Returns the scope of a call, or the refusal to answer the call with. */
export function scopeOrRefusal(rule: ScopeRule, tool: string, extra: object): ToolCall['scope'] | RefusalOutcome {
  try {
    return scopeFor(rule, extra);
  } catch (error) {
    const { detail, nextStep } = error instanceof GuardFault ? error : scopeFailed;
    return refusal(tool, { type: 'not_admitted', detail, nextStep });
  }
}

const scopeFailed = { detail: 'scope(extra) failed', nextStep: 'The author of the server has to fix it' };

/** True when only a verified token can name the scope of a call. */
export function neverScoped({ scope, fallback, shared }: ScopeRule): boolean {
  return shared && scope === undefined && fallback === undefined;
}

/** Returns the error for a call whose scope is not known. */
export function scopeUnknown(why: string): GuardFault {
  return new GuardFault(
    `The scope of this operation is not known: ${why}`,
    'Pass scope: { tenant, subject }, or a function that returns it, to guard() or protect(), or set MCP_ONCE_SUBJECT',
  );
}

/** Reads the token's claims. SDK v1 has them in `extra`, v2 in `ctx.http`. */
function authInfoOf(extra: object): Readonly<Record<string, unknown>> | undefined {
  const { authInfo, http } = extra as { authInfo?: unknown; http?: { authInfo?: unknown } };
  const found = authInfo ?? http?.authInfo;
  return isObject(found) ? found : undefined;
}

function subjectOf(authInfo: Readonly<Record<string, unknown>>): { subject?: string; issuer?: string } {
  const { extra } = authInfo;
  const claims = objectOf(extra);
  const subject = subjectClaims.map((claim) => claims[claim]).find(isName);
  const { iss: issuer } = claims;
  return defined({ subject, issuer: isName(issuer) ? issuer : undefined });
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= 200;
}
