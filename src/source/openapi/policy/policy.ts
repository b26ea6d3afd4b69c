import { McpOnceError } from '../../../errors.ts';
import { sentence, suggestion } from '../../../suggest.ts';
import { recoveryList } from '../../../tool/define-tool.ts';
import type { Recovery } from '../../../tool/types.ts';
import type {
  ApiDocument,
  ApiOperation,
  LookupRule,
  OperationHead,
  OperationOverride,
  OperationPolicy,
  ProviderProfile,
  ToolSchemas,
} from '../types.ts';
import { argumentSchema, takesText } from './argument-schema.ts';
import { type HeadPolicy, headPolicy } from './effect.ts';
import { documentOverride, fernHeaders, forbidsRetries, mergeOverrides } from './extensions.ts';
import { type FoundKey, findKey } from './key-argument.ts';

/** What a policy is made of besides the operation. */
export interface PolicyParts {
  readonly profile: ProviderProfile;
  /** What the configuration says of this operation; it wins over the document. */
  readonly override: OperationOverride | undefined;
  readonly document: ApiDocument;
}

/** Characters of a marker (`markerOf`), and of a UUID without its hyphens. */
const markerChars = 41;
const clientIdChars = 32;

/**
 * What an operation is for the engine: by its method and path, its document, its provider and the
 * configuration, each winning over the one before. Where nothing says that a second sending is harmless,
 * recovery is `refuse`.
 *
 * @throws McpOnceError `tool_invalid` naming the operation and what is wrong, where `x-mcp-once` or the
 * configuration asks for what it cannot have.
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
  if (override.clientId !== undefined && head.match === 'latest') {
    throw wrong(operation, 'match "latest" needs the id of what is written, and clientId makes it up');
  }
  check(operation, schemas, override, document);
  const recovery = recoveryOf(operation, { override, head, key, etag, document });
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

/** Finds an operation by its `operationId`, or as `METHOD /path`. */
export function findHead(document: ApiDocument, name: string): OperationHead | undefined {
  return document.heads.find((head) => head.operationId === name || `${head.method} ${head.path}` === name);
}

function hiddenKey(found: FoundKey, profile: ProviderProfile): NonNullable<OperationPolicy['key']> {
  const { in: place, name, charsMax, quoted } = found;
  const { memoryMs, inUseStatuses } = profile;
  const quoting = quoted && place === 'header' ? 'quoted' : place === 'body' ? 'bare' : profile.quoting;
  return Object.freeze({ in: place, name, quoting, keyCharsMax: charsMax, memoryMs, inUseStatuses });
}

interface RecoveryParts {
  readonly override: OperationOverride;
  readonly head: HeadPolicy;
  readonly key: FoundKey | undefined;
  readonly etag: OperationPolicy['etag'];
  readonly document: ApiDocument;
}

/**
 * What settles most, fastest, first: the provider's own memory, then running again what is idempotent, then
 * asking, which has to wait until nothing sent can still arrive.
 */
function recoveryOf(operation: ApiOperation, parts: RecoveryParts): readonly Recovery[] {
  const { override, head, key, etag, document } = parts;
  const canAsk = override.lookup !== undefined || etag !== undefined;
  if (override.recovery) {
    if (override.recovery.includes('resend') && !key) {
      throw wrong(operation, 'recovery "resend" needs an idempotency key, and the operation takes none that is known');
    }
    if (override.recovery.includes('reconcile') && !canAsk) throw wrong(operation, 'recovery "reconcile" needs lookup');
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

/** Refuses what names something that is not there: passed over, an effect could happen twice. */
function check(
  operation: ApiOperation,
  schemas: ToolSchemas,
  { identity, clientId, lookup }: OperationOverride,
  document: ApiDocument,
): void {
  const names = Object.keys(schemas.places);
  for (const name of identity ?? []) {
    if (!names.includes(name)) throw wrong(operation, unknown('identity', name, names));
  }
  if (clientId !== undefined) checkClientId(operation, schemas, clientId);
  if (lookup) checkLookup(operation, schemas, lookup, document);
}

function checkClientId(operation: ApiOperation, schemas: ToolSchemas, clientId: string): void {
  const ofPath = Object.entries(schemas.places).filter(([, place]) => {
    return place.in === 'parameter' && place.parameter.in === 'path';
  });
  const names = ofPath.map(([name]) => name);
  if (operation.method !== 'PUT') throw wrong(operation, 'clientId is for creations by PUT');
  if (!names.includes(clientId)) throw wrong(operation, unknown('clientId', clientId, names));
  checkText(operation, schemas, 'clientId', clientId, clientIdChars);
}

function checkLookup(operation: ApiOperation, schemas: ToolSchemas, lookup: LookupRule, document: ApiDocument): void {
  const names = Object.keys(schemas.places);
  const read = findHead(document, lookup.operation);
  if (!read) {
    const known = document.heads.flatMap(({ operationId, method, path }) => [operationId ?? [], `${method} ${path}`]);
    throw wrong(operation, unknown('lookup.operation', lookup.operation, known.flat()));
  }
  if (headPolicy(read, documentOverride(read)).effect !== 'read') {
    throw wrong(operation, `lookup.operation ${JSON.stringify(lookup.operation)} is no read`);
  }
  const { argument } = lookup.marker;
  if (!names.includes(argument)) throw wrong(operation, unknown('lookup.marker.argument', argument, names));
  checkText(operation, schemas, 'lookup.marker.argument', argument, markerChars);
  for (const [name, text] of Object.entries(lookup.arguments)) {
    const asked = /^\$(.+)$/.exec(text)?.[1];
    if (asked === undefined || asked === 'marker' || names.includes(asked)) continue;
    throw wrong(operation, unknown(`lookup.arguments.${name}`, asked, names));
  }
}

/** What we fill in has to fit: cut, it would find nothing, or another effect. */
function checkText(operation: ApiOperation, schemas: ToolSchemas, part: string, argument: string, chars: number): void {
  const schema = argumentSchema(schemas, argument);
  const { maxLength } = schema;
  if (takesText(schema) && !(typeof maxLength === 'number' && maxLength < chars)) return;
  throw wrong(operation, `${part} ${JSON.stringify(argument)} must be a text that may have ${chars} characters`);
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

function unknown(part: string, name: string, known: readonly string[]): string {
  const there = known.length === 0 ? '' : `; there are: ${known.slice(0, 20).join(', ')}`;
  return `${part}: ${JSON.stringify(name.slice(0, 64))} is not known${suggestion(name, known) || there}`;
}

function wrong(operation: ApiOperation, why: string): McpOnceError {
  return new McpOnceError('tool_invalid', sentence(`${operation.method} ${operation.path}: ${why}`));
}
