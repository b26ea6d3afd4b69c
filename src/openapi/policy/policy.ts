import { defined } from '../../core/json.ts';
import type { UndeclaredRule } from '../../core/key/convert-arguments.ts';
import { recoveryList } from '../../core/tool/define-tool.ts';
import type { Effect, Recovery, ToolClass } from '../../core/tool/types.ts';
import type { ToolSchemas } from '../document/tool-schemas.ts';
import type { ApiDocument, ApiOperation, ListedOperation } from '../document/types.ts';
import { checkOverride, type OverrideContext, overrideError } from './check-override.ts';
import { findKeyCarrier, type KeyCarrier, type KeyPolicy, keyArgument } from './idempotency-key.ts';
import type { LookupRule } from './lookup.ts';
import { documentOverride, fernHeaders, forbidsRetries, mergeOverrides, type OperationOverride } from './overrides.ts';
import { type PolicyBasis, policyBasis } from './policy-basis.ts';
import type { ProviderProfile } from './profiles.ts';
import { traitsOf } from './traits.ts';

/** How the engine treats an operation, by its method, document, provider and configuration. */
export interface OperationPolicy {
  readonly effect: Effect;
  readonly class: ToolClass;
  readonly windowMs: number;
  readonly recovery: readonly Recovery[];
  readonly key?: KeyPolicy;
  /** Names of the arguments that identify the operation. @defaultValue all arguments */
  readonly identity?: readonly string[];
  /** JSON pointers of arguments that do not make two calls different operations. */
  readonly ignore?: readonly string[];
  readonly undeclared?: UndeclaredRule;
  readonly lookup?: LookupRule;
  /** The path parameter with the id of a resource that a PUT creates. The engine derives it from the key. */
  readonly clientId?: string;
  /** The argument that carries the entity tag (`If-Match`), and the operation that reads it. */
  readonly etag?: { readonly argument: string; readonly read: ListedOperation };
  /** What the policy is based on, for people: `POST`, `document`, `configuration`, `profile stripe`. */
  readonly why: readonly string[];
}

/** What else a policy depends on. */
export interface PolicyParts {
  readonly profile: ProviderProfile;
  /** The configuration of this operation. It wins over the document. */
  readonly override: OperationOverride | undefined;
  readonly document: ApiDocument;
}

/**
 * Decides how the engine treats an operation, by method and path, document, provider and configuration. Each wins over
 * the one before. Recovery is `refuse` unless something shows that a second request is harmless.
 *
 * @throws McpOnceError if an override does not fit the operation: `tool_invalid` for `x-mcp-once`,
 * `configuration_invalid` for the configuration.
 */
export function policyOf(operation: ApiOperation, schemas: ToolSchemas, parts: PolicyParts): OperationPolicy {
  const { profile, document } = parts;
  const override = mergeOverrides(documentOverride(operation), parts.override);
  const basis = policyBasis(operation, override, traitsOf(document, operation));
  const fern = fernHeaders(operation, document.extensions);
  const base = { effect: basis.effect, class: basis.class, windowMs: basis.windowMs };
  if (basis.effect === 'read') {
    // A key that the document declares is no argument of a read either. A read gets a fresh one.
    const isDeclared = traitsOf(document, operation).declaresKey;
    const key = isDeclared ? findKeyCarrier(operation, schemas, profile, fern) : undefined;
    const own = defined({ key: key && keyPolicy(key, profile) });
    return Object.freeze({ ...base, ...own, recovery: recoveryList(undefined), why: whyOf(operation, parts, basis) });
  }
  const key = findKeyCarrier(operation, schemas, profile, fern);
  const etag = etagOf(operation, schemas, document);
  const context: OverrideContext = {
    ...{ operation, schemas, override, document },
    configured: parts.override,
    keyArgument: key && keyArgument(schemas, key),
  };
  if (override.clientId !== undefined && basis.class === 'state') {
    const why = 'the class "state" needs an id that the caller gives, but clientId derives it';
    throw overrideError(context, ['class', 'clientId'], why);
  }
  checkOverride(context);
  const recovery = recoveryOf(context, { basis, key, etag });
  return Object.freeze({
    ...base,
    recovery,
    ...defined({
      key: key && keyPolicy(key, profile),
      identity: override.identity,
      ignore: override.ignore,
      undeclared: override.undeclared,
      lookup: override.lookup,
      clientId: override.clientId,
      etag,
    }),
    why: whyOf(operation, parts, basis, key),
  });
}

