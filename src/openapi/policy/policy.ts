import { recoveryList } from '../../core/tool/define-tool.ts';
import type { Effect, Match, Recovery } from '../../core/tool/types.ts';
import type { ToolSchemas } from '../document/schemas.ts';
import type { ApiDocument, ApiOperation, OperationHead } from '../document/types.ts';
import { checkSaid, type Said, wrong } from './check-said.ts';
import { type HeadPolicy, headPolicy } from './effect.ts';
import { documentOverride, fernHeaders, forbidsRetries, mergeOverrides, type OperationOverride } from './extensions.ts';
import { type FoundKey, findKey, type HiddenKey, keyArgument } from './key-argument.ts';
import type { LookupRule } from './lookup.ts';
import type { ProviderProfile } from './profiles.ts';

/** What an operation is for the engine: by its method, its document, its provider and the configuration. */
export interface OperationPolicy {
  readonly effect: Effect;
  readonly match: Match;
  readonly windowMs: number;
  readonly recovery: readonly Recovery[];
  readonly key?: HiddenKey & Pick<ProviderProfile, 'quoting' | 'keyCharsMax' | 'memoryMs' | 'inUseStatuses'>;
  /** Names of the arguments that make two calls the same operation; undefined: all of them. */
  readonly identity?: readonly string[];
  readonly lookup?: LookupRule;
  /** The parameter of the path that the client makes up, of a creation by PUT; it is derived from the key. */
  readonly clientId?: string;
  /** The argument that carries the entity tag (`If-Match`), where the operation takes one. */
  readonly etag?: { readonly argument: string; readonly read: OperationHead };
  /** Why it was decided so, for people: `POST`, `document`, `configuration`, `profile stripe`. */
  readonly why: readonly string[];
}

/** What a policy is made of besides the operation. */
export interface PolicyParts {
  readonly profile: ProviderProfile;
  /** What the configuration says of this operation; it wins over the document. */
  readonly override: OperationOverride | undefined;
  readonly document: ApiDocument;
}

/**
 * What an operation is for the engine: by its method and path, its document, its provider and the
 * configuration, each winning over the one before. Where nothing says that a second sending is harmless,
 * recovery is `refuse`.
 *
 * @throws McpOnceError naming the operation and what is wrong, where it is asked for what it cannot have: `tool_invalid`
 * by `x-mcp-once`, `configuration_invalid` by the configuration.
 */
export function policyOf(operation: ApiOperation, schemas: ToolSchemas, parts: PolicyParts): OperationPolicy {
  const { profile, document } = parts;
  const override = mergeOverrides(documentOverride(operation), parts.override);
  const head = headPolicy(operation, override);
  const base = { effect: head.effect, match: head.match, windowMs: head.windowMs };
  if (head.effect === 'read') {
    return Object.freeze({ ...base, recovery: recoveryList(undefined), why: whyOf(operation, parts, head) });
  }
  const fern = fernHeaders(operation, document.extensions);
  const key = findKey(operation, schemas, profile, fern);
  const etag = etagOf(operation, schemas, document);
  const carrier = key && keyArgument(schemas, key);
  const said: Said = { operation, schemas, override, configured: parts.override, document, keyArgument: carrier };
  if (override.clientId !== undefined && head.match === 'latest') {
    const why = 'match "latest" needs the id of what is written, and clientId makes it up';
    throw wrong(said, ['match', 'clientId'], why);
  }
  checkSaid(said);
  const recovery = recoveryOf(said, { head, key, etag });
  return Object.freeze({
    ...base,
    recovery,
    ...(key ? { key: hiddenKey(key, profile) } : {}),
    ...(override.identity ? { identity: override.identity } : {}),
    ...(override.lookup ? { lookup: override.lookup } : {}),
    ...(override.clientId === undefined ? {} : { clientId: override.clientId }),
    ...(etag ? { etag } : {}),
    why: whyOf(operation, parts, head, key),
  });
}

function hiddenKey(found: FoundKey, profile: ProviderProfile): NonNullable<OperationPolicy['key']> {
  const { in: place, name, charsMax, quoted } = found;
  const { memoryMs, inUseStatuses } = profile;
  const quoting = quoted && place === 'header' ? 'quoted' : place === 'body' ? 'bare' : profile.quoting;
  return Object.freeze({ in: place, name, quoting, keyCharsMax: charsMax, memoryMs, inUseStatuses });
}

interface RecoveryParts {
  readonly head: HeadPolicy;
  readonly key: FoundKey | undefined;
  readonly etag: OperationPolicy['etag'];
}

/**
 * What settles most, fastest, first: the provider's own memory, then running again what is idempotent, then
 * asking, which has to wait until nothing sent can still arrive.
 */
function recoveryOf(said: Said, { head, key, etag }: RecoveryParts): readonly Recovery[] {
  const { operation, override, document } = said;
  const canAsk = override.lookup !== undefined || etag !== undefined;
  if (override.recovery) {
    if (override.recovery.includes('resend') && !key) {
      const why = 'recovery "resend" needs an idempotency key, and the operation takes none that is known';
      throw wrong(said, ['recovery'], why);
    }
    if (override.recovery.includes('reconcile') && !canAsk) {
      throw wrong(said, ['recovery'], 'recovery "reconcile" needs lookup, which says how the effect is found');
    }
    return recoveryList(override.recovery);
  }
  const isIdempotent = head.byId && (head.effect === 'replace' || head.effect === 'delete');
  const isNatural =
    (isIdempotent || override.clientId !== undefined) && !forbidsRetries(operation, document.extensions);
  return recoveryList([
    ...(key ? (['resend'] as const) : []),
    ...(isNatural ? (['natural'] as const) : []),
    ...(canAsk ? (['reconcile'] as const) : []),
  ]);
}

/** RFC 9110 section 13.1.1: the operation takes `If-Match`, and its resource can be read. */
function etagOf(operation: ApiOperation, schemas: ToolSchemas, document: ApiDocument): OperationPolicy['etag'] {
  const argument = Object.entries(schemas.places).find(([, place]) => {
    return place.in === 'parameter' && place.parameter.in === 'header' && /^if-match$/i.test(place.parameter.name);
  })?.[0];
  if (argument === undefined) return undefined;
  const read = document.heads.find(({ method, path }) => method === 'GET' && path === operation.path);
  return read ? Object.freeze({ argument, read }) : undefined;
}

function whyOf(
  operation: ApiOperation,
  { profile, override }: PolicyParts,
  head: HeadPolicy,
  key?: FoundKey,
): readonly string[] {
  return Object.freeze([
    ...head.why,
    ...(operation.extensions['x-mcp-once'] === undefined ? [] : ['document']),
    ...(override && Object.keys(override).length > 0 ? ['configuration'] : []),
    ...(key ? [`profile ${profile.name}`, `key in ${key.why}`] : []),
  ]);
}
