import { defaults } from '../config/defaults.ts';
import { type RefusalOutcome, refusal } from '../core/call/outcome.ts';
import type { ToolCall } from '../core/call/types.ts';
import { checkScope, GuardFault } from './options.ts';
import type { GuardOptions, GuardScope } from './types.ts';

/** The claims of an access token that name its subject for good; RFC 7519 has `sub`. */
const subjectClaims = ['sub', 'subject'] as const;

export interface ScopeRule {
  /** What the author says. */
  readonly scope: GuardOptions['scope'];
  /** What the environment says, of whoever has no token. */
  readonly fallback: GuardScope | undefined;
  /** Whether strangers may share the store. */
  readonly shared: boolean;
}

/**
 * Whose operation a call is: what the author says, else the subject of the verified token, else nobody in particular.
 * A client id is no subject: one client serves many people.
 * @throws McpOnceError `configuration_invalid` when that cannot be told.
 */
export function scopeFor({ scope, fallback, shared }: ScopeRule, extra: object): ToolCall['scope'] {
  if (scope !== undefined) return checkScope(typeof scope === 'function' ? scope(extra) : scope);
  const authInfo = authInfoOf(extra);
  if (authInfo !== undefined) {
    const { subject, issuer } = subjectOf(authInfo);
    if (subject !== undefined) return { tenant: fallback?.tenant ?? issuer ?? defaults.tenant, subject };
    throw unscoped("the access token's authInfo names no subject (authInfo.extra.sub)");
  }
  if (fallback !== undefined) return checkScope(fallback);
  if (shared) throw unscoped('the store is shared, and this call says nothing of its user');
  return { tenant: defaults.tenant, subject: defaults.subject };
}

/** The same for a call that has to be answered: why not, as a refusal. */
export function scopeOrRefusal(rule: ScopeRule, tool: string, extra: object): ToolCall['scope'] | RefusalOutcome {
  try {
    return scopeFor(rule, extra);
  } catch (error) {
    const { detail, nextStep } = error instanceof GuardFault ? error : scopeFailed;
    return refusal(tool, { type: 'not_admitted', detail, nextStep });
  }
}

const scopeFailed = { detail: 'scope(extra) failed', nextStep: 'The author of the server has to fix it' };

/** True when only a verified token can say whose a call is. */
export function neverScoped({ scope, fallback, shared }: ScopeRule): boolean {
  return shared && scope === undefined && fallback === undefined;
}

export function unscoped(why: string): GuardFault {
  return new GuardFault(
    `It is not known whose operation this is: ${why}`,
    'Pass scope: { tenant, subject } or a function of the request to guard() or protect(), or set MCP_ONCE_SUBJECT',
  );
}

/** SDK v1 has it in `extra`, v2 in `ctx.http`. */
function authInfoOf(extra: object): Readonly<Record<string, unknown>> | undefined {
  const { authInfo, http } = extra as { authInfo?: unknown; http?: { authInfo?: unknown } };
  const found = authInfo ?? http?.authInfo;
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : undefined;
}

function subjectOf(authInfo: Readonly<Record<string, unknown>>): { subject?: string; issuer?: string } {
  const { extra } = authInfo;
  if (typeof extra !== 'object' || extra === null) return {};
  const claims = extra as Record<string, unknown>;
  const subject = subjectClaims.map((claim) => claims[claim]).find(isName);
  const { iss: issuer } = claims;
  return { ...(subject === undefined ? {} : { subject }), ...(isName(issuer) ? { issuer } : {}) };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= 200;
}