function keyPolicy(carrier: KeyCarrier, profile: ProviderProfile): KeyPolicy {
  const { in: place, name, charsMax, quoted, path } = carrier;
  const { memoryMs, inUseStatuses } = profile;
  const quoting = quoted && place === 'header' ? 'quoted' : place === 'header' ? profile.quoting : 'bare';
  return Object.freeze({
    in: place,
    name,
    ...defined({ path }),
    quoting,
    keyCharsMax: charsMax,
    memoryMs,
    inUseStatuses,
  });
}

interface RecoveryParts {
  readonly basis: PolicyBasis;
  readonly key: KeyCarrier | undefined;
  readonly etag: OperationPolicy['etag'];
}

/**
 * Orders the ways of recovery by certainty and speed: the provider's memory of keys, then repetition of an idempotent
 * operation, then a lookup, which has to wait until no request can still arrive.
 */
function recoveryOf(context: OverrideContext, { basis, key, etag }: RecoveryParts): readonly Recovery[] {
  const { operation, override, document } = context;
  const canAsk = override.lookup !== undefined || etag !== undefined;
  if (override.recovery) {
    if (override.recovery.includes('resend') && !key) {
      const why = 'recovery "resend" needs an idempotency key, but the operation has no known one';
      throw overrideError(context, ['recovery'], why);
    }
    if (override.recovery.includes('reconcile') && !canAsk) {
      const why = 'recovery "reconcile" needs lookup, which describes how to find the effect';
      throw overrideError(context, ['recovery'], why);
    }
    return recoveryList(override.recovery);
  }
  // A POST that deletes promises nothing about a second request, unless a rule says that it replaces or deletes.
  const isByMethod = operation.method === 'PUT' || operation.method === 'DELETE' || override.effect !== undefined;
  const isIdempotent = isByMethod && basis.byId && (basis.effect === 'replace' || basis.effect === 'delete');
  const isNatural =
    (isIdempotent || override.clientId !== undefined) && !forbidsRetries(operation, document.extensions);
  return recoveryList([
    ...(key ? (['resend'] as const) : []),
    ...(isNatural ? (['natural'] as const) : []),
    ...(canAsk ? (['reconcile'] as const) : []),
  ]);
}

/** Finds the `If-Match` argument of an operation whose resource can be read (RFC 9110, section 13.1.1). */
function etagOf(operation: ApiOperation, schemas: ToolSchemas, document: ApiDocument): OperationPolicy['etag'] {
  const argument = Object.entries(schemas.places).find(([, place]) => {
    return place.in === 'parameter' && place.parameter.in === 'header' && /^if-match$/i.test(place.parameter.name);
  })?.[0];
  if (argument === undefined) return undefined;
  const read = document.listedOperations.find(({ method, path }) => method === 'GET' && path === operation.path);
  return read ? Object.freeze({ argument, read }) : undefined;
}

function whyOf(
  operation: ApiOperation,
  { profile, override }: PolicyParts,
  basis: PolicyBasis,
  key?: KeyCarrier,
): readonly string[] {
  return Object.freeze([
    ...basis.why,
    ...(operation.extensions['x-mcp-once'] === undefined ? [] : ['document']),
    ...(override && Object.keys(override).length > 0 ? ['configuration'] : []),
    ...(key ? [`profile ${profile.name}`, `key in ${key.why}`] : []),
  ]);
}
